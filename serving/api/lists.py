"""Sittings, the list, and every open case: ``/v1/sittings``, ``/v1/list``, ``/v1/cases``."""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import Field, TypeAdapter
from sqlalchemy import Connection

from features.contract.moments import format_moment, to_datetime
from serving.access.case_sight import EVERYTHING, Sight, find_sight
from serving.api.parameters import MOST_ROWS, CaseCursor, Key, KeyCursor, Limit
from serving.errors import ServiceError
from serving.lists.blind_review import find_unsettled, record_first_view, withhold_division
from serving.lists.case_terms import CaseTerms, list_kinds, make_conditions
from serving.lists.csv_export import write_csv
from serving.lists.kept_searches import keep_search
from serving.lists.listed import read_overflow, read_rows
from serving.lists.open_cases import Filters, Order, read_page
from serving.lists.outputs import (
    FirstViewIn,
    ListedOut,
    ListOut,
    OpenCasesOut,
    SittingIn,
    SittingOut,
    SittingsOut,
)
from serving.lists.pools import count_states
from serving.lists.sitting_counts import narrow_sitting
from serving.lists.sitting_opening import describe_bundle, make_terms, open_sitting
from serving.lists.sittings import Sitting, current_sitting, list_sittings, read_sitting
from serving.persons import SignedIn
from serving.scoring.ordering import read_ordering
from serving.scoring.stored_advice import advise_scores
from serving.service import Service, ServiceDep
from serving.store.database import Unit
from serving.store.paging import cut_page, make_bad_cursor
from serving.web.error_answers import describe_errors
from serving.web.gate import note_shown, sight_of

router = APIRouter(prefix="/v1", tags=["lists"])


class CaseSearchIn(CaseTerms):
    """What is looked for, in which order it is wanted, and how much of it."""

    order: Order = "priority"
    is_reversed: Annotated[bool, Field(description="Whether the order is the other way round.")] = (
        False
    )
    limit: Annotated[int, Field(ge=1, le=MOST_ROWS, description="How many rows at most.")] = 50
    cursor: Annotated[
        str | None,
        Field(min_length=1, max_length=100, description="``next_cursor`` of the part before."),
    ] = None


_WRITES: Final = (400, 401, 403, 413, 415, 422, 503)
_Filter = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")]
_Tag = Annotated[str | None, Header(alias="If-None-Match", max_length=1_000)]
_SITTING: Final = TypeAdapter(SittingOut)
LIST: Final = TypeAdapter(ListOut)
"""Lists are kept in plain values: a row, a sitting and a whole list are read from these."""
_KEPT: Final[dict[str, Any]] = {"description": "The list is as the ETag named it."}


@router.post(
    "/sittings",
    status_code=201,
    responses={
        200: {"model": SittingOut, "description": "Opened today already."},
        **describe_errors(*_WRITES),
    },
)
def begin_sitting(
    asked: SittingIn, service: ServiceDep, person: SignedIn, response: Response
) -> SittingOut:
    """Open a sitting and compose its list; two who do so at once get the same.

    One is opened a day; a reason opens another. Those who act on cases and administrators may.
    """
    store, unit = service.need_store(), service.need_unit()
    bundle = service.champion.find()
    with store.reading() as connection:
        ordering = read_ordering(connection, has_model=bundle is not None)
    opened = open_sitting(
        store,
        unit,
        make_terms(service.settings, ordering),
        person,
        bundle,
        advise_scores,
        again=asked.again_because,
    )
    response.status_code = 201 if opened.is_new else 200
    with store.reading() as connection:
        sight = find_sight(connection, person)
        (told,) = _describe_all(connection, [opened.sitting], opened.sitting, unit, sight)
    return _SITTING.validate_python(told)


@router.get("/sittings", responses=describe_errors(401, 422, 503))
def read_sittings(
    service: ServiceDep,
    person: SignedIn,
    limit: Limit = 20,
    cursor: KeyCursor = None,
) -> SittingsOut:
    """Return sittings, the latest first."""
    unit = service.need_unit()
    with service.need_store().reading() as connection:
        current = current_sitting(connection)
        after = None if cursor is None else read_sitting(connection, cursor)
        if cursor is not None and after is None:
            raise make_bad_cursor()
        found = list_sittings(connection, limit + 1, after=after)
        page = cut_page(found, limit, lambda one: one.key)
        sight = find_sight(connection, person)
        described = _describe_all(connection, page.items, current, unit, sight)
    return SittingsOut(
        sittings=tuple(map(_SITTING.validate_python, described)), next_cursor=page.next_cursor
    )


@router.get(
    "/sittings/{sitting_key}",
    response_model=ListOut,
    responses={304: _KEPT, **describe_errors(401, 404, 422, 503)},
)
def read_past_list(
    sitting_key: Key, request: Request, service: ServiceDep, person: SignedIn, tag: _Tag = None
) -> Response:
    """Return a sitting's list as it was shown, with first views and decisions."""
    with service.need_store().reading() as connection:
        sitting = _need(read_sitting(connection, sitting_key))
        told = describe_list(
            connection, sitting, service.need_unit(), sight_of(request, connection)
        )
    note_shown(
        request, [*(row.key for row in told.rows), *(one.key for one in told.first_overflow)]
    )
    return _answer(told, tag)


@router.get(
    "/list", response_model=ListOut, responses={304: _KEPT, **describe_errors(401, 404, 422, 503)}
)
def read_list(
    request: Request, service: ServiceDep, person: SignedIn, tag: _Tag = None
) -> Response:
    """Return the list of the current sitting."""
    with service.need_store().reading() as connection:
        sitting = need_sitting(connection)
        told = describe_list(
            connection, sitting, service.need_unit(), sight_of(request, connection)
        )
    note_shown(
        request, [*(row.key for row in told.rows), *(one.key for one in told.first_overflow)]
    )
    return _answer(told, tag)


@router.get(
    "/list.csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}}, **describe_errors(401, 404, 503)},
)
def read_csv(request: Request, service: ServiceDep, person: SignedIn) -> Response:
    """Return the list of the current sitting as CSV."""
    unit = service.need_unit()
    with service.need_store().reading() as connection:
        sitting = need_sitting(connection)
        sight = sight_of(request, connection)
        rows = read_rows(connection, sitting, unit, hold_draw=True, sight=sight)
        shown = narrow_sitting(connection, sitting, sight, unit)
    note_shown(request, (row.key for row in rows))
    day = to_datetime(sitting.as_of_us, unit.time_zone).date().isoformat()
    return Response(
        write_csv(rows, _say_above(shown)),
        media_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="list-{day}.csv"',
            "Cache-Control": "private, no-store",
        },
    )


@router.get("/cases", responses=describe_errors(401, 422, 503))
def read_cases(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    area: _Filter = None,
    source: _Filter = None,
    family: _Filter = None,
    state: Literal["awaiting", "returned", "managed"] | None = None,
    flagged: bool | None = None,
    order: Literal["priority", "wait"] = "priority",
    limit: Limit = 50,
    cursor: CaseCursor = None,
) -> OpenCasesOut:
    """Return open cases, some at a time."""
    store, unit = service.need_store(), service.need_unit()
    now_us = store.clock()
    with store.reading() as connection:
        sight = sight_of(request, connection)
        filters = Filters(area, source, family, state, flagged, sight)
        page = read_page(connection, unit, now_us, filters, order=order, size=limit, cursor=cursor)
        # Counting passes over every open case; the first page alone tells it.
        states = count_states(connection, sight) if cursor is None else None
    note_shown(request, (row.key for row in (*page.rows, *page.blind_rows)))
    return OpenCasesOut(
        **_standing_now(service, unit, now_us),
        states=states,
        rows=page.rows,
        blind_rows=page.blind_rows,
        next_cursor=page.next_cursor,
    )


@router.post("/case-searches", responses=describe_errors(*_WRITES))
def search_cases(
    asked: CaseSearchIn, request: Request, service: ServiceDep, person: SignedIn
) -> OpenCasesOut:
    """Return the open cases that meet every term, some at a time.

    The terms are sent in the body: no address holds them. Each search is in the audit log with
    them.
    """
    store, unit = service.need_store(), service.need_unit()
    terms = CaseTerms.model_validate(asked.model_dump(include=set(CaseTerms.model_fields)))
    keep_search(store, person, terms.write())
    now_us = store.clock()
    with store.reading() as connection:
        filters = make_filters(connection, service, terms, sight_of(request, connection))
        page = read_page(
            connection,
            unit,
            now_us,
            filters,
            order=asked.order,
            size=asked.limit,
            cursor=asked.cursor,
            is_reversed=asked.is_reversed,
        )
    note_shown(request, (row.key for row in (*page.rows, *page.blind_rows)))
    return OpenCasesOut(
        **_standing_now(service, unit, now_us),
        states=None,
        rows=page.rows,
        blind_rows=page.blind_rows,
        next_cursor=page.next_cursor,
    )


def make_filters(
    connection: Connection, service: Service, terms: CaseTerms, sight: Sight
) -> Filters:
    """Return which open cases somebody looks for, among those that they may see."""
    unit, bundle = service.need_unit(), service.champion.find()
    today = to_datetime(service.need_store().clock(), unit.time_zone).date()
    kinds = list_kinds(None if bundle is None else bundle.catalogue)
    return Filters(
        terms.area,
        terms.source,
        terms.family,
        terms.state,
        terms.flagged,
        sight,
        make_conditions(connection, terms, kinds, unit, today),
    )


@router.post(
    "/sittings/{sitting_key}/cases/{key}/first-view",
    responses=describe_errors(404, 409, *_WRITES),
)
def give_first_view(
    sitting_key: Key,
    key: Key,
    given: FirstViewIn,
    request: Request,
    service: ServiceDep,
    person: SignedIn,
) -> ListedOut:
    """Record a first view of a blind case, and return its row, whole from now on.

    Why it is on the list is told once every blind row of the list was viewed. A view may be given
    by those who act on cases and by administrators, for the latest sitting and for those of the 24
    hours before it.
    """
    store, unit = service.need_store(), service.need_unit()
    with store.writing() as writing:
        record_first_view(writing, sitting_key, key, person, given.view)
        sitting = _need(read_sitting(writing.connection, sitting_key))
        sight = sight_of(request, writing.connection)
        rows = read_rows(writing.connection, sitting, unit, hold_draw=True, sight=sight)
    return next(row for row in rows if row.key == key)


def need_sitting(connection: Connection) -> Sitting:
    """Return the current sitting.

    Raises
    ------
    ServiceError
        If none was opened yet.
    """
    sitting = current_sitting(connection)
    if sitting is None:
        raise ServiceError(
            "no_sitting", "no sitting was opened yet", "open one with POST /v1/sittings"
        )
    return sitting


def describe_list(
    connection: Connection, sitting: Sitting, unit: Unit, sight: Sight = EVERYTHING
) -> ListOut:
    """Return a sitting's list as the API gives it, with what is in sight, blind rows withheld."""
    current = current_sitting(connection)
    rows = read_rows(connection, sitting, unit, hold_draw=True, sight=sight)
    (told,) = _describe_all(connection, [sitting], current, unit, sight)
    return LIST.validate_python(
        {
            **told,
            "n_decided": sum(row.decided for row in rows),
            "n_awaiting_first_view": sum(row.withheld for row in rows),
            "first_overflow": read_overflow(connection, sitting, unit, MOST_ROWS, sight),
            "rows": rows,
        }
    )


def _need(sitting: Sitting | None) -> Sitting:
    if sitting is None:
        raise ServiceError("not_found", "no sitting has this key", "start from /v1/sittings")
    return sitting


def _describe_all(
    connection: Connection,
    found: Sequence[Sitting],
    current: Sitting | None,
    unit: Unit,
    sight: Sight,
) -> list[dict[str, Any]]:
    """Describe sittings, without their division while a first view of a blind row is wanting.

    Their figures are those of the cases in sight.
    """
    unsettled = find_unsettled(connection, [one.key for one in found])
    latest = None if current is None else current.key
    return [
        _describe(narrow_sitting(connection, one, sight, unit), unit, is_current=one.key == latest)
        | ({"policy": withhold_division(one.policy)} if one.key in unsettled else {})
        for one in found
    ]


def _describe(sitting: Sitting, unit: Unit, *, is_current: bool) -> dict[str, Any]:
    return {
        "opened_again_because": None,
        **sitting.standing,
        "sitting_key": sitting.key,
        "opened_at": format_moment(sitting.opened_at_us, unit.time_zone),
        "opened_by": sitting.person.name,
        "is_current": is_current,
        "capacity": sitting.capacity,
        "ordering": sitting.ordering,
        "policy": sitting.policy,
        "n_eligible": sitting.n_eligible,
        "n_open": sitting.n_open,
    }


def _standing_now(service: Service, unit: Unit, now_us: int) -> dict[str, Any]:
    return {
        **describe_bundle(service.champion.find()),
        "as_of": format_moment(now_us, unit.time_zone),
        "synthetic": unit.synthetic,
    }


def _answer(told: ListOut, tag: str | None) -> Response:
    """Return a list with its tag, or that it is as the tag named it."""
    content = LIST.dump_json(told)
    own = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": own, "Cache-Control": "private, no-cache"}
    named = {one.strip().removeprefix("W/") for one in (tag or "").split(",")}
    if own in named:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/json", headers=headers)


def _say_above(sitting: Sitting) -> list[str]:
    standing = sitting.standing
    outside = standing["overflow"]
    lines = [
        standing["advisory"],
        f"As of {standing['as_of']}; model {sitting.bundle_id or 'none'}.",
    ]
    if standing["synthetic"]:
        lines.append("Every case is synthetic.")
    if outside["n_cases"]:
        lines.append(
            f"Flagged cases without a place: {outside['n_cases']}, "
            f"the oldest flag since {outside['flagged_since']}."
        )
    return lines + list(standing["waits"]["words"])
