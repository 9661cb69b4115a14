"""A rare outcome learnt by partial pooling: from a more frequent one's model, and a little own.

Where too few people had an outcome, such as serious harm, a model of its own learns chance. Its
model then begins from that of an outcome that the catalogue names (``pooled_from``)::

    log-odds = a + s * (log-odds of the other outcome) + own part,   s >= 0

The own part is linear in the columns whose sources name this outcome and not the other. Every
coefficient is drawn towards 0, where the other model's word stands, and ``s`` towards 1; how
strongly is learnt on people who were held out, the offset alone among what is tried. A coefficient
of the own part may have either sign; where the catalogue gives a column a direction, it may take
back all that the other model's linear part says, and no more, so that the whole keeps the
direction.

Both parts are sums over columns, and so the whole is one more model of trees and a linear part
(:mod:`models.bundle.boosted_trees`): the trees are the other model's, and a bundle, its
contributions and its replay need nothing new.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

from features.catalogue.declarations import Catalogue, Outcome
from features.contract.arrays import Float64, Int64
from models.bundle.boosted_trees import OutcomeModel
from models.bundle.calibration import Calibration, fit_calibration
from models.bundle.encoding import Encoding
from models.bundle.intervals import fit_venn_abers
from models.bundle.linear_part import LinearPart
from training.cohorts.outcome_rows import TrainingRows
from training.config import TrainingConfig
from training.fitting.linear_part import measure_columns
from training.fitting.models import Boosted, split_by_person
from training.fitting.processors import open_pool

Bools = npt.NDArray[np.bool_]
LEAST_PEOPLE: Final = 20
"""Fewest people with the outcome from whom anything is pooled; as for every figure of it."""
STRENGTHS: Final = (0.0, 0.0005, 0.002, 0.008, 0.032)
"""Inverse strengths of the own part's penalty that are tried; 0 is the offset alone."""
_SLOPE_SPREAD: Final = 0.5
"""How far the slope on the other model is taken to lie from 1 before anything is seen, one standard
deviation: own judgement."""
_OPTIONS: Final = {"maxiter": 1_000, "maxfun": 2_000, "ftol": 1e-12, "gtol": 1e-8}
_LEAST_SPREAD: Final = 1e-9


@dataclass(frozen=True)
class PooledFit:
    """A model by partial pooling, with what is told of it.

    Parameters
    ----------
    boosted
        The model, and raw scores of rows whose person it had not seen.
    base_model
        The model that it begins from.
    slope
        How far it follows that outcome's log-odds: 1 wholly, 0 not at all.
    scale
        What the line is multiplied by in its calibration.
    likely
        How much each of ``STRENGTHS`` counts; the first is that there is no own part.
    rows
        What it is refitted on.
    """

    boosted: Boosted
    base_model: OutcomeModel
    slope: float
    scale: float
    likely: tuple[float, ...]
    rows: "PooledRows"

    def lay_out(self) -> "PooledRefit":
        """Return what its own part is fitted again on."""
        return PooledRefit(self)


@dataclass(frozen=True)
class PooledRows:
    """Training rows of a rare outcome, laid out beside what the other model says of them.

    Parameters
    ----------
    part
        The other model's linear part, whose middles and scales hold; without coefficients where it
        has none.
    offset
        Shape ``(n_rows,)``: its log-odds, of rows that it had not seen.
    design
        Shape ``(n_rows, n_terms)``: what coefficients multiply, varying columns alone.
    columns
        Shape ``(n_terms,)``: which of the ``2 k`` possible coefficients these are.
    given
        Shape ``(n_terms,)``: the other model's coefficients, in its served log-odds.
    sign
        Shape ``(n_terms,)``: 1 where the catalogue says that a column raises, -1 lowers, 0 open.
    own
        Shape ``(n_terms,)``: which of them may have a coefficient of their own.
    y_true, person, weight
        Shape ``(n_rows,)``; the weight is 1 on average.
    rows
        Shape ``(n_rows,)``: which of the outcome's training rows these are.
    """

    part: LinearPart
    offset: Float64
    design: Float64
    columns: Int64
    given: Float64
    sign: Int64
    own: Bools
    y_true: Bools
    person: Int64
    weight: Float64
    rows: Int64

    def fit(
        self,
        strength: float,
        kept: Int64 | None = None,
        counts: Int64 | None = None,
        slope: float | None = None,
    ) -> "PooledLine":
        """Fit intercept, slope and own part.

        Parameters
        ----------
        strength
            Inverse strength of the own part's penalty; 0 leaves it out.
        kept
            Which of the rows to learn from; all where ``None``.
        counts
            Shape ``(n_training_rows,)``: how often each counts; once where ``None``.
        slope
            Holds the slope there; free where ``None``.
        """
        if kept is None:
            kept = np.arange(len(self.y_true))
        weight = self.weight[kept]
        if counts is not None:
            weight = weight * counts[self.rows[kept]]
        own = self.own if strength > 0 else np.zeros_like(self.own)
        return _minimise(
            self.offset[kept],
            self.design[np.ix_(kept, np.flatnonzero(own))],
            self.y_true[kept],
            weight,
            self.given[own],
            self.sign[own],
            strength,
            own,
            slope,
        )

    def fit_all(
        self, likely: Float64, counts: Int64 | None = None, slope: float | None = None
    ) -> "PooledLine":
        """Return the mean of the lines of all ``STRENGTHS``, each counting as stated."""
        lines = [
            (share, self.fit(strength, counts=counts, slope=slope))
            for strength, share in zip(STRENGTHS, likely.tolist(), strict=True)
        ]
        return PooledLine(
            intercept=sum(share * one.intercept for share, one in lines),
            slope=sum(share * one.slope for share, one in lines),
            own=np.sum([share * one.own for share, one in lines], axis=0),
        )

    def score(self, line: "PooledLine", held_out: Int64) -> Float64:
        """Return raw scores of some of the rows, by the other model's held-out log-odds."""
        own = self.design[held_out] @ line.own
        return np.asarray(line.intercept + line.slope * self.offset[held_out] + own)


@dataclass(frozen=True)
class PooledLine:
    """A fitted line: intercept, slope on the other model, and coefficients of the own part.

    ``own`` has shape ``(n_terms,)``: beyond ``slope`` times what the other model has.
    """

    intercept: float
    slope: float
    own: Float64


@dataclass(frozen=True)
class PooledRefit:
    """A pooled model's linear part, fitted again and again; the slope and the weight stay."""

    fitted: PooledFit

    def fit(self, counts: Int64, is_left_out: Bools | None = None) -> LinearPart:
        """Fit, each of the outcome's training rows counting as often as stated.

        Parameters
        ----------
        counts
            Shape ``(n_training_rows,)``.
        is_left_out
            Not looked at: the columns of the own part are named by their sources and never left
            out, and what the other model rests on is settled there.
        """
        one, laid = self.fitted, self.fitted.rows
        linear = one.boosted.model.linear
        assert linear is not None
        line = laid.fit_all(np.array(one.likely), counts, one.slope)
        value, absent = _place(laid, line, one.scale)
        return replace(linear, coefficient=value, absent_coefficient=absent)


def is_pooled_better(pooled: PooledFit, own: Boosted, rows: TrainingRows) -> bool:
    """Return whether a pooled model is served in place of the outcome's own.

    It is, unless the own has the smaller log loss on people that neither had seen.

    Parameters
    ----------
    pooled, own
        The two models with raw scores of rows that they had not seen.
    rows
        The outcome's training rows.
    """
    _, first, second = np.intersect1d(
        pooled.boosted.rows, own.rows, assume_unique=True, return_indices=True
    )
    sign = np.where(rows.y_true[pooled.boosted.rows[first]], -1.0, 1.0)
    pairs = ((pooled.boosted, first), (own, second))
    of_pooled, of_own = (
        np.logaddexp(0.0, sign * one.model.calibration.log_odds(one.raw[at])).mean()
        for one, at in pairs
    )
    return bool(of_pooled <= of_own)


def fit_pooled(
    outcome: Outcome,
    rows: TrainingRows,
    base: tuple[Boosted, TrainingRows],
    catalogue: Catalogue,
    encoding: Encoding,
    config: TrainingConfig,
) -> PooledFit | None:
    """Fit a rare outcome's model by partial pooling.

    Parameters
    ----------
    outcome
        The rare outcome.
    rows
        Its training rows.
    base
        The fitted model of the outcome that it begins from, with that outcome's training rows; both
        outcomes' rows are parts of one matrix.
    catalogue, encoding
        What is measured, and how it becomes the models' columns.
    config
        ``folds``, ``seed`` and ``person_weight`` are used.

    Returns
    -------
    PooledFit or None
        ``None`` where fewer than ``LEAST_PEOPLE`` people had the outcome, or a fold would lack it.
    """
    boosted, _ = base
    laid = lay_out_pooled(outcome, rows, base, catalogue, encoding, config)
    if len(np.unique(laid.person[laid.y_true])) < LEAST_PEOPLE or laid.y_true.all():
        return None
    folds = list(split_by_person(laid.person, config.folds, config.seed))
    if not all(laid.y_true[kept].any() for kept, _ in folds):
        return None
    tried = np.array([_hold_out(laid, folds, strength) for strength in STRENGTHS])
    loss = [_log_loss(raw, laid) for raw in tried]
    likely = weigh_strengths(loss, len(np.unique(laid.person)))
    line = laid.fit_all(likely)
    held_out = likely @ tried
    model = join_pooled(outcome.name, boosted.model, laid, line, held_out, rows)
    served = fit_calibration(held_out, laid.y_true).log_odds(held_out)
    # In the model's own raw scores, which its intervals and later checks read.
    raw = (served - model.calibration.intercept) / model.calibration.slope
    model = replace(model, venn_abers=fit_venn_abers(raw, laid.y_true))
    return PooledFit(
        boosted=Boosted(model, model, boosted.rounds, laid.rows, raw),
        base_model=boosted.model,
        slope=line.slope,
        scale=fit_calibration(held_out, laid.y_true).slope,
        likely=tuple(likely.tolist()),
        rows=laid,
    )


def lay_out_pooled(
    outcome: Outcome,
    rows: TrainingRows,
    base: tuple[Boosted, TrainingRows],
    catalogue: Catalogue,
    encoding: Encoding,
    config: TrainingConfig,
) -> PooledRows:
    """Lay out the rows that the other model had not seen when it was scored on them.

    Parameters
    ----------
    outcome, rows, base, catalogue, encoding, config
        As :func:`fit_pooled` takes them.
    """
    boosted, base_rows = base
    model = boosted.model
    place, base_place = (one.find(np.arange(len(one.y_true))) for one in (rows, base_rows))
    unseen = base_place[boosted.rows]
    order = np.argsort(unseen, kind="stable")
    at = np.minimum(np.searchsorted(unseen[order], place), max(len(unseen) - 1, 0))
    chosen = np.flatnonzero(unseen[order][at] == place)
    offset = model.calibration.log_odds(boosted.raw[order][at[chosen]])
    x = rows.encode(encoding, chosen)
    if model.linear is None:
        part = measure_columns(x, encoding)
        given = np.zeros(2 * len(encoding.columns))
    else:
        part = model.linear
        given = np.concatenate([part.coefficient, part.absent_coefficient])
    given = model.calibration.slope * (1.0 - model.weight) * given
    design = np.concatenate(part.design(x), axis=1)
    columns = np.flatnonzero(np.ptp(design, axis=0) > _LEAST_SPREAD)
    return PooledRows(
        part=part,
        offset=offset,
        design=np.ascontiguousarray(design[:, columns]),
        columns=columns,
        given=given[columns],
        sign=np.tile(encoding.constraint, 2)[columns].astype(np.int64),
        own=np.tile(_find_own(outcome, catalogue, encoding), 2)[columns],
        y_true=rows.y_true[chosen],
        person=rows.person[chosen],
        weight=rows.weigh(config.person_weight)[chosen],
        rows=chosen,
    )


def _find_own(outcome: Outcome, catalogue: Catalogue, encoding: Encoding) -> Bools:
    """Return which columns may differ: those of whose indicator the source names this outcome and
    not the one that it begins from.
    """
    named = np.array(
        [
            outcome.name in one.relevant_to and outcome.pooled_from not in one.relevant_to
            for one in catalogue.indicators
        ]
    )
    return np.asarray(named[encoding.indicator])


def _hold_out(laid: PooledRows, folds: Sequence[tuple[Int64, Int64]], strength: float) -> Float64:
    """Return raw scores of all rows, each by a line that never saw the person."""
    raw = np.empty(len(laid.y_true))
    with open_pool(len(folds)) as pool:
        lines = pool.map(lambda kept: laid.fit(strength, kept), [kept for kept, _ in folds])
        for line, (_, held_out) in zip(lines, folds, strict=True):
            raw[held_out] = laid.score(line, held_out)
    return raw


def _log_loss(raw: Float64, laid: PooledRows) -> float:
    sign = np.where(laid.y_true, -1.0, 1.0)
    return float((laid.weight * np.logaddexp(0.0, sign * raw)).mean())


def weigh_strengths(loss: Sequence[float], n_people: int) -> Float64:
    """Return how much each strength counts: by how likely it makes the outcomes of people held out.

    The same as for the weight of a model's two parts (decision 28): where little is known all count
    much alike, and a few people more or less do not throw the answer from one to another.

    Parameters
    ----------
    loss
        Mean log loss of each on held-out rows.
    n_people
        Rows of one person tell much the same, so that all rows together count as so many.

    Returns
    -------
    Float64
        Of the length of ``loss``; they add up to 1.
    """
    likely = np.exp(-n_people * (np.array(loss) - min(loss)))
    return np.asarray(likely / likely.sum())


def _minimise(
    offset: Float64,
    design: Float64,
    y_true: Bools,
    weight: Float64,
    given: Float64,
    sign: Int64,
    strength: float,
    own: Bools,
    slope: float | None,
) -> PooledLine:
    """Return the line of the least penalised loss.

    The search is in total coefficients, the other model's share included: their signs are then
    plain bounds, and the penalty is on what is beyond the share.
    """
    total = weight.sum()
    label = y_true.astype(np.float64)
    flip = np.where(y_true, -1.0, 1.0)
    penalty = 1.0 / (strength * total) if strength > 0 else 0.0
    on_slope = 1.0 / (_SLOPE_SPREAD**2 * total)

    def loss(line: Float64) -> tuple[float, Float64]:
        beyond = line[2:] - line[1] * given
        margin = line[0] + line[1] * offset + design @ beyond
        pull = weight * (expit(margin) - label) / total
        off = line[1] - 1.0
        value = float(weight @ np.logaddexp(0.0, flip * margin)) / total
        value += 0.5 * (penalty * float(beyond @ beyond) + on_slope * off**2)
        of_own = design.T @ pull + penalty * beyond
        slope = float(pull @ offset) - float(given @ of_own) + on_slope * off
        return value, np.concatenate([[pull.sum(), slope], of_own])

    base = float(np.average(label, weights=weight))
    intercept = np.log(base / (1.0 - base)) - float(np.average(offset, weights=weight))
    begun = 1.0 if slope is None else slope
    start = np.concatenate([[intercept, begun], begun * given])
    bounds: list[tuple[float | None, float | None]] = [(None, None)]
    bounds.append((0.0, None) if slope is None else (slope, slope))
    bounds += [(0.0 if one > 0 else None, 0.0 if one < 0 else None) for one in sign.tolist()]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=_OPTIONS)
    beyond = np.zeros(len(own))
    beyond[own] = found.x[2:] - found.x[1] * given
    return PooledLine(float(found.x[0]), float(found.x[1]), beyond)


def _place(laid: PooledRows, line: PooledLine, scale: float) -> tuple[Float64, Float64]:
    """Return the coefficients of values and of unknowns, the other model's share included."""
    own = np.zeros(2 * len(laid.part.scale))
    own[laid.columns] = scale * (line.slope * laid.given + line.own)
    value, absent = np.split(own, 2)
    return value, absent


def join_pooled(
    outcome: str,
    base: OutcomeModel,
    laid: PooledRows,
    line: PooledLine,
    raw: Float64,
    rows: TrainingRows,
) -> OutcomeModel:
    """Return the whole as a model of trees and a linear part, calibrated on held-out people.

    Parameters
    ----------
    outcome
        Name of the rare outcome.
    base
        The other outcome's model, whose trees it has.
    laid, line
        The rows, and the line that was fitted on them.
    raw
        Shape ``(n_rows,)``: scores of those rows by lines that had not seen the person.
    rows
        The outcome's training rows, for its average.
    """
    calibration = fit_calibration(raw, laid.y_true)
    trees = calibration.slope * line.slope * base.calibration.slope * base.weight
    # The calibration's slope times the trees' weight is what multiplies the trees, and 1 is what
    # multiplies the linear part, which stands in log-odds already.
    slope = 1.0 + trees
    given = base.linear.intercept if base.linear is not None else 0.0
    intercept = (
        calibration.slope * line.slope * base.calibration.slope * (1.0 - base.weight) * given
    )
    value, absent = _place(laid, line, calibration.slope)
    linear = replace(laid.part, intercept=intercept, coefficient=value, absent_coefficient=absent)
    constant = calibration.intercept + calibration.slope * (
        line.intercept + line.slope * base.calibration.intercept
    )
    return OutcomeModel(
        outcome=outcome,
        text=base.text,
        calibration=Calibration(constant, slope),
        average=float(rows.y_true.mean()),
        columns=base.columns,
        linear=linear,
        weight=trees / slope,
    )
