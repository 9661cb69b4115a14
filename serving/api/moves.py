"""Merge, split and transfer of cases, by the person who is signed in."""

from collections.abc import Callable
from typing import Final

from fastapi import APIRouter

from features.contract.json_text import is_storable
from serving.access.roles import need_mover
from serving.api.parameters import Key
from serving.api.records import score_changed
from serving.api.schemas_records import MergeIn, SplitIn, TransferIn
from serving.errors import RequestProblem, invalid
from serving.intake.moves import Move, merge_cases, split_case, transfer_case
from serving.persons import SignedIn
from serving.service import Service, ServiceDep
from serving.standing.standings import make_rules
from serving.web.error_answers import describe_errors
from serving.web.gate import need_in_sight

router = APIRouter(prefix="/v1/cases", tags=["moves"])
_ERRORS: Final = describe_errors(400, 401, 403, 404, 409, 413, 415, 422, 503)


@router.post("/{key}/merge", responses=_ERRORS)
def merge(key: Key, asked: MergeIn, person: SignedIn, service: ServiceDep) -> Move:
    """Merge the case into another: its records are copied there, and it is closed for good."""
    need_mover(person)
    _check_texts(why=asked.why)
    with service.need_store().reading() as connection:
        need_in_sight(connection, person, asked.into)
    return _make(
        service,
        lambda: merge_cases(
            service.need_store(),
            person,
            key,
            asked.into,
            unit=service.need_unit(),
            why=asked.why,
            rules=make_rules(service.settings),
        ),
    )


@router.post("/{key}/split", responses=_ERRORS)
def split(key: Key, asked: SplitIn, person: SignedIn, service: ServiceDep) -> Move:
    """Make a new case of some of the case's records, and withdraw them here."""
    need_mover(person)
    _check_texts(case_id=asked.case_id, why=asked.why)
    return _make(
        service,
        lambda: split_case(
            service.need_store(),
            person,
            key,
            asked.case_id.strip(),
            {"events": asked.events, "facts": asked.facts},
            unit=service.need_unit(),
            why=asked.why,
            rules=make_rules(service.settings),
        ),
    )


@router.post("/{key}/transfer", responses=_ERRORS)
def transfer(key: Key, asked: TransferIn, person: SignedIn, service: ServiceDep) -> Move:
    """Hand the case to another area; it stays as open as it was."""
    need_mover(person)
    _check_texts(area=asked.area, why=asked.why)
    return _make(
        service,
        lambda: transfer_case(
            service.need_store(),
            person,
            key,
            asked.area.strip(),
            unit=service.need_unit(),
            why=asked.why,
            rules=make_rules(service.settings),
        ),
    )


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


def _make(service: Service, move: Callable[[], Move]) -> Move:
    made = move()
    score_changed(service, made.changed_keys)
    return made
