"""What a model rests on: told from noise at a stated rate, or grave; each fit selects anew."""

import dataclasses

import numpy as np
import pytest

from features.catalogue.declarations import Direction
from features.catalogue.file import load_catalogue
from models.bundle.boosted_trees import OutcomeModel
from models.bundle.encoding import make_encoding
from models.run_figures.fitting import LeftOutFigures, TrainingFigures, UninformativeFigures
from models.run_figures.run import RunFigures, parse_run_figures, write_run_figures
from training.cohorts.outcome_rows import TrainingRows
from training.config import load_config
from training.fitting import models
from training.fitting.bootstrap_refits import draw_counts, prepare_refits
from training.fitting.detectable_effects import (
    DEVIATION,
    ONE,
    SMALL_ODDS_RATIO,
    find_detectable,
)
from training.fitting.indicator_selection import (
    IndicatorSelection,
    blank,
    lay_out_selection,
    make_rule,
    select_indicators,
)
from training.fitting.linear_part import lay_out
from training.fitting.models import fit_outcome
from training.report.model_choice import describe_choice
from training.report.parts import Words

CATALOGUE = load_catalogue("stalking")
ENCODING = make_encoding(CATALOGUE)
RULE = make_rule(CATALOGUE)
CONFIG = dataclasses.replace(load_config(), most_rounds=40, early_stopping_rounds=5, folds=3)
NUMBER = {one.name: number for number, one in enumerate(CATALOGUE.indicators)}
COLUMN = {name: number for number, name in enumerate(CATALOGUE.columns)}


def make_rows(n_people: int, effects: dict[str, float], seed: int = 1) -> TrainingRows:
    """Return rows of people seen three times, whose outcome hangs on some columns alone."""
    random = np.random.default_rng(seed)
    person = np.repeat(np.arange(n_people), 3)
    level = random.poisson(1.0, size=(n_people, len(CATALOGUE.columns)))
    values = (level[person] + random.poisson(0.3, size=(len(person), level.shape[1]))) * 1.0
    risk = np.full(len(person), -1.5)
    for name, effect in effects.items():
        risk += effect * (np.log1p(values[:, COLUMN[name]]) - 0.6)
    y_true = random.random(len(person)) < 1 / (1 + np.exp(-risk))
    return TrainingRows(values, y_true, person)


def test_windows_of_the_same_records_stand_together():
    """All windows of threats are one choice; breaches are another."""
    numbers = [NUMBER[name] for name in ("threats_ever", "threats_28d", "days_since_last_threat")]
    assert len(set(RULE.records[numbers].tolist())) == 1
    assert RULE.records[NUMBER["breaches_28d"]] != RULE.records[numbers[0]]


def test_indicators_whose_source_names_the_gravest_level_are_grave():
    """Those marked by the catalogue for the last level of its ladder, and no others."""
    named = {one.name for one in CATALOGUE.indicators if "serious_harm" in one.relevant_to}
    assert {name for name, number in NUMBER.items() if RULE.is_grave[number]} == named
    assert {"strangulations", "threats_to_kill", "planning_signs"} <= named
    assert not make_rule(load_catalogue("complaints")).is_grave.any()


def test_what_makes_the_outcome_is_told_from_noise():
    """Two strong effects are found, and grave indicators are kept though they say nothing."""
    rows = make_rows(700, {"threats_ever": 1.2, "pet_harm": 1.2})
    found = select_indicators(rows, ENCODING, CONFIG, RULE)
    for name in ("threats_ever", "threats_28d", "pet_harm"):
        assert found.is_told[NUMBER[name]]
    assert found.is_kept[RULE.is_grave].all()
    assert not found.is_told[RULE.is_grave].all()
    assert set(found.left_out) == set(np.flatnonzero(~found.is_told & ~RULE.is_grave))
    assert len(found.left_out) >= len(CATALOGUE.indicators) // 3


def test_noise_is_kept_no_more_often_than_stated():
    """Where nothing says anything, at most the stated share of records is kept."""
    kept = []
    for seed in range(12):
        found = select_indicators(make_rows(300, {}, seed), ENCODING, CONFIG, RULE)
        first = np.unique(RULE.records, return_index=True)[1]
        kept.append(found.is_told[first].mean())
    assert np.mean(kept) <= 0.16


def test_with_many_people_all_that_is_beyond_doubt_is_kept():
    """More effects than a half picks at least are all kept where people are many."""
    names = {}
    for one in CATALOGUE.indicators:
        at = RULE.records[NUMBER[one.name]]
        if one.direction is not Direction.LOWERS and at not in names:
            names[at] = one.columns[0]
    many = list(names.values())[: round(0.4 * (RULE.records.max() + 1))]
    rows = make_rows(4_000, dict.fromkeys(many, 0.9))
    found = select_indicators(rows, ENCODING, CONFIG, RULE)
    told = [found.is_told[NUMBER[name.removesuffix("__asked")]] for name in many]
    assert np.mean(told) >= 0.9


def test_a_sign_against_the_direction_is_no_reason_to_keep():
    """Breaches that came with fewer outcomes are left out: the catalogue says that they raise."""
    assert CATALOGUE.indicators[NUMBER["breaches_28d"]].direction is Direction.RAISES
    rows = make_rows(700, {"breaches_28d": -1.2, "pet_harm": 1.0})
    assert not select_indicators(rows, ENCODING, CONFIG, RULE).is_told[NUMBER["breaches_28d"]]
    assert NUMBER["breaches_28d"] in select_indicators(rows, ENCODING, CONFIG, RULE).left_out


def test_people_held_out_have_no_say():
    """What is chosen of some rows is the same whatever became of the others."""
    rows = make_rows(500, {"threats_ever": 1.0})
    chosen = np.flatnonzero(rows.person < 300)
    other = rows.y_true.copy()
    other[rows.person >= 300] = rows.values[rows.person >= 300, COLUMN["pet_harm"]] > 1
    changed = dataclasses.replace(rows, y_true=other)
    one, two = (select_indicators(r, ENCODING, CONFIG, RULE, chosen) for r in (rows, changed))
    assert np.array_equal(one.share, two.share)
    whole = select_indicators(changed, ENCODING, CONFIG, RULE)
    assert whole.share[NUMBER["pet_harm"]] > one.share[NUMBER["pet_harm"]]


def test_people_drawn_twice_count_twice():
    """A refit's selection is that of the people drawn, with a matrix laid out once."""
    rows = make_rows(400, {"threats_ever": 0.6, "pet_harm": 0.6})
    laid = lay_out_selection(rows, ENCODING, CONFIG, RULE)
    ones = np.ones(len(rows.person), dtype=np.int64)
    assert np.array_equal(laid.select(ones).share, laid.select().share)
    half = np.where(rows.person % 2 == 0, 2, 0).astype(np.int64)
    alone = lay_out_selection(rows, ENCODING, CONFIG, RULE).select(half)
    assert not np.array_equal(alone.share, laid.select().share)


def test_without_half_samples_every_fit_rests_on_all():
    """A file of choices from before selects nothing, and the models are the same to the byte."""
    rows = make_rows(300, {"threats_ever": 1.0})
    off = dataclasses.replace(CONFIG, selection_pairs=0)
    assert select_indicators(rows, ENCODING, off, RULE) is None
    one = fit_outcome("violence", rows, ENCODING, off, rule=RULE)
    two = fit_outcome("violence", rows, ENCODING, off)
    assert one.model.text == two.model.text
    assert one.selection is None


@pytest.fixture(scope="module")
def fitted():
    """Return rows and the model that was fitted on them."""
    rows = make_rows(600, {"threats_ever": 1.0, "pet_harm": 1.0, "strangulations": 0.8})
    return rows, fit_outcome("violence", rows, ENCODING, CONFIG, rule=RULE)


def test_what_is_left_out_adds_exactly_nothing(fitted):
    """Whatever is on record of it, its contribution is 0, and all of them add up to 1e-9."""
    rows, found = fitted
    model: OutcomeModel = found.model
    out = np.isin(ENCODING.indicator, found.selection.left_out)
    assert out.any()
    values = rows.values[:200].copy()
    values[::3] = np.nan
    values[1::3] *= 50
    x = ENCODING.encode(values)
    shares, base = model.contributions(x)
    assert not shares[:, out].any()
    np.testing.assert_allclose(shares.sum(axis=1) + base, model.log_odds(x), atol=1e-9)
    assert model.columns == ENCODING.columns


def test_a_grave_indicator_keeps_a_term_of_the_sources_sign(fitted):
    """Strangulation raises the score, and nothing grave that raises can lower it."""
    _, found = fitted
    linear = found.model.linear
    raises = (ENCODING.constraint == 1) & RULE.is_grave[ENCODING.indicator]
    assert (linear.coefficient[raises] >= 0).all()
    assert linear.coefficient[ENCODING.columns.index("strangulations")] > 0


def test_both_parts_of_a_refit_rest_on_what_it_selected():
    """The trees split on nothing that is left out, and the linear part has no term for it."""
    rows = make_rows(400, {"threats_ever": 1.0})
    counts = draw_counts(rows.person, 7)
    selection = lay_out_selection(rows, ENCODING, CONFIG, RULE).select(counts)
    out = blank(ENCODING, selection).is_left_out
    assert out.any()
    booster = prepare_refits(rows, ENCODING, CONFIG, 20).fit(counts, 3, selection)
    assert not booster.feature_importance()[out].any()
    assert booster.feature_importance().sum() > 0
    linear = lay_out(rows, ENCODING, CONFIG).fit(counts, out)
    assert not linear.coefficient[out].any()
    assert not linear.absent_coefficient[out].any()


def leave_out(*names: str) -> IndicatorSelection:
    """Return a selection that leaves out these alone."""
    kept = np.ones(len(CATALOGUE.indicators), dtype=bool)
    kept[[NUMBER[name] for name in names]] = False
    return IndicatorSelection(np.zeros(len(kept)), kept, kept)


def test_the_effect_that_could_have_been_seen_is_that_of_a_power_of_80_in_100():
    """A test of people by the plain formula: 2.80 standard errors of a yes-no indicator."""
    rows = make_rows(3_000, {})
    one = rows.take(np.arange(0, len(rows.person), 3))
    one.whole[:, :] = np.random.default_rng(2).random(one.whole.shape) < 0.4
    only = dataclasses.replace(leave_out("threatened_to_kill"))
    only.is_kept[:] = False
    only.is_kept[NUMBER["pet_harm"]] = True
    found = {each.name: each for each in find_detectable(one, ENCODING, CONFIG, CATALOGUE, only)}[
        "threatened_to_kill"
    ]
    rate, has = one.y_true.mean(), 0.4
    error = 1 / np.sqrt(len(one.y_true) * rate * (1 - rate) * has * (1 - has))
    assert found.of == ONE
    assert found.odds_ratio == pytest.approx(np.exp(2.802 * error), rel=0.03)


def test_too_few_are_told_apart_from_no_effect():
    """With few people an effect twice as large goes unseen; with many a small one would be seen."""
    few, many = (
        find_detectable(
            make_rows(n, {}), ENCODING, CONFIG, CATALOGUE, leave_out("pet_harm", "gap_variation")
        )
        for n in (60, 6_000)
    )
    assert [one.is_too_few for one in few] == [True, True]
    assert [one.is_too_few for one in many] == [False, False]
    assert all(one.odds_ratio <= SMALL_ODDS_RATIO for one in many)
    assert [one.of for one in many] == [ONE, DEVIATION]


def test_the_report_tells_too_few_apart_from_no_effect():
    """Each that is left out is told with its verdict; those kept all the same are named."""
    idle = UninformativeFigures(
        names=("pet_harm", "gap_variation", "planning_signs"),
        n_indicators=92,
        left_out=(
            LeftOutFigures("pet_harm", 0.1, 2.5, ONE, is_too_few=True),
            LeftOutFigures("gap_variation", 0.2, 1.2, DEVIATION, is_too_few=False),
        ),
    )
    run = parse_run_figures(
        write_run_figures(RunFigures(training={"violence": TrainingFigures(idle=idle)}))
    )
    part = next(
        one for one in describe_choice(run).parts if one.title == "Uninformative indicators"
    )
    (table,) = (one for one in part.blocks if getattr(one, "caption", "").startswith("Left out"))
    told = [[cell.text for cell in row] for row in table.rows]
    assert told[0][:3] == ["pet_harm", "too few to tell", "2.50"]
    assert told[1][:3] == ["gap_variation", "no effect", "1.20"]
    words = next(one for one in part.blocks if isinstance(one, Words))
    assert words.items[0].endswith("gravest harm: planning_signs.")


def test_records_whose_columns_never_vary_are_not_picked():
    """The last records of a catalogue may be the same in every case; nothing is told of them."""
    rows = make_rows(200, {"threats_ever": 1.2})
    last = np.flatnonzero(RULE.records == RULE.records.max())
    columns = [COLUMN[CATALOGUE.indicators[number].name] for number in last]
    values = rows.values.copy()
    values[:, columns] = 1.0
    found = select_indicators(dataclasses.replace(rows, whole=values), ENCODING, CONFIG, RULE)
    assert not found.is_told[last].any()
    assert found.is_told[NUMBER["threats_ever"]]


@pytest.mark.parametrize(("few_people", "is_used"), [(1_000_000, False), (0, True)])
def test_a_selection_that_orders_people_held_out_worse_is_not_used(
    monkeypatch, few_people, is_used
):
    """Where few people had the outcome a fit rests on all rather than lose what orders them."""
    rows = make_rows(300, {"threats_ever": 1.5})
    share = np.zeros(len(CATALOGUE.indicators))
    is_kept = RULE.records != RULE.records[NUMBER["threats_ever"]]
    without = IndicatorSelection(share, share > 0, is_kept)

    def select(rows, encoding, config, rule, kept):
        return None if rule is None else without

    monkeypatch.setattr(models, "select_indicators", select)
    config = dataclasses.replace(CONFIG, few_people=few_people)
    fitted = fit_outcome("violence", rows, ENCODING, config, rule=RULE)
    assert (fitted.selection is not None) == is_used
