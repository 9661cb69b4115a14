"""Rate limits: so many requests a minute of each person, and of each address without a person.

Counted in memory and per process: with several processes each counts by itself. The probes and the
files of the pages are not counted. Where people sign in on this machine alone nothing is limited
unless a setting says so: whoever asks there could stop the process as well.
"""

import ipaddress
import math
import time
from dataclasses import dataclass
from typing import Final

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import ErrorBody
from serving.persons import MACHINE, Person
from serving.settings import Settings
from serving.web.error_answers import STATUSES, answer

PERSON_PER_MINUTE: Final = 600
PROGRAM_PER_MINUTE: Final = 3_000
ANONYMOUS_PER_MINUTE: Final = 120
SIGN_INS_PER_MINUTE: Final = 60
"""Of one address, behind which a whole building may sit. No password is taken here that could be
guessed; the limit keeps somebody from having the provider asked again and again."""
MOST_AT_ONCE: Final = 256
_LIVENESS: Final = "/healthz"
_EXEMPT: Final = (_LIVENESS, "/readyz", "/metrics")
_STATIC: Final = "/static/"
_SIGN_INS: Final = frozenset(
    {
        ("POST", "/v1/sign-in"),
        ("POST", "/sign-in"),
        ("GET", "/sign-in/begin"),
        ("GET", "/sign-in/back"),
    }
)
_UNAUTHORIZED: Final = STATUSES["not_signed_in"]
_NETWORK_BITS: Final = 64
_BUSY: Final = ErrorBody(
    code="busy",
    message="more requests came at once than are answered at once",
    remedy="send it again in a moment",
)


@dataclass(frozen=True)
class Allowances:
    """How many requests a minute are taken; ``None`` for any number.

    Parameters
    ----------
    person, program
        Of one person, and of one program with a token.
    anonymous
        Of one address, without anybody signed in.
    sign_ins
        Attempts to sign in, and tokens that prove nothing, of one address.
    """

    person: int | None
    program: int | None
    anonymous: int | None
    sign_ins: int | None


def read_allowances(settings: Settings) -> Allowances:
    """Return what the settings allow; see :class:`Allowances`."""
    guarded = bool(settings.oidc_issuer)

    def choose(given: int | None, usual: int) -> int | None:
        return usual if given is None and guarded else given

    person = choose(settings.person_requests_per_minute, PERSON_PER_MINUTE)
    given = settings.person_requests_per_minute
    return Allowances(
        person=person,
        program=choose(
            None if given is None else max(given, PROGRAM_PER_MINUTE), PROGRAM_PER_MINUTE
        ),
        anonymous=choose(settings.stranger_requests_per_minute, ANONYMOUS_PER_MINUTE),
        sign_ins=choose(settings.sign_ins_per_minute, SIGN_INS_PER_MINUTE),
    )


class MinuteLimit:
    """So many requests of one key in any sixty seconds; safe to use from several threads.

    Parameters
    ----------
    per_minute
        How many; ``None`` for any number.
    """

    def __init__(self, per_minute: int | None) -> None:
        self._item = None if per_minute is None else RateLimitItemPerMinute(per_minute)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def take(self, key: str) -> float:
        """Count a request; return 0, or in how many seconds one will be taken again."""
        if self._item is None or self._limiter.hit(self._item, key):
            return 0.0
        return self._wait(self._item, key)

    def peek(self, key: str) -> float:
        """Return in how many seconds a request will be taken, 0 where one is taken now."""
        if self._item is None or self._limiter.test(self._item, key):
            return 0.0
        return self._wait(self._item, key)

    def _wait(self, item: RateLimitItem, key: str) -> float:
        return self._limiter.get_window_stats(item, key).reset_time - time.time()


def name_address(scope: Scope) -> str:
    """Return what an address is counted under: an IPv6 address with its whole network."""
    client = scope.get("client")
    host = str(client[0]) if client else "unknown"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        if mapped is not None:
            return str(mapped)
        return str(ipaddress.ip_network((address, _NETWORK_BITS), strict=False).network_address)
    return str(address)


class BusyGuard:
    """So many requests are answered at once; liveness is told however many there are.

    Parameters
    ----------
    app
        What answers.
    most_at_once
        How many requests are answered at once; each holds memory, and waits for a thread.
    """

    def __init__(self, app: ASGIApp, *, most_at_once: int = MOST_AT_ONCE) -> None:
        self._app = app
        self._most_at_once = most_at_once
        self._n_now = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer that too many are being answered."""
        if scope["type"] != "http" or scope["path"] == _LIVENESS:
            await self._app(scope, receive, send)
            return
        if self._n_now >= self._most_at_once:
            response = answer(_BUSY)
            response.headers.update({"retry-after": "1", "connection": "close"})
            await response(scope, receive, send)
            return
        self._n_now += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._n_now -= 1


class SignInLimit:
    """Before anybody is known: attempts to sign in, and tokens that prove nothing, per address."""

    def __init__(self, app: ASGIApp, *, allowances: Allowances) -> None:
        self._app = app
        self._attempts = MinuteLimit(allowances.sign_ins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on unless its address has tried too often."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        address = name_address(scope)
        shows_token = any(name == b"authorization" for name, _ in scope["headers"])
        wait_s = 0.0
        if (scope["method"], scope["path"]) in _SIGN_INS:
            wait_s = self._attempts.take(address)
        elif shows_token:
            wait_s = self._attempts.peek(address)
        if wait_s:
            await _refuse(wait_s, scope, receive, send)
            return

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == _UNAUTHORIZED:
                self._attempts.take(address)
            await send(message)

        await self._app(scope, receive, noted if shows_token else send)


class RequestLimit:
    """Once it is known who asks: requests per person, or per address where nobody is signed in."""

    def __init__(self, app: ASGIApp, *, allowances: Allowances) -> None:
        self._app = app
        self._persons = MinuteLimit(allowances.person)
        self._programs = MinuteLimit(allowances.program)
        self._anonymous = MinuteLimit(allowances.anonymous)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on unless its person or address has sent too many."""
        path = scope.get("path", "")
        if scope["type"] == "http" and path not in _EXEMPT and not path.startswith(_STATIC):
            wait_s = self._take(scope)
            if wait_s:
                await _refuse(wait_s, scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _take(self, scope: Scope) -> float:
        person: Person | None = scope.get("state", {}).get("person")
        if person is None:
            return self._anonymous.take(name_address(scope))
        limit = self._programs if person.role == MACHINE else self._persons
        return limit.take(person.subject)


async def _refuse(wait_s: float, scope: Scope, receive: Receive, send: Send) -> None:
    seconds = max(1, math.ceil(wait_s))
    response = answer(
        ErrorBody(
            code="too_many_requests",
            message="more requests came than are taken in a minute",
            remedy=f"wait {seconds} s and send it again",
        ),
    )
    response.headers["retry-after"] = str(seconds)
    await response(scope, receive, send)
