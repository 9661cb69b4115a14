"""Incidents as points in time: their sums, their slope, and the gaps between them."""

from typing import Final

import numpy as np

from features.contract.arrays import Float64
from features.engine.binding import EventArrays
from features.engine.kernel.layout import DAY, Scratch, allocates_nothing
from features.engine.plan import Op

_GAP_MEDIAN: Final = int(Op.GAP_MEDIAN)
_QUIET: Final = int(Op.QUIET_THEN_RETURN)


@allocates_nothing
def collect_points(
    events: EventArrays,
    scratch: Scratch,
    n: int,
    a: int,
    b: int,
    first: int,
    anchor: int,
    stamp: int,
) -> int:
    """Keep one point per incident: its first moment, microseconds from the anchor, and its largest
    value; return how many.
    """
    count = 0
    for p in range(a, b):
        i = first + scratch.rows[n, p]
        k = events.incident[i]
        if k >= 0 and scratch.incident_mark[k] == stamp:
            held = scratch.incident_point[k]
            value = events.value[i]
            # Written with `not`, so that a value replaces an unknown one, which compares false.
            if not np.isnan(value) and not value <= scratch.point_y[held]:
                scratch.point_y[held] = value
            continue
        if k >= 0:
            scratch.incident_mark[k] = stamp
            scratch.incident_point[k] = count
        scratch.point_x[count] = float(events.occurred_at[i] - anchor)
        scratch.point_y[count] = events.value[i]
        count += 1
    return count


@allocates_nothing
def add_points(scratch: Scratch, n: int) -> float:
    """Add up the values of the first ``n`` points; missing where none is known."""
    if n == 0:
        return 0.0
    total = 0.0
    known = False
    for p in range(n):
        if not np.isnan(scratch.point_y[p]):
            total += scratch.point_y[p]
            known = True
    return total if known else np.nan


@allocates_nothing
def _sort(values: Float64, n: int) -> None:
    """Sort the first ``n`` values in place (Shell 1959, gaps of Ciura 2001)."""
    # numba's own sort allocates, and nothing in the pass may.
    gap = 1750
    while gap > 0:
        for p in range(gap, n):
            value = values[p]
            at = p
            while at >= gap and values[at - gap] > value:
                values[at] = values[at - gap]
                at -= gap
            values[at] = value
        if gap > 701:
            gap = 701
        elif gap > 301:
            gap = 301
        elif gap > 132:
            gap = 132
        elif gap > 57:
            gap = 57
        elif gap > 23:
            gap = 23
        elif gap > 10:
            gap = 10
        elif gap > 4:
            gap = 4
        elif gap > 1:
            gap = 1
        else:
            gap = 0


@allocates_nothing
def fit_slope(scratch: Scratch, n: int) -> float:
    """Return the least-squares slope a day over points whose value is known; missing under 3."""
    kept = 0
    mean_x = 0.0
    mean_y = 0.0
    for k in range(n):
        if not np.isnan(scratch.point_y[k]):
            kept += 1
            mean_x += scratch.point_x[k] / DAY
            mean_y += scratch.point_y[k]
    # A line through two points fits whatever they are.
    if kept < 3:
        return np.nan
    mean_x /= kept
    mean_y /= kept
    above = 0.0
    below = 0.0
    low = np.inf
    high = -np.inf
    for k in range(n):
        if not np.isnan(scratch.point_y[k]):
            x = scratch.point_x[k] / DAY
            above += (x - mean_x) * (scratch.point_y[k] - mean_y)
            below += (x - mean_x) ** 2
            low = min(low, x)
            high = max(high, x)
    # Rounding can leave `below` above zero where all happened at one moment.
    return above / below if high > low else np.nan


@allocates_nothing
def measure_gaps(scratch: Scratch, measure: int, n: int, quiet_us: int) -> float:
    """Measure the gaps between ``n`` incidents; the gaps take the place of the points' values."""
    if measure == _QUIET:
        returns = 0.0
        for k in range(1, n):
            if scratch.point_x[k] - scratch.point_x[k - 1] >= quiet_us:
                returns += 1.0
        return returns
    n_gaps = max(n - 1, 0)
    total = 0.0
    for k in range(n_gaps):
        scratch.point_y[k] = (scratch.point_x[k + 1] - scratch.point_x[k]) / DAY
        total += scratch.point_y[k]
    if measure == _GAP_MEDIAN:
        if n_gaps == 0:
            return np.nan
        _sort(scratch.point_y, n_gaps)
        middle = n_gaps // 2
        if n_gaps % 2:
            return scratch.point_y[middle]
        return (scratch.point_y[middle - 1] + scratch.point_y[middle]) / 2
    # One gap has no unevenness, and gaps of no length have no mean to divide by.
    if n_gaps < 2 or total <= 0:
        return np.nan
    mean = total / n_gaps
    squares = 0.0
    for k in range(n_gaps):
        squares += (scratch.point_y[k] - mean) ** 2
    return np.sqrt(squares / n_gaps) / mean
