"""Every open case, some at a time: looked for by a form, sorted by column, or found by its number.

What somebody looks for is sent in the body of the request and kept in the store: an address is
written into logs and kept by the browser, so that it holds a key alone.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError
from sqlalchemy import Connection
from starlette.datastructures import FormData

from features.contract.moments import to_datetime
from serving.access.case_sight import Sight
from serving.api.lists import make_filters
from serving.decisions.owners import read_owners
from serving.errors import RequestProblem, ServiceError, invalid
from serving.lists.case_search import find_cases
from serving.lists.case_terms import CaseTerms
from serving.lists.kept_searches import keep_search, name_session, read_search
from serving.lists.open_cases import OpenCasesPage, Order, read_page
from serving.lists.pools import count_states
from serving.pages.error_words import describe_problems
from serving.pages.rendering import render
from serving.pages.search_words import describe_terms, offer_choices
from serving.pages.typed_date import UnreadableDateError, list_typed_parts, read_typed_date
from serving.persons import SignedIn
from serving.service import Service, ServiceDep
from serving.standing.standings import make_rules
from serving.standing.states import OPEN
from serving.web.error_answers import STATUSES
from serving.web.gate import note_shown, sight_of

router = APIRouter(include_in_schema=False)
CASES_PER_PAGE: Final = 50
_PLAIN_FIELDS: Final = (
    "reference", "area", "source", "family", "state", "flag", "kind", "owner", "agency", "ends",
)  # fmt: skip
_DATES: Final = ("ends_from", "ends_until")


async def _read_form(request: Request) -> FormData:
    return await request.form()


@router.get("/cases", response_class=HTMLResponse)
def show_cases(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    search: Annotated[str, Query(max_length=24)] = "",
    state: Literal["", "awaiting", "managed", "returned"] = "",
    flagged: Literal["", "yes"] = "",
    order: Order = "priority",
    turned: Literal["", "yes"] = "",
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> HTMLResponse:
    """Show open cases: all, those of a search that is kept, or those of a state or with a flag.

    ``turned`` gives an order the other way round.
    """
    session = name_session(getattr(request.state, "session_number", None))
    with service.need_store().reading() as connection:
        if search:
            terms = CaseTerms.model_validate(read_search(connection, search, person, session))
        else:
            terms = CaseTerms(state=state or None, flagged=bool(flagged) or None)
        sight = sight_of(request, connection)
        page = read_page(
            connection,
            service.need_unit(),
            service.need_store().clock(),
            make_filters(connection, service, terms, sight),
            order=order,
            size=CASES_PER_PAGE,
            cursor=cursor,
            is_reversed=bool(turned),
        )
        counts = count_states(connection, sight) if cursor is None else {}
        offered = _offer(connection, service, sight)
    note_shown(request, (row.key for row in (*page.rows, *page.blind_rows)))
    kept_in_address = {"search": search} if search else {"state": state, "flagged": flagged}
    return _render(
        request,
        page,
        offered,
        terms=terms,
        given=_fill(terms),
        counts=counts,
        kept={name: value for name, value in kept_in_address.items() if value},
        order=order,
        turned=bool(turned),
        is_first=cursor is None,
    )


@router.post("/cases/search")
def search_cases(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    form: Annotated[FormData, Depends(_read_form)],
) -> Response:
    """Keep what somebody looks for, and lead to the cases that meet it; say what is wrong with it
    otherwise.
    """
    try:
        terms = read_search_form(form)
    except ServiceError as error:
        return _show_problem(request, service, form, error)
    said = terms.write()
    if not said:
        return RedirectResponse("/cases", status_code=303)
    session = name_session(getattr(request.state, "session_number", None))
    key = keep_search(service.need_store(), person, said, session=session)
    if terms.reference is not None:
        _note_found(request, service, terms)
    return RedirectResponse(f"/cases?search={key}", status_code=303)


@router.post("/cases/find")
def find_case(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    number: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Lead to the case of a number, or show those whose number begins so.

    It is sent in the body of the request, since an address is written into logs and kept by the
    browser; the answer leads on by the case's opaque key.
    """
    with service.need_store().reading() as connection:
        found = find_cases(connection, number, sight_of(request, connection))
    only = found.cases[0].key if len(found.cases) == 1 else None
    typed = "".join(one for one in number if one != "\0").strip()
    if typed:
        session = name_session(getattr(request.state, "session_number", None))
        keep_search(
            service.need_store(), person, {"reference": typed}, session=session, case_key=only
        )
    note_shown(request, (one.key for one in found.cases))
    if only is not None:
        return RedirectResponse(f"/cases/{only}", status_code=303)
    return render(request, "found.html", found=found, number=number.strip())


def read_search_form(form: FormData) -> CaseTerms:
    """Return what a form looks for.

    Raises
    ------
    ServiceError
        If a date is none, or something cannot be looked for (422).
    """
    content: dict[str, Any] = {
        name: str(form.get(name, "")).strip() or None for name in _PLAIN_FIELDS
    }
    content["flagged"] = form.get("flagged") == "yes" or None
    problems = []
    for name in _DATES:
        try:
            content[name] = read_typed_date(form, name)
        except UnreadableDateError:
            problems.append(RequestProblem(where=name, code=f"bad_{name}", remedy="a real date"))
    first, last = (content.get(name) for name in _DATES)
    if (first or last) and content["ends"] is None:
        problems.append(RequestProblem(where="ends", code="no_ends", remedy="choose what ends"))
    if first and last and first > last:
        problems.append(RequestProblem(where="ends_until", code="ends_before", remedy="later"))
    if problems:
        raise invalid(problems)
    try:
        return CaseTerms.model_validate(content)
    except ValidationError as error:
        places = sorted({str(one["loc"][0]) for one in error.errors() if one["loc"]})
        raise invalid(
            [RequestProblem(where=one, code=f"bad_{one}", remedy="shorten it") for one in places]
        ) from None


def _note_found(request: Request, service: Service, terms: CaseTerms) -> None:
    """Note whose number was looked for and found: it is a search for a case by its number."""
    with service.need_store().reading() as connection:
        page = read_page(
            connection,
            service.need_unit(),
            service.need_store().clock(),
            make_filters(connection, service, terms, sight_of(request, connection)),
            order="case",
            size=CASES_PER_PAGE,
        )
    note_shown(request, (row.key for row in (*page.rows, *page.blind_rows)))


def _show_problem(
    request: Request, service: Service, form: FormData, error: ServiceError
) -> HTMLResponse:
    with service.need_store().reading() as connection:
        offered = _offer(connection, service, sight_of(request, connection))
    return _render(
        request,
        OpenCasesPage((), (), None),
        offered,
        status=STATUSES[error.code],
        terms=CaseTerms(),
        given=form,
        counts={},
        kept={},
        order="priority",
        turned=False,
        is_first=True,
        problem=error.body,
        wrong={one.anchor: one.words for one in describe_problems(error.body)},
    )


def _render(
    request: Request,
    page: OpenCasesPage,
    offered: Mapping[str, Any],
    *,
    terms: CaseTerms,
    given: Mapping[str, Any],
    status: int = 200,
    **content: Any,
) -> HTMLResponse:
    shown = {"problem": None, "wrong": {}} | content
    return render(
        request,
        "cases.html",
        status=status,
        page=page,
        states=OPEN,
        offered=offered,
        today=offered["today"].isoformat(),
        given=given,
        told=describe_terms(terms, offered),
        dates={name: list_typed_parts(given, name) for name in _DATES},
        **shown,
    )


def _offer(connection: Connection, service: Service, sight: Sight) -> dict[str, Any]:
    """Return what the form offers to choose from."""
    bundle = service.champion.find()
    return {
        # Every area of a store without an access file is found by passing over every case.
        "area": sorted(sight.areas or ()),
        "owner": read_owners(connection, sight),
        **offer_choices(
            None if bundle is None else bundle.catalogue, make_rules(service.settings).work_kinds
        ),
        "today": to_datetime(service.need_store().clock(), service.need_unit().time_zone).date(),
    }


def _fill(terms: CaseTerms) -> dict[str, str]:
    """Return what the form's fields hold for some terms."""
    filled: dict[str, str] = {}
    for name, said in terms.model_dump(exclude_none=True).items():
        if isinstance(said, dt.date):
            filled |= {
                f"{name}-{part}": str(getattr(said, part)) for part in ("day", "month", "year")
            }
        else:
            filled[name] = "yes" if said is True else str(said)
    return filled
