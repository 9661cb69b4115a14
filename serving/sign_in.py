"""Signing in on this machine, to a synthetic store alone; and what every request has to show.

Anybody who can reach the page may sign in as anyone, so it works only where nobody else can reach
it and no real case is in reach: the service listens on loopback, it is called by a loopback name
and not through another server, and the store is marked synthetic.
"""

import ipaddress
import re
from typing import Final

from fastapi import Request, Response
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send

from features.errors import ConfigError
from serving.persons import AGENCIES, ROLES, Person
from serving.problems import ErrorBody, Problem, ServiceError, answer, invalid
from serving.service import service_of
from serving.sessions import SESSION_SECONDS, Sessions, load_session_key
from serving.settings import Settings
from serving.store.database import Unit

COOKIE: Final = "caselight_session"
MOST_NAME_LETTERS: Final = 100
_BARE: Final = ("GET", "HEAD", "OPTIONS")
_FORWARDED: Final = re.compile(r"forwarded|x-forwarded-.*|x-real-ip|via")
_HOST: Final = re.compile(r"(?P<name>\[[0-9a-fA-F:]+\]|[^:\[\]]+)(?::\d{1,5})?")


def is_loopback(host: str) -> bool:
    """Return whether a host's name or address (no port) is this machine's own."""
    try:
        return host.lower() == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_sign_in(settings: Settings, unit: Unit) -> None:
    """Check that the sign-in on this machine may be used.

    Raises
    ------
    ConfigError
        If the service would listen elsewhere, or the store is not marked synthetic.
    """
    if not is_loopback(settings.host):
        raise ConfigError("the sign-in works on this machine alone; make host 127.0.0.1")
    if not unit.synthetic:
        raise ConfigError(
            "the store is not marked synthetic, and there is no sign-in for real cases; name a "
            "store made by `caselight db upgrade --synthetic`"
        )


def is_local(headers: Headers) -> bool:
    """Return whether a request came by a loopback name and not through another server."""
    hosts = headers.getlist("host")
    found = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
    if found is None or not is_loopback(found["name"]):
        return False
    return not any(_FORWARDED.fullmatch(name) for name in headers)


def is_same_origin(headers: Headers) -> bool:
    """Return whether a browser says that one of our own pages sent the request.

    ``Origin`` is ``null`` where a page's policy is to send no referrer; then only
    ``Sec-Fetch-Site``, which no page can set, tells who asked.
    """
    origins, sites = headers.getlist("origin"), headers.getlist("sec-fetch-site")
    if len(origins) > 1 or len(sites) > 1:
        return False
    ours = origins == [f"http://{headers.get('host')}"]
    if origins and origins != ["null"] and not ours:
        return False
    return sites == ["same-origin"] if sites else ours


def _says_elsewhere(headers: Headers) -> bool:
    """Whether a browser names where the request came from, and it is not one of our pages."""
    return ("origin" in headers or "sec-fetch-site" in headers) and not is_same_origin(headers)


class SignIn:
    """Says who asks (``request.state.person``), and refuses what another site sent in their name.

    Parameters
    ----------
    app
        What answers.
    settings
        Names the file of the key.
    sessions
        The sessions; made from the settings where absent.
    """

    def __init__(
        self, app: ASGIApp, *, settings: Settings, sessions: Sessions | None = None
    ) -> None:
        self._app = app
        self._sessions = sessions or Sessions(load_session_key(settings.session_key_file))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with the person who is signed in, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        value = read_cookie(headers)
        if scope["method"] not in _BARE and (
            _says_elsewhere(headers) or (value is not None and not is_same_origin(headers))
        ):
            await answer(403, _FOREIGN)(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["sessions"] = self._sessions
        state["person"] = self._sessions.read(value) if is_local(headers) else None
        await self._app(scope, receive, send)


_FOREIGN: Final = ErrorBody(
    code="other_origin",
    message="the request did not come from one of our own pages",
    remedy="send it from a page of this service; a program sends its address as 'Origin'",
)


def read_cookie(headers: Headers) -> str | None:
    """Return the session that a request carries."""
    value: str | None = None
    for cookies in headers.getlist("cookie"):
        value = cookie_parser(cookies).get(COOKIE, value)
    return value


def name_person(name: str, role: str, agency: str) -> Person:
    """Return a person as they name themselves.

    Raises
    ------
    ServiceError
        If the name is empty, too long or holds what cannot be printed, or there is no such role
        or agency.
    """
    name = " ".join(name.split())
    problems = []
    if not 0 < len(name) <= MOST_NAME_LETTERS or not name.isprintable():
        remedy = f"write your name in at most {MOST_NAME_LETTERS} letters"
        problems.append(Problem(where="name", code="unusable_name", remedy=remedy))
    for where, given, known in (("role", role, ROLES), ("agency", agency, AGENCIES)):
        if given not in known:
            remedy = f"write one of {', '.join(known)}"
            problems.append(Problem(where=where, code=f"unknown_{where}", remedy=remedy))
    if problems:
        raise invalid(problems)
    return Person(name, role, agency)


def sign_in(request: Request, response: Response, person: Person) -> None:
    """Begin a new session of a person, and end the one that the request carries.

    Raises
    ------
    ServiceError
        If the request did not come straight from this machine, or the store is not synthetic.
    """
    if not is_local(request.headers) or not service_of(request).need_unit().synthetic:
        raise ServiceError(
            403,
            "no_sign_in",
            "the sign-in works on this machine and for a synthetic store alone",
            "call the service as 127.0.0.1 or localhost, and not through another server",
        )
    sessions: Sessions = request.state.sessions
    sessions.end(read_cookie(request.headers))
    response.set_cookie(
        COOKIE,
        sessions.begin(person),
        max_age=SESSION_SECONDS,
        path="/",
        httponly=True,
        samesite="strict",
    )


def sign_out(request: Request, response: Response) -> None:
    """End the session that a request carries."""
    sessions: Sessions = request.state.sessions
    sessions.end(read_cookie(request.headers))
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
