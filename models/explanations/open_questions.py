"""What the file does not say, and how far each answer could move the score.

For every unanswered question each admissible answer is tried in turn, all else as it is. The range
says what asking could change. It is no forecast of the answer and no reason to act as if it were
known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from features.catalogue.declarations import Catalogue, FactType, Measure
from features.contract.arrays import Float64
from features.history.columns import History
from models.bundle.folder import Bundle
from models.ranking.estimates import measure_case
from models.ranking.reasons_text import first_columns, list_unanswered
from models.wording.sentences import describe_range


@dataclass(frozen=True)
class AnswerRange:
    """One outcome's probability over every admissible answer, both ends inclusive."""

    outcome: str
    low: float
    high: float
    sentence: str


@dataclass(frozen=True)
class OpenQuestion:
    """A question without an answer on file.

    Parameters
    ----------
    fact
        Its name in the catalogue.
    sentence
        The question, and whether it was asked.
    key_question
        Whether it is one to ask first.
    ranges
        For each modelled outcome; the score as it stands lies within, unless silence alone moves it
        further than any answer.
    """

    fact: str
    sentence: str
    key_question: bool
    ranges: tuple[AnswerRange, ...]

    @property
    def widest(self) -> float:
        """The widest of the ranges, as a difference of probabilities."""
        return max((one.high - one.low for one in self.ranges), default=0.0)


def list_open_questions(
    bundle: Bundle, history: History, case: int, as_of_us: int
) -> tuple[OpenQuestion, ...]:
    """Return the unanswered questions of one case: key questions first, then by widest range.

    Parameters
    ----------
    bundle, history, case, as_of_us
        The model, and the case by its number in the history at a moment in microseconds UTC.

    Returns
    -------
    tuple of OpenQuestion
        Empty where every question was answered.
    """
    values = measure_case(bundle, history, case, as_of_us)[0]
    return find_open_questions(bundle, values)


def find_open_questions(bundle: Bundle, values: Float64) -> tuple[OpenQuestion, ...]:
    """Return the unanswered questions of a row of indicators, shape ``(n_columns,)``."""
    catalogue = bundle.catalogue
    fact_of = {entry.name: entry.expression.fact for entry in catalogue.indicators}
    unknowns = {str(fact_of[one.indicator]): one for one in list_unanswered(catalogue, values)}
    rows = [_answer(bundle, values, fact) for fact in unknowns]
    probabilities = _estimate(bundle, rows)
    ends = np.cumsum([0, *(len(some) for some in rows)])
    found = [
        OpenQuestion(
            fact=fact,
            sentence=unknown.sentence,
            key_question=unknown.key_question,
            ranges=describe_ranges(probabilities, slice(ends[n], ends[n + 1])),
        )
        for n, (fact, unknown) in enumerate(unknowns.items())
    ]
    return tuple(sorted(found, key=lambda one: (not one.key_question, -one.widest)))


def _estimate(bundle: Bundle, rows: Sequence[Float64]) -> dict[str, Float64]:
    if not rows:
        return {}
    x = bundle.encoding.encode(np.concatenate(rows))
    return {name: expit(model.log_odds(x)) for name, model in bundle.outcomes.items()}


def describe_ranges(
    probabilities: Mapping[str, Float64], rows: slice, of: str = "answers"
) -> tuple[AnswerRange, ...]:
    """Return each outcome's range over some rows: of ``answers`` to a question, or of ``views``.

    Parameters
    ----------
    probabilities
        By outcome, shape ``(n_rows,)`` each.
    rows
        Which of the rows belong together.
    of
        ``answers`` or ``views``, which the sentence names.

    Returns
    -------
    tuple of AnswerRange
        One for each outcome, in the order given.
    """
    found = []
    for name, column in probabilities.items():
        low, high = float(column[rows].min()), float(column[rows].max())
        found.append(AnswerRange(name, low, high, describe_range(low, high, of)))
    return tuple(found)


def _answer(bundle: Bundle, values: Float64, fact: str) -> Float64:
    """Return the row once for each answer that could make a difference."""
    columns = _columns_of(bundle.catalogue, fact)
    answers = admissible_answers(bundle, fact)
    rows = np.repeat(values[None, :], len(answers), axis=0)
    for column in columns:
        rows[:, column] = answers
        # The column beside an answer says that the question was asked.
        rows[:, column + 1] = 1.0
    return rows


def _columns_of(catalogue: Catalogue, fact: str) -> list[int]:
    return [
        column
        for indicator, column in zip(catalogue.indicators, first_columns(catalogue), strict=True)
        if indicator.expression.measure is Measure.LAST_FACT and indicator.expression.fact == fact
    ]


def admissible_answers(bundle: Bundle, fact: str) -> Float64:
    """Return answers between which the scores of all admissible ones lie, as numbers.

    Yes and no; of a number or a date, all that lies within what the training cases held: its ends
    and both sides of every value at which a tree splits, since between them a score changes in one
    direction at most. None where no training case had an answer, so that no model can distinguish
    answers; zero then stands for all.
    """
    if bundle.catalogue.facts[fact].type is FactType.YES_NO:
        return np.array([0.0, 1.0])
    columns = _columns_of(bundle.catalogue, fact)
    held = bundle.reference.quantiles[columns]
    if np.isnan(held).any():
        return np.zeros(1)
    low, high = held.min(), held.max()
    names = [bundle.catalogue.columns[column] for column in columns]
    splits = [
        model.thresholds[name]
        for model in bundle.outcomes.values()
        for name in names
        if name in model.thresholds
    ]
    at = np.concatenate([np.array([low, high]), *splits])
    # A value equal to a threshold goes with those below it, so the next one above is tried too.
    both = np.concatenate([at, np.nextafter(at, np.inf)])
    return np.unique(both[(both >= low) & (both <= high)])
