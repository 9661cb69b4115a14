"""Sessions: a signed, short-lived value that says who is signed in.

Nothing of it is kept but the names of sessions that were ended before their time.
"""

import hashlib
import os
import secrets
import stat
import threading
from pathlib import Path
from typing import Any, Final

from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer

from features.errors import ConfigError
from serving.clock import Clock, read_clock
from serving.persons import AGENCIES, ROLES, Person

SESSION_SECONDS: Final = 8 * 3600  # a working day
_SECRET_BYTES: Final = 32
_SALT: Final = "caselight session"
_SECOND_US: Final = 1_000_000


class _Signer(TimestampSigner):
    """Signs with the time of a clock that can be set."""

    def __init__(self, *given: Any, clock: Clock, **named: Any) -> None:
        super().__init__(*given, **named)
        self._clock = clock

    def get_timestamp(self) -> int:
        return self._clock() // _SECOND_US


class Sessions:
    """Makes and reads sessions; safe to use from several threads.

    Parameters
    ----------
    key
        What they are signed with.
    clock
        The machine's time: a session lasts as long as people are awake, whatever moment a
        synthetic store lives at.
    """

    def __init__(self, key: bytes, clock: Clock = read_clock) -> None:
        named = {"clock": clock, "key_derivation": "hmac", "digest_method": hashlib.sha256}
        self._serializer = URLSafeTimedSerializer(
            key, salt=_SALT, signer=_Signer, signer_kwargs=named
        )
        self._clock = clock
        self._ended: dict[str, int] = {}
        self._lock = threading.Lock()

    def begin(self, person: Person) -> str:
        """Return a new session of a person; no two are the same."""
        content = [secrets.token_urlsafe(16), person.name, person.role, person.agency]
        return str(self._serializer.dumps(content))

    def read(self, value: str | None) -> Person | None:
        """Return whose session it is; ``None`` if it is forged, too old or ended."""
        content = self._open(value)
        if content is None:
            return None
        number, name, role, agency = content
        with self._lock:
            ended = number in self._ended
        if ended or role not in ROLES or agency not in AGENCIES:
            return None
        return Person(name, role, agency)

    def end(self, value: str | None) -> None:
        """Refuse a session from now on, wherever its value was copied to."""
        content = self._open(value)
        if content is None:
            return
        now_us = self._clock()
        with self._lock:
            self._ended[content[0]] = now_us + (SESSION_SECONDS + 1) * _SECOND_US
            # What is too old by itself need not be remembered.
            self._ended = {name: us for name, us in self._ended.items() if us >= now_us}

    def _open(self, value: str | None) -> list[str] | None:
        if not value:
            return None
        try:
            content = self._serializer.loads(value, max_age=SESSION_SECONDS)
        except BadData:
            return None
        sound = isinstance(content, list) and [type(part) for part in content] == [str] * 4
        return content if sound else None


def load_session_key(path: Path | None) -> bytes:
    """Return the key in a file, or a new one where no file is named.

    The file is made with mode 0600 where it is absent; of several processes that start at once
    one makes it.

    Raises
    ------
    ConfigError
        If the file cannot be used, or others could read it.
    """
    if path is None:
        return secrets.token_bytes(_SECRET_BYTES)
    try:
        if not path.exists():
            _make_key_file(path)
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigError("session_key_file can be read by others; make its mode 0600")
        key = path.read_bytes()
    except OSError:
        raise ConfigError(
            "session_key_file cannot be read or made; name a file in a folder of the service's own"
        ) from None
    if len(key) < _SECRET_BYTES:
        raise ConfigError("session_key_file holds no key; remove it and start again")
    return key


def _make_key_file(path: Path) -> None:
    """Write a key beside the file and put it in its place whole, unless another was quicker."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_SECRET_BYTES))
        os.link(beside, path)
    except FileExistsError:
        pass
    finally:
        beside.unlink()
