"""Whether what the model estimates came true for cases that were listed, joined by import."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from sqlalchemy import Connection, select

from features.catalogue.declarations import Catalogue, Outcome
from features.contract.arrays import Int64
from features.engine.outcomes import horizon_end, label_landmarks
from serving.access.case_sight import EVERYTHING, Sight
from serving.lists.sitting_counts import find_counted
from serving.results.missed_cases import Draw, MissedEstimate, estimate_missed
from serving.store.database import Unit
from serving.store.histories import read_history
from serving.store.schema import list_places, sittings

_KEYS_PER_PART: Final = 2_000


@dataclass(frozen=True)
class Listed:
    """One place of one list.

    Parameters
    ----------
    case_key, sitting_key
        Which case, at which sitting.
    rule, probability
        Why it was there, and how likely where chance decided.
    as_of_us
        The moment of the list, microseconds UTC.
    """

    case_key: str
    sitting_key: str
    rule: str
    probability: float | None
    as_of_us: int


@dataclass(frozen=True)
class SittingSize:
    """How many cases could have been on a sitting's list, and how many were."""

    sitting_key: str
    as_of_us: int
    n_eligible: int
    n_listed: int


@dataclass(frozen=True)
class RuleHits:
    """Places by one rule: all, those whose outcome is known, and those that had it.

    ``share`` is of the known ones; ``None`` where none is known.
    """

    rule: str
    n_places: int
    n_known: int
    n_reached: int
    share: float | None


@dataclass(frozen=True)
class OutcomeFindings:
    """One outcome over all sittings whose window and maturity have passed.

    Parameters
    ----------
    outcome, label
        Its name and its words.
    n_sittings, n_not_yet
        Sittings that count, and those whose time has not passed.
    hits
        By rule, in the order in which rules match.
    missed
        What the random draw says of cases that were not listed.
    """

    outcome: str
    label: str
    n_sittings: int
    n_not_yet: int
    hits: tuple[RuleHits, ...]
    missed: MissedEstimate


def read_outcomes(
    connection: Connection,
    catalogue: Catalogue,
    unit: Unit,
    now_us: int,
    rules: Sequence[str],
    sight: Sight = EVERYTHING,
) -> tuple[OutcomeFindings, ...]:
    """Label every listed case with each outcome, from what the store knows now.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    catalogue
        The outcomes.
    unit
        What holds for the whole store.
    now_us
        The moment, microseconds UTC; records in force strictly before it count.
    rules
        The rules by which cases are listed, in the order in which they match.
    sight
        Which cases are counted.
    """
    places = _read_places(connection, sight)
    sizes = _read_sizes(connection, places, sight)
    reached: dict[str, dict[Listed, bool]] = {outcome.name: {} for outcome in catalogue.outcomes}
    keys = sorted({place.case_key for place in places})
    for at in range(0, len(keys), _KEYS_PER_PART):
        part = keys[at : at + _KEYS_PER_PART]
        wanted = set(part)
        some = [place for place in places if place.case_key in wanted]
        for name, known in _label(connection, catalogue, unit, now_us, part, some).items():
            reached[name].update(known)
    return tuple(
        _sum_up(outcome, unit, now_us, places, sizes, reached[outcome.name], rules)
        for outcome in catalogue.outcomes
    )


def _read_places(connection: Connection, sight: Sight) -> list[Listed]:
    query = (
        select(
            list_places.c.case_key,
            list_places.c.sitting_key,
            list_places.c.rule,
            list_places.c.probability,
            sittings.c.as_of_us,
        )
        .join(sittings, sittings.c.sitting_key == list_places.c.sitting_key)
        .where(sight.of_key(connection, list_places.c.case_key))
        .order_by(sittings.c.stored_seq, list_places.c.position)
    )
    return [Listed(*row) for row in connection.execute(query)]


def _read_sizes(
    connection: Connection, places: Sequence[Listed], sight: Sight
) -> list[SittingSize]:
    listed: dict[str, int] = {}
    for place in places:
        listed[place.sitting_key] = listed.get(place.sitting_key, 0) + 1
    query = select(
        sittings.c.sitting_key, sittings.c.as_of_us, sittings.c.n_eligible, sittings.c.stored_seq
    )
    rows = connection.execute(query.order_by(sittings.c.stored_seq)).all()
    out = find_counted(connection, [(row.sitting_key, row.stored_seq) for row in rows], sight)
    return [
        SittingSize(
            row.sitting_key,
            row.as_of_us,
            row.n_eligible - sum(case.is_eligible for case in out[row.sitting_key]),
            n_listed=listed.get(row.sitting_key, 0),
        )
        for row in rows
    ]


@dataclass(frozen=True)
class _Rows:
    """Places as rows to label."""

    case: Int64
    as_of_us: Int64


def _label(
    connection: Connection,
    catalogue: Catalogue,
    unit: Unit,
    now_us: int,
    keys: Sequence[str],
    places: Sequence[Listed],
) -> dict[str, dict[Listed, bool]]:
    """Return by outcome whether each place had it, where that can be known."""
    history = read_history(connection, keys, unit, extract_at_us=now_us)
    number = {str(key): case for case, key in enumerate(history.case_id)}
    there = [place for place in places if place.case_key in number]
    rows = _Rows(
        np.array([number[place.case_key] for place in there], dtype=np.int64),
        np.array([place.as_of_us for place in there], dtype=np.int64),
    )
    found = {}
    for outcome in catalogue.outcomes:
        labels = label_landmarks(history, catalogue, outcome, rows, known_us=now_us)
        found[outcome.name] = {
            place: bool(is_true)
            for place, is_true, is_known in zip(there, labels.y_true, labels.known, strict=True)
            if is_known
        }
    return found


def _sum_up(
    outcome: Outcome,
    unit: Unit,
    now_us: int,
    places: Sequence[Listed],
    sizes: Sequence[SittingSize],
    reached: Mapping[Listed, bool],
    rules: Sequence[str],
) -> OutcomeFindings:
    ripe = {size.sitting_key: size for size in sizes if _is_ripe(outcome, unit, size, now_us)}
    counted = [place for place in places if place.sitting_key in ripe]
    draws = [
        Draw(place.probability, reached.get(place))
        for place in counted
        if place.rule == "random" and place.probability
    ]
    return OutcomeFindings(
        outcome=outcome.name,
        label=outcome.label,
        n_sittings=len(ripe),
        n_not_yet=len(sizes) - len(ripe),
        hits=tuple(_count_hits(rule, counted, reached) for rule in rules),
        missed=estimate_missed(
            draws,
            sum(reached.get(place, False) for place in counted),
            sum(size.n_eligible - size.n_listed for size in ripe.values()),
        ),
    )


def _is_ripe(outcome: Outcome, unit: Unit, size: SittingSize, now_us: int) -> bool:
    """Return whether an outcome's window has ended and recording had time to catch up."""
    end_us = horizon_end(size.as_of_us, outcome.horizon, unit.time_zone)
    return end_us + outcome.maturity_us <= now_us


def _count_hits(rule: str, places: Sequence[Listed], reached: Mapping[Listed, bool]) -> RuleHits:
    of_rule = [place for place in places if place.rule == rule]
    known = [reached[place] for place in of_rule if place in reached]
    share = sum(known) / len(known) if known else None
    return RuleHits(rule, len(of_rule), len(known), sum(known), share)
