import functools
from dataclasses import dataclass, replace
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from caselight.commands.check_catalogue import check_catalogue
from features.catalogue.declarations import Catalogue
from features.catalogue.file import load_catalogue
from features.contract.arrays import Float64, Int64
from features.engine.measurement import compile_plan, measure
from features.engine.outcomes import label_cases
from features.history.assembly import assemble_history
from features.history.columns import History
from features.history.open_cases import open_cases
from features.intake.contract_folder import read_folder
from models.bundle.baselines import rank_quantiles, sum_ranks
from synthetic.simulator import simulate_unit
from synthetic.simulator.acts import N_MILD, SERIOUS
from synthetic.simulator.course import draw_courses
from synthetic.simulator.population import is_former_partner
from synthetic.simulator.truth import find_truth
from synthetic.simulator.worlds import WORLDS, find_world, to_switches
from training.known_truth import Truth

pytestmark = pytest.mark.long

N_CASES, SEED = 4_000, 5
AS_OF_US = [
    pd.Timestamp(day, tz="Europe/London").value // 1_000 for day in ("2025-09-01", "2026-03-01")
]


@dataclass(frozen=True)
class Look:
    """One world at the two moments: truth, labels and records of its open cases, one below other.

    ``even`` marks half of the cases, so that nothing is learnt from a case and tested on it.
    """

    history: History
    catalogue: Catalogue
    columns: list[str]
    truth: dict[str, Float64]
    label: dict[str, Float64]
    values: Float64
    even: np.ndarray
    case: Int64
    managed: np.ndarray
    folder: Path


@pytest.fixture(scope="module")
def look_at(tmp_path_factory: pytest.TempPathFactory):
    @functools.cache
    def look(world: str, n_cases: int = N_CASES) -> Look:
        folder = tmp_path_factory.mktemp("world")
        simulate_unit(n_cases, SEED, folder, world=world)
        return look_at_folder(folder, world, n_cases)

    return look


def look_at_folder(folder: Path, world: str, n_cases: int) -> Look:
    history = assemble_history(read_folder(folder))
    own = folder / "catalogue.yaml"
    catalogue = load_catalogue(own if own.exists() else "stalking")
    plan = compile_plan(catalogue)
    truths, labels, values, cases = [], [], [], []
    for as_of_us in AS_OF_US:
        truth, open_now = open_truth(history, n_cases, as_of_us, world)
        truths.append(truth)
        cases.append(open_now)
        labels.append(label(history, catalogue, open_now, as_of_us))
        values.append(measure(history, plan, as_of_us, open_now, threads=1).values)
    outcomes = truths[0].outcomes
    case = np.concatenate(cases)
    columns = ("probability", "untreated", "happens")
    stacked = {name: np.concatenate([getattr(t, name) for t in truths]) for name in columns}
    return Look(
        history=history,
        catalogue=catalogue,
        columns=list(plan.columns),
        truth={
            f"{name} {outcome}": stacked[name][:, place]
            for name in columns
            for place, outcome in enumerate(outcomes)
        },
        label={outcome: np.concatenate([one[outcome] for one in labels]) for outcome in labels[0]},
        values=np.concatenate(values),
        even=case % 2 == 0,
        case=case,
        managed=np.concatenate([t.managed for t in truths]),
        folder=folder,
    )


def open_truth(history: History, n_cases: int, as_of_us: int, world: str) -> tuple[Truth, Int64]:
    """Return the truth of the open cases that are still followed, and their places."""
    truth = find_truth(n_cases, SEED, as_of_us, world=world)
    place = {f"SYN-C{number + 1:07d}": row for row, number in enumerate(truth.case)}
    open_now = open_cases(history, as_of_us)
    rows = np.array([place.get(history.case_id[case], -1) for case in open_now])
    return truth.take(rows[rows >= 0]), open_now[rows >= 0]


def label(
    history: History, catalogue: Catalogue, cases: Int64, as_of_us: int
) -> dict[str, np.ndarray]:
    """Return whether each outcome was recorded by the extract."""
    outcomes = {outcome.name: outcome for outcome in catalogue.outcomes}
    violence = outcomes["violence"]
    graver = replace(violence.of, kind=("strangulation", "sexual_violence"))
    outcomes["serious_harm"] = replace(violence, name="serious_harm", of=graver)
    return {
        name: label_cases(
            history, catalogue, outcome, as_of_us, cases, known_us=history.extract_at
        ).y_true
        for name, outcome in outcomes.items()
    }


def test_auc(look: Look, outcome: str) -> tuple[float, float, float]:
    """Return the AUC of boosted trees and of the rule on cases not learnt from, and its error."""
    learnt, tested = look.even, ~look.even
    model = lgb.LGBMClassifier(
        n_estimators=100, learning_rate=0.04, max_depth=4, num_leaves=12,
        min_child_samples=40, colsample_bytree=0.5, reg_lambda=5.0,
        random_state=0, n_jobs=1, verbose=-1, deterministic=True,
    )  # fmt: skip
    model.fit(look.values[learnt], look.label[outcome][learnt])
    score = model.booster_.predict(look.values[tested])
    rule = look.catalogue.rfs
    columns = tuple(look.columns.index(n) for n in (rule.recency, rule.frequency, rule.severity))
    ranks = sum_ranks(look.values[tested], columns, rank_quantiles(look.values[learnt], columns))
    y_true = look.label[outcome][tested]
    auc = roc_auc_score(y_true, score)
    few = min(y_true.sum(), (~y_true).sum())
    return auc, roc_auc_score(y_true, ranks), float(np.sqrt(0.25 / few))


test_auc.__test__ = False


@pytest.mark.parametrize("world", ["standard", "selective-management", "recording-break"])
def test_truth_is_the_realised_rate(look_at, world: str) -> None:
    """In each tenth of the cases by truth, about as many see the outcome as the truth says."""
    look = look_at(world)
    for outcome in ("persistence", "breach", "violence", "serious_harm"):
        truth, realised = look.truth[f"probability {outcome}"], look.label[outcome]
        for tenth in np.array_split(np.argsort(truth), 10):
            expected = truth[tenth].mean()
            # Both moments may see the same case, so that the rows are not quite independent.
            # A share of 0 in 400 runs may hide a probability of a few in a thousand.
            likely = np.clip(truth[tenth], 0.002, 0.998)
            error = np.sqrt(1.5 * (likely * (1.0 - likely)).mean() / len(tenth))
            assert abs(realised[tenth].mean() - expected) < 4.0 * error


def test_standard_world_is_neither_too_easy_nor_noise(look_at) -> None:
    """Knowing all there is ranks violence at .70 to .82; the records carry a good part of it."""
    look = look_at("standard")
    ceiling = roc_auc_score(look.label["violence"], look.truth["probability violence"])
    model, _, _ = test_auc(look, "violence")
    assert 0.70 < ceiling < 0.84
    assert 0.65 < model < ceiling


def test_nothing_can_be_learnt_where_there_is_no_signal(look_at) -> None:
    """Without signal no model ranks better than chance, and the truth is the same for all."""
    look = look_at("no-signal")
    for outcome in ("persistence", "violence"):
        model, rule, error = test_auc(look, outcome)
        assert abs(model - 0.5) < 3.5 * error
        assert abs(rule - 0.5) < 3.5 * error
        truth = look.truth[f"probability {outcome}"]
        mean = truth.mean()
        assert truth.std() < 1.15 * np.sqrt(mean * (1.0 - mean) / 400)
    assert not look.label["breach"].any()


def test_rule_cannot_be_beaten_where_it_suffices(look_at) -> None:
    """Where recency, frequency and severity are all there is, boosted trees gain nothing."""
    look = look_at("rule-suffices")
    model, rule, error = test_auc(look, "persistence")
    assert rule > 0.65
    assert model < rule + error
    truth = look.truth["probability persistence"]
    assert roc_auc_score(look.label["persistence"], truth) < rule + 0.05


def test_managed_cases_look_safe_because_they_are_managed(look_at) -> None:
    """Cases chosen for their risk see less violence than others, and would see more untreated."""
    look = look_at("selective-management")
    treated, untreated = look.truth["probability violence"], look.truth["untreated violence"]
    assert treated[look.managed].mean() < treated[~look.managed].mean()
    assert untreated[look.managed].mean() > 1.1 * untreated[~look.managed].mean()
    assert treated[look.managed].mean() < 0.8 * untreated[look.managed].mean()
    standard = look_at("standard")
    assert (standard.truth["untreated violence"] == standard.truth["probability violence"]).all()


def test_biased_recording_misses_one_group(look_at) -> None:
    """What happens is the same for both groups; what is recorded is not."""
    look = look_at("recording-bias")
    people = pd.read_parquet(look.folder / "people.parquet")
    is_sex = (people["role"] == "victim") & (people["characteristic"] == "sex")
    sex = people[is_sex].set_index("case_id")["value"]
    male = (sex.loc[look.history.case_id[look.case]] == "male").to_numpy()
    happens, recorded = look.truth["happens persistence"], look.truth["probability persistence"]
    assert abs(happens[male].mean() - happens[~male].mean()) < 0.06
    assert recorded[male].mean() < 0.8 * recorded[~male].mean()


def test_recording_breaks_at_the_stated_date(look_at) -> None:
    """From the world's date on, more acts a case come to be recorded and fewer are violence."""
    at = find_world("recording-break").break_at
    assert at is not None
    break_us = int(at.timestamp()) * 1_000_000
    shares, counts = {}, {}
    for world in ("standard", "recording-break"):
        events = look_at(world).history.events
        kinds = np.array(events.kind.values)[events.kind.codes]
        after = events.occurred_at >= break_us
        contact = np.isin(kinds, ["call", "message", "home_visit", "approach"])
        violence = np.isin(kinds, ["assault", "strangulation", "sexual_violence"])
        counts[world] = np.array([(contact & ~after).sum(), (contact & after).sum()])
        shares[world] = np.array([(violence & ~after).sum(), (violence & after).sum()])
    # A correction may move an act from after the break to before it.
    assert abs(counts["recording-break"][0] - counts["standard"][0]) < 20
    assert counts["recording-break"][1] > 1.5 * counts["standard"][1]
    assert shares["recording-break"][1] < 0.8 * shares["standard"][1]


def test_shadows_are_measured_and_mean_nothing(look_at) -> None:
    """Half the catalogue is a copy over another case's records, alike in spread, and irrelevant."""
    look = look_at("irrelevant-indicators", 1_500)
    shadow = np.array([name.startswith("shadow_") for name in look.columns])
    assert shadow.sum() * 2 == len(shadow)
    assert not np.isnan(look.values[:, shadow]).all(axis=0).any()
    own = look.columns.index("incidents_90d")
    other = look.columns.index("shadow_incidents_90d")
    persistence = look.label["persistence"]
    assert roc_auc_score(persistence, look.values[:, own]) > 0.6
    assert abs(roc_auc_score(persistence, look.values[:, other]) - 0.5) < 0.05
    # Both are referred at the same time, which is all that they share.
    assert np.corrcoef(look.values[:, own], look.values[:, other])[0, 1] < 0.2


def test_shadow_catalogue_passes_its_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The catalogue that is written beside the shadows is a sound one."""
    simulate_unit(20, 1, tmp_path, world="irrelevant-indicators")
    check_catalogue(tmp_path / "catalogue.yaml")
    assert "is sound" in capsys.readouterr().out


@pytest.mark.parametrize("world", sorted(WORLDS))
def test_worlds_are_switches_of_one_code(world: str, tmp_path: Path) -> None:
    """Every world is made by the same call and says what it promises."""
    simulate_unit(30, 2, tmp_path, world=world)
    assert len(pd.read_parquet(tmp_path / "cases.parquet")) == 30
    assert WORLDS[world].promise.endswith(".")
    assert to_switches(WORLDS[world]).memoryless == (world == "no-signal")


@pytest.mark.parametrize(("world", "sign"), [("standard", 1), ("quiet-harm", -1)])
def test_where_harm_is_quiet_the_less_aggressive_do_it(world: str, sign: int) -> None:
    """Of grave acts, serious harm rises with the inclination to violence, or falls with it."""
    courses = draw_courses(np.arange(400), 400, 3, to_switches(WORLDS[world]), 0.0)
    cases = courses.cases
    weights = np.diff(cases["cumulative"][:, N_MILD:], axis=1, prepend=0.0)
    serious = weights[:, SERIOUS[N_MILD:]].sum(axis=1)
    former = is_former_partner(cases)
    found = spearmanr(cases["aggression"][former], serious[former]).statistic
    assert sign * found > 0.5
    others = serious[~former].mean() / serious[former].mean()
    assert (others < 0.5) == (world == "quiet-harm")
