"""Why a case moved between two moments: five switches, shared out exactly (design section 7).

Each switch is as it was then or as it is now: records that came since, corrections of earlier
records, time that has passed, the model, and the catalogue. All 32 settings are measured by the
real engine, so that the shares add up to the change of the served log-odds.

Where time stands as it was and new records count, these count as if they had happened and come in
just before the earlier moment, in their own order. Where the model reads another catalogue than its
own, an indicator that the other does not have is missing. A catalogue is measured by the engine of
its bundle, so that what another engine moves is part of that switch.
"""

import dataclasses
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.contract.arrays import Float64, Int64
from features.engine.measurement import Queries
from features.engine.measurement import measure_queries as measure_rows
from features.history.columns import History
from models.bundle.folder import Bundle
from models.explanations.case_diff import Side, lay_side_by_side, only_case, repeat_rows
from models.explanations.incident_groups import name_day
from models.explanations.shapley import Bools, list_subsets, share_out
from models.ranking.advice import Estimate
from models.ranking.estimates import make_estimate
from models.wording.sentences import format_probability, say

SWITCHES: Final = ("new_records", "corrections", "passing_time", "model", "catalogue")
_NEW, _CORRECTIONS, _TIME, _MODEL, _CATALOGUE = range(len(SWITCHES))
_LEAST_SHARE: Final = 0.005
"""Log-odds; what moved a score by less is worded as no change of it."""


@dataclass(frozen=True)
class MovementEnd:
    """One case as it was scored.

    Parameters
    ----------
    bundle
        The model and its catalogue.
    history
        What was stored then.
    case
        Number of the case in that history.
    as_of_us
        The moment, microseconds UTC, exclusive on both clocks.
    """

    bundle: Bundle
    history: History
    case: int
    as_of_us: int


@dataclass(frozen=True)
class SwitchShare:
    """What one of ``SWITCHES`` moved, in log-odds, and the records it is made of."""

    switch: str
    share: float
    sentence: str
    records: tuple[str, ...] = ()


@dataclass(frozen=True)
class Movement:
    """Why one outcome's score moved.

    ``before.log_odds`` and the shares add up to ``after.log_odds``, to 1e-9. ``sentence`` states
    the two probabilities.
    """

    outcome: str
    before: Estimate
    after: Estimate
    shares: tuple[SwitchShare, ...]
    sentence: str


def explain_movement(before: MovementEnd, after: MovementEnd) -> tuple[Movement, ...]:
    """Return why the scores of one case moved, for each outcome that both bundles model.

    Raises
    ------
    ValueError
        If the later moment is not the later, or the two are not of one case.
    """
    if after.as_of_us < before.as_of_us:
        raise ValueError("the second moment is earlier than the first; swap them")
    if before.history.case_id[before.case] != after.history.case_id[after.case]:
        raise ValueError("the moments are of two cases; name one case twice")
    sides = _lay_out(before, after)
    names = [name for name in before.bundle.outcomes if name in after.bundle.outcomes]
    worth = _measure_all(before, after, sides, names)
    shares = share_out(worth)
    return tuple(
        Movement(
            outcome=name,
            before=make_estimate(before.bundle, name, float(worth[0, column])),
            after=make_estimate(after.bundle, name, float(worth[-1, column])),
            shares=_describe_shares(sides, shares[:, column]),
            sentence=_describe_change(before, after, name, worth[[0, -1], column]),
        )
        for column, name in enumerate(names)
    )


def _lay_out(before: MovementEnd, after: MovementEnd) -> tuple[Side, Side]:
    """Return the case's events and facts as they are at the two moments."""
    old = only_case(before.history, before.case)
    new = only_case(after.history, after.case)
    then_us, now_us = before.as_of_us, after.as_of_us
    return (
        lay_side_by_side(old[0], new[0], then_us, now_us),
        lay_side_by_side(old[1], new[1], then_us, now_us),
    )


def _measure_all(
    before: MovementEnd, after: MovementEnd, sides: tuple[Side, Side], names: list[str]
) -> Float64:
    """Return the log-odds of every setting, shape ``(32, n_outcomes)``."""
    settings = list_subsets(_MODEL)
    variants = _make_variants(before, after, sides, settings)
    moment = np.where(settings[:, _TIME], after.as_of_us, before.as_of_us).astype(np.int64)
    queries = Queries(np.arange(len(settings)), moment, moment, moment)
    worth = np.empty((len(settings), 2, 2, len(names)))
    for place, source in enumerate((before.bundle, after.bundle)):
        values = measure_rows(variants, source.plan, queries, threads=1)
        for model, bundle in enumerate((before.bundle, after.bundle)):
            x = bundle.encoding.encode(_read_as(values, source, bundle))
            for column, name in enumerate(names):
                worth[:, model, place, column] = bundle.outcomes[name].log_odds(x)
    # The first switch is the fastest to turn: records and time, then model, then catalogue.
    return worth.transpose(2, 1, 0, 3).reshape(-1, len(names))


def _read_as(values: Float64, source: Bundle, reader: Bundle) -> Float64:
    """Return the columns of one bundle's catalogue out of those of another's, by name."""
    if source.catalogue.columns == reader.catalogue.columns:
        return values
    place = {name: column for column, name in enumerate(source.catalogue.columns)}
    read = np.full((len(values), len(reader.catalogue.columns)), np.nan)
    for column, name in enumerate(reader.catalogue.columns):
        if name in place:
            read[:, column] = values[:, place[name]]
    return read


def _make_variants(
    before: MovementEnd, after: MovementEnd, sides: tuple[Side, Side], settings: Bools
) -> History:
    """Return a history in which each setting of records and time is a case of its own."""
    events, facts = sides
    then_us, now_us = before.as_of_us, after.as_of_us
    same = np.full(len(settings), after.case, dtype=np.int64)
    by_then = ~settings[:, [_TIME]] & ~events.known
    # mypy cannot tell that this side is of events: facts happen at no moment.
    moved = np.where(by_then, _before(events.table.occurred_at, then_us, now_us), 0)  # type: ignore[union-attr]
    occurred = np.where(by_then, moved, events.table.occurred_at)  # type: ignore[union-attr]
    history = after.history
    return dataclasses.replace(
        history,
        case_id=history.case_id[same],
        case_recorded_at=history.case_recorded_at[same],
        area=dataclasses.replace(history.area, codes=history.area.codes[same]),
        referral_source=dataclasses.replace(
            history.referral_source, codes=history.referral_source.codes[same]
        ),
        events=repeat_rows(
            events.table,
            _present(events, settings),
            occurred_at=occurred,
            recorded_at=_recorded(events, settings, then_us),
        ),
        facts=repeat_rows(
            facts.table,
            _present(facts, settings),
            recorded_at=_recorded(facts, settings, then_us),
        ),
    )


def _present(side: Side, settings: Bools) -> Bools:
    """Return which rows each setting has, shape ``(n_settings, n)``."""
    new, corrected = settings[:, [_NEW]], settings[:, [_CORRECTIONS]]
    earlier = np.where(corrected, side.now, side.then)
    later = side.now & np.where(side.corrects, corrected, new)
    return np.where(side.known, earlier, later)


def _recorded(side: Side, settings: Bools, then_us: int) -> Int64:
    # As if it had been known then, which is strictly before the moment.
    early = np.minimum(side.table.recorded_at, then_us - 1)
    return np.where(settings[:, [_TIME]], side.table.recorded_at, early)


def _before(occurred: Int64, then_us: int, now_us: int) -> Int64:
    """Return when later events occurred, moved to just before the earlier moment in their order."""
    moved = (occurred >= then_us) & (occurred < now_us)
    moments, place = np.unique(occurred[moved], return_inverse=True)
    found = occurred.copy()
    found[moved] = then_us - len(moments) + place
    return found


def _describe_change(
    before: MovementEnd, after: MovementEnd, outcome: str, log_odds: Float64
) -> str:
    """Return the two probabilities in words, each with its day."""
    zone = after.history.time_zone
    ends = [
        make_estimate(one.bundle, outcome, float(value))
        for one, value in zip((before, after), log_odds, strict=True)
    ]
    return say(
        "moved_from_to",
        label=ends[1].label,
        before=format_probability(ends[0].probability),
        then=name_day(before.as_of_us, zone),
        after=format_probability(ends[1].probability),
        now=name_day(after.as_of_us, zone),
    )


def _describe_shares(sides: tuple[Side, Side], shares: Float64) -> tuple[SwitchShare, ...]:
    records = {
        "new_records": _keys(sides, "new"),
        "corrections": _keys(sides, "corrected"),
    }
    return tuple(
        SwitchShare(name, float(share), _describe_share(name, float(share)), records.get(name, ()))
        for name, share in zip(SWITCHES, shares, strict=True)
    )


def _keys(sides: tuple[Side, Side], which: str) -> tuple[str, ...]:
    return tuple(
        key
        for side in sides
        for key, wanted in zip(side.keys, getattr(side, which), strict=True)
        if wanted
    )


def _describe_share(switch: str, share: float) -> str:
    what = say(f"switch_{switch}")
    if abs(share) < _LEAST_SHARE:
        return say("switch_unmoved", what=what)
    return say("switch_moved", what=what, way="up" if share > 0 else "down")
