"""The model in use, the switch of the order, and stored scores.

``GET /v1/model``, ``POST /v1/ordering``, ``GET /v1/rescoring``, ``GET /v1/scores/{score_key}`` and
``GET /v1/cases/{key}/scores``. A case that is looked at blind first shows no number here either.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import AfterValidator, Field
from scipy.special import expit
from sqlalchemy import Connection, func, select

from features.engine.measurement import ENGINE_VERSION
from models.bundle.folder import Bundle
from serving.access.case_sight import find_sight
from serving.api.parameters import LAST_SEQ, Key, Limit, SeqCursor
from serving.errors import ServiceError
from serving.explanations.stored_scores import StoredScore, read_scores
from serving.explanations.stored_scores import read_score as read_stored
from serving.lists.blind_review import is_blind
from serving.persons import SignedIn
from serving.schemas import Strict
from serving.scoring.bundle_uses import read_use
from serving.scoring.ordering import Ordering, read_ordering, read_switch, switch_ordering
from serving.service import ServiceDep
from serving.standing.states import OPEN
from serving.store.database import Unit
from serving.store.paging import cut_page
from serving.store.row_text import Clockface
from serving.store.schema import cases, standings
from serving.web.error_answers import describe_errors

router = APIRouter(prefix="/v1", tags=["models"])
_MOST_WHY: Final = 2_000
_SAYS_SOMETHING: Final = r"[^\s\x00]"
"""At least one character that both databases can hold."""


Why = Annotated[str, AfterValidator(lambda text: text.replace("\0", "").strip())]


@dataclass(frozen=True, kw_only=True)
class ModelledOut:
    """An outcome that has a model."""

    name: str
    label: str
    horizon: str


@dataclass(frozen=True, kw_only=True)
class OrderingOut:
    """The order of priority places, and who turned the switch last."""

    ordering: Annotated[Ordering, Field(description="What holds; the longest wait with no model.")]
    switch: Ordering
    why: str | None
    person: str | None
    switched_at: str | None


@dataclass(frozen=True, kw_only=True)
class ModelOut:
    """The model in use; everything of it is empty where none is."""

    bundle_id: str | None
    in_use_since: str | None
    catalogue: str | None
    catalogue_digest: str | None
    engine_version: str
    outcomes: tuple[ModelledOut, ...]
    fault: Annotated[str | None, Field(description="Why a newer bundle was refused.")]
    ordering: OrderingOut


class OrderingIn(Strict):
    """The order to switch to, and why."""

    ordering: Ordering
    why: Why = Field(pattern=_SAYS_SOMETHING, max_length=_MOST_WHY)


@dataclass(frozen=True, kw_only=True)
class RescoringOut:
    """How far the scores of cases that are not closed are behind their records."""

    n_open: int
    n_behind: Annotated[int, Field(description="Scored, and something came since.")]
    n_unscored: int
    oldest_as_of: Annotated[str | None, Field(description="The oldest score among those behind.")]
    unscored_since: Annotated[str | None, Field(description="When the first unscored one arrived.")]


@dataclass(frozen=True, kw_only=True)
class StoredScoreOut:
    """A score as it was given; without its numbers where the case is looked at blind first.

    Its key is left out then as well, since the key of a score leads on in the order of priority.
    """

    score_key: str | None
    case_key: str
    withheld: bool
    as_of: str
    known_seq: Annotated[int, Field(description="The last row that it had read, in stored order.")]
    occasion: str
    bundle_id: str
    catalogue_digest: str
    engine_version: str
    priority: float | None = None
    priority_as_recorded: float | None = None
    leading_outcome: str | None = None
    log_odds: Mapping[str, float] | None = None
    probabilities: dict[str, float] | None = None


@dataclass(frozen=True, kw_only=True)
class StoredScoresOut:
    """Some of a case's scores, the latest first."""

    scores: tuple[StoredScoreOut, ...]
    next_cursor: int | None


@router.get("/model", responses=describe_errors(400, 401, 422, 503))
def read_model(service: ServiceDep, person: SignedIn) -> ModelOut:
    """Return the model in use, since when, and what is wrong with a newer one."""
    unit = service.need_unit()
    bundle = service.champion.find()
    with service.need_store().reading() as connection:
        since = None if bundle is None else read_use(connection, bundle.id)
        ordering = _describe_ordering(connection, bundle, unit)
    return ModelOut(
        bundle_id=bundle.id if bundle else None,
        in_use_since=Clockface(unit.time_zone).show_any(since),
        catalogue=bundle.catalogue.name if bundle else None,
        catalogue_digest=bundle.catalogue.digest if bundle else None,
        engine_version=bundle.engine_version if bundle else ENGINE_VERSION,
        outcomes=_list_outcomes(bundle) if bundle else (),
        fault=service.champion.fault,
        ordering=ordering,
    )


def _list_outcomes(bundle: Bundle) -> tuple[ModelledOut, ...]:
    return tuple(
        ModelledOut(name=one.name, label=one.label, horizon=str(one.horizon))
        for one in bundle.catalogue.outcomes
        if one.name in bundle.outcomes
    )


def _describe_ordering(connection: Connection, bundle: Bundle | None, unit: Unit) -> OrderingOut:
    latest = read_switch(connection)
    return OrderingOut(
        ordering=read_ordering(connection, has_model=bundle is not None),
        switch=read_ordering(connection),
        why=latest.why if latest is not None else None,
        person=latest.person if latest is not None else None,
        switched_at=None
        if latest is None
        else Clockface(unit.time_zone).show(latest.switched_at_us),
    )


@router.post("/ordering", responses=describe_errors(400, 401, 403, 413, 415, 422, 503))
def post_ordering(asked: OrderingIn, service: ServiceDep, person: SignedIn) -> OrderingOut:
    """Switch the order of priority places; the duty role and administrators may."""
    with service.need_store().writing() as writing:
        switch_ordering(writing, person, asked.ordering, asked.why)
        return _describe_ordering(writing.connection, service.champion.find(), service.need_unit())


@router.get("/rescoring", responses=describe_errors(400, 401, 422, 503))
def read_rescoring(service: ServiceDep, person: SignedIn) -> RescoringOut:
    """Return how many scores are behind their cases' records, and since when."""
    unit, table = service.need_unit(), standings.c
    behind = table.score_key.is_not(None) & (table.record_seq > table.known_seq)
    with service.need_store().reading() as connection:
        in_sight = find_sight(connection, person).of_key(connection, table.case_key)
        is_open = table.state.in_(OPEN) & in_sight
        total = connection.execute(
            select(func.count()).select_from(standings).where(is_open)
        ).scalar_one()
        late = connection.execute(
            select(func.count(), func.min(table.scored_as_of_us)).where(is_open, behind)
        ).one()
        without = connection.execute(
            select(func.count(), func.min(table.arrived_at_us)).where(
                is_open, table.score_key.is_(None)
            )
        ).one()
    return RescoringOut(
        n_open=total,
        n_behind=late[0],
        n_unscored=without[0],
        oldest_as_of=Clockface(unit.time_zone).show_any(late[1]),
        unscored_since=Clockface(unit.time_zone).show_any(without[1]),
    )


@router.get("/scores/{score_key}", responses=describe_errors(400, 401, 404, 422, 503))
def read_score(score_key: Key, service: ServiceDep, person: SignedIn) -> StoredScoreOut:
    """Return a score as it was given."""
    with service.need_store().reading() as connection:
        score = read_stored(connection, score_key)
        if score is None:
            raise _make_absent("score")
        return _describe(score, service.need_unit(), withheld=is_blind(connection, score.case_key))


@router.get("/cases/{key}/scores", responses=describe_errors(400, 401, 404, 422, 503))
def list_scores(
    key: Key,
    service: ServiceDep,
    person: SignedIn,
    cursor: SeqCursor = LAST_SEQ,
    limit: Limit = 50,
) -> StoredScoresOut:
    """Return every score that a case was given, the latest first."""
    with service.need_store().reading() as connection:
        known = select(cases.c.case_key).where(cases.c.case_key == key)
        if connection.execute(known).one_or_none() is None:
            raise _make_absent("case")
        found = read_scores(connection, key, size=limit + 1, before_seq=cursor)
        withheld = is_blind(connection, key)
    page = cut_page(found, limit, lambda one: one.stored_seq)
    return StoredScoresOut(
        scores=tuple(_describe(one, service.need_unit(), withheld=withheld) for one in page.items),
        next_cursor=page.next_cursor,
    )


def _describe(score: StoredScore, unit: Unit, *, withheld: bool) -> StoredScoreOut:
    told = StoredScoreOut(
        score_key=None if withheld else score.key,
        case_key=score.case_key,
        withheld=withheld,
        as_of=Clockface(unit.time_zone).show(score.as_of_us),
        known_seq=score.known_seq,
        occasion=score.occasion,
        bundle_id=score.bundle_id,
        catalogue_digest=score.catalogue_digest,
        engine_version=score.engine_version,
    )
    if withheld:
        return told
    return replace(
        told,
        priority=score.priority,
        priority_as_recorded=score.priority_as_recorded,
        leading_outcome=score.leading_outcome or None,
        log_odds=score.log_odds,
        probabilities={name: float(expit(odds)) for name, odds in score.log_odds.items()},
    )


def _make_absent(what: str) -> ServiceError:
    return ServiceError("not_found", f"no {what} has this key", "take a key from /v1/list")
