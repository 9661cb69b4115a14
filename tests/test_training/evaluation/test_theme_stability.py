"""Reasons are called so where they hold in refits, which every run makes, keeps and reports."""

import json
import shutil

import pytest

from features.errors import ArtefactError
from features.history.assembly import assemble_history
from features.intake.contract_folder import read_folder
from models.bundle.folder import load_bundle, write_bundle
from models.ranking.order import rank
from models.ranking.themes import LEAST_HOLDS
from models.run_figures.run import parse_run_figures
from training.report.page import render_report
from training.report.reasons import describe_reasons


@pytest.fixture(scope="module")
def bundle(small_unit):
    """Return the small unit's bundle."""
    return load_bundle(small_unit.bundle)


@pytest.fixture(scope="module")
def run(small_unit):
    """Return the figures of the run that made it."""
    return parse_run_figures((small_unit.bundle / "metrics.json").read_text())


def test_a_run_keeps_twenty_refits_of_each_outcome_and_what_is_noise(bundle, run):
    """They are in the bundle, of the model's columns, with the run's uninformative indicators."""
    assert set(bundle.refits) == set(bundle.outcomes)
    for name, kept in bundle.refits.items():
        assert len(kept.refits) == 20
        assert len({one.text for one in kept.refits}) > 1
        idle = run.training[name].idle
        assert kept.uninformative == (() if idle is None else tuple(idle.names))


def test_a_run_tells_how_far_reasons_hold(run):
    """Agreement of themes stands beside that of indicators and of two cases drawn at random."""
    assert run.reasons
    for figures in run.reasons.values():
        assert figures.n_refits == 20
        assert 0 <= figures.n_hold <= figures.n_first <= 3 * figures.n_cases
        for share in (figures.themes_agree, figures.indicators_agree, figures.two_cases_agree):
            assert 0 <= share <= 1
        assert f"{figures.n_hold} of {figures.n_first} hold" in figures.words


def test_the_report_says_whether_reasons_hold(run):
    """Its section has a part for each outcome; a run of an earlier version has no such section."""
    section = describe_reasons(run)
    assert {part.title for part in section.parts} >= set(run.reasons)
    assert "Do reasons hold?" in render_report(run)


def test_what_is_called_a_reason_holds_in_nine_of_ten_refits(bundle, small_unit):
    """Over every case of the list; what does not hold as well may play a part."""
    history = assemble_history(read_folder(small_unit.folder))
    roles = set()
    for advice in rank(bundle, history, history.extract_at).advise(range(60)):
        for theme in advice.themes:
            roles.add(theme.role)
            if theme.role == "reason":
                assert theme.holds >= LEAST_HOLDS
                assert theme.contribution > 0
    assert {"reason", "may"} <= roles


def test_a_bundle_without_refits_opens_and_calls_nothing_a_reason(bundle, small_unit, tmp_path):
    """Bundles of earlier versions have none: what pushes up there may play a part."""
    folder = tmp_path / "old"
    write_bundle(folder, bundle.catalogue, bundle.outcomes, bundle.rfs, bundle.reference, 0)
    old = load_bundle(folder)
    assert old.refits == {}
    history = assemble_history(read_folder(small_unit.folder))
    advices = rank(old, history, history.extract_at).advise(range(10))
    assert "reason" not in {theme.role for one in advices for theme in one.themes}
    assert {theme.holds for one in advices for theme in one.themes} == {None}


def test_a_refit_that_was_changed_is_refused(small_unit, tmp_path):
    """It is under the bundle's checksums as everything is."""
    folder = tmp_path / "changed"
    shutil.copytree(small_unit.bundle, folder)
    (path,) = list(folder.glob("persistence/refits.json"))
    kept = json.loads(path.read_text())
    kept["uninformative"] = []
    path.write_text(json.dumps(kept))
    with pytest.raises(ArtefactError, match="was changed"):
        load_bundle(folder)
