"""Rows whose follow-up ended early: weights that stand in for them, and incidence beside rivals.

Both need only how long each row was followed and how that ended. Times may be of any one unit.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from features.catalogue.declarations import DAY_US
from features.contract.arrays import Float64, Int64
from features.engine.outcomes import Labels

Bools = npt.NDArray[np.bool_]
CENSORED: Final = 0
OUTCOME: Final = 1
COMPETING: Final = 2


@dataclass(frozen=True)
class IncidenceCurve:
    """A step function of time; it holds ``value[i]`` from ``time[i]`` on.

    Parameters
    ----------
    time
        Ascending and distinct, shape ``(n_steps,)``.
    value
        Same shape.
    start
        Its value before the first step.
    """

    time: Float64
    value: Float64
    start: float

    def at(self, moments: Float64) -> Float64:
        """Return the value at moments, the steps at them included.

        Parameters
        ----------
        moments
            Any shape, in the unit of ``time``.

        Returns
        -------
        ndarray
            Same shape.
        """
        return self._steps[np.searchsorted(self.time, moments, side="right")]

    def before(self, moments: Float64) -> Float64:
        """Return the value just before moments, the steps at them left out.

        Parameters
        ----------
        moments
            Any shape, in the unit of ``time``.

        Returns
        -------
        ndarray
            Same shape.
        """
        return self._steps[np.searchsorted(self.time, moments, side="left")]

    @property
    def _steps(self) -> Float64:
        return np.concatenate(([self.start], self.value))


@dataclass(frozen=True)
class Incidence:
    """Cumulative incidence with competing events, and the proportion still free of both.

    At every moment ``outcome + competing + free`` is 1.

    Parameters
    ----------
    outcome
        Proportion with the outcome by then.
    competing
        Proportion with a competing event by then.
    free
        Proportion with neither by then.
    """

    outcome: IncidenceCurve
    competing: IncidenceCurve
    free: IncidenceCurve


@dataclass(frozen=True)
class FollowUp:
    """How long each row was followed and how that ended; shape ``(n,)``.

    Parameters
    ----------
    time_days
        Days from the row's moment.
    cause
        ``OUTCOME``, ``COMPETING`` (death, leaving the area) or ``CENSORED``; at the horizon's end
        a row without either is censored there, which takes nothing from anyone.
    """

    time_days: Float64
    cause: Int64


def kaplan_meier(time: Float64, happened: Bools) -> IncidenceCurve:
    """Return the proportion without the event so far (Kaplan and Meier 1958).

    Parameters
    ----------
    time
        How long each row was followed, shape ``(n,)``, in any one unit.
    happened
        Shape ``(n,)``: whether that ended with the event. At one moment events come before other
        ends.

    Returns
    -------
    IncidenceCurve
        From 1 downwards, with a step at each distinct ``time``, of height 0 where no event was.
    """
    moments, events, at_risk = _tabulate(time, happened)
    return IncidenceCurve(moments, _multiply(1.0 - events / at_risk), 1.0)


def weigh_by_censoring(time: Float64, known: Bools) -> Float64:
    """Return inverse-probability-of-censoring weights ``1 / G(T-)``.

    Where follow-up ends regardless of risk, known rows so weighted stand for all rows. ``G`` is the
    Kaplan-Meier share that is not censored yet (Robins and Finkelstein 2000; Graf and others 1999).
    The weights sum to the number of rows if the row followed longest is known, to less otherwise.

    Parameters
    ----------
    time
        How long each row was followed, shape ``(n,)``, in any one unit: until the outcome, the end
        of follow-up or the horizon, whichever came first.
    known
        Shape ``(n,)``: whether its label is known; a row that is not known was censored at ``time``
        and has weight 0.

    Returns
    -------
    ndarray
        Shape ``(n,)``, at least 1 where known.
    """
    # At one moment outcomes come before censoring: who has the outcome is no longer at risk of it.
    moments, censored, at_risk = _tabulate(time, ~known)
    ended = np.bincount(np.searchsorted(moments, time[known]), minlength=len(moments))
    exposed = at_risk - ended
    # Where all who were left had the outcome nobody could be censored, and the factor is 1.
    factors = 1.0 - np.divide(censored, exposed, out=np.zeros(len(moments)), where=exposed > 0)
    not_censored = IncidenceCurve(moments, _multiply(factors), 1.0)
    weights = np.zeros(len(time))
    weights[known] = 1.0 / not_censored.before(time[known])
    return weights


def weigh_labels(labels: Labels, as_of_us: Int64) -> Float64:
    """Return the weights of rows whose label under full follow-up is known; 0 for others.

    Parameters
    ----------
    labels
        The labels of ``n`` rows.
    as_of_us
        Shape ``(n,)``, the moments of the rows, microseconds UTC.

    Returns
    -------
    ndarray
        Shape ``(n,)``; see :func:`weigh_by_censoring`. Leaving counts as an end of follow-up.
    """
    until = np.minimum(labels.seen_until_us, labels.left_us)
    until = np.where(labels.y_followed, labels.reached_us, until)
    return weigh_by_censoring((until - as_of_us) / DAY_US, labels.followed)


def accumulate_incidence(time: Float64, cause: Int64) -> Incidence:
    """Return the cumulative incidence of an outcome beside competing events.

    Death is not censoring: who has died cannot have the outcome later (Aalen and Johansen 1978).

    Parameters
    ----------
    time
        How long each row was followed, shape ``(n,)``, in any one unit.
    cause
        Shape ``(n,)``, how that ended: ``OUTCOME``, ``COMPETING`` or ``CENSORED``. At one moment
        events come before censoring.

    Returns
    -------
    Incidence
        Its curves step at each distinct ``time``.
    """
    moments, any_event, at_risk = _tabulate(time, cause != CENSORED)
    free = _multiply(1.0 - any_event / at_risk)
    free_before = np.concatenate(([1.0], free[:-1]))
    parts = []
    for one in (OUTCOME, COMPETING):
        events = np.bincount(np.searchsorted(moments, time[cause == one]), minlength=len(moments))
        parts.append(IncidenceCurve(moments, np.cumsum(free_before * events / at_risk), 0.0))
    return Incidence(parts[0], parts[1], IncidenceCurve(moments, free, 1.0))


def follow_up(labels: Labels, as_of_us: Int64) -> FollowUp:
    """Return how each row's follow-up ended, with death and leaving as competing events.

    Parameters
    ----------
    labels
        The labels of ``n`` rows.
    as_of_us
        Shape ``(n,)``, the moments of the rows, microseconds UTC.

    Returns
    -------
    FollowUp
        An outcome counts only before leaving and before the end of what was seen, both excluded.
    """
    reached, left, seen = labels.reached_us, labels.left_us, labels.seen_until_us
    until = np.minimum(seen, left)
    has_outcome = reached < until
    has_left = ~has_outcome & (left < seen)
    until = np.where(has_outcome, reached, until)
    cause = np.where(has_outcome, OUTCOME, np.where(has_left, COMPETING, CENSORED))
    return FollowUp((until - as_of_us) / DAY_US, cause.astype(np.int64))


def _multiply(factors: Float64) -> Float64:
    return np.asarray(np.cumprod(factors), dtype=np.float64)


def _tabulate(time: Float64, happened: Bools) -> tuple[Float64, Float64, Float64]:
    """Return the distinct moments, the events at each, and the rows still followed then."""
    moments, place = np.unique(time, return_inverse=True)
    ends = np.bincount(place, minlength=len(moments))
    at_risk = len(time) - np.concatenate(([0], np.cumsum(ends)[:-1]))
    events = np.bincount(place[happened], minlength=len(moments))
    return moments, events.astype(np.float64), at_risk.astype(np.float64)
