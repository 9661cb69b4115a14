"""``POST /v1/cases/{key}/answers``: what a person asked, or confirmed of a record, as an answer.

A record answers a question until somebody confirms it; then the answer is theirs, on both clocks,
and the question's "asked" with it. It is a record like any other: sent in the person's name, never
changed, and scored at once.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final, Literal

from fastapi import APIRouter
from pydantic import ConfigDict, Field

from features.catalogue.declarations import FactType
from features.intake.normalisation import Clock
from serving.access.roles import need_decider
from serving.api.parameters import Key
from serving.api.records import find_sender, score_changed
from serving.decisions.corrections import find_record
from serving.errors import RequestProblem, ServiceError, invalid
from serving.intake.chunks import Chunk, take_at_once
from serving.intake.row_lines import make_raw_row, normalise_rows
from serving.intake.storage_room import check_disk
from serving.persons import Person, SignedIn
from serving.schemas import Strict
from serving.service import Service, ServiceDep
from serving.standing.standings import make_rules
from serving.store.case_keys import need_case
from serving.store.database import make_key
from serving.web.error_answers import describe_errors

router = APIRouter(prefix="/v1", tags=["decisions"])
YES, NO, NOT_KNOWN = "yes", "no", "not_known"
_CONFIRMED: Final = "confirmed"
_ASKED: Final = "asked"


class AnswerGivenIn(Strict):
    """What somebody was asked, and said.

    ``record_id`` names the record that the answer confirms, so that its source stays known.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"example": {"question": "threatened_to_kill", "answer": "yes"}},
    )

    question: str = Field(max_length=200)
    answer: Literal["yes", "no", "not_known"]
    record_id: str | None = Field(default=None, max_length=600)


@dataclass(frozen=True, kw_only=True)
class AnswerKeptOut:
    """The record that an answer became, and whether the case was scored anew."""

    fact_id: str
    question: str
    answer: str
    scored: int


@router.post(
    "/cases/{key}/answers",
    status_code=201,
    responses=describe_errors(400, 401, 403, 404, 413, 415, 422, 503),
)
def give_answer(
    key: Key, given: AnswerGivenIn, person: SignedIn, service: ServiceDep
) -> AnswerKeptOut:
    """Keep what was answered to a question of the catalogue in use, as asked today by the person.

    An earlier answer stays on record; the latest holds.
    """
    return keep_answer(service, person, key, given)


def keep_answer(service: Service, person: Person, key: str, given: AnswerGivenIn) -> AnswerKeptOut:
    """Keep an answer and score the case anew.

    Parameters
    ----------
    service, person
        The service, and who asked.
    key
        The case's key.
    given
        Question and answer.

    Returns
    -------
    AnswerKeptOut

    Raises
    ------
    ServiceError
        If the person does not act on cases, there is no such case, no model is in use, or its
        catalogue has no such question.
    """
    need_decider(person)
    store, unit = service.need_store(), service.need_unit()
    check_disk(store, service.settings.least_free_bytes)
    with store.reading() as connection:
        case_id = need_case(connection, key)
        if given.record_id is not None:
            find_record(connection, key, given.record_id)
    if case_id is None:
        raise ServiceError("case_erased", "the case was erased", "nothing is kept of it")
    _check_question(service, given)
    now = dt.datetime.fromtimestamp(store.clock() / 1_000_000, dt.UTC)
    # The record that was confirmed stays known by the answer's own number.
    start = f"{_CONFIRMED}/{given.record_id}" if given.record_id else _ASKED
    fact_id = f"{start}/{make_key()}"
    row: dict[str, str | float | bool | None] = {
        "fact_id": fact_id,
        "case_id": case_id,
        "name": given.question,
        "asked": "yes",
        "recorded_at": now.isoformat(),
    }
    if given.answer != NOT_KNOWN:
        row["value"] = given.answer
    normal = normalise_rows([make_raw_row(1, "facts", row)], Clock(unit.time_zone, store.clock()))
    if len(normal.rejects):
        raise _refuse("answer")
    taken = take_at_once(
        store,
        find_sender(service, person),
        Chunk(1, 1, normal),
        unit,
        make_rules(service.settings),
        fact_id,
        may_turn=False,
    )
    if not taken.imported.added:
        raise _refuse("answer")
    return AnswerKeptOut(
        fact_id=fact_id,
        question=given.question,
        answer=given.answer,
        scored=score_changed(service, taken.changed_keys),
    )


def _check_question(service: Service, given: AnswerGivenIn) -> None:
    asked = service.need_bundle().catalogue.facts.get(given.question)
    if asked is None or asked.type is not FactType.YES_NO:
        raise _refuse("question")


def _refuse(where: str) -> ServiceError:
    return invalid([RequestProblem(where=where, code="no_answer", remedy="choose an answer")])
