"""Sessions: a signed, short-lived value that says who is signed in.

Nothing of it is kept but the names of sessions that were ended before their time. A session ends by
itself some time after its last request, and some time after its beginning, however it is used.
"""

import hashlib
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from itsdangerous import BadData, URLSafeSerializer

from serving.clock import Clock, read_clock
from serving.identity.ended_sessions import Endings, MemoryEndings
from serving.persons import AGENCIES, ROLES, Person
from serving.store.key_files import load_key_file

SESSION_SECONDS: Final = 8 * 3600  # a working day
IDLE_SECONDS: Final = 30 * 60
_SKEW_SECONDS: Final = 60
_RENEW_SECONDS: Final = 60
"""How old a session's last note of use may be before the next one is written."""
_SECRET_BYTES: Final = 32
_SALT: Final = "caselight session"
_SECOND_US: Final = 1_000_000
_SHAPE: Final = [str, int, int, str, str, str, str]


@dataclass(frozen=True)
class Session:
    """A session that holds.

    Parameters
    ----------
    number
        Its name, drawn at random; no two are the same.
    begun_s, seen_s
        When the person signed in, and when the session was last noted as used; seconds since 1970,
        UTC.
    person
        Whose it is.
    """

    number: str
    begun_s: int
    seen_s: int
    person: Person


class Sessions:
    """Makes and reads sessions; safe to use from several threads.

    Parameters
    ----------
    key
        What they are signed with.
    clock
        The machine's time: a session lasts as long as people are awake, whatever moment a
        synthetic store lives at.
    endings
        Where ended sessions are kept; in memory where absent.
    idle_seconds, longest_seconds
        How long a session lasts without a request, and at most.
    skew_seconds
        By how much the clock of another server that shares the key may be ahead.
    """

    def __init__(
        self,
        key: bytes,
        clock: Clock = read_clock,
        *,
        endings: Endings | None = None,
        idle_seconds: int = IDLE_SECONDS,
        longest_seconds: int = SESSION_SECONDS,
        skew_seconds: int = _SKEW_SECONDS,
    ) -> None:
        named = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
        self._serializer = URLSafeSerializer(key, salt=_SALT, signer_kwargs=named)
        self._clock = clock
        self._endings = endings or MemoryEndings(clock)
        self._idle_s = idle_seconds
        self._longest_s = longest_seconds
        self._skew_s = skew_seconds

    def begin(self, person: Person) -> str:
        """Return a new session of a person; no two are the same."""
        now_s = self._clock() // _SECOND_US
        return self.write(Session(secrets.token_urlsafe(16), now_s, now_s, person))

    def read(self, value: str | None) -> Person | None:
        """Return whose session it is; ``None`` if it is forged, too old or ended."""
        session = self.open(value)
        return None if session is None else session.person

    def open(self, value: str | None) -> Session | None:
        """Return a session that holds; ``None`` if it is forged, too old or ended."""
        session = self._open(value)
        if session is None or self._endings.has(session.number):
            return None
        person = session.person
        return session if person.role in ROLES and person.agency in AGENCIES else None

    def renew(self, session: Session) -> Session | None:
        """Return a session with its use noted; ``None`` where one was noted just now."""
        now_s = self._clock() // _SECOND_US
        if now_s - session.seen_s < min(_RENEW_SECONDS, self._idle_s // 10):
            return None
        return replace(session, seen_s=now_s)

    def find_end(self, session: Session) -> int:
        """Return in how many seconds a session is over for certain, if nothing more is asked."""
        until_s = min(session.seen_s + self._idle_s, session.begun_s + self._longest_s)
        return max(until_s - self._clock() // _SECOND_US, 0) + 1

    def find_last_end(self, session: Session) -> int:
        """Return in how many seconds a session that is used now is over for certain.

        Up to when a use is noted this is later than :meth:`find_end`. It changes in the last hours
        of a session alone, so that the same page has the same bytes.
        """
        return self.find_end(replace(session, seen_s=self._clock() // _SECOND_US))

    def seconds_left(self) -> int:
        """Return for how many seconds a value just made is good at most, without a request."""
        return min(self._idle_s, self._longest_s)

    def end(self, value: str | None) -> None:
        """Refuse a session from now on, wherever its value was copied to."""
        session = self._open(value)
        if session is not None:
            self.end_number(session.number, session.begun_s)

    def end_number(self, number: str, begun_s: int) -> None:
        """Refuse the session of a number, begun at a moment (seconds), until it is too old."""
        # As long as any server could still take it, whatever its clock says.
        until_s = begun_s + self._longest_s + self._skew_s + 1
        self._endings.add(number, until_s * _SECOND_US)

    def write(self, session: Session) -> str:
        """Return the value of a session, signed."""
        person = session.person
        content = [session.number, session.begun_s, session.seen_s]
        content += [person.name, person.role, person.agency, person.subject]
        areas = None if person.areas is None else sorted(person.areas)
        return str(self._serializer.dumps([*content, areas]))

    def _open(self, value: str | None) -> Session | None:
        """Return a session that was signed here and is not too old, ended or not."""
        try:
            content = self._serializer.loads(value or "")
        except BadData:
            return None
        if not isinstance(content, list) or [type(part) for part in content[:-1]] != _SHAPE:
            return None
        number, begun_s, seen_s, name, role, agency, subject, listed = content
        if not isinstance(listed, list | None) or not self._is_current(begun_s, seen_s):
            return None
        areas = None if listed is None else frozenset(listed)
        return Session(number, begun_s, seen_s, Person(name, role, agency, subject, areas))

    def _is_current(self, begun_s: int, seen_s: int) -> bool:
        now_s = self._clock() // _SECOND_US
        if not begun_s <= seen_s <= now_s + self._skew_s:
            return False
        return now_s - seen_s <= self._idle_s and now_s - begun_s <= self._longest_s


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
    return load_key_file(path, "session_key_file")
