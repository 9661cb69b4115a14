"""Whether a file is too thin, or too unlike the training cases, for its score to mean much.

A thin file holds next to nothing that an estimate could rest on: silence is not safety (promise 6).
A strange one lies outside what the model has seen, so that the model guesses. Both are marks beside
the score; neither changes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypedDict

import numpy as np

from features.catalogue.declarations import Catalogue
from features.contract.arrays import Float64, Int64
from models.wording.sentences import say

THIN_SHARE: Final = 0.05
"""A file is thin where fewer than this share of training cases held as little; own judgement."""
LEAST_RECORDS: Final = 3
"""A file with fewer records is thin wherever it stands among the training cases; own judgement:
two records show no pattern, which takes a first, a next and one to confirm it."""
TAIL: Final = 0.005
"""A value is unusual beyond the 0.5 % or the 99.5 % quantile of the training cases."""
STRANGE_SHARE: Final = 0.01
"""A file is strange with more unusual values than 99 % of the training cases had."""
LEAST_UNUSUAL: Final = 2
"""One unusual value alone makes no file strange."""
THIN_WORDS: Final = say("thin_file")
STRANGE_WORDS: Final = say("strange_file")


@dataclass(frozen=True)
class FileMark:
    """What is said beside a score about the file that it rests on.

    Parameters
    ----------
    thin, strange
        Whether the file is one.
    n_records, n_answered
        Records known at the moment; questions with an answer, ``None`` where none are put.
    unusual
        Columns whose values lie outside the usual range, the furthest in the tail first, named
        whether or not they make the file strange.
    sentences
        The marks in words; empty for an ordinary file.
    """

    thin: bool
    strange: bool
    n_records: int
    n_answered: int | None
    unusual: tuple[str, ...]
    sentences: tuple[str, ...]


class FamiliarityText(TypedDict):
    """What a bundle's folder keeps of :class:`Familiarity`; ``None`` where nothing was known."""

    columns: list[str]
    questions: list[int]
    low: list[float | None]
    high: list[float | None]
    least_records: int
    least_answered: int
    most_unusual: int


@dataclass(frozen=True)
class Familiarity:
    """What training files held, as far as the marks need it.

    Parameters
    ----------
    columns
        Names of the indicator columns.
    questions
        Positions of the columns that hold an answer; a missing value is an unanswered question.
    low, high
        Shape ``(n_columns,)``: the usual range, both ends inclusive; NaN where nothing was known.
    least_records, least_answered
        A file with fewer is thin.
    most_unusual
        A file with more unusual values is strange.
    """

    columns: tuple[str, ...]
    questions: Int64
    low: Float64
    high: Float64
    least_records: int
    least_answered: int
    most_unusual: int

    def mark(self, values: Float64, n_records: int) -> FileMark:
        """Return the marks of one file.

        Parameters
        ----------
        values
            Shape ``(n_columns,)``, a row of the indicator matrix.
        n_records
            Events and facts of the case known at that moment.

        Returns
        -------
        FileMark
            Thin, strange, neither or both.
        """
        answered = int((~np.isnan(values[self.questions])).sum()) if len(self.questions) else None
        few_answers = answered is not None and answered < self.least_answered
        thin = n_records < self.least_records or few_answers
        unusual = self._unusual(values)
        strange = len(unusual) > self.most_unusual
        said = [THIN_WORDS] * thin + [STRANGE_WORDS] * strange
        return FileMark(thin, strange, n_records, answered, unusual, tuple(said))

    def _unusual(self, values: Float64) -> tuple[str, ...]:
        excess = _excess(values[None, :], self.low, self.high)[0]
        order = np.argsort(-excess, kind="stable")[: int((excess > 0).sum())]
        return tuple(self.columns[number] for number in order)

    def to_json(self) -> FamiliarityText:
        """Return what :func:`read_familiarity` reads back exactly."""
        return {
            "columns": list(self.columns),
            "questions": self.questions.tolist(),
            "low": _nullable(self.low),
            "high": _nullable(self.high),
            "least_records": self.least_records,
            "least_answered": self.least_answered,
            "most_unusual": self.most_unusual,
        }


def read_familiarity(entry: Mapping[str, Any]) -> Familiarity:
    """Read what :meth:`Familiarity.to_json` wrote.

    Raises
    ------
    ValueError
        If the lists do not fit together.
    """
    columns = tuple(str(name) for name in entry["columns"])
    low, high = (np.array(entry[name], dtype=np.float64) for name in ("low", "high"))
    questions = np.array(entry["questions"], dtype=np.int64)
    if not len(columns) == len(low) == len(high):
        raise ValueError("a range is needed for every column")
    if len(questions) and not 0 <= questions.min() <= questions.max() < len(columns):
        raise ValueError("a question without a column")
    least, answered, most = (
        int(entry[name]) for name in ("least_records", "least_answered", "most_unusual")
    )
    return Familiarity(columns, questions, low, high, least, answered, most)


def fit_familiarity(values: Float64, n_records: Int64, catalogue: Catalogue) -> Familiarity:
    """Learn what files of training cases usually hold.

    Parameters
    ----------
    values
        Shape ``(n_rows, n_columns)``, the indicator matrix of the training cases.
    n_records
        Shape ``(n_rows,)``: events and facts known at each row's moment.
    catalogue
        Names the columns, and which of them hold answers.

    Returns
    -------
    Familiarity
        What :meth:`Familiarity.mark` compares a file with.
    """
    columns = catalogue.columns
    questions = _questions(columns)
    low, high = (_quantile(values, share) for share in (TAIL, 1 - TAIL))
    unusual = (_excess(values, low, high) > 0).sum(axis=1)
    answered = (~np.isnan(values[:, questions])).sum(axis=1)
    most = int(np.quantile(unusual, 1 - STRANGE_SHARE, method="inverted_cdf"))
    return Familiarity(
        columns=columns,
        questions=questions,
        low=low,
        high=high,
        least_records=max(LEAST_RECORDS, _lowest(n_records)),
        least_answered=_lowest(answered) if len(questions) else 0,
        most_unusual=max(LEAST_UNUSUAL - 1, most),
    )


def _questions(columns: Sequence[str]) -> Int64:
    """Return the columns of answers: those beside a column that says whether it was asked."""
    names = set(columns)
    return np.array(
        [number for number, name in enumerate(columns) if f"{name}__asked" in names], dtype=np.int64
    )


def _lowest(counts: Int64) -> int:
    """Return the number that fewer than ``THIN_SHARE`` of training cases fell short of."""
    return int(np.quantile(counts, THIN_SHARE, method="lower"))


def _quantile(values: Float64, share: float) -> Float64:
    found = np.full(values.shape[1], np.nan)
    for column in range(values.shape[1]):
        known = values[~np.isnan(values[:, column]), column]
        if len(known):
            found[column] = np.quantile(known, share, method="inverted_cdf")
    return found


def _excess(values: Float64, low: Float64, high: Float64) -> Float64:
    """Return how far values lie outside the usual range, in widths of it; 0 within or missing.

    A range of no width counts as one unit wide.
    """
    width = np.where(high > low, high - low, 1.0)
    outside = np.maximum(low - values, values - high) / width
    return np.where(outside > 0, outside, 0.0)


def _nullable(values: Float64) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]
