"""Nothing that a folder says of itself spares its records a check across rows."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.contract.manifest import hash_file
from features.history.assembly import assemble_history
from features.intake.contract_folder import read_folder

MOMENT = pa.timestamp("us", tz="UTC")
AT = 1_717_200_000_000_000


def forge(folder, events):
    """Write a folder whose manifest has the right rows and hashes of whatever it holds."""
    folder.mkdir()
    moments = ("occurred_at", "recorded_at")
    tables = {
        "cases": [{"case_id": "c1", "recorded_at": AT}, {"case_id": "c2", "recorded_at": AT}],
        "events": [{"kind": "threat", "occurred_at": AT, "recorded_at": AT} | e for e in events],
    }
    said = {}
    for name, rows in tables.items():
        columns = {
            column: pa.array(
                [row.get(column) for row in rows], MOMENT if column in moments else pa.string()
            )
            for column in dict.fromkeys(key for row in rows for key in row)
        }
        path = folder / f"{name}.parquet"
        pq.write_table(pa.table(columns), path)
        said[name] = {"rows": len(rows), "files": {path.name: hash_file(path)}}
    manifest = {"format": 1, "time_zone": "UTC", "extract_at": "2025-01-01", "tables": said}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.mark.parametrize(
    ("events", "codes"),
    [
        (
            [
                {"event_id": "e1", "case_id": "c1", "supersedes": "e2"},
                {"event_id": "e2", "case_id": "c1", "supersedes": "e1"},
            ],
            {"supersedes_cycle": 2},
        ),
        (
            [
                {"event_id": "e1", "case_id": "c1", "kind": "threat"},
                {"event_id": "e1", "case_id": "c1", "kind": "assault"},
            ],
            {"conflict": 1},
        ),
        (
            [
                {"event_id": "e1", "case_id": "c1", "supersedes": "e2"},
                {"event_id": "e2", "case_id": "c2", "supersedes": None},
            ],
            {"supersedes_other_case": 1},
        ),
        (
            [
                {"event_id": "e1", "case_id": "c1", "supersedes": "e2", "recorded_at": AT - 1},
                {"event_id": "e2", "case_id": "c1", "supersedes": None},
            ],
            {"supersedes_later_record": 1},
        ),
        ([{"event_id": "e1", "case_id": "c9"}], {"unknown_case": 1}),
    ],
)
def test_a_forged_manifest_spares_no_check_across_rows(tmp_path, events, codes):
    """Right hashes over rows that make no sense together change nothing."""
    assert read_folder(forge(tmp_path / "unit", events)).rejects.count_codes() == codes


def test_a_forged_manifest_brings_no_health_record_through_the_wall(tmp_path):
    """A health record under another spelling is kept apart, whatever wrote the folder."""
    events = [
        {"event_id": f"e{number}", "case_id": "c1", "source": source}
        for number, source in enumerate(["Health", "heal\u200bth", "police"])
    ]
    history = assemble_history(read_folder(forge(tmp_path / "unit", events)))
    assert history.events.measured.tolist() == [False, False, True]


def test_a_case_whose_row_was_rejected_is_unknown_to_its_records(tmp_path):
    """A case that is named in its file and cannot be read is no known case."""
    folder = forge(tmp_path / "unit", [{"event_id": "e1", "case_id": "c1"}])
    cases = pa.table(
        {
            "case_id": ["c1", "c2"],
            "recorded_at": pa.array([0 - 10**15, AT], MOMENT),
        }
    )
    pq.write_table(cases, folder / "cases.parquet")
    manifest = json.loads((folder / "manifest.json").read_text()) | {"tables": {}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    codes = read_folder(folder).rejects.count_codes()
    assert codes == {"implausible_date": 1, "unknown_case": 1}


@pytest.mark.parametrize(("n_rows", "n_told"), [(1, 1), (2, 0)])
def test_a_day_written_as_midnight_is_not_told_as_before_what_happened_on_it(
    tmp_path, n_rows, n_told
):
    """An act at noon, recorded that day by a tool that writes midnights, is in order."""
    rows = [f"e{number},c1,threat,2024-05-10T12:00,2024-05-10 00:00" for number in range(n_rows)]
    (tmp_path / "events.csv").write_text(
        "\n".join(["event_id,case_id,kind,occurred_at,recorded_at", *rows])
    )
    (tmp_path / "cases.csv").write_text("case_id,recorded_at\nc1,2024-01-01\n")
    manifest = {"time_zone": "Europe/London", "extract_at": "2024-06-01"}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    told = read_folder(tmp_path).warnings.get("events: recorded before it occurred", 0)
    assert told == n_told


@pytest.mark.parametrize(("n_rows", "is_known_at_noon"), [(1, True), (2, False)])
def test_midnights_of_a_whole_column_are_days(tmp_path, n_rows, is_known_at_noon):
    """What a tool wrote as midnight throughout was known when the day was over, and it is told."""
    rows = [f"e{number},c1,threat,2024-05-09,2024-05-10 00:00:00" for number in range(n_rows)]
    (tmp_path / "events.csv").write_text(
        "\n".join(["event_id,case_id,kind,occurred_at,recorded_at", *rows])
    )
    (tmp_path / "cases.csv").write_text("case_id,recorded_at\nc1,2024-01-01\n")
    manifest = {"time_zone": "Europe/London", "extract_at": "2024-06-01"}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    folder = read_folder(tmp_path)
    noon_us = 1_715_338_800_000_000
    assert (assemble_history(folder).events.recorded_at[0] < noon_us) == is_known_at_noon
    assert any("midnight" in words for words in folder.warnings) != is_known_at_noon
