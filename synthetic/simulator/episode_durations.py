"""How long episodes, quiet and the rest of both last, given that they have lasted so long."""

import math
from typing import Any, Final

from numba import njit

from synthetic.simulator import constants as set_by
from synthetic.simulator.acts import DURATION_CUMULATIVE
from synthetic.simulator.chance import draw_between, draw_uniform, pick_place

SHORT: Final = 0
_MIDDLE: Final = 1


@njit(nogil=True)
def draw_length(state: Any) -> tuple[int, float]:
    """Return the component of a new episode (short, middle or long) and its length in days."""
    component = pick_place(state, DURATION_CUMULATIVE)
    return component, draw_length_beyond(state, component, 0.0)


@njit(nogil=True)
def draw_length_beyond(state: Any, component: int, lasted: float) -> float:
    """Return the whole length of an episode that has lasted ``lasted`` days, at least that."""
    if component == SHORT:
        low, high = set_by.SHORT_DAYS
        return draw_between(state, max(low, min(lasted, high)), high)
    if component == _MIDDLE:
        return _draw_beyond(state, set_by.MIDDLE_MEDIAN_DAYS, set_by.MIDDLE_SHAPE, lasted)
    return _draw_beyond(state, set_by.LONG_MEDIAN_DAYS, set_by.LONG_SHAPE, lasted)


@njit(nogil=True)
def draw_return_beyond(state: Any, fixation: float, lasted: float) -> float:
    """Return the days from an episode's end to the next; infinity where none follows.

    The quiet has lasted ``lasted`` days, which makes it likelier that none follows.
    """
    returns = min(set_by.RETURN_PROBABILITY * math.sqrt(fixation), set_by.MOST_RETURN_PROBABILITY)
    past = returns * _share_over(set_by.RETURN_MEDIAN_DAYS, set_by.RETURN_SHAPE, lasted)
    height = draw_between(state, past, 1.0)
    if height >= returns:
        return math.inf
    return max(_quantile(set_by.RETURN_MEDIAN_DAYS, set_by.RETURN_SHAPE, height / returns), lasted)


@njit(nogil=True)
def draw_once_beyond(state: Any, share: float, past: float) -> float:
    """Return the place, 0 to 1, at which something with this share happens; infinity if never.

    It has not happened up to place ``past``.
    """
    height = draw_between(state, share * past, 1.0)
    return height / share if height < share else math.inf


@njit(nogil=True)
def _draw_beyond(state: Any, median: float, shape: float, lasted: float) -> float:
    """Return a log-logistic number of at least ``lasted``."""
    past = _share_over(median, shape, lasted)
    # Relative to what is left, so that no digits are lost in the far tail.
    left = (1.0 - past) * draw_uniform(state)
    drawn = median * ((1.0 - left) / left) ** (1.0 / shape)
    return max(min(drawn, set_by.LONGEST_EPISODE_DAYS), lasted)


@njit(nogil=True)
def _share_over(median: float, shape: float, days: float) -> float:
    """Return the probability that a log-logistic number is below ``days``."""
    if days <= 0.0:
        return 0.0
    return 1.0 / (1.0 + (days / median) ** -shape)


@njit(nogil=True)
def _quantile(median: float, shape: float, height: float) -> float:
    """Return the number below which a log-logistic one lies with this probability."""
    return median * (height / (1.0 - height)) ** (1.0 / shape)
