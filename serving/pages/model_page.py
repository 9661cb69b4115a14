"""The model in use in plain words: who approved it, how good it is, and the list order."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError

from serving.api.models import OrderingIn, post_ordering, read_model
from serving.api.promotions import PromotionsOut, list_promotions
from serving.errors import ServiceError
from serving.oversight.card import CardEntry, CardValue, write_card, write_record
from serving.oversight.metrics import read_figures
from serving.oversight.reported_performance import Performance, describe_performance
from serving.pages.rendering import render
from serving.persons import Person, SignedIn
from serving.promotions.record import find_figures, read_steps
from serving.scoring.ordering import SWITCHERS
from serving.service import Service, ServiceDep
from serving.web.error_answers import STATUSES

router = APIRouter(include_in_schema=False)
STEPS_PER_PAGE: Final = 20
_LAST_SEQ: Final = 2**63 - 1
_Cursor = Annotated[int, Query(ge=1, le=_LAST_SEQ)]
STEP_WORDS: Final = {
    "proposed": "Proposed",
    "refused": "Refused",
    "approved": "Approved and put to use",
    "withdrawn": "Withdrawn",
    "rolled_back": "Gone back to",
    "unsigned": "Put to use without a signature (invented data)",
}
"""Each step of the record of promotions."""
GATE_WORDS: Final = {
    "run": "Are the figures its own?",
    "rule": "Better than the simple rule?",
    "calibration": "Do the estimates hold?",
    "audit": "Alike for each group?",
    "churn": "How much does the list change?",
}
"""What each check asks."""
MEASURE_WORDS: Final = {
    "recall_at_capacity": "who of those with the outcome gets a place",
    "observed_over_expected": "whether estimates hold",
}
"""What a check by group compares, in plain words."""
ORDERING_WORDS: Final = {
    "model": "by the model's priority",
    "longest_wait": "the longest wait first",
}


@dataclass(frozen=True)
class ShownModel:
    """What is told of the model in use beyond the record of promotions.

    Parameters
    ----------
    performance
        The run's figures; ``None`` where there are none to show.
    why_none
        Why there are none.
    card, record
        The model card and the transparency record; empty where no model is in use.
    is_synthetic
        Whether the figures are of invented cases.
    """

    performance: Performance | None = None
    why_none: str | None = None
    card: tuple[CardEntry, ...] = ()
    record: tuple[CardEntry, ...] = ()
    is_synthetic: bool = False


@router.get("/models", response_class=HTMLResponse)
def show_model(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    cursor: _Cursor = _LAST_SEQ,
    done: Literal["", "ordering"] = "",
) -> HTMLResponse:
    """Show the model in use, what came before, its figures, its card and the switch."""
    return _show(request, service, person, cursor=cursor, done=done)


@router.post("/models/ordering")
def switch(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    ordering: Annotated[str, Form(max_length=20)] = "",
    why: Annotated[str, Form(max_length=2_000)] = "",
) -> Response:
    """Turn the switch of the order, or show the page with what is missing and what was written."""
    try:
        post_ordering(_read_form(ordering, why), service, person)
    except ServiceError as error:
        return _show(
            request, service, person, problem=error, given={"ordering": ordering, "why": why}
        )
    return RedirectResponse("/models?done=ordering", status_code=303)


def _read_form(ordering: str, why: str) -> OrderingIn:
    try:
        return OrderingIn.model_validate({"ordering": ordering, "why": why.strip()})
    except ValidationError as error:
        fields = {str(one["loc"][0]) for one in error.errors() if one["loc"]}
        what = "the switch was not turned"
        if "ordering" in fields:
            raise ServiceError("no_ordering", what, "choose an order") from None
        raise ServiceError("no_reason", what, "say why the order is switched") from None


def _show(
    request: Request,
    service: Service,
    person: Person,
    *,
    cursor: int = _LAST_SEQ,
    done: str = "",
    problem: ServiceError | None = None,
    given: dict[str, str] | None = None,
) -> HTMLResponse:
    told = list_promotions(service, person, cursor=cursor, limit=STEPS_PER_PAGE)
    return render(
        request,
        "models.html",
        status=STATUSES[problem.code] if problem else 200,
        told=told,
        gates=_find_gates(told),
        model=read_model(service, person),
        shown=_describe(service),
        capacity=service.settings.capacity,
        may_switch=person.role in SWITCHERS,
        done=done,
        problem=_point(problem),
        given=given or {},
        step_words=STEP_WORDS,
        gate_words=GATE_WORDS,
        about=functools.partial(describe_about, labels=_name_outcomes(service)),
        ordering_words=ORDERING_WORDS,
        is_first=cursor == _LAST_SEQ,
    )


def _find_gates(told: PromotionsOut) -> list[Any]:
    """Return the checks of the model in use, as they were told when it was proposed."""
    if told.in_use is None:
        return []
    for step in (told.in_use.proposed, told.in_use.promoted, told.in_use.put_to_use):
        if step is not None and step.gates:
            # What was not passed is read first.
            return sorted(step.gates, key=lambda gate: gate.verdict == "passed")
    return []


def describe_about(about: str, *, labels: Mapping[str, str]) -> str:
    """Return what a check was about, in words; ``labels`` are those of the outcomes."""
    if about == "bundle":
        return "the whole model"
    measure, _, group = about.partition(" by ")
    if group:
        return f"{MEASURE_WORDS.get(measure, measure)}, by {group}".replace("_", " ")
    return labels.get(about, about.replace("_", " "))


def _name_outcomes(service: Service) -> dict[str, str]:
    bundle = service.champion.find()
    return {} if bundle is None else {one.name: one.label for one in bundle.catalogue.outcomes}


def _point(problem: ServiceError | None) -> list[dict[str, str]]:
    if problem is None:
        return []
    anchors = {"no_reason": "why", "no_ordering": "ordering-model"}
    words = problem.body.remedy
    anchor = anchors.get(problem.body.code, "")
    return [{"anchor": anchor, "words": f"{words[:1].upper()}{words[1:]}"}]


def _describe(service: Service) -> ShownModel:
    bundle = service.champion.find()
    if bundle is None:
        return ShownModel()
    with service.need_store().reading() as connection:
        judged = find_figures(read_steps(connection), bundle.id)
    found = read_figures(service.settings, bundle.id, judged)
    capacity = service.settings.capacity
    performance = None if found.why_none else describe_performance(found.run, bundle, capacity)
    is_synthetic = service.need_unit().synthetic or bool(performance and performance.is_synthetic)
    rests_on = CardValue(bundle, service.settings, performance, is_synthetic)
    return ShownModel(
        performance, found.why_none, write_card(rests_on), write_record(rests_on), is_synthetic
    )
