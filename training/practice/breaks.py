"""Changes of recording practice, found in the records themselves.

When a new form, a new rule or a new system changes what gets written down, outcomes and indicators
from before and after are not of one kind. Such a change is a step in the number of records per case
at risk, from one month to the next; growth of referrals is not, nor is a slow drift. What is found
says that recording or conduct changed at once everywhere, never which of the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.catalogue.declarations import Catalogue
from features.contract.arrays import Float64, Int64
from features.history.columns import History
from training.practice.monthly_counts import count_records

LEAST_MONTHS: Final = 6
"""Months wanted on either side of a change; with fewer a step cannot be told from a trend."""
LEAST_RECORDS: Final = 10.0
"""Mean records a month below which a family is not looked at: its monthly rate is mostly chance."""
SIGNIFICANCE: Final = 0.01
"""Level over all families together. A false alarm throws training dates away; a true change of
practice moves hundreds of records and is far beyond any usual level."""
MOST_STEPS: Final = 3
MONTHS_PER_STEP: Final = 24
"""Changes looked for in one family: one for every two years, three at most."""
N_DRAWS: Final = 4_999
# Added to each month: the logarithm of none does not exist.
_SMOOTHING: Final = 0.5
_LEVEL, _LEVEL_PER_STEP, _SLOPE, _SLOPE_PER_STEP = 2.0, 3.5, 8.0, 5.0
"""What fitting drift and steps takes off the correlation of neighbouring months: simulated for 24
to 120 months and correlations from 0 to 0.7, 150 series each, right to about 0.02."""
_MOST_LIKENESS: Final = 0.95


@dataclass(frozen=True)
class Break:
    """A change of recording practice.

    Parameters
    ----------
    date_us
        Start of the first month of the new practice, microseconds UTC.
    family
        Kinds whose records changed: a kind with all those below it, or all records.
    ratio
        Records per case at risk after the change over those before it.
    p_value
        Corrected for the number of families (Bonferroni).
    """

    date_us: int
    family: str
    ratio: float
    p_value: float


@dataclass(frozen=True)
class RateStep:
    """A step in one family's rate: month number, size, and p value uncorrected for families."""

    month: int
    ratio: float
    p_value: float


def find_breaks(
    history: History,
    catalogue: Catalogue,
    *,
    until_us: int,
    seed: int,
    from_us: int | None = None,
    significance: float = SIGNIFICANCE,
) -> tuple[Break, ...]:
    """Return the changes of recording practice on record before ``until_us``, in time order.

    Families are the kinds at the top of the catalogue's tree, those that have kinds below them, and
    all records together. The unit's own work is left out.

    Parameters
    ----------
    history, catalogue
        Case histories and their tree of kinds.
    until_us
        Only records made strictly before it are counted: the moment a model is first used.
    seed
        Of the draws behind p values.
    from_us
        Months before it are not looked at, such as the first training date less what its indicators
        look back over; the last ten years where ``None``.
    significance
        Level over all families together.
    """
    families = {
        family: monthly
        for family, monthly in count_records(
            history, catalogue, until_us=until_us, from_us=from_us
        ).items()
        if _is_enough(monthly.records, monthly.expected)
    }
    found: list[Break] = []
    for family, monthly in families.items():
        for step in find_steps(
            monthly.records, monthly.expected, seed=seed, significance=significance / len(families)
        ):
            date = int(monthly.start_us[step.month])
            # Bonferroni: the level holds over all families that were looked at.
            corrected = min(1.0, step.p_value * len(families))
            found.append(Break(date, family, step.ratio, corrected))
    return tuple(sorted(found, key=lambda one: (one.date_us, one.family)))


def find_steps(
    records: Float64, expected: Float64, *, seed: int, significance: float
) -> tuple[RateStep, ...]:
    """Return the steps of a monthly rate, the clearest first, none where it only drifts.

    The log of records over expected is fitted by a line and a curve in time (gradual drift), and by
    the same with a step at each month in turn; the statistic is the largest likelihood ratio over
    months. Months weigh by how much neighbouring ones differ. The p value is that of months drawn
    about the drift, each as like the one before as the months on record are (parametric bootstrap):
    it pays for the search, and a rate that wanders is no step. A step once found joins the drift,
    and the search goes on until one does not reach the level.

    Parameters
    ----------
    records, expected
        Shape ``(n_months,)``.
    seed
        Of the draws.
    significance
        Level of each search.
    """
    found: list[RateStep] = []
    if not _is_enough(records, expected):
        return ()
    log_rate = np.log((records + _SMOOTHING) / expected)
    weight = _weigh_months(records, log_rate)
    noise = _draw_noise(weight, _measure_likeness(log_rate, weight), seed)
    while len(found) < _most_steps(len(records)):
        step = _find_clearest(log_rate, weight, [one.month for one in found], noise)
        if step is None or step.p_value > significance:
            break
        found.append(step)
    return tuple(found)


def _is_enough(records: Float64, expected: Float64) -> bool:
    return (
        len(records) >= 2 * LEAST_MONTHS
        and bool(records.mean() >= LEAST_RECORDS)
        and bool(expected.min() > 0)
    )


def _find_clearest(
    log_rate: Float64, weight: Float64, given: Sequence[int], noise: Float64
) -> RateStep | None:
    scan = _Scan(weight, given)
    if not len(scan.months):
        return None
    statistic, size = scan.look(log_rate[None, :])
    best = int(statistic[0].argmax())
    by_chance = scan.look(noise)[0].max(axis=1)
    # The series itself counts as one of the draws, so that no p value is 0.
    p_value = (1 + int((by_chance >= statistic[0, best]).sum())) / (len(noise) + 1)
    return RateStep(int(scan.months[best]), float(np.exp(size[0, best])), p_value)


def _weigh_months(records: Float64, log_rate: Float64) -> Float64:
    """Return weights of the months' log rates, to a common factor.

    Part of a month's variance falls with its number of records (chance, and acts that come in
    bursts), part does not (what befell all cases that month). The parts are those under which the
    differences of neighbouring months, which hardly hold any drift and a step only once, are
    likeliest.
    """
    by_number = 1.0 / (records + _SMOOTHING)
    by_number /= by_number.mean()
    squares = np.diff(log_rate) ** 2
    best, least = np.ones(len(records)), np.inf
    for share in np.linspace(0.0, 1.0, 11):
        variance = share + (1.0 - share) * by_number
        of_difference = variance[1:] + variance[:-1]
        size = max(float((squares / of_difference).mean()), 1e-12)
        misfit = float(np.log(of_difference).mean()) + np.log(size)
        if misfit < least:
            best, least = variance, misfit
    return np.asarray(1.0 / best)


def _measure_likeness(log_rate: Float64, weight: Float64) -> float:
    """Return the correlation of neighbouring months about drift and the clearest steps.

    Steps are taken out first, whether or not they will be told, since they would pass for likeness;
    what fitting them takes from the correlation, on average, is given back.
    """
    given: list[int] = []
    for _ in range(_most_steps(len(log_rate))):
        scan = _Scan(weight, given)
        if not len(scan.months):
            break
        given.append(int(scan.months[int(scan.look(log_rate[None, :])[0].argmax())]))
    left = _Scan(weight, given).leave(log_rate)
    product = float(left[1:] @ left[:-1]) / max(float(left @ left), 1e-12)
    level, slope = _LEVEL + _LEVEL_PER_STEP * len(given), _SLOPE + _SLOPE_PER_STEP * len(given)
    likeness = (product + level / len(left)) / (1.0 - slope / len(left))
    return float(np.clip(likeness, 0.0, _MOST_LIKENESS))


def _most_steps(n_months: int) -> int:
    return min(MOST_STEPS, max(1, n_months // MONTHS_PER_STEP))


def _draw_noise(weight: Float64, likeness: float, seed: int) -> Float64:
    """Return months in which each is as like the one before as ``likeness`` says (AR(1))."""
    noise = np.random.default_rng(seed).standard_normal((N_DRAWS, len(weight)))
    fresh = np.sqrt(1.0 - likeness**2)
    for month in range(1, len(weight)):
        noise[:, month] = likeness * noise[:, month - 1] + fresh * noise[:, month]
    return np.asarray(noise / np.sqrt(weight))


class _Scan:
    """Fits a drift with a step at each month in turn, to many series of one length at once.

    ``months`` are the candidates: none near an end, nor near a step that is given.
    """

    def __init__(self, weight: Float64, given: Sequence[int]) -> None:
        n_months = len(weight)
        ends = [0, *given, n_months]
        self.months = np.array(
            [m for m in range(n_months) if min(abs(m - end) for end in ends) >= LEAST_MONTHS],
            dtype=np.int64,
        )
        self._root = np.sqrt(weight)
        at = np.linspace(-1.0, 1.0, n_months)
        drift = [np.ones(n_months), at, at**2, *_steps_at(np.array(given), n_months)]
        self._drift = np.linalg.qr(np.column_stack(drift) * self._root[:, None])[0]
        self._steps = self._beside_drift(_steps_at(self.months, n_months) * self._root)
        self._lengths = (self._steps**2).sum(axis=1)

    def look(self, series: Float64) -> tuple[Float64, Float64]:
        """Return the likelihood-ratio statistic and the size of each step.

        Parameters
        ----------
        series
            Shape ``(n_series, n_months)``.

        Returns
        -------
        tuple of arrays
            Shape ``(n_series, n_candidates)`` each.
        """
        left = self._beside_drift(series * self._root)
        along = left @ self._steps.T
        whole = (left**2).sum(axis=1, keepdims=True)
        # A step that explains everything would leave the logarithm of nothing.
        explained = np.minimum(along**2 / self._lengths / whole, 1.0 - 1e-12)
        return np.asarray(-left.shape[1] * np.log1p(-explained)), along / self._lengths

    def leave(self, series: Float64) -> Float64:
        """Return what drift and given steps leave of a series, in standard units."""
        return self._beside_drift(series * self._root)

    def _beside_drift(self, rows: Float64) -> Float64:
        return np.asarray(rows - (rows @ self._drift) @ self._drift.T)


def _steps_at(months: Int64, n_months: int) -> Float64:
    return (np.arange(n_months)[None, :] >= months.reshape(-1, 1)).astype(np.float64)
