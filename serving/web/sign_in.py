"""Who asks, with every request; and the sign-in on this machine, to a synthetic store alone.

People come in through their organisation's OpenID provider (:mod:`serving.identity`), programs
with a token of it. Where none is named, anybody who can reach the page may sign in as anyone, so it
works only where nobody else can reach it and no real case is in reach: the service listens on
loopback, it is called by a loopback name and not through another server, and the store is marked
synthetic.
"""

import re
from collections.abc import Sequence
from typing import Final

from anyio import to_thread
from fastapi import Request, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features.errors import ConfigError
from serving.access.areas import list_areas
from serving.errors import ErrorBody, RequestProblem, ServiceError, invalid
from serving.identity.access_groups import MOST_AREA_CHARACTERS
from serving.identity.addresses import is_loopback
from serving.identity.cookies import SESSION, name_session
from serving.identity.identities import MOST_NAME_CHARACTERS, tidy_name
from serving.identity.sessions import Session, Sessions
from serving.identity.sign_in_parts import Entrance, Organisation, open_entrance
from serving.identity.tokens import refuse_token
from serving.persons import AGENCIES, ROLES, Person
from serving.service import service_of
from serving.settings import Settings
from serving.store.database import Unit
from serving.web.error_answers import STATUSES, answer, note_away

COOKIE: Final = SESSION
MOST_AREAS: Final = 50
SESSION_OVER: Final = "/session-over"
"""Where a page leads by itself once its session is over."""
_BARE: Final = ("GET", "HEAD", "OPTIONS")
_STATIC: Final = "/static/"
_PROBES: Final = ("/healthz", "/readyz")
"""Asked of the process; they tell nobody anything for which they would have to be signed in."""
_FORWARDED: Final = re.compile(r"forwarded|x-forwarded-.*|x-real-ip|via")
_HOST: Final = re.compile(r"(?P<name>\[[0-9a-fA-F:]+\]|[^:\[\]]+)(?::\d{1,5})?")
_BEARER: Final = re.compile(r"bearer(?: +(?P<token>.*))?", re.IGNORECASE)
_UNAUTHORIZED: Final = STATUSES["not_signed_in"]


def check_sign_in(settings: Settings, unit: Unit) -> None:
    """Check that people may sign in to a store: through a provider, or on this machine.

    Raises
    ------
    ConfigError
        If no provider is named and the service would listen elsewhere, or the store is not marked
        synthetic.
    """
    if settings.oidc_issuer:
        return
    if not is_loopback(settings.host):
        raise ConfigError("the sign-in works on this machine alone; make host 127.0.0.1")
    if not unit.synthetic:
        raise ConfigError(
            "the store is not marked synthetic, and real cases need a sign-in through an OpenID "
            "provider; set oidc_issuer, or name a store made by `caselight db upgrade --synthetic`"
        )


def is_local(headers: Headers) -> bool:
    """Return whether a request came by a loopback name and not through another server."""
    hosts = headers.getlist("host")
    found = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
    if found is None or not is_loopback(found["name"]):
        return False
    return not any(_FORWARDED.fullmatch(name) for name in headers)


def is_same_origin(headers: Headers, origin: str | None = None) -> bool:
    """Return whether a browser says that one of our own pages sent the request.

    ``Origin`` is ``null`` where a page's policy is to send no referrer; then only
    ``Sec-Fetch-Site``, which no page can set, tells who asked.

    Parameters
    ----------
    headers
        The request's.
    origin
        Where our pages are; the host that the request names, over http, where absent.
    """
    origins, sites = headers.getlist("origin"), headers.getlist("sec-fetch-site")
    if len(origins) > 1 or len(sites) > 1:
        return False
    ours = origins == [origin or f"http://{headers.get('host')}"]
    if origins and origins != ["null"] and not ours:
        return False
    return sites == ["same-origin"] if sites else ours


def read_bearer(headers: Headers) -> str | None:
    """Return the token that a request shows; ``None`` where it shows none.

    Raises
    ------
    ServiceError
        If it shows several, or an empty one (401).
    """
    shown = headers.getlist("authorization")
    found = [_BEARER.fullmatch(one) for one in shown]
    if not any(found):
        return None
    token = found[0]["token"] if found[0] else None
    if len(shown) > 1 or not token:
        raise refuse_token()
    return token


class SignIn:
    """Says who asks (``request.state.person``), and refuses what another site sent in their name.

    Parameters
    ----------
    app
        What answers.
    settings
        Describe the sign-in; not read where ``entrance`` is given.
    sessions
        The sessions of a sign-in on this machine; made from the settings where absent.
    entrance
        What requests are checked with, opened already.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: Settings,
        sessions: Sessions | None = None,
        entrance: Entrance | None = None,
    ) -> None:
        self._app = app
        if entrance is None and sessions is not None:
            entrance = Entrance(sessions, name_session(is_https=False))
        self._entrance = entrance or open_entrance(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with the person who is signed in, or refuse it."""
        if scope["type"] != "http" or scope["path"] in _PROBES:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        value = self._entrance.session_cookie.read(headers)
        state = scope.setdefault("state", {})
        state["entrance"], state["person"] = self._entrance, None
        try:
            token = read_bearer(headers)
            if self._is_foreign(scope["method"], headers, token, value):
                await answer(_FOREIGN)(scope, receive, send)
                return
            if token is not None:
                state["person"] = await to_thread.run_sync(self._read_token, token)
                await self._app(scope, receive, self._challenge(send))
                return
        except ServiceError as error:
            await answer(error.body)(scope, receive, self._challenge(send))
            return
        session = None
        if value is not None and not scope["path"].startswith(_STATIC):
            try:
                session = await to_thread.run_sync(self._read_session, headers, value)
            except SQLAlchemyError as error:
                note_away(error)
                # Pages that anybody may see are shown; the others say why they cannot be.
                state["session_unknown"] = True
        if session is not None:
            state["person"] = session.person
            state["session_number"] = session.number
            state["session_seconds"] = self._entrance.sessions.find_last_end(session)
        if scope["path"] == SESSION_OVER:
            # Where a page leads by itself: nobody is there, so it is no use of the session.
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, self._challenge(self._renew(session, send)))

    def _is_foreign(
        self, method: str, headers: Headers, token: str | None, value: str | None
    ) -> bool:
        """Whether a request would change something, and a browser may have been led to send it.

        No browser shows a token by itself, so a program that shows one and carries no cookie need
        not say where it comes from.
        """
        if method in _BARE or (token is not None and value is None):
            return False
        says_where = "origin" in headers or "sec-fetch-site" in headers
        return (says_where or value is not None) and not is_same_origin(
            headers, self._entrance.origin
        )

    def _read_token(self, token: str) -> Person:
        if self._entrance.organisation is None:
            raise refuse_token()
        return self._entrance.organisation.tokens.read_bearer(token)

    def _read_session(self, headers: Headers, value: str) -> Session | None:
        if self._entrance.organisation is None and not is_local(headers):
            return None
        return self._entrance.sessions.open(value)

    def _renew(self, session: Session | None, send: Send) -> Send:
        """Have the answer carry the session anew, unless it begins or ends one itself.

        A page's script is told when the session is over, so that the page does not stay on a screen
        that nobody is signed in at.

        As used when the answer goes out, not when the request came: rows of an import may stream in
        for longer than a session lasts without a request, and it was in use all the while.
        """
        if session is None:
            return send
        sessions, cookie = self._entrance.sessions, self._entrance.session_cookie

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                ends_itself = _sets(headers.getlist("set-cookie"), cookie.name)
                renewed = sessions.renew(session)
                if renewed is not None and not ends_itself:
                    value = sessions.write(renewed)
                    headers.append("set-cookie", cookie.write(value, sessions.seconds_left()))
                if headers.get("content-type", "").startswith("text/html") and not ends_itself:
                    # The one header of its own answer that a page's script can read.
                    left_s = sessions.find_end(renewed or session)
                    headers["server-timing"] = f"session;dur={left_s}"
            await send(message)

        return noted

    def _challenge(self, send: Send) -> Send:
        """Have an answer to nobody say that a token would do, where one would."""
        if self._entrance.organisation is None:
            return send

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == _UNAUTHORIZED:
                MutableHeaders(scope=message)["www-authenticate"] = "Bearer"
            await send(message)

        return noted


def _sets(lines: Sequence[str], name: str) -> bool:
    return any(line.startswith(f"{name}=") for line in lines)


_FOREIGN: Final = ErrorBody(
    code="other_origin",
    message="the request did not come from one of our own pages",
    remedy="send it from a page of this service; a program sends its address as 'Origin'",
)


def name_person(name: str, role: str, agency: str, areas: Sequence[str] | None = None) -> Person:
    """Return a person as they name themselves.

    Parameters
    ----------
    name, role, agency
        Who they are.
    areas
        Areas whose cases they see; every area where ``None`` or empty.

    Raises
    ------
    ServiceError
        If the name is empty, too long or holds what cannot be printed, or there is no such role
        or agency, or the areas are too many.
    """
    tidied = tidy_name(name)
    problems = []
    if tidied is None:
        remedy = f"write your name in at most {MOST_NAME_CHARACTERS} characters"
        problems.append(RequestProblem(where="name", code="unusable_name", remedy=remedy))
    for where, given, known in (("role", role, ROLES), ("agency", agency, AGENCIES)):
        if given not in known:
            remedy = f"write one of {', '.join(known)}"
            problems.append(RequestProblem(where=where, code=f"unknown_{where}", remedy=remedy))
    named = [area.strip() for area in areas or () if area.strip()]
    printable = all(area.isprintable() for area in named)
    if len(named) > MOST_AREAS or len("".join(named)) > MOST_AREA_CHARACTERS or not printable:
        remedy = f"name at most {MOST_AREAS} areas, or leave them out for every area"
        problems.append(RequestProblem(where="areas", code="unusable_areas", remedy=remedy))
    if problems or tidied is None:
        raise invalid(problems)
    return Person(tidied, role, agency, areas=frozenset(named) or None)


def sign_in(request: Request, response: Response, person: Person) -> None:
    """Begin a new session of a person on this machine, and end the one that the request carries.

    Raises
    ------
    ServiceError
        If people sign in through a provider, the request did not come straight from this machine,
        the store is not synthetic, or there is no such area.
    """
    entrance: Entrance = request.state.entrance
    if entrance.organisation is not None:
        raise ServiceError(
            "no_sign_in",
            "people sign in here with their organisation's account",
            "begin at /sign-in",
        )
    if not is_local(request.headers) or not service_of(request).need_unit().synthetic:
        raise ServiceError(
            "no_sign_in",
            "the sign-in works on this machine and for a synthetic store alone",
            "call the service as 127.0.0.1 or localhost, and not through another server",
        )
    check_areas(request, person)
    entrance.sessions.end(entrance.session_cookie.read(request.headers))
    begin_session(entrance, response, person)


def offer_areas(request: Request) -> tuple[str, ...]:
    """Return the areas that somebody on this machine may choose from when they sign in.

    None where people sign in through a provider, which says what their areas are, and none to a
    caller from elsewhere or while the store does not answer.
    """
    entrance: Entrance = request.state.entrance
    service = service_of(request)
    if entrance.organisation is not None or not is_local(request.headers):
        return ()
    if service.store is None or service.unit is None or not service.unit.synthetic:
        return ()
    try:
        with service.store.reading() as connection:
            return list_areas(connection, service.settings)
    except SQLAlchemyError as error:
        note_away(error)
        return ()


def check_areas(request: Request, person: Person) -> None:
    """Check that there is every area that a person names: of a mistyped one no page shows a case,
    and all would say that nothing is there.

    Raises
    ------
    ServiceError
        If there is one that does not exist (422).
    """
    service = service_of(request)
    with service.need_store().reading() as connection:
        known = frozenset(list_areas(connection, service.settings))
    if person.areas is not None and not person.areas <= known:
        remedy = "choose from the areas of the sign-in page, or leave them out for every area"
        raise invalid([RequestProblem(where="areas", code="unknown_areas", remedy=remedy)])


def begin_session(entrance: Entrance, response: Response, person: Person) -> None:
    """Have the browser keep a new session of a person."""
    sessions = entrance.sessions
    entrance.session_cookie.keep(response, sessions.begin(person), sessions.seconds_left())


def sign_out(request: Request, response: Response) -> None:
    """End the session that a request carries, and have the browser forget it."""
    end_session(request)
    entrance: Entrance = request.state.entrance
    entrance.session_cookie.drop(response)


def end_session(request: Request) -> None:
    """End the session that a request carries, on every server; nobody is signed in from here on."""
    entrance: Entrance = request.state.entrance
    entrance.sessions.end(entrance.session_cookie.read(request.headers))
    request.state.person = None


def need_organisation(request: Request) -> Organisation:
    """Return the sign-in through a provider.

    Raises
    ------
    ServiceError
        If people sign in on this machine (404).
    """
    entrance: Entrance = request.state.entrance
    if entrance.organisation is None:
        raise ServiceError("not_found", "there is nothing under this address", "see /sign-in")
    return entrance.organisation
