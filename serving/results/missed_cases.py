"""From a random draw to all cases: totals by inverse probability, and the bound that goes first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from scipy.special import betaincinv

CONFIDENCE: Final = 0.95
"""Of the one-sided upper bound."""


@dataclass(frozen=True)
class Draw:
    """A case that was drawn at random.

    Parameters
    ----------
    probability
        How likely its draw was, above 0.
    reached
        Whether it had the outcome; ``None`` where that cannot be known.
    """

    probability: float
    reached: bool | None


@dataclass(frozen=True)
class MissedEstimate:
    """Cases with the outcome that were eligible and not on the list, as the draw estimates them.

    A case counts once for each sitting at which it was not on the list.

    Parameters
    ----------
    upper
        95 % one-sided upper bound of what was missed; ``None`` where nothing is known of any draw.
        It is told first where no draw had the outcome: none found is not none there.
    estimate
        What was missed: ``total`` less the outcomes among listed cases, at least 0; ``None`` as
        above.
    upper_first
        Whether no draw had the outcome, so that the bound says more than the estimate.
    total
        Outcomes among all eligible cases (Horvitz and Thompson 1952); ``None`` as above.
    n_drawn, n_known, n_reached
        Draws, those whose outcome is known, and those that had it.
    n_not_listed
        Eligible cases that were not on the list.
    """

    upper: float | None
    estimate: float | None
    upper_first: bool
    total: float | None
    n_drawn: int
    n_known: int
    n_reached: int
    n_not_listed: int


def bound_share(n_reached: int, n: int, confidence: float = CONFIDENCE) -> float:
    """Return the exact one-sided upper bound of a share (Clopper and Pearson 1934).

    Parameters
    ----------
    n_reached, n
        How many of how many; ``n_reached <= n``. Of none at all the bound is 1.
    confidence
        Above 0, below 1.
    """
    if n_reached >= n:
        return 1.0
    return float(betaincinv(n_reached + 1, n - n_reached, confidence))


def estimate_missed(
    draws: Sequence[Draw], n_listed_reached: int, n_not_listed: int
) -> MissedEstimate:
    """Estimate what the list missed from the cases that chance put on it.

    Draws of which nothing is known are taken to be like the others. The bound takes the rate of the
    draws for that of cases that were not listed; since some draws would have been listed anyway,
    that is, if anything, too high.

    Parameters
    ----------
    draws
        The cases drawn at random, from all eligible ones.
    n_listed_reached
        Listed cases with the outcome, whatever the rule.
    n_not_listed
        Eligible cases that were not on the list.
    """
    known = [draw for draw in draws if draw.reached is not None]
    reached = [draw for draw in known if draw.reached]
    if not known:
        return MissedEstimate(None, None, True, None, len(draws), 0, 0, n_not_listed)
    total = sum(1 / draw.probability for draw in reached) * len(draws) / len(known)
    return MissedEstimate(
        upper=bound_share(len(reached), len(known)) * n_not_listed,
        estimate=max(total - n_listed_reached, 0.0),
        upper_first=not reached,
        total=total,
        n_drawn=len(draws),
        n_known=len(known),
        n_reached=len(reached),
        n_not_listed=n_not_listed,
    )
