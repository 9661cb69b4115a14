"""Merge, split and transfer of cases, by the person who is signed in.

A merge and a split wait for a second person of another agency: ``GET /v1/confirmations``.
"""

from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter, Response

from features.contract.json_text import is_storable
from serving.access.areas import is_known_area
from serving.access.roles import need_mover
from serving.api.confirmations import answer_waiting, describe_waiting
from serving.api.parameters import Key
from serving.api.records import score_changed
from serving.api.schemas_records import MergeIn, SplitIn, TransferIn
from serving.confirmations.records import Confirmation
from serving.errors import RequestProblem, invalid
from serving.intake.move_confirmation import MergeAct, SplitAct, ask_merge, ask_split
from serving.intake.moves import Move, transfer_case
from serving.persons import SignedIn
from serving.service import Service, ServiceDep
from serving.standing.standings import make_rules
from serving.store.database import Writing
from serving.web.error_answers import describe_errors
from serving.web.gate import need_in_sight

router = APIRouter(prefix="/v1/cases", tags=["moves"])
_ERRORS: Final = describe_errors(400, 401, 403, 404, 409, 413, 415, 422, 503)
_WAITS: Final[dict[int | str, dict[str, Any]]] = {
    **_ERRORS,
    **describe_waiting(),
    200: {"description": "Not answered any more: a second person confirms every such move."},
}


@router.post("/{key}/merge", responses=_WAITS, response_model=Move)
def merge(key: Key, asked: MergeIn, person: SignedIn, service: ServiceDep) -> Response:
    """Ask that the case is merged into another, and closed for good; a second person confirms it.

    Until then nothing moves. It is undone by a split that names the merge.
    """
    need_mover(person)
    _check_texts(why=asked.why)
    with service.need_store().reading() as connection:
        need_in_sight(connection, person, asked.into)
    return _ask(
        service,
        lambda writing: ask_merge(
            writing,
            person,
            key,
            MergeAct(into=asked.into),
            unit=service.need_unit(),
            why=asked.why or "",
            rules=make_rules(service.settings),
        ),
    )


@router.post("/{key}/split", responses=_WAITS, response_model=Move)
def split(key: Key, asked: SplitIn, person: SignedIn, service: ServiceDep) -> Response:
    """Ask that a new case is made of some of the case's records, and they are withdrawn here.

    A second person confirms it; until then nothing moves. It is undone by a merge.
    """
    need_mover(person)
    _check_texts(case_id=asked.case_id, why=asked.why)
    act = SplitAct(
        case_id=asked.case_id.strip(),
        events=tuple(asked.events),
        facts=tuple(asked.facts),
        merge_key=asked.merge_key,
    )
    return _ask(
        service,
        lambda writing: ask_split(
            writing, person, key, act, unit=service.need_unit(), why=asked.why or ""
        ),
    )


@router.post("/{key}/transfer", responses=_ERRORS)
def transfer(key: Key, asked: TransferIn, person: SignedIn, service: ServiceDep) -> Move:
    """Hand the case to another area, one that is known; it stays as open as it was."""
    need_mover(person)
    _check_texts(area=asked.area, why=asked.why)
    area = asked.area.strip()
    _check_area(service, area)
    made = transfer_case(
        service.need_store(),
        person,
        key,
        area,
        unit=service.need_unit(),
        why=asked.why,
        rules=make_rules(service.settings),
    )
    score_changed(service, made.changed_keys)
    return made


def _check_area(service: Service, area: str) -> None:
    """Refuse an area that nobody is given: neither this area nor another would see the case."""
    with service.need_store().reading() as connection:
        if is_known_area(connection, service.settings, area):
            return
    remedy = (
        "name an area as the access file gives it to people; where that gives none, one that "
        "cases are in"
    )
    raise invalid([RequestProblem(where="area", code="unknown_area", remedy=remedy)])


def _check_texts(**texts: str | None) -> None:
    problems = [
        RequestProblem(
            where=name, code="not_storable", remedy="write a text without control characters"
        )
        for name, text in texts.items()
        if text is not None and (not text.strip() or not is_storable(text))
    ]
    if problems:
        raise invalid(problems)


def _ask(service: Service, write_down: Callable[[Writing], Confirmation]) -> Response:
    with service.need_store().writing() as writing:
        asked = write_down(writing)
    return answer_waiting(service, asked)
