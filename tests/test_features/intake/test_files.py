"""Whatever a file holds ends in rejects or in one clear error, and nothing depends on order."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.contract.moments import parse_date
from features.contract.rejects import write_rejects
from features.engine.measurement import compile_plan, measure
from features.errors import DataContractError
from features.history.assembly import assemble_history
from features.intake.contract_folder import ContractFolder, read_folder

MANIFEST = {"time_zone": "Europe/London", "extract_at": "2025-12-31"}
CASES = "case_id,recorded_at\nC,2025-01-01\n"
HEADER = "event_id,case_id,kind,occurred_at,recorded_at,value,narrative\n"
GOOD = "e1,C,threat,2025-02-01,2025-02-02,3,said so\n"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a contract folder of CSV texts (or bytes) by file name."""

    def write_files(**files: str | bytes) -> Path:
        (tmp_path / "manifest.json").write_text(json.dumps(MANIFEST))
        (tmp_path / "cases.csv").write_text(CASES)
        for name, content in files.items():
            path = tmp_path / name.replace("__", ".")
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path

    return write_files


def codes(folder: ContractFolder) -> dict[str, int]:
    """Return the rejects' codes, after checking that the good row survived."""
    assert list(folder.frame("events")["event_id"]) == ["e1"]
    return folder.rejects.count_codes()


LONG = "x" * 10_000_000


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("e2,C,threat,2025-02-01\n", "ragged"),
        ("e2,C,threat,2025-02-01,2025-02-02,3,a,b,c\n", "ragged"),
        ("e2,,threat,2025-02-01,2025-02-02,3,\n", "missing"),
        (",C,threat,2025-02-01,2025-02-02,3,\n", "missing"),
        ("e2,NaN?,threat,2025-02-01,2025-02-02,3,\n", "unknown_case"),
        ("e2,C,threat,1919-02-01,2025-02-02,3,\n", "implausible_date"),
        ("e2,C,threat,2091-02-01,2025-02-02,3,\n", "implausible_date"),
        ("e2,C,threat,2025-02-01,2091-02-02,3,\n", "implausible_date"),
        ("e2,C,threat,01/02/2025,2025-02-02,3,\n", "unreadable_moment"),
        ("e2,C,threat,2025-02-30,2025-02-02,3,\n", "unreadable_moment"),
        ("e2,C,threat,99999-01-01,2025-02-02,3,\n", "unreadable_moment"),
        ("e2,C,threat,2025-02-01,2025-02-02,much,\n", "unreadable_number"),
        ("e2,C,threat,2025-02-01,2025-02-02,inf,\n", "unreadable_number"),
        ("e2,C,threat,2025-02-01,2025-02-02,1e999,\n", "unreadable_number"),
        (f"e2,C,{'k' * 600},2025-02-01,2025-02-02,3,\n", "too_long"),
        (f"e2,C,threat,2025-02-01,2025-02-02,3,{LONG}\n", "too_long"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 30 else "row",
)
def test_a_bad_row_is_a_reject_and_the_next_is_read(write, row, code):
    """One bad row is kept apart under a code; the rows around it are read."""
    folder = read_folder(write(events__csv=HEADER + row + GOOD))
    assert codes(folder) == {code: 1}
    assert folder.rejects.frame["row"].tolist() == [1]


def test_a_row_in_another_encoding_is_a_reject(write):
    """Bytes that are not UTF-8 cost their own row only."""
    bad = "e2,C,threat,2025-02-01,2025-02-02,3,naïve\n".encode("latin-1")
    folder = read_folder(write(events__csv=HEADER.encode() + bad + GOOD.encode()))
    assert codes(folder) == {"encoding": 1}


def test_a_stray_quote_swallows_no_rows(write):
    """A row whose quotes do not match is kept whole as a reject, with every line that it took."""
    swallowed = 'e2,C,threat,2025-02-01,2025-02-02,3,"he said\n'
    quoted = 'e3,C,threat,2025-02-01,2025-02-02,3,"in words"\n'
    folder = read_folder(write(events__csv=HEADER + swallowed + quoted + GOOD))
    assert codes(folder) == {"quotes": 1}
    kept = json.loads(folder.rejects.frame["source_row"][0])
    assert kept == {"(lines)": swallowed + quoted}


@pytest.mark.parametrize("case_id", ["nan", "NaN", "None", "NA", "null"])
def test_a_case_may_be_called_nan(write, case_id):
    """A word that software takes for missing is still an identifier."""
    folder = write(events__csv=HEADER + GOOD.replace(",C,", f",{case_id},"))
    (folder / "cases.csv").write_text(CASES.replace("\nC,", f"\n{case_id},"))
    assert read_folder(folder).frame("events")["case_id"].tolist() == [case_id]


def test_numbers_as_identifiers_keep_their_look(tmp_path):
    """An identifier stays what it was whether Parquet holds 7, 7.0 or the text 7."""
    (tmp_path / "manifest.json").write_text(json.dumps(MANIFEST))
    pd.DataFrame({"case_id": [7, 8], "recorded_at": ["2025-01-01"] * 2}).to_parquet(
        tmp_path / "cases.parquet"
    )
    pd.DataFrame(
        {
            "event_id": ["a", "b", "c"],
            "case_id": [7.0, 8.0, None],
            "kind": "threat",
            "occurred_at": "2025-02-01",
            "recorded_at": "2025-02-01",
        }
    ).to_parquet(tmp_path / "events.parquet")
    folder = read_folder(tmp_path)
    assert folder.frame("events")["case_id"].tolist() == ["7", "8"]
    assert folder.rejects.count_codes() == {"missing": 1}


def test_a_million_repeats_are_one_record(write):
    """A row said a million times over counts once, and the repeats are counted."""
    cells = dict(zip(HEADER.strip().split(","), GOOD.strip().split(","), strict=True))
    path = write() / "events.parquet"
    pd.DataFrame({name: [cell] * 1_000_000 for name, cell in cells.items()}).to_parquet(path)
    folder = read_folder(path.parent)
    assert (len(folder.frame("events")), folder.repeats, len(folder.rejects)) == (1, 999_999, 0)


def _truncated() -> bytes:
    return gzip.compress((HEADER + GOOD * 5000).encode())[:-40]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("events__csv", b""),
        ("events__csv", b"\n\n"),
        ("events__csv", (HEADER + GOOD).encode("utf-16")),
        ("events__csv", b"event_id,case_id,case_id\n1,2,3\n"),
        ("events__csv", b"event_id,kind\n1,threat\n"),
        ("events__csv", (HEADER + GOOD + 'e1,C,threat,2025-02-01,2025-02-01,1,"x\n').encode()),
        ("events__csv", b"PAR1" + bytes(100)),
        ("events__csv", b"PK\x03\x04" + bytes(100)),
        ("events__csv__gz", _truncated()),
        ("events__csv__gz", b"\x1f\x8b" + bytes(50)),
        ("events__parquet", b"PAR1" + bytes(100)),
        ("events__parquet", b""),
        ("manifest__json", b"{"),
        ("manifest__json", b"[" * 100_000),
        ("manifest__json", b"[]"),
        ("manifest__json", b'{"time_zone": "Mars/Base", "extract_at": "2025-12-31"}'),
        ("manifest__json", b'{"time_zone": "UTC", "extract_at": "soon"}'),
        ("manifest__json", b'{"time_zone": "UTC"}'),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_cannot_be_read_is_one_clear_error(write, name, content):
    """A broken file names itself and a remedy in one line."""
    folder = write(**{"events__csv": HEADER + GOOD} if name.startswith("manifest") else {})
    folder = write(**{name: content})
    with pytest.raises(DataContractError) as caught:
        read_folder(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert name.split("__")[0] in message
    assert ";" in message or "must" in message


def test_a_changed_file_is_refused(write):
    """A file that is not the one that the manifest describes is not read."""
    folder = write(events__csv=HEADER + GOOD)
    stated = MANIFEST | {"tables": {"events": {"rows": 1, "files": {"events.csv": "0" * 64}}}}
    (folder / "manifest.json").write_text(json.dumps(stated))
    with pytest.raises(DataContractError, match=r"events\.csv is not the file"):
        read_folder(folder)


def test_a_table_in_two_places_is_refused(write):
    """Two files for one table are never silently joined or chosen between."""
    folder = write(events__csv=HEADER + GOOD, events__csv__gz=gzip.compress(HEADER.encode()))
    with pytest.raises(DataContractError, match="keep one"):
        read_folder(folder)


def test_rejects_are_for_their_owner_only(write):
    """The file of rejects is readable by its owner alone and keeps the whole row."""
    folder = write(events__csv=HEADER + GOOD + "e2,C,threat,never,2025-02-02,3,in words\n")
    name = write_rejects(read_folder(folder).rejects, folder, "read")
    path = folder / name
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    kept = pd.read_csv(path).iloc[0]
    assert (kept["row"], kept["column"], kept["code"]) == (2, "occurred_at", "unreadable_moment")
    assert json.loads(kept["source_row"])["narrative"] == "in words"


def test_people_are_read_only_when_asked_for(write):
    """Characteristics stay out unless an audit asks for them (promise 9)."""
    people = "person_id,case_id,role,characteristic,value\np,C,subject,ethnicity,z\n"
    folder = write(events__csv=HEADER + GOOD, people__csv=people)
    assert len(read_folder(folder).people) == 0
    assert len(read_folder(folder, people=True).people) == 1


ROW = st.fixed_dictionaries(
    {
        "event_id": st.sampled_from(["a", "b", "c", "d"]),
        "case_id": st.sampled_from(["C", "D", "nobody"]),
        "kind": st.sampled_from(["threat", "contact", "retracted"]),
        "occurred_at": st.sampled_from(["2025-02-01", "2025-02-03", "2025-02-03T12:00", "never"]),
        "recorded_at": st.sampled_from(["2025-02-01", "2025-02-03", "2025-02-04T09:00"]),
        "incident_id": st.sampled_from(["", "i", "a"]),
        "value": st.sampled_from(["", "1", "2.5"]),
        "supersedes": st.sampled_from(["", "a", "b", "c"]),
    }
)
EXPRESSIONS = {
    "count": "measure: count, of: {kind: threat}",
    "largest": "measure: max, of: {kind: conduct}",
    "total": "measure: decayed, of: {kind: conduct}, half_life: 2d",
    "last": "measure: days_since_last, of: {kind: conduct}",
}


def _write_parts(folder: Path, rows: list[dict[str, str]], parts: list[int], kind: str) -> None:
    """Write rows into the files that ``parts`` names, as CSV or Parquet."""
    (folder / "events").mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps(MANIFEST))
    (folder / "cases.csv").write_text(CASES + "D,2025-01-01\n")
    for number in sorted(set(parts)):
        some = [row for row, part in zip(rows, parts, strict=True) if part == number]
        frame = pd.DataFrame(some).replace("", None)
        if kind == "csv":
            frame.to_csv(folder / "events" / f"part{number}.csv", index=False)
        else:
            frame.to_parquet(folder / "events" / f"part{number}.parquet")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(data=st.data(), rows=st.lists(ROW, min_size=1, max_size=9))
def test_order_and_partition_change_nothing(tmp_path_factory, catalogue_of, data, rows):
    """Rows in any order, files in any number and of either kind give the same history."""
    plan = compile_plan(catalogue_of(EXPRESSIONS))
    dates = [parse_date(date, "Europe/London") for date in ("2025-02-03T12:00", "2025-03-01")]
    shuffled = data.draw(st.permutations(rows))
    parts = data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows)))
    kind = data.draw(st.sampled_from(["csv", "parquet"]))
    found = []
    for name, given_rows, given_parts, suffix in (
        ("one", rows, [0] * len(rows), "csv"),
        ("other", shuffled, parts, kind),
    ):
        place = tmp_path_factory.mktemp("folder") / name
        _write_parts(place, given_rows, given_parts, suffix)
        folder = read_folder(place)
        values = measure(assemble_history(folder), plan, dates, threads=1).values
        found.append((values, folder))
    (first, one), (second, other) = found
    assert np.array_equal(first, second, equal_nan=True)
    assert one.rejects.count_codes() == other.rejects.count_codes()
    assert (one.repeats, one.conflicts) == (other.repeats, other.conflicts)
    assert one.warnings == other.warnings
    pd.testing.assert_frame_equal(_sorted(one.frame("events")), _sorted(other.frame("events")))


def _sorted(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(["case_id", "event_id"], ignore_index=True)
