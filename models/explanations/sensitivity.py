"""Sensitivity: records that views contradict, and dates on which records leave a period.

Shown on the screen to the person who reads the case, and nowhere else: none of this is printed,
exported or stored. It names what can be looked up, never what might happen, and compares with no
threshold.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import expit

from features.catalogue.declarations import DAY_US, Indicator
from features.contract.arrays import MISSING, Int64
from features.engine.measurement import measure
from features.evidence.records_behind import CaseMoment, records_behind
from features.history.columns import History
from features.history.subsets import keep_events, take_cases
from models.bundle.folder import Bundle
from models.explanations.incident_groups import find_units, name_day
from models.explanations.open_questions import (
    AnswerRange,
    OpenQuestion,
    describe_ranges,
    list_open_questions,
)
from models.ranking.estimates import measure_case
from models.ranking.reasons_text import first_columns
from models.wording.sentences import describe_value, say

AHEAD_US: Final = 28 * DAY_US
"""Only dates of the next four weeks are named."""


@dataclass(frozen=True)
class Dispute:
    """An incident that different views record differently.

    ``ranges`` hold each outcome's probability as recorded and with each view taken by itself.
    """

    sentence: str
    records: tuple[str, ...]
    ranges: tuple[AnswerRange, ...]


@dataclass(frozen=True)
class Leaving:
    """A record that leaves an indicator's period by the passing of time.

    ``at_us`` is the last moment at which it counts, microseconds UTC.
    """

    indicator: str
    sentence: str
    at_us: int
    record: str


@dataclass(frozen=True)
class Sensitivity:
    """What could change the score; for the screen alone."""

    questions: tuple[OpenQuestion, ...]
    disputes: tuple[Dispute, ...]
    leavings: tuple[Leaving, ...]


def find_sensitivity(bundle: Bundle, history: History, case: int, as_of_us: int) -> Sensitivity:
    """Return what could change the score of one case; for the screen alone.

    Parameters
    ----------
    bundle, history, case, as_of_us
        The model, and the case by its number in the history at a moment in microseconds UTC.

    Returns
    -------
    Sensitivity
        Disputed incidents, and dates ahead on which records leave a period.
    """
    history, case = take_cases(history, np.array([case])), 0
    return Sensitivity(
        questions=list_open_questions(bundle, history, case, as_of_us),
        disputes=_find_disputes(bundle, history, case, as_of_us),
        leavings=_find_leavings(bundle, history, case, as_of_us),
    )


def _find_disputes(
    bundle: Bundle, history: History, case: int, as_of_us: int
) -> tuple[Dispute, ...]:
    moment = CaseMoment(history, bundle.catalogue, case, as_of_us, bundle.rules)
    found = find_units(moment)
    disputed = [n for n, rows in enumerate(found.rows) if _differ(moment, rows)]
    kept = [_views(moment, found.rows[n]) for n in disputed]
    if not kept:
        return ()
    variants = keep_events(history, case, np.concatenate(kept))
    values = measure(variants, bundle.plan, as_of_us, threads=1).values
    x = bundle.encoding.encode(values)
    served = {name: expit(model.log_odds(x)) for name, model in bundle.outcomes.items()}
    ends = np.cumsum([0, *(len(some) for some in kept)])
    disputes = []
    for place, n in enumerate(disputed):
        rows = slice(ends[place], ends[place + 1])
        ranges = describe_ranges(served, rows, "views")
        unit = found.units[n]
        disputes.append(Dispute(say("in_dispute", told=unit.sentence), unit.records, ranges))
    return tuple(disputes)


def _differ(moment: CaseMoment, rows: Int64) -> bool:
    """Say whether the views of one incident differ in kind, value or detail."""
    events, first = moment.history.events, moment.rows.start
    at = first + rows
    shared = events.incident[at] != MISSING
    if not shared.any() or len(np.unique(events.view.codes[at[shared]])) == 1:
        return False
    recorded = [
        tuple(
            sorted(
                zip(
                    events.kind.codes[some].tolist(),
                    # Two unknown values agree; as NaN each would differ from itself.
                    np.nan_to_num(events.value[some], nan=-1.0).tolist(),
                    events.detail.codes[some].tolist(),
                    strict=True,
                )
            )
        )
        for view in np.unique(events.view.codes[at[shared]])
        for some in [at[shared][events.view.codes[at[shared]] == view]]
    ]
    return len(set(recorded)) > 1


def _views(moment: CaseMoment, rows: Int64) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Return which events count: as recorded, then with each view of one incident by itself."""
    views = moment.history.events.view.codes[moment.rows][rows]
    kept = [moment.usable()]
    for view in np.unique(views):
        one = moment.usable()
        one[rows[views != view]] = False
        kept.append(one)
    return np.array(kept)


def _find_leavings(
    bundle: Bundle, history: History, case: int, as_of_us: int
) -> tuple[Leaving, ...]:
    catalogue = bundle.catalogue
    values = measure_case(bundle, history, case, as_of_us)[0]
    used = set(bundle.encoding.indicator.tolist())
    found = []
    for number, column in enumerate(first_columns(catalogue)):
        indicator = catalogue.indicators[number]
        within = indicator.expression.within_us
        value = float(values[column])
        if number not in used or within is None or np.isnan(value) or value == 0:
            continue
        leaving = _first_to_leave(bundle, history, case, as_of_us, indicator)
        if leaving is None or leaving[0] + within > as_of_us + AHEAD_US:
            continue
        day = name_day(leaving[0] + within, history.time_zone)
        said = describe_value(catalogue, indicator, value)
        sentence = say("leaves_window", day=day, said=said)
        found.append(Leaving(indicator.name, sentence, leaving[0] + within, leaving[1]))
    return tuple(sorted(found, key=lambda one: (one.at_us, one.indicator)))


def _first_to_leave(
    bundle: Bundle, history: History, case: int, as_of_us: int, indicator: Indicator
) -> tuple[int, str] | None:
    """Return when the first record within the period occurred, and its key."""
    rows = history.events_of(case)
    behind = set(
        records_behind(history, bundle.catalogue, case, as_of_us, indicator.name, bundle.rules)
    )
    start = as_of_us - (indicator.expression.within_us or 0)
    inside = [
        (int(at), str(key))
        for at, key in zip(
            history.events.occurred_at[rows], history.events.event_id[rows], strict=True
        )
        if at >= start and str(key) in behind
    ]
    return min(inside, default=None)
