"""Draws that can be made again: every one comes from a stored seed and says what it was for."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, TypeVar

import numpy as np

SHARES_OF: Final = 30
"""Reserved places are stated of a capacity of thirty (design section 9)."""
_SEED_BYTES: Final = 16
_Drawn = TypeVar("_Drawn")


def make_seed() -> str:
    """Return a seed that cannot be guessed; it is stored and never shown."""
    return secrets.token_hex(_SEED_BYTES)


def open_draw(seed: str, purpose: str) -> np.random.Generator:
    """Return the source of chance of one draw; those of different purposes are independent."""
    digest = hashlib.sha256(f"{seed}:{purpose}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest))


def draw_some(among: Sequence[_Drawn], size: int, seed: str, purpose: str) -> tuple[_Drawn, ...]:
    """Return ``size`` of them, each set of that size as likely as any other, in drawn order."""
    chosen = open_draw(seed, purpose).choice(len(among), size=size, replace=False)
    return tuple(among[int(number)] for number in chosen)


def draw_numbers(below: int, size: int, seed: str, purpose: str) -> tuple[int, ...]:
    """Return up to ``size`` different numbers below ``below``, all sets equally likely."""
    size = min(below, size)
    if not size:
        return ()
    chosen = open_draw(seed, purpose).choice(below, size=size, replace=False, shuffle=False)
    return tuple(sorted(int(number) for number in chosen))


@dataclass(frozen=True)
class Shares:
    """Places reserved of a capacity of thirty; what is left is for the order of priority.

    Parameters
    ----------
    random, waited, most_flagged
        For the random draw, the longest waits, and at most for flagged cases. Where they add up to
        more than thirty, the later ones get less.
    """

    random: int = 2
    waited: int = 6
    most_flagged: int = 12

    def bounds(self) -> tuple[int, int, int, int]:
        """Return where each pool's share ends between 0 and thirty, in the order of matching."""
        random = min(self.random, SHARES_OF)
        waited = min(random + self.waited, SHARES_OF)
        return random, waited, min(waited + self.most_flagged, SHARES_OF), SHARES_OF


@dataclass(frozen=True)
class Division:
    """How many places each pool got.

    Parameters
    ----------
    random, waited, flagged, priority
        Whole places; they add up to the capacity.
    random_share
        Places that the random draw gets on average, a fraction of thirtieths.
    """

    random: int
    waited: int
    flagged: int
    priority: int
    random_share: Fraction

    @property
    def capacity(self) -> int:
        """All places."""
        return self.random + self.waited + self.flagged + self.priority

    def chance_to_be_drawn(self, n_eligible: int) -> float:
        """Return an eligible case's chance of a random place, the draw of fractions included."""
        if not n_eligible:
            return 0.0
        fewer = int(self.random_share)
        over = self.random_share - fewer
        drawn = (1 - over) * min(fewer, n_eligible) + over * min(fewer + 1, n_eligible)
        return float(drawn / n_eligible)


def divide_places(capacity: int, shares: Shares, seed: str) -> Division:
    """Divide a capacity between the pools in proportion.

    Fractions are settled by systematic sampling (Madow 1949): one draw of k in 0..29, the same for
    all pools, each bound rounded to floor((capacity x bound + k) / 30). So each pool gets its share
    rounded up or down, on average exactly its share, and the whole is the capacity. At a capacity
    of 1 every pool that has a share has its chance.

    Parameters
    ----------
    capacity
        Places on the list, at least 1.
    shares
        What is reserved.
    seed
        The sitting's seed.
    """
    shift = int(open_draw(seed, "fractions").integers(SHARES_OF))
    ends = [(capacity * bound + shift) // SHARES_OF for bound in shares.bounds()]
    random, waited, flagged, priority = (
        end - start for start, end in zip([0, *ends[:-1]], ends, strict=True)
    )
    share = Fraction(capacity * shares.bounds()[0], SHARES_OF)
    return Division(random, waited, flagged, priority, share)
