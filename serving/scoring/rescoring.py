"""Scoring the store's cases: what changed at once, everything nightly and on promotion.

A score rests on the rows up to its ``known_seq``, read at its ``as_of_us``; both are stored with
it, so that it can be computed again (promise 7). Scores are added, never changed.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from sqlalchemy import Connection, Row, insert, select
from sqlalchemy.exc import SQLAlchemyError

from features.history.columns import History
from models.bundle.contributions import explain
from models.bundle.folder import Bundle
from models.ranking.order import RankedCases, order_cases
from serving.flags.flag_catalogue import read_flag_catalogue
from serving.flags.flags import raise_flags
from serving.scoring.bundle_uses import note_first_use
from serving.standing.case_facts import find_merged
from serving.standing.standings import ScoredCases, StandingRules
from serving.standing.states import either
from serving.store.database import Store, Unit, Writing, make_key
from serving.store.histories import read_head, read_history
from serving.store.lookups import is_among
from serving.store.schema import scores, standings

Occasion = Literal["import", "nightly", "promotion"]
CASES_A_TIME: Final = 2_000
ACKNOWLEDGE_MINUTES: Final = 30
"""As in :class:`serving.settings.Settings`, where nothing else is said."""


@dataclass(frozen=True)
class _Scored:
    """Cases scored and not stored yet; everything in the order of ``case_keys``."""

    case_keys: tuple[str, ...]
    history: History
    as_of_us: int
    known_seq: int
    standing: RankedCases
    families: tuple[str | None, ...]


def score_cases(
    store: Store,
    bundle: Bundle,
    case_keys: Collection[str],
    unit: Unit,
    occasion: Occasion,
    rules: StandingRules | None = None,
    *,
    minutes: int = ACKNOWLEDGE_MINUTES,
    go_on: Callable[[], bool] = lambda: True,
    stale: bool = False,
) -> int:
    """Score some cases, and raise their flags; for a night or a promotion the closed are left out.

    A case whose records changed is measured though it is closed: a flag may be what brings it back.
    Only of one that was merged into another no flag is raised, since nobody decides on it; its
    records raise them where they were copied to. Cases outside the catalogue's cohort are scored
    as well. A case that another process scored meanwhile, with the same bundle and as much known,
    is left as it is.

    Parameters
    ----------
    store, unit
        The store and what holds for all of it.
    bundle
        The model; every score names it.
    case_keys
        The cases.
    occasion
        Why they are scored.
    rules
        What standings rest on beside the records.
    minutes
        Time within which the duty role acknowledges an urgent flag.
    go_on
        Asked between chunks; scoring ends early where it says no.
    stale
        Whether those are left out whose records are no newer than their score.

    Returns
    -------
    int
        How many scores were added.

    Raises
    ------
    Exception
        If a case could not be scored, what it failed with, once all others are scored.
    """
    added, faults = 0, list[Exception]()
    waiting = [*_part(sorted(set(case_keys)))][::-1]
    while waiting and go_on():
        keys = waiting.pop()
        try:
            found = _compute(store, bundle, keys, unit, occasion, stale=stale)
        # The database fails for every case alike: parting them would only ask it more often.
        except SQLAlchemyError:
            raise
        except Exception as error:
            # One case that cannot be scored keeps no other from its score.
            half = len(keys) // 2
            waiting += [keys[half:], keys[:half]] if half else []
            faults += [] if half else [error]
            continue
        if found is not None:
            added += _store(store, bundle, found, occasion, rules or StandingRules(), minutes)
    if faults:
        raise faults[0]
    return added


def score_stale(
    store: Store,
    bundle: Bundle | None,
    unit: Unit,
    rules: StandingRules | None = None,
    minutes: int = ACKNOWLEDGE_MINUTES,
    *,
    case_keys: Collection[str] | None = None,
    go_on: Callable[[], bool] = lambda: True,
) -> int:
    """Score the cases whose records are newer than their score; return how many scores were added.

    Parameters
    ----------
    store, bundle, unit, rules, minutes, go_on
        As for :func:`score_cases`; without a bundle nothing is done.
    case_keys
        Only these cases; all where absent.
    """
    if bundle is None:
        return 0
    if case_keys is None:
        with store.reading() as connection:
            case_keys = find_stale(connection)
    return score_cases(
        store, bundle, case_keys, unit, "import", rules, minutes=minutes, go_on=go_on, stale=True
    )


_IS_STALE: Final = standings.c.record_seq > standings.c.known_seq


def find_stale(connection: Connection) -> list[str]:
    """Return the keys of the cases, closed or not, whose records are newer than their score."""
    return list(connection.execute(select(standings.c.case_key).where(_IS_STALE)).scalars())


def _part(keys: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), CASES_A_TIME):
        yield keys[start : start + CASES_A_TIME]


def _compute(
    store: Store,
    bundle: Bundle,
    keys: list[str],
    unit: Unit,
    occasion: Occasion,
    *,
    stale: bool,
) -> _Scored | None:
    """Score some cases from one state of the store; nothing is held up meanwhile."""
    with store.reading() as connection:
        known_seq, as_of_us = read_head(connection), store.clock()
        wanted = _leave_there(connection, keys, closed=occasion == "import", stale=stale)
        if not wanted:
            return None
        history = read_history(
            connection, wanted, unit, extract_at_us=as_of_us, known_seq=known_seq
        )
    standing = order_cases(bundle, history, as_of_us, np.arange(len(history), dtype=np.int64))
    return _Scored(
        case_keys=tuple(str(key) for key in history.case_id[standing.case]),
        history=history,
        as_of_us=as_of_us,
        known_seq=known_seq,
        standing=standing,
        families=lead_families(bundle, standing),
    )


def _leave_there(
    connection: Connection, keys: list[str], *, closed: bool, stale: bool
) -> list[str]:
    query = select(standings.c.case_key).where(is_among(connection, standings.c.case_key, keys))
    if not closed:
        query = query.where(standings.c.state.not_in(either("closed")))
    if stale:
        query = query.where(_IS_STALE)
    return list(connection.execute(query).scalars())


def lead_families(bundle: Bundle, standing: RankedCases) -> tuple[str | None, ...]:
    """Return for each case the family that moved its leading outcome up most; ``None`` where none
    did, or no outcome has a model.
    """
    found: list[str | None] = [None] * len(standing.case)
    leading = np.array(standing.leading, dtype=object)
    for outcome, model in bundle.outcomes.items():
        rows = np.flatnonzero(leading == outcome)
        if not len(rows):
            continue
        shares = explain(model, bundle.encoding, standing.values[rows])
        by_family = shares.by_family(bundle.catalogue)
        names, sums = list(by_family), np.array(list(by_family.values()))
        first = sums.argmax(axis=0)
        for row, place, largest in zip(rows, first, sums.max(axis=0), strict=True):
            found[row] = names[place] if largest > 0 else None
    return tuple(found)


def _store(
    store: Store,
    bundle: Bundle,
    found: _Scored,
    occasion: Occasion,
    rules: StandingRules,
    minutes: int,
) -> int:
    with store.writing() as writing:
        writing.take_seq(0)  # from here on nobody else adds a score
        before = _read_before(writing.connection, found.case_keys)
        if all(row.bundle_id != bundle.id for row in before):  # else its use is on record
            note_first_use(writing, bundle.id, found.as_of_us)
        wanted = _leave_wanted(before, bundle, found)
        places = [place for place, key in enumerate(found.case_keys) if key in wanted]
        score_keys = _add_scores(writing, bundle, found, places, occasion)
        closed = [key for key, state in wanted.items() if state in either("closed")]
        _raise(writing, bundle, found, wanted, closed, minutes, score_keys)
        families = {score_keys[found.case_keys[n]]: found.families[n] for n in places}
        writing.touch(score_keys, ScoredCases(rules, families))
    return len(places)


def _read_before(connection: Connection, case_keys: Collection[str]) -> list[Row[Any]]:
    """Return what the latest scores of some cases rest on, and the states of the cases."""
    columns = (standings.c[name] for name in ("case_key", "state", "known_seq"))
    query = (
        select(*columns, scores.c.as_of_us, scores.c.bundle_id)
        .outerjoin(scores, scores.c.score_key == standings.c.score_key)
        .where(is_among(connection, standings.c.case_key, case_keys))
    )
    return list(connection.execute(query))


def _leave_wanted(before: Sequence[Row[Any]], bundle: Bundle, found: _Scored) -> dict[str, str]:
    """Return the cases that are still there and that nobody scored as well meanwhile, with the
    states that they are in.
    """
    return {
        row.case_key: row.state
        for row in before
        if row.bundle_id != bundle.id
        or row.known_seq < found.known_seq
        or row.as_of_us < found.as_of_us
    }


def _add_scores(
    writing: Writing, bundle: Bundle, found: _Scored, places: Sequence[int], occasion: Occasion
) -> dict[str, str]:
    """Add the scores at some places; return their keys by case key."""
    if not places:
        return {}
    first_seq = writing.take_seq(len(places))
    standing = found.standing
    rows: list[dict[str, Any]] = [
        {
            "score_key": make_key(),
            "case_key": found.case_keys[place],
            "as_of_us": found.as_of_us,
            "known_seq": found.known_seq,
            "occasion": occasion,
            "bundle_id": bundle.id,
            "catalogue_digest": bundle.catalogue.digest,
            "engine_version": bundle.engine_version,
            "priority": float(standing.priority[place]),
            "priority_as_recorded": float(standing.as_recorded[place]),
            "leading_outcome": standing.leading[place],
            "log_odds": {name: float(column[place]) for name, column in standing.log_odds.items()},
            "stored_seq": first_seq + number,
        }
        for number, place in enumerate(places)
    ]
    writing.connection.execute(insert(scores), rows)
    return {str(row["case_key"]): str(row["score_key"]) for row in rows}


def _raise(
    writing: Writing,
    bundle: Bundle,
    found: _Scored,
    wanted: Collection[str],
    closed: Collection[str],
    minutes: int,
    score_keys: Mapping[str, str],
) -> None:
    merged = find_merged(writing.connection, closed, writing.now_us) if closed else frozenset()
    keys = set(wanted) - merged
    if keys:
        flags = read_flag_catalogue(writing.connection, bundle)
        raise_flags(
            writing,
            flags.catalogue,
            found.history,
            keys,
            found.as_of_us,
            minutes,
            score_keys,
            flags.plan,
        )
