"""What changed in a case when the unit handed it back: a look within cases, not between them.

Cases are taken on for what is recorded and for what is not, so that managed and other cases differ
in ways that no record tells, and the unit's effect hides between them. A case is its own control:
grave incidents in the weeks before it was handed back, while it was managed, are held against those
in the weeks after. What changes with time alone is taken off by cases that were never managed, at
the same ages (a difference in differences of rates).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

import numpy as np

from features.catalogue.declarations import DAY_US, Catalogue, Expression, Measure, Selector
from features.contract.arrays import MISSING, Float64, Int64
from features.engine.measurement import Queries, compile_expressions, measure_queries
from features.engine.plan import NamedExpression
from features.history.columns import History
from models.run_figures.fitting import HandbackFigures
from training.practice.grave_incidents import find_grave_value

WEEKS: Final = 8
"""On either side. Shorter finds too few incidents, longer meets what else has changed."""
_WINDOW_US: Final = WEEKS * 7 * DAY_US
_LAG_US: Final = 28 * DAY_US
"""Left before the extract, so that what is recorded late does not look like a fall."""
LEAST_INCIDENTS: Final = 20
"""In each of the four counts; fewer say nothing."""
_Z_95: Final = 1.959964
_Z_99: Final = 2.575829


@dataclass(frozen=True)
class HandbackComparison:
    """Grave incidents before and after cases were handed back, beside cases never managed.

    Parameters
    ----------
    n_handbacks, n_controls
        Cases on either side.
    before, after, control_before, control_after
        Incidents in the weeks before and after, and at the same ages of the controls.
    relative
        The rate while managed over the rate afterwards, over the same of the controls; below 1 it
        was lower while managed than time alone explains.
    low, high
        Its 95 % interval, clustered by case.
    """

    n_handbacks: int
    n_controls: int
    before: int
    after: int
    control_before: int
    control_after: int
    relative: float | None
    low: float | None
    high: float | None

    @property
    def looks_safer(self) -> bool:
        """Whether cases had fewer grave incidents while managed than afterwards.

        Said only at 99 in 100: the same question is asked of every run, and most units' work leaves
        no such mark.
        """
        if self.relative is None or self.low is None or self.high is None:
            return False
        spread = np.log(self.high / self.low) / (2 * _Z_95)
        return bool(np.log(self.relative) < -_Z_99 * spread)

    @property
    def figures(self) -> HandbackFigures:
        """The comparison as ``metrics.json`` holds it."""
        return HandbackFigures(**asdict(self), weeks=WEEKS, words=self.describe())

    def describe(self) -> str:
        """Say what was found."""
        if self.relative is None:
            return "too few grave incidents around hand-backs to tell what management hides"
        figures = f"{self.relative:.2f} times [{self.low:.2f}, {self.high:.2f}]"
        if self.looks_safer:
            return (
                "WARNING: managed cases look safer than they are. While the unit had them in hand, "
                f"cases had {figures} the grave incidents that they had afterwards, beyond what "
                "time alone explains. What is estimated is the outcome under past practice; the "
                "same history without the unit's work may be estimated too low"
            )
        return (
            f"while managed, cases had {figures} the grave incidents that they had afterwards, "
            "beyond what time alone explains: no sign that the unit's work hides risk, which does "
            "not show that it hides none"
        )


def compare_handbacks(
    history: History, catalogue: Catalogue, state: str, *, until_us: int
) -> HandbackComparison | None:
    """Compare the weeks before and after hand-backs.

    Parameters
    ----------
    state
        The state in which the unit has a case in hand.
    until_us
        What was recorded before it is read, microseconds UTC.

    Returns
    -------
    HandbackComparison or None
        ``None`` where the catalogue has no such state or nothing was handed back.
    """
    starts = [kind.name for kind in catalogue.kinds.values() if kind.starts == state]
    ends = [kind.name for kind in catalogue.kinds.values() if kind.ends == state]
    last_us = until_us - _LAG_US - _WINDOW_US
    case, moment = _first_events(history, ends, last_us)
    ever, _ = _first_events(history, starts, until_us)
    if not ends or not len(case):
        return None
    never = np.setdiff1d(np.arange(len(history), dtype=np.int64), ever)
    ages = moment - history.case_recorded_at[case]
    # At the ages of those handed back, in turn, so that what age alone changes cancels (ADR 10).
    control_moment = history.case_recorded_at[never] + np.resize(np.sort(ages), len(never))
    in_time = control_moment < last_us
    never, control_moment = never[in_time], control_moment[in_time]
    treated = _count_around(history, catalogue, case, moment, until_us)
    control = _count_around(history, catalogue, never, control_moment, until_us)
    return _compare(treated, control)


def _first_events(history: History, kinds: Sequence[str], before_us: int) -> tuple[Int64, Int64]:
    """Return each case's first event of some kinds that occurred before a moment, and when."""
    events = history.events
    codes = [events.kind.values.index(kind) for kind in kinds if kind in events.kind.values]
    chosen = np.flatnonzero(
        np.isin(events.kind.codes, codes)
        & (events.via.codes == MISSING)
        & events.measured
        & (events.occurred_at < before_us)
    )
    case = np.searchsorted(events.pointer, chosen, side="right") - 1
    cases, first = np.unique(case, return_index=True)
    return cases.astype(np.int64), events.occurred_at[chosen[first]]


def _count_around(
    history: History, catalogue: Catalogue, case: Int64, moment: Int64, known_us: int
) -> Float64:
    """Return grave incidents in the weeks before and after each moment, shape ``(n, 2)``."""
    least = find_grave_value(history)
    counted = Expression(Measure.COUNT, of=Selector(value_min=least), within_us=_WINDOW_US)
    plan = compile_expressions(catalogue, [NamedExpression(("grave",), counted)])
    known_at = np.full(len(case), known_us, dtype=np.int64)
    parts = []
    for anchor in (moment, moment + _WINDOW_US):
        queries = Queries(case, anchor, anchor, known_at)
        parts.append(measure_queries(history, plan, queries)[:, 0])
    return np.column_stack(parts)


def _compare(treated: Float64, control: Float64) -> HandbackComparison:
    sums = [*treated.sum(axis=0), *control.sum(axis=0)]
    before, after, control_before, control_after = (int(one) for one in sums)
    counted = HandbackComparison(
        n_handbacks=len(treated),
        n_controls=len(control),
        before=before,
        after=after,
        control_before=control_before,
        control_after=control_after,
        relative=None,
        low=None,
        high=None,
    )
    if min(sums) < LEAST_INCIDENTS:
        return counted
    relative = (sums[0] / sums[1]) / (sums[2] / sums[3])
    # Linearised: each case's share of the log of each count; incidents of a case come in bursts.
    own = treated[:, 0] / sums[0] - treated[:, 1] / sums[1]
    others = control[:, 0] / sums[2] - control[:, 1] / sums[3]
    spread = float(np.sqrt((own**2).sum() + (others**2).sum()))
    return replace(
        counted,
        relative=float(relative),
        low=float(relative * np.exp(-_Z_95 * spread)),
        high=float(relative * np.exp(_Z_95 * spread)),
    )
