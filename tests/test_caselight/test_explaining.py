"""The verbs that lay a number open and that search for leaks."""

import pandas as pd
import pytest

from caselight.__main__ import run
from caselight.commands.landmines import describe_search
from features.catalogue.declarations import DAY_US
from features.catalogue.file import load_catalogue
from features.engine.measurement import measure
from features.history.assembly import assemble_history
from features.intake.contract_folder import read_folder
from training.checks.leakage import Mine, Reading, search_leaks


@pytest.fixture
def busy_case(small_unit):
    """Return the case with most events."""
    events = pd.read_parquet(small_unit.folder / "events.parquet")
    return events["case_id"].value_counts().index[0]


def test_an_indicator_is_laid_open(small_unit, busy_case, capfd):
    """The value, its sentence and the records behind are printed; other kinds as counts."""
    command = ["explain-indicator", str(small_unit.folder), busy_case, "max_severity"]
    command += ["--as-of", "2026-10-01"]
    assert run(command) == 0
    brief = capfd.readouterr().out
    assert brief.startswith("max_severity as known at 2026-10-01: ")
    assert "severity of the gravest incident on record: " in brief
    behind = brief.split("Records behind it: ")[1].split("\n\n")[0].splitlines()
    assert len(behind) == int(behind[0]) + 1
    assert all(line.startswith("  SYN-E") for line in behind[1:])
    assert "happened 20" in brief
    assert "of another kind: " in brief
    assert run([*command, "--all"]) == 0
    full = capfd.readouterr().out
    assert "of another kind: " not in full
    assert "| another kind" in full
    n_left = int(full.split("left out: ")[1].split("\n")[0].replace(",", ""))
    assert len(full.split("left out: ")[1].strip().splitlines()) == n_left + 1


def test_a_fact_is_laid_open(small_unit, busy_case, capfd):
    """A question's answer is told with what other questions the case was asked."""
    command = ["explain-indicator", str(small_unit.folder), busy_case, "threatened_to_kill"]
    assert run([*command, "--as-of", "2026-10-01", "--catalogue", "stalking"]) == 0
    printed = capfd.readouterr().out
    assert "of another question: " in printed


@pytest.mark.parametrize(
    ("case", "name", "as_of", "words"),
    [
        ("CANARY9", "threats_28d", "2026-10-01", "no case"),
        ("{case}", "threts_28d", "2026-10-01", "threats_28d"),
        ("{case}", "CANARY9", "2026-10-01", "no indicator"),
        ("{case}", "threats_28d", "2026-10-01,2026-10-02", "one date"),
    ],
)
def test_a_wrong_name_is_one_line_without_case_data(
    small_unit, busy_case, capfd, case, name, as_of, words
):
    """An unknown case, indicator or date ends in one line that repeats no identifier."""
    command = ["explain-indicator", str(small_unit.folder), case.format(case=busy_case), name]
    assert run([*command, "--as-of", as_of]) == 2
    told = capfd.readouterr()
    assert told.out == ""
    assert len(told.err.strip().splitlines()) == 1
    assert words in told.err
    assert "CANARY9" not in told.err
    assert busy_case not in told.err


def test_a_search_for_leaks_finds_none_and_says_that_it_could(small_unit, capfd):
    """The table has every kind of mine and the control last; nothing moved gives exit code 0."""
    command = ["landmines", str(small_unit.folder), "--catalogue", "stalking"]
    assert run([*command, "--as-of", "2026-06-01"]) == 0
    printed = capfd.readouterr().out
    for words in ("future", "back-dated", "corrections", "derived", "training cut"):
        assert words in printed
    assert "Nothing moved" in printed
    assert printed.strip().splitlines()[-1].startswith("The control moves values and labels")
    assert "SYN-" not in printed


def test_a_leak_is_told_with_the_names_of_what_moved(small_unit):
    """Of a reading that is a day late the table counts what moved, and a line names it."""
    folder = read_folder(small_unit.folder)
    history, catalogue = assemble_history(folder), load_catalogue("stalking")

    def measure_late(history, plan, as_of_us):
        return measure(history, plan, as_of_us + DAY_US).values

    found = search_leaks(
        folder,
        history,
        catalogue,
        [small_unit.test_date],
        mines=[Mine.FUTURE],
        reading=Reading(measure=measure_late),
    )
    told = describe_search(found, history.time_zone)
    assert "LEAK: records of the future: moved threats_ever" in told
    assert "Nothing moved" not in told


def test_a_search_that_cannot_fail_ends_in_exit_code_1(tmp_path, capfd):
    """In a folder without cases the control moves nothing; the verb says so and exits with 1."""
    (tmp_path / "cases.csv").write_text("case_id,recorded_at\n")
    manifest = '{"time_zone": "Europe/London", "extract_at": "2026-01-01"}'
    (tmp_path / "manifest.json").write_text(manifest)
    command = ["landmines", str(tmp_path), "--catalogue", "stalking", "--as-of", "2025-06-01"]
    assert run(command) == 1
    assert "THE CONTROL MOVED NOTHING" in capfd.readouterr().out


def test_a_date_after_the_extract_is_refused(small_unit, capfd):
    """Nothing can be recorded after the extract, so a later date is a mistake told in one line."""
    command = ["landmines", str(small_unit.folder), "--catalogue", "stalking"]
    assert run([*command, "--as-of", "2199-01-01"]) == 2
    assert "extract" in capfd.readouterr().err


def test_members_of_a_family_are_found_by_name_and_by_the_name_of_the_family(
    small_unit, busy_case, tmp_path, capfd
):
    """A member is explained like any indicator; the family's own name lists its members."""
    catalogue = tmp_path / "short.yaml"
    catalogue.write_text(
        "kinds: {threat: {label: threats}, contact: {label: contacts}}\n"
        "indicators:\n  - {of: {kind: [threat, contact]}, within: [28d, ever]}\n"
    )
    assert run(["check-catalogue", str(catalogue)]) == 0
    told = capfd.readouterr().out
    assert "4 indicators, 0 outcomes" in told
    assert "line 3: {kind}_{within} makes 4 indicators, threat_28d to contact_ever" in told
    command = ["explain-indicator", str(small_unit.folder), busy_case]
    chosen = ["--as-of", "2026-10-01", "--catalogue", str(catalogue)]
    assert run([*command, "contact_ever", *chosen]) == 0
    assert "contacts on record: " in capfd.readouterr().out
    assert run([*command, "{kind}_{within}", *chosen]) == 2
    assert "threat_28d or threat_ever or contact_28d" in capfd.readouterr().err


def test_a_catalogue_of_kinds_and_indicators_measures_and_trains_nothing(
    small_unit, tmp_path, capfd
):
    """`caselight features` needs no more; `caselight train` asks for outcomes in one line."""
    catalogue = tmp_path / "short.yaml"
    catalogue.write_text(
        "kinds: {threat: {label: threats}}\n"
        "indicators:\n  - {of: {kind: threat}, within: [28d, ever]}\n"
    )
    chosen = ["--catalogue", str(catalogue)]
    out = tmp_path / "out.parquet"
    command = ["features", str(small_unit.folder), *chosen, "--as-of", "2026-10-01"]
    assert run([*command, "--out", str(out)]) == 0
    assert list(pd.read_parquet(out).columns) == ["case_id", "as_of", "threat_28d", "threat_ever"]
    capfd.readouterr()
    command = ["train", str(small_unit.folder), *chosen, "--out", str(tmp_path / "bundle")]
    command += ["--train-as-of", "2026-08-01", "--test-as-of", "2026-09-01"]
    assert run(command) == 2
    assert "add the section 'outcomes'" in capfd.readouterr().err
    assert run(["landmines", str(small_unit.folder), *chosen]) == 2
    assert "add the section 'outcomes'" in capfd.readouterr().err
