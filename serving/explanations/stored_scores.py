"""Scores as they were stored, and which earlier one a score is compared with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select, union_all

from serving.lists.sittings import read_last_two
from serving.store.read_once import read_once
from serving.store.schema import events, facts, links, scores, sittings

N_RECENT: Final = 12
"""As many scores as a case page shows; they are read together."""


@dataclass(frozen=True)
class StoredScore:
    """One row of the scores; moments are microseconds UTC.

    Parameters
    ----------
    key, case_key
        Opaque keys of the score and of its case.
    as_of_us, known_seq
        It rests on the case's rows up to ``known_seq``, read at ``as_of_us``.
    bundle_id, catalogue_digest, engine_version
        What gave it.
    priority, priority_as_recorded, leading_outcome, log_odds
        What it was.
    stored_seq
        Its place in the order of rows.
    occasion
        What it was given for: an import, a night, a new model.
    """

    key: str
    case_key: str
    as_of_us: int
    known_seq: int
    bundle_id: str
    catalogue_digest: str
    engine_version: str
    priority: float
    priority_as_recorded: float
    leading_outcome: str
    log_odds: Mapping[str, float]
    stored_seq: int
    occasion: str


def read_scores(
    connection: Connection, case_key: str, *, size: int, before_seq: int | None = None
) -> list[StoredScore]:
    """Return scores of a case, the latest first.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    case_key
        The case.
    size
        How many at most.
    before_seq
        Upper end, exclusive, of their places in the order of rows; none where absent.
    """
    if before_seq is None and size <= N_RECENT:
        return list(_read_recent(connection, case_key)[:size])
    query = select(scores).where(scores.c.case_key == case_key)
    if before_seq is not None:
        query = query.where(scores.c.stored_seq < before_seq)
    rows = connection.execute(query.order_by(scores.c.stored_seq.desc()).limit(size))
    return [_describe(row) for row in rows]


@read_once
def _read_recent(connection: Connection, case_key: str) -> tuple[StoredScore, ...]:
    """Return a case's latest scores: what most questions about its scores can be answered from."""
    query = select(scores).where(scores.c.case_key == case_key)
    rows = connection.execute(query.order_by(scores.c.stored_seq.desc()).limit(N_RECENT))
    return tuple(_describe(row) for row in rows)


def find_score(connection: Connection, case_key: str, score_key: str) -> StoredScore | None:
    """Return a score of a case by its key; ``None`` where it has no such score."""
    for score in _read_recent(connection, case_key):
        if score.key == score_key:
            return score
    found = read_score(connection, score_key)
    return None if found is None or found.case_key != case_key else found


def read_score(connection: Connection, score_key: str) -> StoredScore | None:
    """Return a score by its key; ``None`` where there is none."""
    query = select(scores).where(scores.c.score_key == score_key)
    return _read(connection.execute(query).one_or_none())


def read_latest(connection: Connection, case_key: str, **before: int) -> StoredScore | None:
    """Return a case's latest score; ``None`` where there is none.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    case_key
        The case.
    before
        Upper ends, exclusive, of columns of the scores: ``stored_seq``, ``known_seq``.
    """
    recent = _read_recent(connection, case_key)
    for score in recent:
        if all(getattr(score, name) < end for name, end in before.items()):
            return score
    if len(recent) < N_RECENT:
        return None
    query = select(scores).where(scores.c.case_key == case_key)
    for name, end in before.items():
        query = query.where(scores.c[name] < end)
    query = query.order_by(scores.c.stored_seq.desc()).limit(1)
    return _read(connection.execute(query).one_or_none())


def find_earlier(connection: Connection, score: StoredScore) -> StoredScore | None:
    """Return the score with which a score is compared where nobody names one.

    It is the case's score at the sitting before: the latest sitting, other than the current one,
    that was opened before the score was given. Where the case had none then, it is the latest one
    that had not read the case's newest record. ``None`` where there is neither.
    """
    found = _score_at_sitting_before(connection, score)
    if found is None:
        newest = _find_newest_record(connection, score)
        before = {"stored_seq": score.stored_seq, "known_seq": newest}
        found = read_latest(connection, score.case_key, **before)
    return None if found is None or found.as_of_us > score.as_of_us else found


def _score_at_sitting_before(connection: Connection, score: StoredScore) -> StoredScore | None:
    last_two = read_last_two(connection)
    if any(one.stored_seq < score.stored_seq for one in last_two[1:]):
        return read_latest(connection, score.case_key, stored_seq=last_two[1].stored_seq)
    query = (
        select(sittings.c.stored_seq)
        .where(sittings.c.stored_seq < score.stored_seq)
        .where(sittings.c.sitting_key != (last_two[0].key if last_two else ""))
        .order_by(sittings.c.stored_seq.desc())
        .limit(1)
    )
    opened = connection.execute(query).scalar_one_or_none()
    return None if opened is None else read_latest(connection, score.case_key, stored_seq=opened)


def _find_newest_record(connection: Connection, score: StoredScore) -> int:
    """Return the place of the case's newest record that a score had read."""
    places = union_all(
        *(
            select(table.c.stored_seq).where(
                table.c.case_key == score.case_key, table.c.stored_seq <= score.known_seq
            )
            for table in (events, facts, links)
        )
    ).subquery()
    return int(connection.execute(select(func.max(places.c.stored_seq))).scalar_one() or 0)


def _read(row: Row[Any] | None) -> StoredScore | None:
    return None if row is None else _describe(row)


def _describe(row: Row[Any]) -> StoredScore:
    return StoredScore(
        key=row.score_key,
        case_key=row.case_key,
        as_of_us=int(row.as_of_us),
        known_seq=int(row.known_seq),
        bundle_id=row.bundle_id,
        catalogue_digest=row.catalogue_digest,
        engine_version=row.engine_version,
        priority=row.priority,
        priority_as_recorded=row.priority_as_recorded,
        leading_outcome=row.leading_outcome,
        log_odds=row.log_odds,
        stored_seq=int(row.stored_seq),
        occasion=row.occasion,
    )
