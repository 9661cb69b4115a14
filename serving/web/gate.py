"""The gate before every route: who asks, whether they may, which case it is about, and the log.

What the table of rules does not name is refused. Who may not see a case is answered as if there
were none, whichever part of the address names it. An answer that shows something of cases leaves
only once the access is in the audit chain.
"""

import dataclasses
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Final

from fastapi import Request
from sqlalchemy import Connection, select
from starlette.concurrency import run_in_threadpool

from serving.access.case_sight import Sight, find_sight, make_hidden, may_see_case
from serving.access.overseers import NOBODY, Overseers, name_overseers
from serving.access.route_rules import RULES, RouteRule
from serving.errors import ServiceError
from serving.persons import MACHINE, Person, need_person
from serving.service import service_of
from serving.store.current_act import Act, begin_act
from serving.store.database import Store
from serving.store.opaque_keys import is_key
from serving.store.schema import correction_requests, flag_raisings, scores

PURPOSE_HEADER: Final = "caselight-purpose"
_MOST_PURPOSE_CHARACTERS: Final = 200
_ACTS: Final = ("collection", "alteration", "combination", "erasure")
_SHOWN_OF_PAST: Final = (("GET", "/cases/{key}"), ("GET", "/v1/cases/{key}"))
"""What shows cases, and leaves out of them what came later than a past moment."""
_OWNERS: Final[Mapping[str, Any]] = {
    "raising_key": flag_raisings.c.raising_key,
    "request_key": correction_requests.c.request_key,
    "score_key": scores.c.score_key,
}
"""Parts of an address that name something of one case, and where that case is found."""


async def pass_gate(request: Request) -> AsyncIterator[None]:
    """Let a request through to its route, or refuse it; afterwards log what it showed.

    Raises
    ------
    ServiceError
        If nobody is signed in (401), the role, the token's scopes or the person's areas do not
        suffice (403), or the address names a case that is not there for this person (404).
    """
    route = f"{request.method} {request.scope['route'].path}"
    rule = RULES.get((request.method, request.scope["route"].path))
    if rule is None:
        raise ServiceError("no_rule", "nobody may call this address", "see /openapi.json")
    if rule.public or (rule.keeps_nothing and _is_for_anybody(request)):
        yield
        return
    person = need_person(request)
    store = service_of(request).store
    act = Act(
        person,
        rule.operation,
        route,
        purpose=_read_purpose(request),
        request_id=getattr(request.state, "request_id", None),
    )
    begin_act(act)
    try:
        check_rule(person, rule, name_overseers(service_of(request).settings))
        if service_of(request).settings.now is not None:
            request.state.past_us = await run_in_threadpool(service_of(request).find_past)
        if getattr(request.state, "past_us", None) is not None:
            _check_past(request.method, request.scope["route"].path, rule)
        await _check_case(request, store, act)
    except ServiceError:
        if store is not None:
            await run_in_threadpool(store.look, done=False)
        raise
    request.state.shown = set()
    yield
    if store is not None and rule.looks:
        await run_in_threadpool(store.look, cases=sorted(request.state.shown))


async def _check_case(request: Request, store: Store | None, act: Act) -> None:
    """Find the case that the address is about, note it in the act, and refuse one out of sight."""
    if store is None:
        return
    found = await run_in_threadpool(_find_case, store, act.person, request.path_params)
    begin_act(_about(act, found))
    if found is not None and not found[1]:
        raise make_hidden()


def _check_past(method: str, path: str, rule: RouteRule) -> None:
    """Refuse what cannot be at a past moment: every act, and what is worked out as of today.

    Raises
    ------
    ServiceError
        If it is refused (409).
    """
    if rule.operation in _ACTS:
        raise ServiceError(
            "past_moment",
            "this is a past moment: it takes no decision, acknowledgement or correction",
            "go back to the present to act on the case",
        )
    if rule.looks and (method, path) not in _SHOWN_OF_PAST:
        raise ServiceError(
            "past_moment",
            "lists and counts are worked out as of today, and would show what came later",
            "open a case: its page shows what was known at the moment",
        )


def note_shown(request: Request, case_keys: Iterable[str]) -> None:
    """Note which cases an answer shows, beside the one that its address names."""
    shown: set[str] | None = getattr(request.state, "shown", None)
    if shown is not None:
        shown.update(case_keys)


def sight_of(request: Request, connection: Connection) -> Sight:
    """Return what the person who asks may see."""
    return find_sight(connection, need_person(request))


def need_in_sight(connection: Connection, person: Person, case_key: str) -> None:
    """Check that a person may see a case that their request names elsewhere than in its address.

    Raises
    ------
    ServiceError
        If there is none for them (404).
    """
    if not may_see_case(connection, person, case_key):
        raise make_hidden()


def _is_for_anybody(request: Request) -> bool:
    """Whether anybody on this machine could sign in under any name, and nobody did."""
    entrance = getattr(request.state, "entrance", None)
    nobody = getattr(request.state, "person", None) is None
    return nobody and entrance is not None and entrance.organisation is None


def check_rule(person: Person, rule: RouteRule, overseers: Overseers = NOBODY) -> None:
    """Check that a person's role and areas, or a program's scopes, let them call a route.

    Parameters
    ----------
    person, rule
        Who asks, and what the table says of the route.
    overseers
        Whom the deployment names: some routes are for professional standards whatever their role.

    Raises
    ------
    ServiceError
        If they do not (403).
    """
    if rule.standards and person.subject in overseers.professional_standards:
        return
    if person.role == MACHINE:
        if rule.scope is None or rule.scope not in (person.scopes or ()):
            needed = "no program may" if rule.scope is None else f"it needs {rule.scope!r}"
            raise ServiceError(
                "scope_may_not", f"this token may not do that: {needed}", "ask for another"
            )
    elif person.role not in rule.roles:
        who = ", ".join(rule.roles)
        raise ServiceError(
            "role_may_not",
            f"the role {person.role.replace('_', ' ')} may not do that",
            f"ask somebody who is signed in as {who}" if who else "no person may",
        )
    if rule.whole_unit and person.areas is not None:
        raise ServiceError(
            "areas_may_not",
            "this is about the whole unit",
            "ask somebody who sees every area",
        )


def _about(act: Act, found: tuple[str, bool] | None) -> Act:
    return dataclasses.replace(act, case_key=(found[0] or None) if found else None)


def _read_purpose(request: Request) -> str | None:
    """Return what a person says they look for; what cannot be printed is left out."""
    said = request.headers.get(PURPOSE_HEADER, "")
    told = "".join(character for character in said if character.isprintable()).strip()
    return told[:_MOST_PURPOSE_CHARACTERS] or None


def _find_case(store: Store, person: Person, parts: Mapping[str, Any]) -> tuple[str, bool] | None:
    """Return the case that an address names and whether the person may see it; ``None`` if none.

    A key that is not one leads to no case and is not repeated anywhere.
    """
    with store.reading() as connection:
        name = next((name for name in ("key", *_OWNERS) if name in parts), None)
        if name is None:
            return None
        key: str | None = str(parts[name])
        if not is_key(str(key)):
            return "", False
        if name in _OWNERS:
            column = _OWNERS[name]
            query = select(column.table.c.case_key).where(column == key)
            # A key that leads nowhere is asked about all the same: the work says nothing either.
            key = connection.execute(query).scalar_one_or_none()
        return (key or ""), may_see_case(connection, person, key or "")
