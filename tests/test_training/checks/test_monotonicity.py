"""One more threat, breach or assault never lowers a score; where it would, the report says how."""

import dataclasses
import json

import numpy as np
import pytest

from caselight.__main__ import run
from features.catalogue.declarations import DAY_US
from features.catalogue.file import load_catalogue, parse_catalogue
from features.contract.moments import format_moment
from features.engine.measurement import compile_plan, measure
from features.errors import ConfigError
from features.history.assembly import assemble_history
from features.history.in_force import rows_in_force
from features.intake.contract_folder import read_folder
from models.bundle.folder import Bundle, load_bundle, make_reference
from training.checks.additions import Addition, vary, widen_kinds
from training.checks.reversals import ColumnMovement, find_reversals
from training.checks.score_falls import attribute_falls, report_monotonicity
from training.config import load_config
from training.fitting.models import TrainingRows, fit_outcome

pytestmark = pytest.mark.long

GRAVE = ("threat", "breach", "violence")

FRAME = """
version: 1
name: small
title: A small catalogue for tests
kinds:
  conduct:
    label: conduct
    children:
      contact:
        label: contact
        children:
          call: {{label: a call}}
          message: {{label: a message}}
      threat:
        label: a threat
        children:
          threat_of_violence: {{label: a threat of violence}}
          threat_to_kill: {{label: a threat to kill}}
facts: {{}}
indicators:
{indicators}
outcomes:
  - name: more
    label: further conduct recorded
    of: {{kind: conduct}}
    horizon: 90d
    maturity: 0d
    source: test
baselines:
  rfs: {{recency: {first}, frequency: {first}, severity: {first}, source: test}}
priority:
  source: test
  ladder:
    - {{name: more, label: further conduct, outcome: more, weight: 1, source: test}}
wording:
  advisory: "Advisory: a person decides."
  estimate: "Recorded outcome under past practice."
"""
COUNTS = {
    "threats": "direction: raises, measure: count, of: {kind: threat}",
    "threats_90d": "direction: raises, measure: count, of: {kind: threat}, within: 90d",
    "since": "direction: lowers, measure: days_since_last, of: {kind: conduct}",
    "gravest": "direction: raises, measure: max, of: {kind: conduct}",
    "calls": "direction: open, measure: count, of: {kind: contact}",
}


def write_small(indicators):
    """Return a catalogue with one indicator per expression (YAML flow mapping contents)."""
    lines = [
        f"  - {{name: {name}, family: test, reason: 'is {{value}}', source: test, {expression}}}"
        for name, expression in indicators.items()
    ]
    text = FRAME.format(indicators="\n".join(lines), first=next(iter(indicators)))
    return parse_catalogue(text.encode(), "small.yaml")


@pytest.fixture(scope="module")
def folder(small_unit):
    """Return the small unit's contract folder."""
    return read_folder(small_unit.folder)


@pytest.fixture(scope="module")
def teach(small_unit, folder):
    """Fit a real model of a small catalogue to labels that are a function of the indicators."""
    history = assemble_history(folder)

    def teach_rule(indicators, rule):
        catalogue = write_small(indicators)
        plan = compile_plan(catalogue)
        matrix = measure(history, plan, [*small_unit.train_dates, small_unit.test_date])
        y_true = rule({name: matrix.column(name) for name in matrix.columns})
        rows = TrainingRows(matrix.values, y_true, matrix.case)
        bundle = Bundle("taught", catalogue, {}, {}, make_reference(matrix.values), 0)
        model = fit_outcome("more", rows, bundle.encoding, load_config()).model
        return Bundle("taught", catalogue, {"more": model}, {}, bundle.reference, 0)

    return teach_rule


@pytest.fixture(scope="module")
def planted(teach):
    """Return a model that learnt to fear rare threats: one more makes them look less rare."""
    gap = "direction: open, measure: gap_median, of: {kind: threat}"
    return teach({**COUNTS, "threat_gap": gap}, lambda of: of["threat_gap"] > 30)


def test_a_planted_reversal_is_found_and_named(planted, folder, small_unit):
    """Where a model fears long gaps between threats, the report blames the gaps and no count."""
    report = report_monotonicity(planted, folder, small_unit.test_date, ["threat"], most_cases=300)
    assert {found.kind for found in report.outcomes} == {
        *("threat", "threat_of_violence", "threat_to_kill")
    }
    assert report.n_variants == sum(found.tried for found in report.outcomes)
    for found in report.outcomes:
        assert 0 < found.lowered < found.tried
        assert found.largest_fall > 0.1
        assert [guilt.indicator for guilt in found.guilty] == ["threat_gap"]
        (guilt,) = found.guilty
        assert guilt.times == found.lowered
        assert guilt.largest_fall == found.largest_fall
        assert guilt.example.startswith(f"{found.kind} ")
        assert "threat_gap " in guilt.example
        assert " -> " in guilt.example
    for found in report.order:
        assert 0 < found.lowered < found.tried
        assert 0 < found.largest_fall < 1


def test_constrained_counts_never_lower_a_score(teach, folder, small_unit):
    """A catalogue that only counts threats has no reversal, and no score of its model falls."""
    bundle = teach(COUNTS, lambda of: (of["threats"] >= 2) | (of["since"] < 7))
    report = report_monotonicity(bundle, folder, small_unit.test_date, ["threat"], most_cases=40)
    assert report.n_cases == 40
    assert report.n_variants > 40 * 30
    assert report.falls == ()
    assert find_reversals(bundle.catalogue, ["threat"]) == ()


@pytest.mark.parametrize(
    ("expression", "movement"),
    [
        ("direction: open, measure: gap_median, of: {kind: threat}", ColumnMovement.OPEN),
        ("direction: open, measure: gap_cv, of: {kind: conduct}", ColumnMovement.OPEN),
        ("direction: open, measure: slope, of: {kind: conduct}", ColumnMovement.OPEN),
        ("direction: open, measure: days_since_first, of: {kind: threat}", ColumnMovement.OPEN),
        (
            "direction: open, measure: first_use, field: kind, of: {kind: conduct}, within: 28d",
            ColumnMovement.OPEN,
        ),
        (
            "direction: open, measure: share, of: {kind: contact}, among: {kind: conduct}",
            ColumnMovement.OPEN,
        ),
        (
            "direction: open, measure: rate_ratio, of: {kind: conduct}, within: 28d, against: 90d",
            ColumnMovement.OPEN,
        ),
        (
            "direction: open, measure: quiet_then_return, of: {kind: conduct}, quiet: 60d",
            ColumnMovement.OPEN,
        ),
        (
            "direction: open, measure: disagreement, field: kind, of: {kind: conduct}",
            ColumnMovement.OPEN,
        ),
        (
            "direction: open, measure: time_between, of: {kind: call}, and: {kind: threat}",
            ColumnMovement.OPEN,
        ),
        ("direction: lowers, measure: count, of: {kind: threat}", ColumnMovement.AGAINST),
        (
            "direction: raises, measure: days_since_last, of: {kind: conduct}",
            ColumnMovement.AGAINST,
        ),
        ("direction: raises, measure: count, of: {kind: threat}, within: 28d", None),
        ("direction: lowers, measure: days_since_last, of: {kind: threat}", None),
        ("direction: open, measure: gap_median, of: {kind: contact}", None),
        (
            "direction: open, measure: share, of: {kind: call}, among: {kind: contact}",
            None,
        ),
    ],
)
def test_what_an_added_threat_can_move(expression, movement):
    """One more threat is seen to move an indicator against its direction, freely, or not at all."""
    found = find_reversals(write_small({"it": expression}), ["threat"], histories_per_indicator=60)
    assert {(one.indicator, one.movement) for one in found} == ({("it", movement)} - {("it", None)})
    if movement is not None:
        assert {one.kind for one in found} == {"threat", "threat_of_violence", "threat_to_kill"}
        assert all(one.up + one.down + one.appears + one.vanishes > 0 for one in found)


def test_the_indicator_that_lowers_is_told_from_those_that_moved(planted):
    """Where several indicators move, the guilty one is that whose old value mends the fall."""
    columns = planted.catalogue.columns
    old, new = np.zeros((2, 1, len(columns)))
    old[0, columns.index("threat_gap")], new[0, columns.index("threat_gap")] = 90.0, 1.0
    for name, before, after in (("threats", 2, 3), ("threats_90d", 0, 1), ("since", 40, 0)):
        old[0, columns.index(name)], new[0, columns.index(name)] = before, after
    model, encode = planted.outcomes["more"], planted.encoding.encode
    assert model.log_odds(encode(new))[0] < model.log_odds(encode(old))[0] - 0.1
    (guilty,) = attribute_falls(planted, "more", old, new)
    assert planted.catalogue.indicators[guilty].name == "threat_gap"


def test_kinds_come_with_all_below_them():
    """A kind is tried as itself and as each kind below it; one that is not there is refused."""
    catalogue = write_small(COUNTS)
    assert widen_kinds(catalogue, ["conduct", "threat"]) == (
        *("conduct", "contact", "call", "message"),
        *("threat", "threat_of_violence", "threat_to_kill"),
    )
    assert widen_kinds(catalogue, ["call"]) == ("call",)
    with pytest.raises(ConfigError, match="no kind breach, violence"):
        widen_kinds(catalogue, GRAVE)


def test_an_unchanged_copy_measures_as_its_case(small_unit, folder):
    """What stands beside a variant is the case itself: every indicator has the same value."""
    catalogue, as_of_us = load_catalogue("stalking"), small_unit.test_date
    plan, history = compile_plan(catalogue), assemble_history(folder)
    names = [str(name) for name in history.case_id[:60]]
    late = Addition("threat", as_of_us - DAY_US, as_of_us - 1, "1 day before", 10.0)
    variants = vary(folder, names, [[late]] * len(names))
    copies = measure(variants.history, plan, as_of_us, variants.case).values
    originals = measure(history, plan, as_of_us, np.arange(60)).values
    np.testing.assert_array_equal(copies[0::2], originals)
    assert variants.base.tolist() == [2 * (row // 2) for row in range(120)]
    threats = catalogue.columns.index("threats_ever")
    np.testing.assert_array_equal(copies[1::2, threats], originals[:, threats] + 1)


def test_a_further_view_joins_its_incident(small_unit, folder):
    """A threat added as a view of an incident on record makes no new incident."""
    catalogue, as_of_us = load_catalogue("stalking"), small_unit.test_date
    events = folder.frame("events")
    is_known = rows_in_force(events, as_of_us)
    counted = (events["actor"] == "subject") & (events["handling"] == "unit")
    known = events[is_known & counted & (events["occurred_at"] < as_of_us)]
    message = known[(known["kind"] == "message") & known["incident_id"].isna()].iloc[0]
    added = [
        Addition(
            "threat", int(message["occurred_at"]), as_of_us - 1, "then", 1.0, incident, "account"
        )
        for incident in (None, str(message["event_id"]))
    ]
    variants = vary(folder, [str(message["case_id"])], [added])
    values = measure(variants.history, compile_plan(catalogue), as_of_us, variants.case)
    assert np.diff(values.column("threats_ever")).tolist() == [1.0, 0.0]
    weights = values.column("incidents_decayed")
    assert weights[1] > weights[0]
    assert weights[2] == pytest.approx(weights[0], abs=1e-12)


def test_the_verb_prints_a_table_and_tells_no_case(small_unit, folder, tmp_path, capfd):
    """The command line prints and writes the report; no identifier of a case or record is in it."""
    out = tmp_path / "report.json"
    date = format_moment(small_unit.test_date, folder.manifest.time_zone)
    command = ["monotonicity", small_unit.bundle, small_unit.folder, "--as-of", date]
    command += ["--cases", 4, "--kinds", "threat_to_kill,breach", "--out", out]
    assert run([str(word) for word in command]) == 0
    told, written = capfd.readouterr().out, out.read_text()
    content = json.loads(written)
    assert content["as_of"] == date
    found = content["report"]["outcomes"]
    bundle = load_bundle(small_unit.bundle)
    kinds = ["threat_to_kill", "breach", "order_breach", "bail_breach", "licence_breach"]
    assert [(f["outcome"], f["kind"]) for f in found] == [
        (outcome, kind) for outcome in bundle.outcomes for kind in kinds
    ]
    for line in found:
        assert any(row.split()[:2] == [line["outcome"], line["kind"]] for row in told.splitlines())
    for table, column in (("cases", "case_id"), ("events", "event_id")):
        for name in folder.frame(table)[column]:
            assert name not in told + written


def test_a_kind_that_the_catalogue_lacks_is_one_line(small_unit, capfd):
    """A mistyped kind is told before anything is computed."""
    command = ["monotonicity", str(small_unit.bundle), str(small_unit.folder)]
    assert run([*command, "--as-of", "2026-08-03", "--kinds", "threta"]) == 2
    assert "no kind threta" in capfd.readouterr().err


def test_without_a_model_the_order_of_the_rule_never_falls(small_unit, folder):
    """Where rules alone order, there are no outcomes to report and no priority falls."""
    bundle = dataclasses.replace(load_bundle(small_unit.bundle), outcomes={})
    report = report_monotonicity(bundle, folder, small_unit.test_date, GRAVE, most_cases=40)
    assert report.outcomes == ()
    assert [found.kind for found in report.order] == list(widen_kinds(bundle.catalogue, GRAVE))
    assert report.falls == ()


def test_the_shipped_catalogue_lets_no_grave_event_lower_a_score(small_unit, folder):
    """One more threat, breach or act of violence never lowers a score or a place in the order."""
    reversals = find_reversals(load_catalogue("stalking"), GRAVE)
    report = report_monotonicity(
        load_bundle(small_unit.bundle), folder, small_unit.test_date, GRAVE, most_cases=60
    )
    assert sorted({(one.indicator, str(one.movement)) for one in reversals}) == []
    assert [(found.outcome, found.kind, found.example) for found in report.falls] == []
