"""Whether probabilities mean what they say: overall, by period, by area and by group.

Intervals rest on the information of the logistic fit with scores summed by person (Liang and Zeger
1986), so that a person who has rows at several dates counts as one. Where too few are at hand no
figure is given.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest, norm

from features.contract.arrays import Float64, Int64
from models.run_figures.ranking import CurvePoint, Interval, Reliability
from training.figures.logit import LogitFit, fit_logit, to_log_odds

Bools = npt.NDArray[np.bool_]
LEAST_POSITIVES: Final = 20
"""Fewest cases with the outcome, and fewest without it, for a figure: own judgement; an interval
of the slope is then about two wide."""
LEAST_PEOPLE: Final = 100
"""Fewest people for a figure, and enough that none of them can be told from it."""
TOO_FEW: Final = "too few to tell"
OVERALL: Final = "all"
Z_95: Final = float(norm.ppf(0.975))


def assess_calibration(
    y_true: Bools,
    probability: Float64,
    person: Int64,
    strata: Mapping[str, npt.NDArray[np.object_]],
) -> tuple[Reliability, ...]:
    """Assess calibration overall and at each level of each stratum.

    Parameters
    ----------
    y_true
        Shape ``(n,)``: whether each row had the outcome.
    probability
        Shape ``(n,)``, from 0 to 1.
    person
        Shape ``(n,)``, whose row each is; rows of one person are one cluster of the errors.
    strata
        Such as ``period``, ``area`` and characteristics of the audit; each of shape ``(n,)``. A
        level that is ``None`` reads ``not known``.

    Returns
    -------
    tuple of Reliability
        Overall first, then strata as given, their levels in alphabetical order. Without figures,
        and with ``TOO_FEW`` as its note, where fewer than ``LEAST_POSITIVES`` rows have the
        outcome or are without it, or there are fewer than ``LEAST_PEOPLE`` people.
    """
    found = [_assess(OVERALL, OVERALL, y_true, probability, person)]
    for stratum, levels in strata.items():
        names = np.array(["not known" if level is None else str(level) for level in levels])
        for name in np.unique(names):
            at = names == name
            found.append(_assess(stratum, str(name), y_true[at], probability[at], person[at]))
    return tuple(found)


def _assess(
    stratum: str, level: str, y_true: Bools, probability: Float64, person: Int64
) -> Reliability:
    n, positives = len(y_true), int(y_true.sum())
    fewest = min(positives, n - positives)
    if fewest < LEAST_POSITIVES or len(np.unique(person)) < LEAST_PEOPLE:
        return Reliability(stratum, level, n, note=TOO_FEW)
    log_odds = to_log_odds(probability)
    ones = np.ones((n, 1))
    # The log-odds as an offset hold the slope at 1: what is left is too high or too low as a whole.
    in_the_large = fit_logit(y_true, ones, person, log_odds)
    line = fit_logit(y_true, np.column_stack([ones, log_odds]), person, np.zeros(n))
    intercept, intercept_interval = _figure(in_the_large, np.array([1.0]))
    slope, slope_interval = _figure(line, np.array([0.0, 1.0]))
    return Reliability(
        stratum=stratum,
        level=level,
        n=n,
        positives=positives,
        mean_probability=float(probability.mean()),
        observed_rate=positives / n,
        intercept=intercept,
        intercept_interval=intercept_interval,
        slope=slope,
        slope_interval=slope_interval,
        note="",
    )


def _figure(fit: LogitFit | None, weights: Float64) -> tuple[float | None, Interval | None]:
    if fit is None:
        return None, None
    value, error = fit.contrast(weights)
    return value, (value - Z_95 * error, value + Z_95 * error)


def reliability_curve(
    y_true: Bools, probability: Float64, n_bins: int = 10
) -> tuple[CurvePoint, ...]:
    """Return expected and observed proportions in bins of equal size, lowest probability first.

    Equal probabilities share a bin, so there may be fewer bins than asked for.

    Parameters
    ----------
    y_true
        Shape ``(n,)``: whether each row had the outcome.
    probability
        Shape ``(n,)``, from 0 to 1.
    n_bins
        At least 1. Each edge is a probability that occurs, and belongs to the bin below it.

    Returns
    -------
    tuple of CurvePoint
        None where there are no rows. Intervals are of 95 % (Wilson 1927), each row counted as
        independent of the others.
    """
    if not len(y_true):
        return ()
    edges = np.quantile(probability, np.arange(1, n_bins) / n_bins, method="inverted_cdf")
    bins = np.searchsorted(np.unique(edges), probability, side="left")
    points = []
    for number in np.unique(bins):
        at = bins == number
        n, positives = int(at.sum()), int(y_true[at].sum())
        ends = binomtest(positives, n).proportion_ci(method="wilson")
        share, mean = positives / n, float(probability[at].mean())
        points.append(CurvePoint(n, mean, share, float(ends.low), float(ends.high)))
    return tuple(points)
