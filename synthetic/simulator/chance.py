"""Chance that belongs to a case: the same whatever else is made, in any chunk, by any thread.

Every number is a hash (SplitMix64, Steele and others 2014) of the seed, the case and what the
number is for. Compiled code carries a counter along; the columns of records name their purpose.
"""

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.special import ndtri

from synthetic.simulator.rows import Floats, Ints

_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
_S30: Final = np.uint64(30)
_S27: Final = np.uint64(27)
_S31: Final = np.uint64(31)
_S11: Final = np.uint64(11)
_UNIT: Final = 1.0 / 9_007_199_254_740_992.0
_HALF: Final = 0.5
_MASK: Final = 2**64 - 1


@njit(nogil=True, inline="always")
def mix(value: Any) -> Any:
    """Return the hash of a 64-bit number."""
    value = (value ^ (value >> _S30)) * _FIRST
    value = (value ^ (value >> _S27)) * _SECOND
    return value ^ (value >> _S31)


@njit(nogil=True)
def start_stream(seed: Any, number: Any, replicate: Any) -> Any:
    """Return where the stream of one case, in one run, begins."""
    start = mix(np.uint64(seed) + _STEP)
    start = mix(start ^ (np.uint64(number) * _STEP))
    return mix(start + np.uint64(replicate) * _SECOND)


@njit(nogil=True, inline="always")
def draw_uniform(state: Any) -> float:
    """Return a number from 0 (exclusive) to 1 (exclusive) and move the stream of ``state`` on."""
    state.chance = state.chance + _STEP
    return (float(mix(state.chance) >> _S11) + _HALF) * _UNIT


@njit(nogil=True, inline="always")
def draw_exponential(state: Any) -> float:
    """Return an exponential number of mean 1."""
    return -math.log(draw_uniform(state))


@njit(nogil=True)
def draw_normal(state: Any) -> float:
    """Return a standard normal number (Box and Muller 1958)."""
    radius = math.sqrt(2.0 * draw_exponential(state))
    return radius * math.cos(2.0 * math.pi * draw_uniform(state))


@njit(nogil=True)
def draw_between(state: Any, low: float, high: float) -> float:
    """Return a number uniform between two."""
    return low + (high - low) * draw_uniform(state)


@njit(nogil=True)
def pick_place(state: Any, cumulative: Any) -> int:
    """Return a position drawn by cumulative shares, the last of which is their sum."""
    height = draw_uniform(state) * cumulative[-1]
    place = 0
    while place < len(cumulative) - 1 and cumulative[place] <= height:
        place += 1
    return place


@njit(nogil=True)
def _fill_uniform(key: Any, case: Any, number: Any, out: Any) -> None:
    for i in range(len(out)):
        value = mix(key ^ (np.uint64(case[i]) * _STEP))
        value = mix(value + np.uint64(number[i]) * _SECOND)
        out[i] = (float(value >> _S11) + _HALF) * _UNIT


@dataclass(frozen=True)
class Chance:
    """Numbers for whole columns.

    Each is settled by the seed, a purpose, the case and a number within the case.
    """

    seed: int

    def uniform(self, purpose: str, case: Ints, number: Ints | int = 0) -> Floats:
        """Return numbers uniform between 0 and 1, shape of ``case``."""
        # Odd multiplier: no two seeds share a key for one purpose.
        key = np.uint64((self.seed * int(_FIRST) + zlib.crc32(purpose.encode())) & _MASK)
        numbers = np.broadcast_to(np.asarray(number, dtype=np.int64), case.shape)
        out = np.empty(len(case))
        _fill_uniform(key, case, numbers, out)
        return out

    def happens(
        self, share: Floats | float, purpose: str, case: Ints, number: Ints | int = 0
    ) -> npt.NDArray[np.bool_]:
        """Return what happens with the given probability."""
        drawn: npt.NDArray[np.bool_] = self.uniform(purpose, case, number) < share
        return drawn

    def between(
        self, low: float, high: float, purpose: str, case: Ints, number: Ints | int = 0
    ) -> Floats:
        """Return numbers uniform between two."""
        return low + (high - low) * self.uniform(purpose, case, number)

    def exponential(self, purpose: str, case: Ints, number: Ints | int = 0) -> Floats:
        """Return exponential numbers of mean 1."""
        return np.asarray(-np.log(self.uniform(purpose, case, number)))

    def normal(self, purpose: str, case: Ints, number: Ints | int = 0) -> Floats:
        """Return standard normal numbers."""
        return np.asarray(ndtri(self.uniform(purpose, case, number)))

    def poisson(
        self, mean: Floats | float, purpose: str, case: Ints, number: Ints | int = 0
    ) -> Ints:
        """Return Poisson numbers, by inversion."""
        drawn = self.uniform(purpose, case, number)
        share = np.broadcast_to(np.exp(-np.asarray(mean)), case.shape).copy()
        below, count = share.copy(), np.zeros(len(case), dtype=np.int64)
        while (left := (drawn > below) & (share > 0.0)).any():
            count[left] += 1
            share = np.where(left, share * mean / np.maximum(count, 1), share)
            below = np.where(left, below + share, below)
        return count

    def integers(
        self, low: int, high: int, purpose: str, case: Ints, number: Ints | int = 0
    ) -> Ints:
        """Return whole numbers from ``low`` to below ``high``."""
        drawn = np.floor(self.uniform(purpose, case, number) * (high - low))
        return np.asarray(low + drawn, dtype=np.int64)

    def pick(
        self, shares: Sequence[float], purpose: str, case: Ints, number: Ints | int = 0
    ) -> Ints:
        """Return positions drawn by share; shares need not add up to 1."""
        height = np.cumsum(np.asarray(shares, dtype=np.float64))
        drawn = self.uniform(purpose, case, number) * height[-1]
        place = np.searchsorted(height, drawn, side="right")
        return np.asarray(np.minimum(place, len(height) - 1), dtype=np.int64)
