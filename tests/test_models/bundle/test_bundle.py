"""A bundle is text with checksums; whatever was changed in it is found before it is used."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from features.engine.measurement import compile_plan, measure
from features.errors import ArtefactError
from models.bundle.familiarity import fit_familiarity
from models.bundle.folder import load_bundle, write_bundle
from models.bundle.intervals import fit_venn_abers
from models.ranking.estimates import make_estimate
from models.ranking.order import rank_cases


@pytest.fixture
def copy(small_unit, tmp_path) -> Path:
    """Return a copy of the bundle that a test may harm."""
    shutil.copytree(small_unit.bundle, tmp_path / "bundle")
    return tmp_path / "bundle"


def test_a_bundle_holds_text_only(small_unit):
    """Every file is UTF-8 text; there is no pickle in a model (promise 11)."""
    files = [path for path in small_unit.bundle.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".json", ".yaml", ".txt"}
    for path in files:
        path.read_text(encoding="utf-8")


def test_the_identity_covers_all_but_the_metrics(copy):
    """A rewritten evaluation leaves the identity; it hashes what makes scores."""
    before = load_bundle(copy).id
    (copy / "metrics.json").write_text("{}")
    assert load_bundle(copy).id == before


def test_any_changed_file_is_refused(small_unit, tmp_path):
    """One changed byte in any file that makes scores is found, and the file is named."""
    names = json.loads((small_unit.bundle / "bundle.json").read_text())["files"]
    assert len(names) > 4
    for number, name in enumerate(names):
        copy = tmp_path / str(number)
        shutil.copytree(small_unit.bundle, copy)
        content = (copy / name).read_bytes()
        (copy / name).write_bytes(content[:-2] + b" \n")
        with pytest.raises(ArtefactError, match="was changed"):
            load_bundle(copy)
        (copy / name).unlink()
        with pytest.raises(ArtefactError, match="cannot be read"):
            load_bundle(copy)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 3}, "neither of format 1 nor of format 2"),
        ({"format": True}, "neither of format 1 nor of format 2"),
        ({"format": "2"}, "neither of format 1 nor of format 2"),
        ({"format": 1}, "do not fit"),
        ({"engine_version": "0"}, "another engine than 1 and 2"),
        ({"engine_version": 1}, "another engine"),
        ({"engine_version": ["1"]}, "another engine"),
        ({"engine_version": None}, "another engine"),
        ({"files": {"../../etc/passwd": "0"}}, "outside itself"),
        ({"files": {}}, "do not fit"),
        ({"files": None}, "does not name its files"),
        ({"outcomes": ["../x"]}, "do not fit"),
        ({"trained_for_us": "soon"}, "do not fit"),
    ],
)
def test_a_forged_manifest_is_refused(copy, change, words):
    """A manifest that was written by hand ends in one clear error."""
    path = copy / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ArtefactError, match=words):
        load_bundle(copy)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"\x80\x04]q\x00."])
def test_what_is_no_manifest_is_refused(copy, content):
    """An empty file, a list, broken text or a pickle in its place is refused in words."""
    (copy / "bundle.json").write_bytes(content)
    with pytest.raises(ArtefactError, match="not JSON"):
        load_bundle(copy)


def test_a_bundle_reads_back_what_was_written(small_unit):
    """The rule's and the models' figures survive the round through text exactly."""
    from features.history.assembly import assemble_history
    from features.intake.contract_folder import read_folder

    first, second = load_bundle(small_unit.bundle), load_bundle(small_unit.bundle)
    history = assemble_history(read_folder(small_unit.folder))
    values = measure(history, compile_plan(first.catalogue), small_unit.test_date).values
    for name, model in first.outcomes.items():
        x = first.encoding.encode(values)
        assert np.array_equal(model.log_odds(x), second.outcomes[name].log_odds(x))
        rule = first.rfs[name].probability(values)
        assert ((rule > 0) & (rule < 1)).all()


@pytest.fixture
def doubting(small_unit, tmp_path):
    """Return a function that writes a bundle with intervals and usual files, moved by a shift."""
    from features.history.assembly import assemble_history
    from features.intake.contract_folder import read_folder

    plain = load_bundle(small_unit.bundle)
    history = assemble_history(read_folder(small_unit.folder))
    plan = compile_plan(plain.catalogue)
    values = measure(history, plan, small_unit.train_dates[0]).values
    usual = fit_familiarity(values, np.full(len(values), 9), plain.catalogue)

    def write(shift: float) -> Path:
        outcomes = {}
        for name, model in plain.outcomes.items():
            raw = model.raw(plain.encoding.encode(values))
            y_true = np.random.default_rng(1).random(len(raw)) < model.calibration.probability(raw)
            doubt = fit_venn_abers(raw, y_true)
            outcomes[name] = dataclasses.replace(model, venn_abers=doubt).shifted(shift)
        folder = tmp_path / f"doubting {shift}"
        write_bundle(
            folder,
            plain.catalogue,
            outcomes,
            plain.rfs,
            plain.reference,
            small_unit.test_date,
            usual,
        )
        return folder

    return write, history


def test_intervals_and_usual_files_are_read_back_exactly(doubting):
    """Both survive the round through text, and are part of the identity."""
    write, _ = doubting
    first, second = load_bundle(write(0.0)), load_bundle(write(0.5))
    assert first.outcomes
    assert first.familiarity.to_json() == second.familiarity.to_json()
    assert first.id != second.id
    for name, model in first.outcomes.items():
        moved = second.outcomes[name].venn_abers
        again = model.venn_abers.shifted(0.5)
        assert np.array_equal(moved.lower, again.lower)
        assert np.array_equal(moved.upper, again.upper)


@pytest.mark.parametrize("part", ["venn_abers.json", "familiarity.json"])
def test_a_changed_interval_or_usual_file_is_refused(doubting, part):
    """They make what a person reads, so they are hashed like the model."""
    write, _ = doubting
    folder = write(0.0)
    path = next(folder.rglob(part))
    path.write_text(path.read_text().replace("1", "2", 1))
    with pytest.raises(ArtefactError, match="was changed"):
        load_bundle(folder)


def test_a_shift_moves_scores_and_intervals_and_leaves_contributions(doubting, small_unit):
    """All log-odds move by the shift, with the ends of each interval; reasons add up as before."""
    write, history = doubting
    before, after = (load_bundle(write(shift)) for shift in (0.0, -0.7))
    one, other = (rank_cases(bundle, history, small_unit.test_date) for bundle in (before, after))
    estimates = {advice.case_id: advice.estimates for advice in one.advices}
    assert len(estimates) > 50
    for advice in other.advices:
        for old, new in zip(estimates[advice.case_id], advice.estimates, strict=True):
            assert new.log_odds == pytest.approx(old.log_odds - 0.7)
            assert new.base_log_odds == pytest.approx(old.base_log_odds - 0.7)
    x = before.encoding.encode(measure(history, compile_plan(before.catalogue), 0).values)
    for name, model in before.outcomes.items():
        moved = after.outcomes[name]
        assert np.array_equal(model.contributions(x)[0], moved.contributions(x)[0])
        (low, high), (old_low, old_high) = (one.interval(one.log_odds(x)) for one in (moved, model))
        assert (low <= old_low).all()
        assert (high <= old_high).all()


def test_the_bounds_of_a_bundle_are_not_told_as_an_interval(doubting, small_unit):
    """Venn-Abers bounds are narrower than sampling doubt: a bundle keeps them and pages do not."""
    write, history = doubting
    bundle = load_bundle(write(-0.3))
    assert all(model.venn_abers is not None for model in bundle.outcomes.values())
    advice = rank_cases(bundle, history, small_unit.test_date, top=1).advices[0]
    assert advice.estimates
    assert {(one.low, one.high) for one in advice.estimates} == {(None, None)}


def test_an_estimate_lies_in_the_interval_of_its_refits(small_unit):
    """Each estimate of a run has one, about the estimate; without refits none is told."""
    from features.history.assembly import assemble_history
    from features.intake.contract_folder import read_folder

    bundle = load_bundle(small_unit.bundle)
    history = assemble_history(read_folder(small_unit.folder))
    for refits, has_interval in ((bundle.refits, True), ({}, False)):
        told = dataclasses.replace(bundle, refits=refits)
        estimates = rank_cases(told, history, small_unit.test_date, top=1).advices[0].estimates
        assert estimates
        for one in estimates:
            assert ((one.low, one.high) != (None, None)) == has_interval
            if one.low is not None and one.high is not None:
                assert one.low < one.probability < one.high


def test_a_bundle_says_where_a_simple_rule_suffices(small_unit):
    """What the back-tests picked stands beside the estimate; test dates settle nothing of it."""
    bundle = load_bundle(small_unit.bundle)
    metrics = json.loads((small_unit.bundle / "metrics.json").read_text())
    found = {
        name
        for name, of in metrics["training"].items()
        if name in bundle.outcomes and of["choice"] and of["choice"]["picked"] == "rfs"
    }
    assert bundle.rule_suffices == found
    name = next(iter(bundle.outcomes))
    for names in (frozenset(), frozenset({name})):
        told = make_estimate(dataclasses.replace(bundle, rule_suffices=names), name, -1.0)
        assert told.rule_suffices == bool(names)
