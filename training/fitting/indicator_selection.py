"""Which indicators an outcome's model rests on: those that can be told from noise, and grave ones.

*Stability selection with complementary pairs* (Shah and Samworth 2013, after Meinshausen and
Buhlmann 2010). People are split at random into halves, fifty times; on each half columns are taken
up one after another, each time the one that explains most of what is left with the sign that the
catalogue asks for, until a quarter of the *records measured* are in (and on as long as a column is
beyond doubt). Indicators of the same records, such as all windows of threats, stand or fall
together: of columns that say nearly the same each half picks another one, so that none would be
picked often (Faletto and Bien 2022). What is picked in at least ``selection_share`` of the halves
is *told from noise*.

*The rate of errors*: records that say nothing, so that a half picks them no more often than any
others, are kept with a probability of at most 0.16 each, at the shares of ``training/config.yaml``
(the bound of Shah and Samworth's section 3.3, whose one assumption is that how often such records
are picked has an r-concave distribution). Outcomes dealt to other people bear it out (ADR 31).

*What is never left out* are indicators whose source names the gravest level of the catalogue's
ladder (``relevant_to``): they keep a term, shrunken, of the direction's sign.

Selection is part of a fit: each fold, back-test and refit selects anew, from its own people alone.
"""

import itertools
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2

from features.catalogue.declarations import Catalogue
from features.contract.arrays import Float64, Int64
from models.bundle.encoding import Encoding
from training.cohorts.outcome_rows import TrainingRows
from training.config import TrainingConfig
from training.fitting.linear_part import measure_columns

Bools = npt.NDArray[np.bool_]
Float32 = npt.NDArray[np.float32]
_BLOCKS: Final = 32
"""People are dealt into so many parts, and a half is half of the parts: sums over a half are sums
over its parts, which are made once. A half is a random half of the people all the same."""
_BEYOND_DOUBT: Final = float(chi2.isf(0.001, 1))
"""A half goes on picking while the score test of a column, people taken whole, is below 0.001: with
many people all records may tell something."""
_LEAST_LEFT: Final = 0.05
"""Share of a column's variance that those picked before must leave; else it tells the same."""
_LEAST_SPREAD: Final = 1e-6


@dataclass(frozen=True)
class SelectionRule:
    """What the catalogue says of indicators that compete.

    Parameters
    ----------
    records
        Shape ``(n_indicators,)``: number of the records that each is measured of, from 0.
    is_grave
        Shape ``(n_indicators,)``: whether its source names the gravest level of harm.
    """

    records: Int64
    is_grave: Bools


@dataclass(frozen=True)
class IndicatorSelection:
    """What was selected.

    Parameters
    ----------
    share
        Shape ``(n_indicators,)``: share of the half-samples that picked its records.
    is_told
        Shape ``(n_indicators,)``: whether its records can be told from noise.
    is_kept
        Shape ``(n_indicators,)``: told from noise, or never left out.
    """

    share: Float64
    is_told: Bools
    is_kept: Bools

    @property
    def left_out(self) -> tuple[int, ...]:
        """Numbers of the indicators that the model does not rest on."""
        return tuple(np.flatnonzero(~self.is_kept).tolist())


@dataclass(frozen=True)
class SelectionDesign:
    """Rows laid out once, from which is selected again and again.

    Parameters
    ----------
    design
        Shape ``(n_rows, n_columns + 2)``: columns as the linear part reads them, ones, and the
        outcome.
    sign
        Shape ``(n_columns,)``: 1 raises, -1 lowers, 0 open.
    indicator
        Shape ``(n_columns,)``: number of each column's indicator.
    weight, person
        Shape ``(n_rows,)``.
    rows
        Shape ``(n_rows,)``: which of the training rows these are.
    """

    design: Float32
    sign: Int64
    indicator: Int64
    weight: Float64
    person: Int64
    rows: Int64
    rule: SelectionRule
    config: TrainingConfig

    def select(self, counts: Int64 | None = None) -> IndicatorSelection:
        """Select, each training row counting as often as stated.

        Parameters
        ----------
        counts
            Shape ``(n_training_rows,)``, all rows of a person alike; every row counts once where
            ``None``.
        """
        weight = self.weight if counts is None else self.weight * counts[self.rows]
        n_records = int(self.rule.records.max()) + 1
        records = self.rule.records[self.indicator]
        picked = np.zeros(n_records)
        if len(records) and self.config.selection_pairs:
            sums, n_rows = _sum_halves(self, weight, self.config)
            n_picks = max(1, round(self.config.selection_picks * len(np.unique(records))))
            inflation = _measure_inflation(self, weight)
            found = _pick(sums, n_rows, self.sign, records, inflation, n_picks).mean(axis=0)
            # Records whose columns never vary are not among those that could be picked.
            picked[: len(found)] = found
        share = picked[self.rule.records]
        is_told = share >= self.config.selection_share
        return IndicatorSelection(share, is_told, is_told | self.rule.is_grave)


def make_rule(catalogue: Catalogue) -> SelectionRule:
    """Read from a catalogue which indicators stand together, and which are never left out.

    Indicators are of the same records where they select the same events, the same state or the same
    fact, whatever the measure and the window. The gravest level is the last of the ladder; a source
    that names no level in ``relevant_to`` speaks of all of them alike and names none.
    """
    numbers: dict[Hashable, int] = {}
    records = []
    for one in catalogue.indicators:
        expression = one.expression
        key = (expression.of, expression.state, expression.fact)
        records.append(numbers.setdefault(key, len(numbers)))
    ladder = catalogue.priority.ladder
    gravest = {ladder[-1].name, ladder[-1].outcome} if len(ladder) > 1 else set()
    is_grave = [bool(gravest.intersection(one.relevant_to)) for one in catalogue.indicators]
    return SelectionRule(np.array(records, dtype=np.int64), np.array(is_grave, dtype=np.bool_))


def lay_out_selection(
    rows: TrainingRows,
    encoding: Encoding,
    config: TrainingConfig,
    rule: SelectionRule,
    chosen: npt.NDArray[np.intp] | None = None,
) -> SelectionDesign:
    """Lay out one outcome's training rows for one selection or many.

    Parameters
    ----------
    rows, encoding, config, chosen
        As :func:`training.fitting.linear_part.fit_linear_part` takes them.
    rule
        The catalogue's.
    """
    if chosen is None:
        chosen = np.arange(len(rows.y_true))
    if len(chosen) > config.most_logistic_rows:
        random = np.random.default_rng(config.seed)
        chosen = np.sort(random.choice(chosen, config.most_logistic_rows, replace=False))
    x = rows.encode(encoding, chosen)
    value, absent = measure_columns(x, encoding).design(x)
    columns = np.concatenate([value, absent], axis=1, dtype=np.float32)
    varies = np.flatnonzero(np.ptp(columns, axis=0) > _LEAST_SPREAD)
    outcome = rows.y_true[chosen][:, None].astype(np.float32)
    ones = np.ones_like(outcome)
    return SelectionDesign(
        design=np.concatenate([columns[:, varies], ones, outcome], axis=1),
        sign=np.tile(encoding.constraint, 2)[varies].astype(np.int64),
        indicator=np.tile(encoding.indicator, 2)[varies].astype(np.int64),
        weight=rows.weigh(config.person_weight)[chosen],
        person=rows.person[chosen],
        rows=chosen,
        rule=rule,
        config=config,
    )


def select_indicators(
    rows: TrainingRows,
    encoding: Encoding,
    config: TrainingConfig,
    rule: SelectionRule | None,
    chosen: npt.NDArray[np.intp] | None = None,
) -> IndicatorSelection | None:
    """Select the indicators that a fit on some training rows rests on.

    Returns
    -------
    IndicatorSelection or None
        ``None`` where nothing is selected: without a rule, or where the configuration asks for no
        half-samples.
    """
    if rule is None or not config.selection_pairs:
        return None
    return lay_out_selection(rows, encoding, config, rule, chosen).select()


def blank(encoding: Encoding, selection: IndicatorSelection | None) -> Encoding:
    """Return the encoding from which a fit learns: what is left out has nothing in its columns."""
    return encoding if selection is None else encoding.leave_out(selection.left_out)


def _sum_halves(
    laid: SelectionDesign, weight: Float64, config: TrainingConfig
) -> tuple[Float64, Float64]:
    """Return each half's correlations among columns and outcome, and its sum of weights.

    Returns
    -------
    correlations
        Shape ``(2 * n_pairs, n_columns + 1, n_columns + 1)``, the outcome last; 0 where a column
        does not vary in the half.
    n_rows
        Shape ``(2 * n_pairs,)``.
    """
    random = np.random.default_rng(config.seed)
    people, position = np.unique(laid.person, return_inverse=True)
    part = (random.permutation(len(people)) % _BLOCKS)[position]
    order = np.argsort(part, kind="stable")
    edges = np.searchsorted(part[order], np.arange(_BLOCKS + 1))
    weighed = laid.design[order] * np.sqrt(weight[order]).astype(np.float32)[:, None]
    products = np.stack(
        [weighed[start:end].T @ weighed[start:end] for start, end in itertools.pairwise(edges)]
    )
    half = np.zeros((config.selection_pairs, _BLOCKS), dtype=np.float32)
    for number in range(config.selection_pairs):
        half[number, random.permutation(_BLOCKS)[: _BLOCKS // 2]] = 1.0
    size = weighed.shape[1]
    both = np.concatenate([half, 1.0 - half])
    sums = (both @ products.reshape(_BLOCKS, -1)).reshape(-1, size, size).astype(np.float64)
    n_rows = sums[:, -2, -2]
    first = np.delete(sums[:, :, -2], -2, axis=1)
    kept = np.delete(np.delete(sums, -2, axis=1), -2, axis=2)
    covariance = kept - first[:, :, None] * first[:, None, :] / n_rows[:, None, None]
    variance = np.einsum("bii->bi", covariance)
    spread = np.sqrt(np.where(variance > _LEAST_SPREAD * n_rows[:, None], variance, np.inf))
    return covariance / spread[:, :, None] / spread[:, None, :], n_rows


def _measure_inflation(laid: SelectionDesign, weight: Float64) -> Float64:
    """Return by how much each column's score varies more than if rows were people.

    The variance of its sum over people taken whole, over that of rows (Liang and Zeger 1986), at
    least 1; shape ``(n_columns,)``.
    """
    y_true = laid.design[:, -1].astype(np.float64)
    rest = weight * (y_true - np.average(y_true, weights=weight))
    columns = laid.design[:, :-2] - np.average(laid.design[:, :-2], axis=0, weights=weight)
    _, position = np.unique(laid.person, return_inverse=True)
    order = np.argsort(position, kind="stable")
    starts = np.flatnonzero(np.diff(position[order], prepend=-1))
    score = columns * rest[:, None]
    by_person = np.add.reduceat(score[order], starts, axis=0)
    alone = (score**2).sum(axis=0)
    ratio = (by_person**2).sum(axis=0) / np.where(alone > 0, alone, np.inf)
    return np.asarray(np.maximum(ratio, 1.0))


def _pick(
    correlations: Float64,
    n_rows: Float64,
    sign: Int64,
    records: Int64,
    inflation: Float64,
    n_picks: int,
) -> Bools:
    """Return which records each half picks, shape ``(n_halves, n_records)``.

    Columns are taken up by orthogonal steps, in all halves at once.
    """
    among, with_outcome = correlations[:, :-1, :-1], correlations[:, :-1, -1].copy()
    n_halves, n_columns = with_outcome.shape
    halves = np.arange(n_halves)
    left = np.ones((n_halves, n_columns))
    rest = np.ones(n_halves)
    picked = np.zeros((n_halves, int(records.max()) + 1), dtype=np.bool_)
    goes_on = np.ones(n_halves, dtype=np.bool_)
    steps: list[Float64] = []
    for _ in range(n_columns):
        score = np.where(left > _LEAST_LEFT, with_outcome / np.sqrt(np.maximum(left, 1e-9)), 0.0)
        score = np.where((sign == 0) | (np.sign(score) == sign), np.abs(score), 0.0)
        best = score.argmax(axis=1)
        gain = score[halves, best] ** 2
        is_sure = n_rows * gain / (rest * inflation[best]) > _BEYOND_DOUBT
        goes_on &= (gain > 0) & ((picked.sum(axis=1) < n_picks) | is_sure)
        if not goes_on.any():
            break
        picked[halves[goes_on], records[best[goes_on]]] = True
        root = np.sqrt(np.maximum(left[halves, best], 1e-9))
        step = among[halves, :, best].copy()
        for earlier in steps:
            step -= earlier * earlier[halves, best][:, None]
        step = np.where(goes_on[:, None], step / root[:, None], 0.0)
        pull = np.where(goes_on, with_outcome[halves, best] / root, 0.0)
        with_outcome -= step * pull[:, None]
        left -= step**2
        left[halves[goes_on], best[goes_on]] = 0.0
        rest = np.maximum(rest - pull**2, 1e-9)
        steps.append(step)
    return picked
