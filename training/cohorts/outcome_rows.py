"""The rows that one outcome is learnt from, out of a matrix that all outcomes share."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from features.contract.arrays import Float64, Int64
from models.bundle.encoding import Encoding

Bools = npt.NDArray[np.bool_]
_BLOCK: Final = 32_768
"""Rows encoded at once: no second matrix of the whole size comes up on the way."""


@dataclass(frozen=True)
class TrainingRows:
    """Rows that one outcome is learnt from.

    Parameters
    ----------
    whole
        Shape ``(n, n_columns)``, an indicator matrix that holds the rows. Outcomes differ in a few
        rows whose label is not known, and share the matrix.
    y_true
        Shape ``(n_rows,)``.
    person
        Shape ``(n_rows,)``: rows of one person never stand on both sides of a fold.
    as_of_us
        Shape ``(n_rows,)``, the rows' moments, for reports; nothing is learnt from it.
    place
        Shape ``(n_rows,)``, where each row stands in ``whole``; ``None`` where it is all of it.
    """

    whole: Float64
    y_true: Bools
    person: Int64
    as_of_us: Int64 | None = None
    place: Int64 | None = None

    @property
    def values(self) -> Float64:
        """The rows' indicators, shape ``(n_rows, n_columns)``; a copy where some are left out."""
        return self.whole if self.place is None else self.whole[self.place]

    @property
    def n_positives(self) -> int:
        """Number of rows with the outcome."""
        return int(self.y_true.sum())

    @property
    def n_people_with_outcome(self) -> int:
        """Number of people with the outcome in a row of theirs."""
        return len(np.unique(self.person[self.y_true]))

    def weigh(self, person_weight: float) -> Float64:
        """Return how much each row counts in a fit, shape ``(n_rows,)``; 1 on average.

        Parameters
        ----------
        person_weight
            0: every row counts alike; 1: every person counts alike, however many rows there are of
            them; between: a person with n rows counts ``n ** (1 - person_weight)``.
        """
        _, position, n_rows = np.unique(self.person, return_inverse=True, return_counts=True)
        weight = n_rows[position].astype(np.float64) ** -person_weight
        return np.asarray(weight * (len(weight) / max(weight.sum(), 1.0)))

    def find(self, chosen: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        """Return where the chosen rows stand in ``whole``."""
        return chosen if self.place is None else self.place[chosen]

    def take(self, chosen: npt.NDArray[np.intp]) -> "TrainingRows":
        """Return the chosen rows with a matrix of their own."""
        return TrainingRows(self.whole[self.find(chosen)], self.y_true[chosen], self.person[chosen])

    def encode(self, encoding: Encoding, chosen: npt.NDArray[np.intp] | None = None) -> Float64:
        """Return the model matrix of the chosen rows, all where ``None``."""
        if chosen is None:
            chosen = np.arange(len(self.y_true))
        found = np.empty((len(chosen), len(encoding.columns)))
        for at in range(0, len(chosen), _BLOCK):
            part = self.find(chosen[at : at + _BLOCK])
            found[at : at + _BLOCK] = encoding.encode(self.whole[part])
        return found

    def sample_people(self, most_rows: int, seed: int) -> "TrainingRows":
        """Return the rows of a random part of the people, about ``most_rows`` where there are more.

        People are drawn, not rows, so that whoever is drawn is there at every landmark.
        """
        if len(self.y_true) <= most_rows:
            return self
        return self.take(np.flatnonzero(choose_people(self.person, most_rows, seed)))


def choose_people(person: Int64, most_rows: int, seed: int) -> Bools:
    """Return which rows are those of a random part of the people, about ``most_rows`` of them."""
    people, place = np.unique(person, return_inverse=True)
    share = most_rows / len(person)
    return np.asarray((np.random.default_rng(seed).random(len(people)) < share)[place])
