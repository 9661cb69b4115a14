"""Rank bands of the tested list: where its cases would stand had other people been learnt from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from features.catalogue.declarations import Catalogue
from features.contract.arrays import Float64, Int64
from models.bundle.boosted_trees import OutcomeModel, mix
from models.bundle.encoding import make_encoding
from models.ranking.priority import expected_harm
from models.run_figures.screening_list import RankInterval, RankIntervals
from training.config import TrainingConfig
from training.evaluation.screening_list import TestedList
from training.fitting.bootstrap_refits import (
    LightRefit,
    assess_list,
    measure_distinguishable,
    prepare_refits,
    refit_ranks,
)
from training.fitting.fitted_outcome import FittedOutcome, lay_out_linear, prepare_selection
from training.fitting.indicator_selection import SelectionDesign, blank
from training.fitting.linear_part import LinearRefit
from training.fitting.pooling import PooledRefit
from training.options import Progress


@dataclass(frozen=True)
class _Refitted:
    """One outcome that is refitted.

    Parameters
    ----------
    model
        As it is served; its calibration and weight stay.
    light, linear
        The rows of each of its parts; no linear one where the trees stand alone.
    chooser
        Selects anew for each refit; ``None`` where the model rests on all indicators.
    place, linear_place
        Shape ``(n_rows,)``: where the person of each training row of the trees, and of the linear
        part, stands among all people. They differ where the trees are another outcome's.
    """

    model: OutcomeModel
    light: LightRefit
    linear: LinearRefit | PooledRefit | None
    chooser: SelectionDesign | None
    place: Int64
    linear_place: Int64

    def score(self, x: Float64, counts: Int64, seed: int) -> Float64:
        """Fit both parts, each person counting as often as stated, and return probabilities."""
        drawn = counts[self.place]
        selection = None if self.chooser is None else self.chooser.select(drawn)
        raw = np.asarray(self.light.fit(drawn, seed, selection).predict(x, raw_score=True))
        if self.linear is not None:
            is_left_out = blank(self.light.encoding, selection).is_left_out
            again = self.linear.fit(counts[self.linear_place], is_left_out)
            raw = mix(raw, again.log_odds(x), self.model.weight)
        return self.model.calibration.probability(raw)


def describe_rank_intervals(
    catalogue: Catalogue,
    listed: TestedList,
    fitted: tuple[FittedOutcome, ...],
    capacity: int,
    config: TrainingConfig,
    progress: Progress,
) -> RankIntervals | None:
    """Refit every modelled outcome on people drawn anew; return how far places move.

    A person who is drawn counts in every outcome alike, with all landmarks. The parts' weights,
    calibration and the precaution about custody stay as they are: what is asked is how far the
    learnt order depends on who happened to be learnt from.

    Returns
    -------
    RankIntervals or None
        ``None`` where no outcome has a model.
    """
    modelled = [one for one in fitted if one.boosted is not None]
    if not modelled:
        return None
    people = np.unique(np.concatenate([one.rows.person for one in modelled]))
    parts = {one.outcome.name: _prepare(one, catalogue, config, people) for one in modelled}
    bands = refit_ranks(
        _score_by(parts, catalogue, listed), people, config.refits, config.seed, progress
    )
    place = np.empty(len(listed.priority), dtype=np.int64)
    order = np.lexsort((np.arange(len(place)), -listed.priority))
    place[order] = np.arange(1, len(place) + 1)
    stability = assess_list(bands, place, capacity)
    first = order[: 2 * capacity]
    return RankIntervals(
        n_refits=bands.n_refits,
        capacity=stability.capacity,
        share_stable=stability.share_stable,
        n_tied=len(stability.tied_with_last),
        n_tied_listed=stability.n_tied_listed,
        told_apart=measure_distinguishable(stability, listed.priority, place),
        median_width=float(np.median(bands.high - bands.low)),
        places=tuple(
            RankInterval(
                place=int(place[row]),
                low=float(bands.low[row]),
                median=float(bands.median[row]),
                high=float(bands.high[row]),
            )
            for row in first
        ),
    )


def _prepare(
    one: FittedOutcome, catalogue: Catalogue, config: TrainingConfig, people: Int64
) -> _Refitted:
    assert one.boosted is not None
    assert one.model is not None
    trees = one.trees_of or one
    fitted_to = config.fit_to(trees.rows.n_people_with_outcome)
    rounds = one.boosted.rounds
    encoding = make_encoding(catalogue)
    light = prepare_refits(trees.rows, encoding, fitted_to, rounds, trees.settings)
    place, linear_place = (np.searchsorted(people, by.rows.person) for by in (trees, one))
    linear = lay_out_linear(one, catalogue, config)
    chooser = prepare_selection(trees, catalogue, fitted_to)
    return _Refitted(one.model, light, linear, chooser, place, linear_place)


def _score_by(
    parts: Mapping[str, _Refitted], catalogue: Catalogue, listed: TestedList
) -> Callable[[Int64, int], Float64]:
    x = make_encoding(catalogue).encode(listed.cohort.values)

    def fit_and_score(counts: Int64, seed: int) -> Float64:
        probabilities = {name: one.score(x, counts, seed) for name, one in parts.items()}
        return expected_harm(catalogue.priority, probabilities).priority

    return fit_and_score
