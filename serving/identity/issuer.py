"""The organisation's OpenID provider: what it says of itself, and the keys that it signs with now.

Both are kept for an hour. A token with an unknown key has the provider asked again, but never more
often than once in a pause, so that forged tokens cannot have this service call it again and again.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx2
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from features.contract.json_text import JsonError, read_json
from serving.clock import Clock, read_clock
from serving.errors import ServiceError
from serving.identity.access_groups import read_texts
from serving.identity.addresses import is_trustworthy

Key = RSAKey | ECKey | OKPKey

PAUSE_S: Final = 10
"""Least time between two questions to the provider about its keys."""
FRESH_S: Final = 3_600
"""How long its answer is taken as it is: a key that it withdrew is trusted no longer than this."""
KEPT_S: Final = 24 * 3_600
"""How long an answer is used at most where the provider does not answer anew."""
TIMEOUT_S: Final = 5.0
_DEADLINE_S: Final = 10.0
_MOST_BYTES: Final = 1_000_000
_MOST_KEYS: Final = 100
_LEAST_RSA_CHARACTERS: Final = 342
"""Characters of a modulus of 2,048 bits in base64url."""
_SECOND_US: Final = 1_000_000
_WELL_KNOWN: Final = "/.well-known/openid-configuration"
_KINDS: Final = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}

_log = structlog.get_logger("caselight.sign_in")


class _Unusable(Exception):
    """The provider's answer cannot be used; says why in our words."""


@dataclass(frozen=True)
class Provider:
    """What an OpenID provider says of itself.

    Parameters
    ----------
    authorization_endpoint, token_endpoint
        Where a person is sent, and where a code is turned into tokens.
    end_session_endpoint
        Where a person is sent to sign out there as well; ``None`` where it has none.
    takes_secret_in_body
        Whether the client's secret goes into the body, not into a header.
    keys
        The public keys that it signs with.
    fetched_us
        When it said so, microseconds UTC.
    """

    authorization_endpoint: str
    token_endpoint: str
    end_session_endpoint: str | None
    takes_secret_in_body: bool
    keys: tuple[Key, ...]
    fetched_us: int


class Issuer:
    """An OpenID provider by its address; safe to use from several threads.

    Parameters
    ----------
    address
        As it stands in its tokens.
    clock
        The machine's time.
    """

    def __init__(self, address: str, clock: Clock = read_clock) -> None:
        self.address = address
        self._clock = clock
        self._known: Provider | None = None
        self._asked_us: int | None = None
        self._lock = threading.Lock()

    def read(self) -> Provider:
        """Return what the provider says of itself.

        Raises
        ------
        ServiceError
            If it does not answer (503), and nothing it said in the last day is known.
        """
        known = self._known
        if known is not None and self._is_within(known, FRESH_S):
            return known
        is_usable = known is not None and self._is_within(known, KEPT_S)
        # Who has an answer that can be used waits for nobody who asks for a newer one.
        found = self.read_again(known, waits=not is_usable)
        if found is not None:
            return found
        if known is not None and is_usable:
            return known
        raise make_unanswered()

    def read_again(self, known: Provider | None, *, waits: bool = True) -> Provider | None:
        """Return what the provider says now, if it is newer than ``known``.

        ``None`` where it was asked a moment ago, its answer cannot be used, or somebody else is
        asking and the caller does not wait.
        """
        if not self._lock.acquire(blocking=waits):
            return None
        try:
            if self._known is not known:
                return self._known  # somebody else has asked meanwhile
            return self._renew(self._clock())
        finally:
            self._lock.release()

    def _renew(self, now_us: int) -> Provider | None:
        asked_us = self._asked_us
        # Below zero the clock was set back, which must not stop the asking.
        if asked_us is not None and 0 <= now_us - asked_us < PAUSE_S * _SECOND_US:
            return None
        self._asked_us = now_us
        try:
            self._known = _ask(self.address, now_us)
        except _Unusable as error:
            _log.warning("issuer", problem=str(error))
            return None
        return self._known

    def _is_within(self, known: Provider, seconds: int) -> bool:
        return 0 <= self._clock() - known.fetched_us <= seconds * _SECOND_US


def _ask(address: str, now_us: int) -> Provider:
    # A redirect could lead to another's keys; proxies and authorities of the environment are taken,
    # since a provider inside an organisation is often reached through them.
    try:
        with httpx2.Client(follow_redirects=False, timeout=TIMEOUT_S) as client:
            told = _fetch(client, address.removesuffix("/") + _WELL_KNOWN)
            if told.get("issuer") != address:
                raise _Unusable("it calls itself by another name than oidc_issuer")
            keys = _fetch(client, _read_endpoint(told, "jwks_uri"))
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError):
        raise _Unusable("it cannot be reached") from None
    methods = read_texts(told.get("token_endpoint_auth_methods_supported"))
    in_body = "client_secret_post" in methods and "client_secret_basic" not in methods
    has_end = told.get("end_session_endpoint") is not None
    return Provider(
        authorization_endpoint=_read_endpoint(told, "authorization_endpoint"),
        token_endpoint=_read_endpoint(told, "token_endpoint"),
        end_session_endpoint=_read_endpoint(told, "end_session_endpoint") if has_end else None,
        takes_secret_in_body=in_body,
        keys=_read_keys(keys.get("keys")),
        fetched_us=now_us,
    )


def _fetch(client: httpx2.Client, address: str) -> dict[str, Any]:
    # The time-out of the client is for each piece; this one is for the whole answer.
    until = time.monotonic() + _DEADLINE_S
    content = b""
    with client.stream("GET", address, headers={"accept": "application/json"}) as response:
        if response.status_code != httpx2.codes.OK:
            raise _Unusable("it answered with an error")
        for piece in response.iter_bytes():
            content += piece
            if len(content) > _MOST_BYTES or time.monotonic() > until:
                raise _Unusable("its answer is too long")
    try:
        told = read_json(content)
    except JsonError:
        raise _Unusable("its answer is not JSON") from None
    if not isinstance(told, dict):
        raise _Unusable("its answer is not an object")
    return told


def _read_endpoint(told: dict[str, Any], name: str) -> str:
    address = told.get(name)
    if not isinstance(address, str) or not is_trustworthy(address):
        raise _Unusable(f"its {name} is not an https address")
    return address


def _read_keys(listed: object) -> tuple[Key, ...]:
    """Return the public keys for signatures that can be used; the others are left out."""
    found = [_read_key(one) for one in listed[:_MOST_KEYS]] if isinstance(listed, list) else []
    keys = tuple(key for key in found if key is not None)
    if not keys:
        raise _Unusable("it names no key that can be used")
    return keys


def _read_key(told: object) -> Key | None:
    # A key that is not secret proves nothing: symmetric ones and private ones are no public keys.
    if not isinstance(told, dict) or told.get("kty") not in _KINDS or "d" in told:
        return None
    if told.get("use", "sig") != "sig":
        return None
    if told["kty"] == "RSA" and len(str(told.get("n"))) < _LEAST_RSA_CHARACTERS:
        return None
    try:
        key = JWKRegistry.import_key(told)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return key if isinstance(key, (RSAKey, ECKey, OKPKey)) else None


def find_keys(keys: Sequence[Key], kid: str | None) -> list[Key]:
    """Return the keys that may have signed a token: those of its ``kid``, all where it has none."""
    return [key for key in keys if kid is None or key.kid == kid]


def make_unanswered() -> ServiceError:
    """Return the error of a provider that does not answer."""
    return ServiceError(
        "no_issuer",
        "the sign-in of your organisation does not answer",
        "try again in a minute; if it goes on, tell who looks after the service",
    )
