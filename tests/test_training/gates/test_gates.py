"""Every gate before a bundle is put to use: what passes, what not, and what cannot be judged."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from features.engine.outcomes import label_landmarks
from features.errors import ArtefactError, ConfigError
from features.history.assembly import assemble_history
from features.intake.contract_folder import read_folder
from models.bundle.folder import load_bundle
from models.ranking.order import cohort_cases, order_cases, rank
from models.ranking.stability import (
    ListChurn,
    ReasonAgreement,
    list_first,
    measure_list_churn,
    measure_served_churn,
)
from models.run_figures.ranking import Difference
from models.run_figures.run import RunFigures
from tests.test_models.conftest import random_bundle
from tests.test_training.good_figures import make_good
from training.cohorts.landmarks import Landmarks
from training.config import DEFAULT_PATH, load_config, load_limits
from training.figures.metrics import recall_at_k
from training.gates import (
    Gate,
    Measured,
    PairedFigures,
    Reported,
    Verdict,
    compare_bundles,
    find_refusing,
    judge,
    read_reported,
)
from training.gates.performance import judge_performance

LIMITS = load_limits()
STILL = Measured(ListChurn(400, 30, ((29, 33),)), ReasonAgreement(31, 0.9, 0.95))
Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def report(small_unit: Any, tmp_path: Path) -> Callable[..., Reported]:
    """Return a way to read the small unit's bundle with figures that were changed."""

    def read(*changes: Change, good: bool = True) -> Reported:
        folder = tmp_path / f"bundle{len(list(tmp_path.iterdir()))}"
        shutil.copytree(small_unit.bundle, folder)
        metrics = json.loads((folder / "metrics.json").read_text())
        for change in (make_good, *changes) if good else changes:
            change(metrics)
        (folder / "metrics.json").write_text(json.dumps(metrics))
        return read_reported(folder)

    return read


def judge_alone(candidate: Reported, **said: Any) -> tuple[Gate, ...]:
    """Judge a candidate where no bundle is in use."""
    given: dict[str, Any] = {"for_synthetic": True, "is_first": True} | said
    return judge(candidate, None, LIMITS, Measured(), **given)


def pick(gates: tuple[Gate, ...], name: str, about: str | None = None) -> Gate:
    """Return one gate."""
    found = [one for one in gates if one.name == name and about in (None, one.about)]
    assert len(found) == 1, [one.words for one in found]
    return found[0]


def figures_of(metrics: dict[str, Any], outcome: str) -> dict[str, Any]:
    """Return an outcome's figures at the one origin."""
    (figures,) = metrics["outcomes"][outcome].values()
    assert isinstance(figures, dict)
    return figures


def test_a_good_candidate_passes_every_gate(report: Callable[..., Reported]) -> None:
    """Figures without anything to object to pass all gates, with and without one in use."""
    alone = judge_alone(report())
    assert {one.name for one in alone} == {"run", "rule", "calibration", "audit"}
    beside = judge(report(), report(), LIMITS, STILL, for_synthetic=False, is_first=False)
    assert {one.name for one in beside} - {one.name for one in alone} == {"performance", "churn"}
    for one in (*alone, *beside):
        assert one.verdict is Verdict.PASSED, one.words
        assert one.words and one.limit and "\n" not in one.words


def test_a_real_run_is_judged_by_what_it_reports(report: Callable[..., Reported]) -> None:
    """Of a run as it is: the rule it recommends is told, and what it had too few for not judged."""
    candidate = report(good=False)
    gates = judge_alone(candidate)
    assert [one.about for one in gates if one.name == "rule"] == list(candidate.outcomes)
    for outcome in candidate.outcomes:
        found, one = candidate.findings(outcome), pick(gates, "rule", outcome)
        assert (one.verdict is Verdict.PASSED) == (not found & {"rule_suffices", "no_signal"})
    assert pick(gates, "calibration", "violence").verdict is Verdict.NOT_JUDGED
    audits = [one for one in gates if one.name == "audit"]
    assert [one.verdict for one in audits] == [Verdict.NOT_JUDGED] * len(LIMITS.primary_audit)
    json.dumps([one.to_dict() for one in gates], allow_nan=False)


def _retrospective(metrics: dict[str, Any]) -> None:
    metrics["run"]["retrospective"] = True


def _synthetic(metrics: dict[str, Any]) -> None:
    metrics["run"]["synthetic"] = True


def _of_another(metrics: dict[str, Any]) -> None:
    metrics["bundle_id"] = "0" * 64


def _emptied(metrics: dict[str, Any]) -> None:
    metrics.clear()


@pytest.mark.parametrize("change", [_retrospective, _synthetic, _of_another, _emptied])
def test_a_run_of_which_nothing_may_be_used_is_refused(
    report: Callable[..., Reported], change: Change
) -> None:
    """Retrospective runs, invented cases for a real store, and other figures: nobody can accept."""
    gates = judge_alone(report(change), for_synthetic=False)
    assert pick(gates, "run").verdict is Verdict.REFUSED
    assert pick(gates, "run") in find_refusing(gates, accepted=True)


def test_invented_cases_may_serve_a_synthetic_store(report: Callable[..., Reported]) -> None:
    """What was trained on a synthetic unit is refused for real cases alone."""
    assert pick(judge_alone(report(_synthetic)), "run").verdict is Verdict.PASSED


def test_no_signal_is_refused_whatever_is_written(report: Callable[..., Reported]) -> None:
    """An order that is not told from chance is refused, by its interval and by the finding."""

    def by_interval(metrics: dict[str, Any]) -> None:
        figures_of(metrics, "breach")["auc_ci"] = [0.5, 0.7]

    def by_finding(metrics: dict[str, Any]) -> None:
        metrics["findings"] = [{"kind": "no_signal", "about": "breach"}]

    for change in (by_interval, by_finding):
        gates = judge_alone(report(change))
        (refusing,) = find_refusing(gates, accepted=True)
        assert (refusing.name, refusing.about) == ("rule", "breach")


def test_a_recommended_rule_may_be_accepted(report: Callable[..., Reported]) -> None:
    """Where the report recommends the rule the bundle is refused, unless people accept that."""

    def by_finding(metrics: dict[str, Any]) -> None:
        metrics["findings"] = [{"kind": "rule_suffices", "about": "breach"}]

    def by_interval(metrics: dict[str, Any]) -> None:
        figures_of(metrics, "breach")["differences"]["rfs"]["low"] = 0.0

    for change in (by_finding, by_interval):
        gates = judge_alone(report(change))
        (refusing,) = find_refusing(gates, accepted=False)
        assert (refusing.name, refusing.about) == ("rule", "breach")
        assert find_refusing(gates, accepted=True) == ()


@pytest.mark.parametrize(
    ("intercept", "slope", "verdict"),
    [
        ([-0.1, 0.1], [0.9, 1.1], Verdict.PASSED),
        ([0.2, 0.4], [0.9, 1.1], Verdict.PASSED),
        ([0.21, 0.4], [0.9, 1.1], Verdict.REFUSED),
        ([-0.4, -0.21], [0.9, 1.1], Verdict.REFUSED),
        ([-0.1, 0.1], [0.5, 0.8], Verdict.PASSED),
        ([-0.1, 0.1], [0.5, 0.79], Verdict.REFUSED),
        ([-0.1, 0.1], [1.21, 1.5], Verdict.REFUSED),
        (None, [0.9, 1.1], Verdict.NOT_JUDGED),
        ([-0.1, 0.1], None, Verdict.NOT_JUDGED),
    ],
)
def test_calibration_comes_near_enough(
    report: Callable[..., Reported], intercept: Any, slope: Any, verdict: Verdict
) -> None:
    """The interval of intercept and slope holds 0 and 1 within the margins, the margins included;
    without an interval nothing is judged.
    """

    def change(metrics: dict[str, Any]) -> None:
        row = metrics["calibration"]["breach"][0]
        row |= {"intercept_interval": intercept, "slope_interval": slope}

    assert pick(judge_alone(report(change)), "calibration", "breach").verdict is verdict


@pytest.mark.parametrize(
    ("verdicts", "verdict"),
    [
        (["no difference found", "no difference found"], Verdict.PASSED),
        (["no difference found", "differs"], Verdict.REFUSED),
        (["too few to tell", "differs"], Verdict.REFUSED),
        (["no difference found", "too few to tell"], Verdict.NOT_JUDGED),
        (["a word that nobody knows"], Verdict.NOT_JUDGED),
        ([], Verdict.NOT_JUDGED),
    ],
)
def test_too_few_to_tell_is_never_a_pass(
    report: Callable[..., Reported], verdicts: list[str], verdict: Verdict
) -> None:
    """A comparison fixed beforehand passes only where every group of it was judged alike."""
    measure, characteristic = LIMITS.primary_audit[0]

    def change(metrics: dict[str, Any]) -> None:
        shared = {"measure": measure, "characteristic": characteristic, "words": "said"}
        rows = metrics["audit"]["primary"][1:]
        metrics["audit"]["primary"] = [*rows, *(shared | {"verdict": one} for one in verdicts)]

    found = pick(judge_alone(report(change)), "audit", f"{measure} by {characteristic}")
    assert found.verdict is verdict


def test_no_comparison_fixed_beforehand_is_not_judged(report: Callable[..., Reported]) -> None:
    """Where nothing was fixed beforehand the audit has not passed."""
    bare = dataclasses.replace(LIMITS, primary_audit=())
    gates = judge(report(), None, bare, Measured(), for_synthetic=True, is_first=True)
    assert pick(gates, "audit").verdict is Verdict.NOT_JUDGED


def _lose(auc: float, recall: float) -> Change:
    """Return a change that takes something off what the model adds to the rule."""

    def change(metrics: dict[str, Any]) -> None:
        figures_of(metrics, "breach")["differences"]["rfs"]["estimate"] -= auc
        rows = metrics["list"]["at_capacity"]["breach"]["groups"]
        next(one for one in rows if one["group"] == "all")["recall_at_capacity"] -= recall

    return change


@pytest.mark.parametrize(
    ("auc", "recall", "verdict"),
    [
        (-0.01, -0.1, Verdict.PASSED),
        (0.019, 0.049, Verdict.PASSED),
        (0.021, 0.0, Verdict.REFUSED),
        (0.0, 0.051, Verdict.REFUSED),
    ],
)
def test_a_candidate_may_not_lose_what_the_one_in_use_adds(
    report: Callable[..., Reported], auc: float, recall: float, verdict: Verdict
) -> None:
    """Reported figures are compared by what each run's model adds to the rule beside it."""
    found = judge_performance(report(_lose(auc, recall)), report(), LIMITS, {})
    assert pick(found, "performance", "breach").verdict is verdict
    assert pick(found, "performance", "violence").verdict is Verdict.PASSED


def test_figures_that_cannot_be_compared_are_not_judged(report: Callable[..., Reported]) -> None:
    """Other numbers of places, missing figures and an unreadable bundle in use are no pass."""

    def more_places(metrics: dict[str, Any]) -> None:
        metrics["capacity"] = 31

    def no_figures(metrics: dict[str, Any]) -> None:
        figures_of(metrics, "breach")["differences"] = {}

    found = judge_performance(report(more_places), report(), LIMITS, {})
    assert {one.verdict for one in found} == {Verdict.NOT_JUDGED}
    found = judge_performance(report(no_figures), report(), LIMITS, {})
    assert pick(found, "performance", "breach").verdict is Verdict.NOT_JUDGED
    (one,) = judge_performance(report(), None, LIMITS, {})
    assert one.verdict is Verdict.NOT_JUDGED


def test_an_outcome_that_only_one_models_is_not_judged(report: Callable[..., Reported]) -> None:
    """A candidate that lost a model is told, and the person who approves has to say they know."""
    whole = report()
    fewer = {name: one for name, one in whole.bundle.outcomes.items() if name != "breach"}
    lost = dataclasses.replace(whole, bundle=dataclasses.replace(whole.bundle, outcomes=fewer))
    for pair in ((lost, whole), (whole, lost)):
        found = pick(judge_performance(*pair, LIMITS, {}), "performance", "breach")
        assert found.verdict is Verdict.NOT_JUDGED


@pytest.mark.parametrize(
    ("estimate", "high", "verdict"),
    [
        (0.01, 0.03, Verdict.PASSED),
        (-0.019, 0.001, Verdict.PASSED),
        (-0.005, -0.001, Verdict.REFUSED),
        (-0.03, 0.05, Verdict.REFUSED),
    ],
)
def test_a_paired_comparison_comes_before_reported_figures(
    report: Callable[..., Reported], estimate: float, high: float, verdict: Verdict
) -> None:
    """On the same cases a loss is refused that is sure, however small, or beyond the margin."""
    auc = Difference(estimate, estimate - 0.02, high, 0.01)
    paired = {"breach": PairedFigures(300, 40, auc, Difference(0.0, -0.02, 0.02, 0.01))}
    found = judge_performance(report(_lose(0.5, 0.5)), report(), LIMITS, paired)
    assert pick(found, "performance", "breach").verdict is verdict


def test_a_list_that_turns_over_is_refused(report: Callable[..., Reported]) -> None:
    """More than the stated share of the list, or of first reasons, is refused; too few cases are
    not judged.
    """

    def judge_list(listed: ListChurn | None, reasons: ReasonAgreement | None) -> Gate:
        measured = Measured(listed, reasons)
        gates = judge(report(), report(), LIMITS, measured, for_synthetic=True, is_first=False)
        return pick(gates, "churn")

    def leave(n: int) -> ListChurn:
        return ListChurn(400, 30, tuple((place, place + 30) for place in range(1, n + 1)))

    calm = ReasonAgreement(30, 0.8, 0.9)
    assert judge_list(leave(15), calm).verdict is Verdict.PASSED
    assert judge_list(leave(16), calm).verdict is Verdict.REFUSED
    assert judge_list(leave(0), ReasonAgreement(30, 0.4, 0.5)).verdict is Verdict.PASSED
    assert judge_list(leave(0), ReasonAgreement(30, 0.4, 0.49)).verdict is Verdict.REFUSED
    assert judge_list(None, None).verdict is Verdict.NOT_JUDGED
    assert judge_list(ListChurn(30, 30, ()), calm).verdict is Verdict.NOT_JUDGED


def test_who_leaves_a_list_is_counted_by_hand() -> None:
    """Of five cases the second and third go; a case that only one model knows is no change."""
    before = {"a": 5.0, "b": 4.0, "c": 3.0, "d": 2.0, "e": 1.0, "new": 9.0}
    after = {"a": 5.0, "d": 4.0, "e": 3.0, "b": 2.0, "c": 1.0, "gone": 9.0}
    found = measure_list_churn(before, after, 3)
    assert (found.n, found.n_places) == (5, 3)
    assert found.leaving == ((2, 4), (3, 5))
    assert found.share_leaving == pytest.approx(2 / 3)
    assert list_first(before, after, 3) == ("a", "b", "c", "d", "e")
    assert measure_list_churn({}, {}, 3).share_leaving == 0.0


@given(
    st.dictionaries(st.sampled_from("abcdefghij"), st.floats(0, 1), min_size=1),
    st.integers(1, 12),
    st.randoms(use_true_random=False),
)
def test_as_many_leave_a_list_as_come(before: dict[str, float], capacity: int, random: Any) -> None:
    """The same order changes nothing, the order in which cases are named is nothing, and what
    leaves in one direction comes in the other.
    """
    values = list(before.values())
    random.shuffle(values)
    after = dict(zip(before, values, strict=True))
    assert measure_list_churn(before, before, capacity).leaving == ()
    there = measure_list_churn(before, after, capacity)
    back = measure_list_churn(after, before, capacity)
    assert len(there.leaving) == len(back.leaving) <= there.n_places
    assert measure_list_churn(dict(reversed(before.items())), after, capacity) == there


def test_first_reasons_are_those_that_people_read(small_unit: Any) -> None:
    """Between two models the share of first reasons that stay is that of the reasons on the list,
    and a model differs from itself in none.
    """
    history = assemble_history(read_folder(small_unit.folder))
    bundle = load_bundle(small_unit.bundle)
    other = random_bundle(bundle.catalogue, 3)
    cases = cohort_cases(history, bundle.catalogue, small_unit.test_date)[:40][::-1].copy()
    same = measure_served_churn(bundle, bundle, history, small_unit.test_date, cases)
    assert (same.n, same.overlap, same.same_first) == (40, 1.0, 1.0)
    found = measure_served_churn(bundle, other, history, small_unit.test_date, cases)
    firsts = []
    for one in (bundle, other):
        ranking = rank(one, history, small_unit.test_date, np.sort(cases))
        advice = ranking.advise(range(len(ranking)))
        firsts.append({a.case_id: a.reasons[0].indicator if a.reasons else "" for a in advice})
    shared = np.mean([firsts[0][case] == firsts[1][case] for case in firsts[0]])
    assert found.same_first == pytest.approx(float(shared))
    assert found.same_first < 1.0


def test_two_bundles_are_compared_on_the_same_cases(small_unit: Any) -> None:
    """The paired figures are scikit-learn's on the candidate's test origin; a bundle beside itself
    differs by nothing, in no resample.
    """
    history = assemble_history(read_folder(small_unit.folder))
    bundle = load_bundle(small_unit.bundle)
    other = random_bundle(bundle.catalogue, 5, ("breach", "persistence"))
    asked: dict[str, Any] = {"capacity": 30, "n_draws": 40, "seed": 1}
    for one in compare_bundles(history, bundle, bundle, **asked).values():
        assert (one.auc.low, one.auc.high, one.recall.low, one.recall.high) == (0, 0, 0, 0)
    found = compare_bundles(history, bundle, other, **asked)
    assert set(found) == {"breach", "persistence"}
    moment = bundle.trained_for_us
    cases = cohort_cases(history, bundle.catalogue, moment)
    outcome = next(one for one in bundle.catalogue.outcomes if one.name == "breach")
    marks = Landmarks(cases, np.full(len(cases), moment, dtype=np.int64))
    labels = label_landmarks(history, bundle.catalogue, outcome, marks, known_us=history.extract_at)
    aucs, recalls = [], []
    for one in (bundle, other):
        standing = order_cases(one, history, moment, cases)
        back = np.argsort(standing.case)
        kept, y_true = labels.known, labels.y_true[labels.known]
        aucs.append(roc_auc_score(y_true, standing.log_odds["breach"][back][kept]))
        recalls.append(recall_at_k(y_true, standing.priority[back][kept], 30))
    breach = found["breach"]
    assert (breach.n, breach.positives) == (int(kept.sum()), int(y_true.sum()))
    assert breach.auc.estimate == pytest.approx(aucs[0] - aucs[1])
    assert breach.recall.estimate == pytest.approx(recalls[0] - recalls[1])
    assert breach.auc.low <= breach.auc.estimate <= breach.auc.high
    assert breach.recall.low < breach.recall.high


def test_a_bundle_of_a_later_moment_is_not_compared_on_earlier_cases(small_unit: Any) -> None:
    """The bundle in use may have learnt from what a candidate of an earlier moment is tested on."""
    history = assemble_history(read_folder(small_unit.folder))
    bundle = load_bundle(small_unit.bundle)
    later = dataclasses.replace(bundle, trained_for_us=bundle.trained_for_us + 1)
    with pytest.raises(ConfigError, match="later moment"):
        compare_bundles(history, bundle, later, capacity=30, n_draws=10, seed=1)


def test_a_bundle_without_figures_cannot_be_judged(small_unit: Any, tmp_path: Path) -> None:
    """No figures, or no JSON, is an error with its remedy, never an empty report that passes."""
    shutil.copytree(small_unit.bundle, tmp_path / "bundle")
    for content in ("[]", "{", ""):
        (tmp_path / "bundle" / "metrics.json").write_text(content)
        with pytest.raises(ArtefactError, match="cannot be read"):
            read_reported(tmp_path / "bundle")
    (tmp_path / "bundle" / "metrics.json").unlink()
    with pytest.raises(ArtefactError, match="nothing can be judged"):
        read_reported(tmp_path / "bundle")


def test_a_bundle_without_models_is_not_held_against_the_rule(
    report: Callable[..., Reported],
) -> None:
    """Where no outcome has a model the rule orders; that is told and not passed."""
    whole = report()
    bare = Reported(
        dataclasses.replace(whole.bundle, outcomes={}), whole.figures_digest, RunFigures()
    )
    assert pick(judge_alone(bare), "rule").verdict is Verdict.NOT_JUDGED


def test_limits_are_no_part_of_a_runs_choices(tmp_path: Path) -> None:
    """The limits of a promotion change no run's digest, and a file without them still trains."""
    choices = load_config()
    assert not {"promotion", "most_auc_loss"} & set(choices.to_dict())
    text = DEFAULT_PATH.read_text(encoding="utf-8")
    bare = tmp_path / "config.yaml"
    bare.write_text(text[: text.index("promotion:")], encoding="utf-8")
    assert load_config(bare) == choices
    with pytest.raises(ConfigError, match="most_auc_loss"):
        load_limits(bare)
    assert LIMITS.primary_audit == choices.primary_audit


@pytest.mark.parametrize("value", ["-0.1", "1.5", ".nan", "much"])
def test_a_limit_is_a_share(tmp_path: Path, value: str) -> None:
    """A limit that is not from 0 to 1 is refused, so that no gate can be opened by a slip."""
    path = tmp_path / "config.yaml"
    text = DEFAULT_PATH.read_text(encoding="utf-8")
    path.write_text(text.replace("most_auc_loss: 0.02", f"most_auc_loss: {value}"))
    with pytest.raises(ConfigError):
        load_limits(path)
