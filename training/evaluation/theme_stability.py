"""Do reasons hold? Each outcome is fitted again on people drawn anew, and its themes are compared.

The refits are kept in the bundle, so that the service asks the same of every case that it shows.
They are cheap: no folds, no calibration, the model's own rounds, or a tenth part of the learning
rate's steps where there are very many.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from features.catalogue.declarations import Catalogue
from features.catalogue.themes import ThemeMap, map_themes
from features.contract.arrays import Float64
from models.bundle.contributions import explain, gather
from models.bundle.encoding import make_encoding
from models.bundle.theme_refits import OutcomeRefits, Refit
from models.ranking.reasons_text import is_arithmetic
from models.ranking.themes import FIRST_THEMES, LEAST_HOLDS, measure_holds
from models.run_figures.reasons import LoweringRisk, ReasonFigures
from training.config import TrainingConfig
from training.fitting.bootstrap_refits import draw_counts, prepare_refits
from training.fitting.fitted_outcome import FittedOutcome, lay_out_linear, prepare_selection
from training.fitting.indicator_selection import blank
from training.fitting.sampling_uncertainty import RefitScores, Unseen, measure_uncertainty
from training.options import Progress

MOST_ROUNDS: Final = 150
"""Trees of a refit; of a model with more the learning rate is raised in proportion, so that a
bundle's refits stay of the size of a picture."""
_MOST_RATE: Final = 0.3
_MOST_CASES: Final = 500
_LEAST: Final = 0.001


def refit_for_reasons(
    fitted: Sequence[FittedOutcome],
    catalogue: Catalogue,
    config: TrainingConfig,
    progress: Progress,
) -> dict[str, OutcomeRefits]:
    """Fit every modelled outcome again on people drawn anew.

    Parameters
    ----------
    fitted
        The outcomes of the origin that the bundle comes from.
    catalogue
        What was measured.
    config
        ``theme_refits`` says how many; one seed makes them all.
    progress
        Told each outcome.

    Returns
    -------
    dict
        By outcome; without those that have no model, and empty where no refits are asked for.
    """
    found = {}
    for one in fitted:
        if one.boosted is None or one.model is None or config.theme_refits < 1:
            continue
        progress(f"fitting '{one.outcome.name}' {config.theme_refits} times again, for reasons")
        found[one.outcome.name] = _refit(one, catalogue, config)
    return found


def _refit(one: FittedOutcome, catalogue: Catalogue, config: TrainingConfig) -> OutcomeRefits:
    assert one.boosted is not None
    assert one.model is not None
    encoding = make_encoding(catalogue)
    n_refits = config.theme_refits
    linear = lay_out_linear(one, catalogue, config)
    trees = one.trees_of or one
    config = config.fit_to(trees.rows.n_people_with_outcome)
    rounds = min(one.boosted.rounds, MOST_ROUNDS)
    settings = dict(trees.settings)
    if rounds < one.boosted.rounds:
        rate = settings.get("learning_rate", config.lightgbm.get("learning_rate", 0.1))
        settings["learning_rate"] = min(rate * one.boosted.rounds / rounds, _MOST_RATE)
    light = prepare_refits(trees.rows, encoding, config, rounds, settings)
    chooser = prepare_selection(trees, catalogue, config)
    seeds = np.random.default_rng([config.seed, FIRST_THEMES]).integers(0, 2**31 - 1, n_refits)
    x, person = one.rows.encode(encoding, one.boosted.rows), one.rows.person[one.boosted.rows]
    refits, draws = [], []
    for seed in seeds.tolist():
        # One seed draws the same people for both parts, where both outcomes have the same rows.
        of_trees = draw_counts(trees.rows.person, seed)
        counts = draw_counts(one.rows.person, seed)
        selection = None if chooser is None else chooser.select(of_trees)
        is_left_out = blank(encoding, selection).is_left_out
        refit = Refit(
            light.fit(of_trees, seed, selection).model_to_string(),
            None if linear is None else linear.fit(counts, is_left_out),
        )
        refits.append(refit)
        raw = refit.raw(x, one.model.weight)
        # Another outcome's rows may be of other people, whom these trees have seen.
        raw[np.isin(person, trees.rows.person[of_trees > 0])] = np.nan
        draws.append(RefitScores(counts[one.boosted.rows], raw))
    idle = () if one.idle is None else one.idle.names
    unseen = Unseen(one.boosted.raw, one.rows.y_true[one.boosted.rows], one.model.calibration)
    return OutcomeRefits(tuple(refits), one.model.weight, idle, measure_uncertainty(unseen, draws))


def describe_reasons_hold(
    fitted: Sequence[FittedOutcome],
    refits: Mapping[str, OutcomeRefits],
    catalogue: Catalogue,
    values: Float64,
    seed: int,
) -> dict[str, ReasonFigures]:
    """Return how far first reasons hold at the last test origin, by outcome.

    Parameters
    ----------
    fitted, refits
        The models and their refits.
    catalogue
        What was measured.
    values
        Shape ``(n_cases, n_columns)``: the indicators of the tested list.
    seed
        Draws the cases that are looked at, where there are very many, and pairs of cases.
    """
    random = np.random.default_rng(seed)
    if len(values) > _MOST_CASES:
        values = values[np.sort(random.choice(len(values), _MOST_CASES, replace=False))]
    themes = map_themes(catalogue)
    return {
        one.outcome.name: _measure(one, refits[one.outcome.name], catalogue, themes, values, random)
        for one in fitted
        if one.outcome.name in refits and one.model is not None and len(values)
    }


def _measure(
    one: FittedOutcome,
    kept: OutcomeRefits,
    catalogue: Catalogue,
    themes: ThemeMap,
    values: Float64,
    random: np.random.Generator,
) -> ReasonFigures:
    assert one.model is not None
    encoding = make_encoding(catalogue)
    own = explain(one.model, encoding, values).by_indicator
    again = [gather(encoding, found) for found in kept.contributions(encoding.encode(values))]
    served = themes.add_up(own)
    sums = np.array([themes.add_up(found) for found in again])
    holds = measure_holds(served, sums)
    first = _first(served)
    is_held = first & (holds >= LEAST_HOLDS)
    pairs = random.permutation(len(values))
    figures = ReasonFigures(
        n_refits=len(again),
        n_cases=len(values),
        n_first=int(first.sum()),
        n_hold=int(is_held.sum()),
        themes_agree=_agree(first, [_first(found) for found in sums]),
        indicators_agree=_agree(_first(own), [_first(found) for found in again]),
        two_cases_agree=_agree(first, [first[pairs]]),
        n_first_themes=len(set(served.argmax(axis=1)[first.any(axis=1)].tolist())),
        n_without=int((~is_held.any(axis=1)).sum()),
        lowering_risks=_count_lowering(catalogue, own, values),
    )
    return ReasonFigures(**{**vars(figures), "words": _say(figures)})


def _first(sums: Float64) -> np.ndarray:
    """Return which are among the first three of those that push up."""
    above = np.argsort(np.argsort(-sums, axis=1, kind="stable"), axis=1, kind="stable")
    return np.asarray((above < FIRST_THEMES) & (sums >= _LEAST))


def _agree(first: np.ndarray, others: Sequence[np.ndarray]) -> float | None:
    """Return the share of first ones that others have as well, mean over cases that have some."""
    some = first.any(axis=1)
    if not some.any():
        return None
    shares = [(first & other)[some].sum(axis=1) / first[some].sum(axis=1) for other in others]
    return float(np.mean(shares))


def _count_lowering(
    catalogue: Catalogue, own: Float64, values: Float64
) -> tuple[LoweringRisk, ...]:
    found = []
    for number, column in enumerate(catalogue.first_columns):
        one = catalogue.indicators[number]
        pairs = zip(own[:, number].tolist(), values[:, column].tolist(), strict=True)
        n = sum(
            1 for share, value in pairs if share <= -_LEAST and is_arithmetic(one, value, share)
        )
        if n:
            found.append(LoweringRisk(one.name, n))
    return tuple(found)


def _say(figures: ReasonFigures) -> str:
    shares = [figures.themes_agree, figures.indicators_agree, figures.two_cases_agree]
    themes, single, two = ("none" if one is None else f"{100 * one:.0f} in 100" for one in shares)
    return (
        f"of the first three themes of a case {themes} are first again in a refit on other people "
        f"({single} of single indicators; {two} between two cases drawn at random); "
        f"{figures.n_hold} of {figures.n_first} hold in at least 9 of 10 of {figures.n_refits} "
        f"refits, without which none is called a reason; {figures.n_without} of {figures.n_cases} "
        "cases have none that does"
    )
