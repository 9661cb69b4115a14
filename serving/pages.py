"""The pages: the list, every open case, and one case with its reasons beside its records.

Rendered on the server; everything works without JavaScript.
"""

import datetime as dt
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, cast

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from jinja2 import ChoiceLoader, Environment, PackageLoader, PrefixLoader, select_autoescape
from starlette.exceptions import HTTPException

from features.errors import ConfigError
from models.wording import format_probability
from serving.caseload import Caseload, Service
from serving.cases import describe_case
from serving.listing import list_rows, need_caseload, standing_of
from serving.problems import ServiceError
from serving.schemas import CaseOut, EstimateOut, ReasonOut, RecordOut, RowOut

router = APIRouter(include_in_schema=False)
ROWS_PER_PAGE: Final = 50
_Handler = Callable[[Request, Exception], Response]
_ASSETS: Final = ("govuk-frontend.min.css", "moj-frontend.min.css", "govuk-frontend.min.js")


def check_assets(static: Path) -> None:
    """Check that the page styles were built.

    Raises
    ------
    ConfigError
        If one is absent.
    """
    if not all((static / "vendor" / name).is_file() for name in _ASSETS):
        raise ConfigError("the page styles are not built; run `make setup`")


@router.get("/", response_class=HTMLResponse)
def show_list(request: Request) -> HTMLResponse:
    """Show this week's list."""
    caseload = need_caseload(request)
    outside = [place for place in caseload.urgent if place >= caseload.capacity]
    return _render(
        request,
        "list.html",
        caseload,
        rows=list_rows(caseload, 0, min(caseload.capacity, len(caseload.ranking))),
        n_urgent_outside=len(outside),
        unmeasured=caseload.unmeasured,
    )


@router.get("/all", response_class=HTMLResponse)
def show_all(
    request: Request,
    cursor: Annotated[int, Query(ge=0, le=100_000_000)] = 0,
    urgent: Annotated[int, Query(ge=0, le=1)] = 0,
) -> HTMLResponse:
    """Show every open case, some at a time; with ``urgent`` those with an urgent flag."""
    caseload = need_caseload(request)
    if urgent:
        places = caseload.urgent[cursor : cursor + ROWS_PER_PAGE]
        rows = [row for place in places for row in list_rows(caseload, place, place + 1)]
        size = len(caseload.urgent)
    else:
        rows = list_rows(caseload, cursor, cursor + ROWS_PER_PAGE)
        size = caseload.n_open
    last = cursor + len(rows)
    return _render(
        request,
        "all.html",
        caseload,
        rows=rows,
        first=cursor + 1,
        last=last,
        size=size,
        urgent=urgent,
        previous=max(cursor - ROWS_PER_PAGE, 0) if cursor else None,
        following=last if rows and last < size else None,
    )


@router.get("/cases/{key}", response_class=HTMLResponse)
def show_case(request: Request, key: str) -> HTMLResponse:
    """Show one case."""
    caseload = need_caseload(request)
    try:
        case = describe_case(caseload, key)
    except ServiceError:
        return _render(request, "not_found.html", caseload, status=404)
    anchors = {record.record_id: f"record-{n}" for n, record in enumerate(case.records)}
    return _render(
        request,
        "case.html",
        caseload,
        case=case,
        evidence=_link(case),
        numbers=_number(case),
        anchors=anchors,
    )


def install_page_errors(app: FastAPI) -> None:
    """Show people a page where an address leads nowhere; programs get the one shape of errors."""
    for kind in (HTTPException, RequestValidationError):
        plain = cast(_Handler, app.exception_handlers[kind])
        app.exception_handlers[kind] = functools.partial(_show_error, plain)


def _show_error(plain: _Handler, request: Request, error: Exception) -> Response:
    told = plain(request, error)
    service: Service = request.app.state.service
    for_person = "text/html" in request.headers.get("accept", "")
    if not for_person or request.url.path.startswith("/v1/") or service.caseload is None:
        return told
    return _render(request, "not_found.html", service.caseload, status=told.status_code)


def _number(case: CaseOut) -> dict[str, str]:
    """Return the name under which a record refers to each reason: its place on the page."""
    if case.advice is None:
        return {}
    up = {one.indicator: f"reason {n}" for n, one in enumerate(case.advice.reasons, 1)}
    down = {
        one.indicator: f"reason {n} of those that moved it down"
        for n, one in enumerate(case.advice.counter_reasons, 1)
    }
    return down | up


def _link(case: CaseOut) -> dict[str, list[tuple[str, RecordOut]]]:
    """Return for each indicator the records behind it with their anchors on the page."""
    links: dict[str, list[tuple[str, RecordOut]]] = {}
    for number, record in enumerate(case.records):
        for indicator in record.behind:
            links.setdefault(indicator, []).append((f"record-{number}", record))
    return links


def _render(
    request: Request, template: str, caseload: Caseload, *, status: int = 200, **content: Any
) -> HTMLResponse:
    page = _environment().get_template(template)
    return HTMLResponse(
        page.render(
            cspNonce=request.state.csp_nonce,
            path=request.url.path if request.url.path in ("/", "/all") else "",
            standing=standing_of(caseload),
            capacity=caseload.capacity,
            n_ranked=len(caseload.ranking),
            n_open=caseload.n_open,
            **content,
        ),
        status_code=status,
    )


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=ChoiceLoader(
            [
                PackageLoader("serving"),
                PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")}),
            ]
        ),
        autoescape=select_autoescape(),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["frequency"] = describe_estimate
    environment.filters["moment"] = describe_moment
    environment.filters["sentence"] = lambda text: text[:1].upper() + text[1:]
    environment.filters["words"] = lambda text: str(text).replace("_", " ")
    environment.globals["strength"] = describe_strength
    environment.globals["leading"] = leading_estimate
    return environment


def describe_estimate(estimate: EstimateOut) -> str:
    """Return a probability in its one fixed format, beside the average and the horizon."""
    average = format_probability(estimate.average).removeprefix("about ")
    return (
        f"{format_probability(estimate.probability)}{describe_doubt(estimate)}, "
        f"where the average is {average}, within {estimate.horizon}"
    )


def describe_doubt(estimate: EstimateOut) -> str:
    """Return the doubt about the average of such cases, as counts out of a hundred."""
    if estimate.low is None or estimate.high is None:
        return ""
    low, high = (f"{100 * bound:.0f}" for bound in (estimate.low, estimate.high))
    return "" if low == high else f" ({low} to {high})"


def describe_moment(text: str) -> str:
    """Return an ISO date or time as people write it: 2 November 2026, 4:05pm."""
    moment = dt.datetime.fromisoformat(text)
    day = f"{moment.day} {moment:%B %Y}"
    if len(text) == len("2026-11-02"):
        return day
    return f"{day}, {moment.hour % 12 or 12}:{moment:%M}{'am' if moment.hour < 12 else 'pm'}"


def describe_strength(reason: ReasonOut) -> str:
    """Return how a reason moved the score, in words of association."""
    size = abs(reason.contribution)
    words = "strongly" if size >= 0.5 else "clearly" if size >= 0.2 else "a little"
    return f"moved the score {reason.pushes} {words}"


def leading_estimate(row: RowOut) -> EstimateOut | None:
    """Return the estimate of the outcome that the first reason is about."""
    wanted = row.first_reason.outcome if row.first_reason else None
    return next((entry for entry in row.estimates if entry.outcome == wanted), None)
