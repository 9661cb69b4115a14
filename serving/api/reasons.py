"""``GET /v1/cases/{key}/reasons`` and its like: a stored score explained, computed when asked."""

from typing import Annotated

from fastapi import APIRouter, Query

from serving.api.parameters import Key
from serving.explanations.explained_score import start_explaining
from serving.explanations.outputs import IncidentsOut, MovementOut, OpenQuestionsOut, ReasonsOut
from serving.explanations.score_answers import (
    answer_incidents,
    answer_movement,
    answer_questions,
    answer_reasons,
)
from serving.persons import SignedIn
from serving.service import ServiceDep
from serving.store.opaque_keys import KEY_PATTERN
from serving.web.error_answers import describe_errors

router = APIRouter(prefix="/v1", tags=["reasons"])
ScoreKey = Annotated[
    str | None,
    Query(pattern=KEY_PATTERN, description="One of the case's scores; the latest where absent."),
]
FromKey = Annotated[
    str | None,
    Query(
        alias="from",
        pattern=KEY_PATTERN,
        description="An earlier score of the case; where absent the one at the sitting before, or "
        "the latest before the newest record.",
    ),
]
_ERRORS = describe_errors(401, 404, 409, 422, 503)


@router.get("/cases/{key}/reasons", responses=_ERRORS)
def read_reasons(
    key: Key, service: ServiceDep, person: SignedIn, score_key: ScoreKey = None
) -> ReasonsOut:
    """Return what moved a score: single reasons with their records, and exact shares by family."""
    with service.need_store().reading() as connection:
        return answer_reasons(start_explaining(connection, service, key), score_key)


@router.get("/cases/{key}/incidents", responses=_ERRORS)
def read_incidents(
    key: Key, service: ServiceDep, person: SignedIn, score_key: ScoreKey = None
) -> IncidentsOut:
    """Return the incidents on which a score rests, with the exact share of each."""
    with service.need_store().reading() as connection:
        return answer_incidents(start_explaining(connection, service, key), score_key)


@router.get("/cases/{key}/movement", responses=_ERRORS)
def read_movement(
    key: Key,
    service: ServiceDep,
    person: SignedIn,
    score_key: ScoreKey = None,
    from_key: FromKey = None,
) -> MovementOut:
    """Return why a score moved since an earlier one, and why the case's place did."""
    with service.need_store().reading() as connection:
        return answer_movement(start_explaining(connection, service, key), score_key, from_key)


@router.get("/cases/{key}/open-questions", responses=_ERRORS)
def read_open_questions(
    key: Key, service: ServiceDep, person: SignedIn, score_key: ScoreKey = None
) -> OpenQuestionsOut:
    """Return what the file did not say, and how far each answer could move the score."""
    with service.need_store().reading() as connection:
        return answer_questions(start_explaining(connection, service, key), score_key)
