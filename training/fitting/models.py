"""Fitting: one model of two parts per outcome, its calibration, and the two rules beside it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import lightgbm
import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from features.catalogue.declarations import RfsRule
from features.contract.arrays import Float64, Int64
from models.bundle.baselines import (
    LogisticBaseline,
    RfsBaseline,
    logistic_design,
    rank_quantiles,
    sum_ranks,
)
from models.bundle.boosted_trees import OutcomeModel, mix
from models.bundle.calibration import fit_calibration
from models.bundle.encoding import Encoding
from models.bundle.intervals import fit_venn_abers
from models.bundle.linear_part import LinearPart, signed_log
from training.cohorts.outcome_rows import TrainingRows
from training.config import TrainingConfig
from training.fitting.bins import BoostingParameters, SharedBins
from training.fitting.cross_validation import Part, Progress, RoundLimits, cross_validate
from training.fitting.indicator_selection import (
    IndicatorSelection,
    SelectionRule,
    blank,
    select_indicators,
)
from training.fitting.linear_part import fit_linear_part, learn_weight
from training.fitting.processors import open_pool

__all__ = [
    "Boosted",
    "TrainingRows",
    "boosting_parameters",
    "fit_held_out",
    "fit_logistic",
    "fit_outcome",
    "fit_rfs",
    "split_by_person",
]

Bools = npt.NDArray[np.bool_]
MOST_LOSS: Final = 0.003
"""AUC on people held out that a selection may lose; beyond it the model rests on all indicators."""
_MANY_ROWS: Final = 200_000
"""Up to so many rows a model is fitted on one thread, and several models are fitted side by side:
threads that share one wait for each other after every split, which on a busy machine costs many
times what it gains."""


@dataclass(frozen=True)
class Boosted:
    """A fitted outcome with the raw scores of rows that their model had not seen.

    Parameters
    ----------
    model
        The model with its calibration.
    trees
        Its trees alone, with a calibration of their own; the model itself where it has no other
        part.
    rounds
        Number of trees.
    rows, raw
        Shape ``(n_unseen,)``: positions of those rows, and their raw scores by the model.
    selection
        The indicators that it rests on; ``None`` where it rests on all.
    """

    model: OutcomeModel
    trees: OutcomeModel
    rounds: int
    rows: Int64
    raw: Float64
    selection: IndicatorSelection | None = None


def fit_outcome(
    outcome: str,
    rows: TrainingRows,
    encoding: Encoding,
    config: TrainingConfig,
    settings: Mapping[str, float] | None = None,
    bins: SharedBins | None = None,
    tell: Progress | None = None,
    rule: SelectionRule | None = None,
) -> Boosted:
    """Fit one outcome's model: boosted trees and a linear part.

    The number of rounds, the parts' weights and the calibration come from rows that their model has
    not seen: from folds by person, the model itself then being fitted on all rows; or, above
    ``most_fold_rows``, from one part of the people that is held out for good, since folds would
    take five times as long and add nothing.

    Parameters
    ----------
    settings
        What replaces the configuration's settings of LightGBM, where tuning found others.
    bins
        The matrix that holds the rows, in bins already; used where one part is held out and the
        settings are the configuration's.
    tell
        Told how far the rounds are, where folds settle them.
    rule
        By which the model, and each fold anew, selects the indicators that it rests on; all of them
        where ``None``.
    """
    parameters = boosting_parameters(encoding, config, len(rows.y_true)) | dict(settings or {})
    if len(rows.y_true) > config.most_fold_rows:
        return fit_held_out(outcome, rows, encoding, config, settings, bins=bins, rule=rule)
    everyone = np.arange(len(rows.y_true))
    folds = list(split_by_person(rows.person, config.folds, config.seed))
    learnt = [None, *(kept for kept, _ in folds)]
    with open_pool(len(learnt)) as pool:
        selected = list(
            pool.map(lambda kept: select_indicators(rows, encoding, config, rule, kept), learnt)
        )
    if rule is not None and not _keeps_order(rows, encoding, config, folds, selected[1:]):
        return fit_outcome(outcome, rows, encoding, config, settings, bins, tell)
    read = [blank(encoding, one) for one in selected]
    data = _bin(rows, everyone, read[0], config, parameters)
    parts = [
        _bin_fold(rows, fold, columns, config, parameters)
        for fold, columns in zip(folds, read[1:], strict=True)
        if rule is not None
    ]
    limits = RoundLimits(config.most_rounds, _find_patience(parameters, config))
    trial = cross_validate(data, folds, parameters, limits, tell or (lambda _: None), parts)
    with open_pool(len(learnt)) as pool:
        linear, *by_fold = pool.map(
            lambda columns, kept: fit_linear_part(rows, columns, config, kept), read, learnt
        )
    raw, linear_raw = np.empty(len(rows.y_true)), np.empty(len(rows.y_true))
    for booster, part, (_, held_out) in zip(trial.folds, by_fold, folds, strict=True):
        x = rows.encode(encoding, held_out)
        # By the fold that never saw the person: on rows it has seen a model is too sure of itself.
        raw[held_out] = booster.predict(x, raw_score=True, num_iteration=trial.rounds)
        linear_raw[held_out] = part.log_odds(x)
    trees = _calibrate(outcome, trial.text, rows, everyone, raw, encoding)
    joined = _join(trees, linear, trial.rounds, rows, everyone, raw, linear_raw)
    return replace(joined, selection=selected[0])


def fit_held_out(
    outcome: str,
    rows: TrainingRows,
    encoding: Encoding,
    config: TrainingConfig,
    settings: Mapping[str, float] | None = None,
    *,
    share: float | None = None,
    bins: SharedBins | None = None,
    trees_alone: bool = False,
    rule: SelectionRule | None = None,
) -> Boosted:
    """Fit one outcome's model on all people but a part, which settles what folds settle.

    Parameters
    ----------
    outcome, rows, encoding, config, settings, bins, rule
        As :func:`fit_outcome` takes them.
    share
        The part's share of people; the configuration's where ``None``.
    trees_alone
        Whether the linear part is left out.
    """
    parameters = boosting_parameters(encoding, config, len(rows.y_true)) | dict(settings or {})
    parts = max(2, round(1 / (share or config.held_out_share)))
    kept, held_out = next(iter(split_by_person(rows.person, parts, config.seed)))
    unseen = rows.encode(encoding, held_out)
    selection = select_indicators(rows, encoding, config, rule, kept)
    if not _keeps_order(rows, encoding, config, [(kept, held_out)], [selection]):
        selection = None
    read = blank(encoding, selection)
    if bins is not None and bins.fits(rows) and not settings and not read.left_out:
        weight = rows.weigh(config.person_weight)
        data, watched = (bins.take(rows, part, weight) for part in (kept, held_out))
    else:
        data, watched = _bin_fold(rows, (kept, held_out), read, config, parameters)
    booster = lightgbm.train(
        parameters,
        data,
        num_boost_round=config.most_rounds,
        valid_sets=[watched],
        callbacks=[lightgbm.early_stopping(_find_patience(parameters, config), verbose=False)],
    )
    rounds = max(1, booster.best_iteration)
    text = booster.model_to_string(num_iteration=rounds)
    # Scored from the text, which keeps the best rounds alone: what is stored is what was measured.
    raw = np.asarray(lightgbm.Booster(model_str=text).predict(unseen, raw_score=True))
    trees = _calibrate(outcome, text, rows, held_out, raw, encoding)
    if trees_alone or not _is_mixed(rows.y_true[kept]):
        return Boosted(trees, trees, rounds, held_out, raw, selection)
    linear = fit_linear_part(rows, read, config, kept)
    joined = _join(trees, linear, rounds, rows, held_out, raw, linear.log_odds(unseen))
    return replace(joined, selection=selection)


def _keeps_order(
    rows: TrainingRows,
    encoding: Encoding,
    config: TrainingConfig,
    folds: Sequence[Part],
    selected: Sequence[IndicatorSelection | None],
) -> bool:
    """Return whether people who were held out are ordered as well by what is selected.

    Asked of the linear part, which is quick to fit, and only where fewer than ``few_people`` had
    the outcome: then much that is too weak to be told from noise still orders, and a model without
    it would order worse.
    """
    if rows.n_people_with_outcome >= config.few_people:
        return True
    kept_out = [one for one in selected if one is not None and one.left_out]
    if not kept_out or not all(_is_mixed(rows.y_true[kept]) for kept, _ in folds):
        return True
    tasks = [
        (blank(encoding, one), kept, held_out)
        for some in (selected, [None] * len(folds))
        for one, (kept, held_out) in zip(some, folds, strict=True)
    ]
    with open_pool(len(tasks)) as pool:
        found = list(
            pool.map(
                lambda columns, kept, held_out: fit_linear_part(
                    rows, columns, config, kept
                ).log_odds(rows.encode(encoding, held_out)),
                *zip(*tasks, strict=True),
            )
        )
    y_true = rows.y_true[np.concatenate([held_out for _, held_out in folds])]
    if not _is_mixed(y_true):
        return True
    of_selected, of_all = (
        float(roc_auc_score(y_true, np.concatenate(some)))
        for some in (found[: len(folds)], found[len(folds) :])
    )
    return of_all - of_selected <= MOST_LOSS


def _find_patience(parameters: BoostingParameters, config: TrainingConfig) -> int:
    """Return the rounds without gain after which boosting ends: fewer where each step is larger."""
    step = float(str(parameters["learning_rate"]))
    shipped = config.lightgbm["learning_rate"]
    return max(1, round(config.early_stopping_rounds * min(1.0, shipped / step)))


def _is_mixed(y_true: Bools) -> bool:
    return bool(y_true.any() and not y_true.all())


def _bin(
    rows: TrainingRows,
    chosen: npt.NDArray[np.intp],
    encoding: Encoding,
    config: TrainingConfig,
    parameters: BoostingParameters,
) -> lightgbm.Dataset:
    return lightgbm.Dataset(
        rows.encode(encoding, chosen),
        label=rows.y_true[chosen].astype(np.float64),
        weight=rows.weigh(config.person_weight)[chosen],
        feature_name=list(encoding.columns),
        params={"verbosity": -1, "max_bin": parameters["max_bin"]},
    )


def _bin_fold(
    rows: TrainingRows,
    fold: Part,
    encoding: Encoding,
    config: TrainingConfig,
    parameters: BoostingParameters,
) -> tuple[lightgbm.Dataset, lightgbm.Dataset]:
    """Return the rows to learn from and those held out, in the bins of the former."""
    kept, held_out = fold
    data = _bin(rows, kept, encoding, config, parameters).construct()
    watched = lightgbm.Dataset(
        rows.encode(encoding, held_out),
        rows.y_true[held_out].astype(np.float64),
        weight=rows.weigh(config.person_weight)[held_out],
        reference=data,
        params=data.get_params(),
    )
    # At once, while both name the same parameters.
    watched.construct()
    return data, watched


def _calibrate(
    outcome: str,
    text: str,
    rows: TrainingRows,
    unseen: Int64,
    raw: Float64,
    encoding: Encoding,
) -> OutcomeModel:
    """Return the trees alone, calibrated on rows that they had not seen."""
    return OutcomeModel(
        outcome=outcome,
        text=text,
        calibration=fit_calibration(raw, rows.y_true[unseen]),
        average=float(rows.y_true.mean()),
        columns=encoding.columns,
        venn_abers=fit_venn_abers(raw, rows.y_true[unseen]),
    )


def _join(
    trees: OutcomeModel,
    linear: LinearPart,
    rounds: int,
    rows: TrainingRows,
    unseen: Int64,
    trees_raw: Float64,
    linear_raw: Float64,
) -> Boosted:
    """Average both parts by a weight learnt on rows that neither had seen, and calibrate."""
    y_true = rows.y_true[unseen]
    weight = learn_weight(trees_raw, linear_raw, y_true, rows.person[unseen])
    if weight == 1.0:
        return Boosted(trees, trees, rounds, unseen, trees_raw)
    raw = mix(trees_raw, linear_raw, weight)
    model = replace(
        trees,
        calibration=fit_calibration(raw, y_true),
        venn_abers=fit_venn_abers(raw, y_true),
        linear=linear,
        weight=weight,
    )
    return Boosted(model, trees, rounds, unseen, raw)


def boosting_parameters(
    encoding: Encoding, config: TrainingConfig, n_rows: int
) -> BoostingParameters:
    """Return LightGBM's parameters: the configuration's, constraints, and what makes it repeat."""
    return {
        **config.lightgbm,
        "objective": "binary",
        "metric": "binary_logloss",
        "monotone_constraints": encoding.constraint.tolist(),
        "seed": config.seed,
        "deterministic": True,
        # Left to itself LightGBM times both layouts and takes the faster, so that runs may differ.
        "force_row_wise": True,
        # 0 leaves the number to LightGBM, which takes all processors.
        "num_threads": 1 if n_rows <= _MANY_ROWS else 0,
        "verbosity": -1,
    }


def split_by_person(
    person: Int64, n_folds: int, seed: int
) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Yield training and held-out rows; every person is held out in exactly one fold."""
    people, position = np.unique(person, return_inverse=True)
    fold = np.random.default_rng(seed).permutation(len(people)) % n_folds
    for number in range(n_folds):
        held_out = fold[position] == number
        yield np.flatnonzero(~held_out), np.flatnonzero(held_out)


def fit_rfs(rows: TrainingRows, rule: RfsRule, columns: tuple[str, ...]) -> RfsBaseline:
    """Fit the recency-frequency-severity rule: ranks among the training rows, and calibration."""
    names = (rule.recency, rule.frequency, rule.severity)
    recency, frequency, severity = (columns.index(name) for name in names)
    positions = (recency, frequency, severity)
    everyone = np.arange(len(rows.y_true))
    chosen = rows.whole[:, list(positions)][rows.find(everyone)]
    quantiles = rank_quantiles(chosen, (0, 1, 2))
    raw = sum_ranks(chosen, (0, 1, 2), quantiles)
    return RfsBaseline(positions, quantiles, fit_calibration(raw, rows.y_true))


def fit_logistic(rows: TrainingRows, config: TrainingConfig) -> LogisticBaseline:
    """Fit the logistic regression on all indicators, with an L2 penalty.

    Above ``most_logistic_rows`` it learns from a random part of the rows.
    """
    if len(rows.y_true) > config.most_logistic_rows:
        random = np.random.default_rng(config.seed)
        rows = rows.take(random.choice(len(rows.y_true), config.most_logistic_rows, replace=False))
    values, y_true = rows.values, rows.y_true
    logged = signed_log(values)
    known = ~np.isnan(logged)
    count = np.maximum(known.sum(axis=0), 1)
    middle = np.where(known, logged, 0.0).sum(axis=0) / count
    spread = np.sqrt((np.where(known, logged - middle, 0.0) ** 2).sum(axis=0) / count)
    # A column that never varies says nothing, and must not divide by 0.
    scale = np.where(spread > 0, spread, 1.0)
    regression = LogisticRegression(C=config.logistic_penalty_c, solver="newton-cholesky")
    regression.fit(logistic_design(values, middle, scale), y_true)
    return LogisticBaseline(middle, scale, regression.coef_[0], float(regression.intercept_[0]))
