"""How a page is made: templates, the words and numbers in them, and errors for people."""

import datetime as dt
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from jinja2 import (
    ChoiceLoader,
    Environment,
    PackageLoader,
    PrefixLoader,
    Template,
    select_autoescape,
)
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from features.contract.moments import format_moment, to_datetime
from features.errors import ConfigError
from models.ranking.themes import describe_role, name_unmeasured
from models.wording.sentences import describe_estimate, describe_push, format_probability
from serving.access.case_sight import find_sight
from serving.errors import ServiceError, store_away
from serving.flags.duty_by_case import UrgentCounts, count_urgent
from serving.pages.error_words import MOMENT, describe_problems, describe_remedy
from serving.persons import ROLES, Person
from serving.service import Service, service_of
from serving.web.error_answers import STATUSES, note_away

_Handler = Callable[[Request, Exception], Response]
_ASSETS: Final = ("govuk-frontend.min.css", "moj-frontend.min.css", "govuk-frontend.min.js")
_COMPONENTS: Final = (
    *(
        "back-link",
        "button",
        "checkboxes",
        "date-input",
        "details",
        "error-summary",
        "fieldset",
        "input",
    ),
    *("inset-text", "notification-banner", "pagination", "radios", "select", "summary-list"),
    *("table", "textarea", "warning-text"),
)
"""Components of the GOV.UK library that pages use, each by its macro: ``govukBackLink`` ..."""

_MOST_AREAS_NAMED: Final = 6
"""Areas that a page names; of more it says how many."""
_SEE_FLAGS: Final = tuple(role for role in ROLES if role != "data_scientist")


def check_assets(static: Path) -> None:
    """Check that the page styles were built.

    Raises
    ------
    ConfigError
        If one is absent.
    """
    if not all((static / "vendor" / name).is_file() for name in _ASSETS):
        raise ConfigError("the page styles are not built; run `make setup`")


def render(request: Request, template: str, status: int = 200, **content: Any) -> HTMLResponse:
    """Return a page: a template filled with what is its own and what every page shows."""
    service = service_of(request)
    bundle = service.champion.find()
    person: Person | None = getattr(request.state, "person", None)
    return HTMLResponse(
        find_template(template).render(
            cspNonce=request.state.csp_nonce,
            person=person,
            areas_shown=describe_areas(person),
            status=status,
            past_moment=_describe_past(request, service),
            in_areas=describe_areas(person, within=True),
            urgent_counts=_count_urgent(request, service, person),
            session_seconds=getattr(request.state, "session_seconds", None),
            section=content.pop("section", request.url.path.split("/")[1]),
            synthetic=bool(service.unit and service.unit.synthetic),
            bundle=bundle,
            wording=bundle.catalogue.wording if bundle else {},
            **content,
        ),
        status_code=status,
    )


def describe_areas(person: Person | None, *, within: bool = False) -> str:
    """Return the areas whose cases a person's pages show: all pages say them, so that no page can
    be taken to say that there is nothing anywhere.

    Parameters
    ----------
    person
        Who looks; nobody sees any area.
    within
        As a part of a sentence: *in Halton or Warrington*, *in any area*.
    """
    if person is None:
        return ""
    if person.areas is None:
        return "in any area" if within else "every area"
    named = sorted(person.areas)
    if len(named) > _MOST_AREAS_NAMED:
        n_more = len(named) - _MOST_AREAS_NAMED
        more = f"{n_more} other area{'s' if n_more > 1 else ''}"
        named = [*named[:_MOST_AREAS_NAMED], more]
    joint = " or " if within else " and "
    told = joint.join(filter(None, [", ".join(named[:-1]), named[-1]]))
    return f"in {told}" if within else told


def _describe_past(request: Request, service: Service) -> str | None:
    """Return the past moment that is shown, ISO 8601; ``None`` in the present."""
    past_us: int | None = getattr(request.state, "past_us", None)
    return None if past_us is None else format_moment(past_us, service.need_unit().time_zone)


def _count_urgent(request: Request, service: Service, person: Person | None) -> UrgentCounts | None:
    """Return how many urgent flags are open in a person's sight, for the menu; ``None`` where they
    see no case, or nobody can say now.
    """
    if person is None or person.role not in _SEE_FLAGS or service.store is None:
        return None
    if getattr(request.state, "past_us", None) is not None:
        return None  # it is worked out as of today
    try:
        with service.store.reading() as connection:
            sight = find_sight(connection, person)
            return count_urgent(connection, service.store.clock(), sight)
    except SQLAlchemyError as error:
        note_away(error)
        return None


def install_page_errors(app: FastAPI) -> None:
    """Show people a page where something went wrong; programs get the one shape of errors."""
    for kind in (HTTPException, RequestValidationError, ServiceError, SQLAlchemyError):
        plain = cast(_Handler, app.exception_handlers[kind])
        app.exception_handlers[kind] = functools.partial(_show_error, plain)


def _show_error(plain: _Handler, request: Request, error: Exception) -> Response:
    told = plain(request, error)
    for_person = "text/html" in request.headers.get("accept", "")
    if not for_person or request.url.path.startswith("/v1/"):
        return told
    if isinstance(error, ServiceError) and told.status_code == STATUSES["not_signed_in"]:
        return Response(status_code=303, headers={"location": "/sign-in"})
    if isinstance(error, SQLAlchemyError):
        error = store_away()
    body = error.body if isinstance(error, ServiceError) else None
    page = render(request, "problem.html", told.status_code, problem=body)
    if "retry-after" in told.headers:
        page.headers["retry-after"] = told.headers["retry-after"]
    return page


def find_template(name: str) -> Template:
    """Return a template with every filter and component that pages use."""
    return _environment().get_template(name)


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=ChoiceLoader(
            [
                PackageLoader("serving"),
                PackageLoader("models", "charts"),
                PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")}),
            ]
        ),
        autoescape=select_autoescape(),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["frequency"] = describe_estimate
    environment.filters["chance"] = format_probability
    environment.filters["moment"] = describe_moment
    environment.filters["dated"] = lambda text: MOMENT.sub(
        lambda found: describe_moment(found[0]), text
    )
    environment.filters["problems"] = describe_problems
    environment.filters["remedy"] = describe_remedy
    environment.filters["day"] = describe_day
    environment.filters["sentence"] = lambda text: text[:1].upper() + text[1:]
    environment.filters["closed"] = close_sentence
    environment.filters["read_by"] = describe_read_by
    environment.filters["words"] = lambda text: str(text).replace("_", " ")
    environment.filters["push"] = describe_push
    environment.filters["role"] = describe_role
    environment.filters["unmeasured"] = name_unmeasured
    environment.filters["day_of"] = describe_day_of
    environment.filters["cells"] = lambda told: [{"text": one} for one in told]
    for name in _COMPONENTS:
        macros = environment.get_template(f"govuk_frontend_jinja/components/{name}/macro.html")
        environment.globals.update(vars(macros.module))
    environment.globals["plural"] = lambda n, one, many: f"{n:,} {one if n == 1 else many}"
    return environment


@functools.lru_cache(maxsize=4_096)
def describe_moment(text: str) -> str:
    """Return an ISO date or time as people write it: 2 November 2026, 4:05pm."""
    moment = dt.datetime.fromisoformat(text)
    day = f"{moment.day} {moment:%B %Y}"
    if len(text) == len("2026-11-02"):
        return day
    return f"{day}, {moment.hour % 12 or 12}:{moment:%M}{'am' if moment.hour < 12 else 'pm'}"


def describe_day_of(text: str) -> str:
    """Return the day of an ISO date or time as people write it: 2 November 2026."""
    return describe_moment(text[: len("2026-11-02")])


def describe_read_by(due: str, today: str) -> str:
    """Return until when a case is read first, or that the day has passed.

    Parameters
    ----------
    due
        Moment, ISO 8601, in the unit's zone.
    today
        The day there, ISO 8601.

    Returns
    -------
    str
        A clause without a full stop.
    """
    day = describe_day_of(due)
    is_over = due[: len(today)] < today
    return f"it was to be read by {day}" if is_over else f"it is to be read by {day} at the latest"


def close_sentence(text: str) -> str:
    """Return what somebody wrote with a full stop, unless they closed the sentence themselves."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def describe_day(us: int, zone: str) -> str:
    """Return the day of a moment (microseconds UTC) in a zone: 2 November 2026."""
    day = to_datetime(us, zone)
    return f"{day.day} {day:%B %Y}"
