"""Whole units through the quick door: the same history as through the careful one, or none."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.contract.moments import parse_date
from features.engine.columnar import build_history, build_unit, read_unit
from features.engine.compilation import kernels
from features.engine.warming import compile_engine
from features.errors import DataContractError
from features.history.assembly import assemble_history
from features.intake.contract_folder import read_folder
from synthetic.simulator import simulate_unit

pytestmark = pytest.mark.long

ZONE = "Europe/London"
EXTRACT = parse_date("2025-12-31", ZONE)
START = parse_date("2025-01-01", ZONE)
HOUR = 3_600_000_000
MOMENT = pa.timestamp("us", tz="UTC")
MOMENTS = ("occurred_at", "recorded_at", "occurred_until")


def table_of(rows, columns):
    """Return rows as a typed table: moments, the value a number, the rest text."""
    types = dict.fromkeys(MOMENTS, MOMENT) | {"value": pa.float64()}
    if "fact_id" in columns:
        types["value"] = pa.string()
    return pa.table(
        {
            name: pa.array([row.get(name) for row in rows], type=types.get(name, pa.string()))
            for name in columns
        }
    )


CASE_COLUMNS = "case_id recorded_at area referral_source"
EVENT_COLUMNS = (
    "event_id case_id kind occurred_at recorded_at occurred_until incident_id view source "
    "assurance actor target channel value detail handling supersedes narrative"
)
FACT_COLUMNS = "fact_id case_id name asked value recorded_at supersedes"


def tables_of(cases, events, facts=()):
    """Return the three tables of some rows."""
    return {
        "cases": table_of(cases, CASE_COLUMNS.split()),
        "events": table_of(events, EVENT_COLUMNS.split()),
        "facts": table_of(facts, FACT_COLUMNS.split()),
    }


def write_tables(folder, tables, parts=1, **manifest):
    """Write tables as a contract folder, each in so many files."""
    folder.mkdir(exist_ok=True)
    for name, table in tables.items():
        (folder / name).mkdir(exist_ok=True)
        for part in range(parts):
            rows = pa.array(np.arange(part, table.num_rows, parts))
            pq.write_table(table.take(rows), folder / name / f"part-{part}.parquet")
    said = {"time_zone": ZONE, "extract_at": "2025-12-31"} | manifest
    (folder / "manifest.json").write_text(json.dumps(said))
    return folder


def build(tables, **options):
    """Build the unit of some tables."""
    return build_unit(**tables, time_zone=ZONE, extract_at_us=EXTRACT, **options)


def differences(one, other, place="history"):
    """Return the places at which two histories differ, types of arrays included."""
    if dataclasses.is_dataclass(one):
        return [
            found
            for field in dataclasses.fields(one)
            for found in differences(
                getattr(one, field.name), getattr(other, field.name), f"{place}.{field.name}"
            )
        ]
    if isinstance(one, np.ndarray):
        floats = one.dtype.kind == "f"
        same = one.dtype == other.dtype and np.array_equal(one, other, equal_nan=floats)
        return [] if same else [place]
    return [] if one == other else [place]


@pytest.mark.parametrize(("n_cases", "seed"), [(1, 3), (250, 7)])
def test_a_simulated_unit_is_the_same_through_both_doors(tmp_path, n_cases, seed):
    """Every array and every vocabulary of a simulated unit equals the careful reading's."""
    simulate_unit(n_cases, seed, tmp_path)
    careful = assemble_history(read_folder(tmp_path))
    tables = {name: pq.read_table(tmp_path / f"{name}.parquet") for name in ("cases", "events")}
    facts = pq.read_table(tmp_path / "facts.parquet")
    given_whole = build_unit(
        **tables, facts=facts, time_zone=careful.time_zone, extract_at_us=careful.extract_at
    )
    assert differences(read_unit(tmp_path), careful) == []
    assert differences(given_whole, careful) == []


@st.composite
def units(draw):
    """Make small sound tables: few moments, so that ties, chains, rivals and shared incidents are
    common, and identifiers that other cases have too.
    """
    names = draw(st.lists(st.sampled_from(["c1", "c10", "c2", "é"]), min_size=1, unique=True))
    cases = [
        {
            "case_id": name,
            "recorded_at": START,
            "area": draw(st.sampled_from([None, "Ely", " Ely "])),
        }
        for name in names
    ]
    events, facts = [], []
    for name in names:
        events += draw(_records("event_id", name, _event))
        facts += draw(_records("fact_id", name, _fact))
    return tables_of(cases, draw(st.permutations(events)), draw(st.permutations(facts)))


def _records(id_column, case, describe):
    """Make records of a case; each may correct one that was recorded no later."""

    @st.composite
    def make(draw):
        ids = draw(st.lists(st.sampled_from([f"e{n}" for n in range(9)] + ["ë"]), unique=True))
        rows = []
        for name in ids:
            recorded = START + draw(st.integers(0, 3)) * HOUR
            row = {id_column: name, "case_id": case, "recorded_at": recorded} | draw(describe())
            earlier = [other for other in rows if other["recorded_at"] <= recorded]
            if earlier and draw(st.booleans()):
                row["supersedes"] = draw(st.sampled_from(earlier))[id_column]
            rows.append(row)
        return rows

    return make()


@st.composite
def _event(draw):
    choose = lambda *values: draw(st.sampled_from(values))  # noqa: E731
    return {
        "kind": choose("threat", "contact ", "retracted"),
        "occurred_at": START + draw(st.integers(0, 2)) * HOUR,
        "incident_id": choose(None, "", "e1", "i1", "i2"),
        "view": choose(None, "account", "Recorded"),
        "source": choose(None, "police", "health"),
        "actor": choose(None, "proxy"),
        "target": choose(None, "child"),
        "channel": choose(None, "", "text", " text"),
        "value": choose(None, float("nan"), 1.0, 2.5),
        "detail": choose(None, "a", "b"),
        "handling": choose(None, "agency_only", "unit"),
        "assurance": choose(None, "fact"),
    }


@st.composite
def _fact(draw):
    choose = lambda *values: draw(st.sampled_from(values))  # noqa: E731
    return {
        "name": choose("frightened", "children"),
        "asked": choose(None, "yes", "no"),
        "value": choose(None, "", "yes", "3"),
    }


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None
)
@given(tables=units(), parts=st.integers(1, 3))
def test_sound_tables_are_the_same_through_both_doors(tmp_path_factory, tables, parts):
    """Chains, rivals, retractions, incidents, defaults, blanks and ties come out the same."""
    folder = write_tables(tmp_path_factory.mktemp("unit"), tables, parts)
    read = read_folder(folder)
    assert not len(read.rejects) and not read.repeats
    careful = assemble_history(read)
    assert differences(read_unit(folder), careful) == []
    assert differences(build(tables), careful) == []


CASE = {"case_id": "c1", "recorded_at": START}
EVENT = {"case_id": "c1", "kind": "threat", "occurred_at": START, "recorded_at": START}
TWO = [EVENT | {"event_id": "e1"}, EVENT | {"event_id": "e2", "recorded_at": START + HOUR}]


def test_rows_that_repeat_others_are_left_out_and_counted(tmp_path):
    """Copies of rows change nothing, and are told by table and number."""
    once = tables_of([CASE], TWO, [{"fact_id": "f1", "name": "n"} | CASE])
    more = {name: pa.concat_tables([table, table]) for name, table in once.items()}
    told = []
    assert differences(build(more, tell=told.append), build(once)) == []
    assert [line.split(" rows")[0] for line in told] == ["cases: 1", "events: 2", "facts: 1"]
    read = read_folder(write_tables(tmp_path / "more", more))
    assert read.repeats == 4
    assert differences(read_unit(tmp_path / "more"), assemble_history(read)) == []


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([EVENT | {"event_id": "e1"}, EVENT | {"event_id": "e1", "kind": "x"}], "event_id .* two"),
        ([EVENT | {"event_id": "e1", "case_id": "CANARY7731"}], "case_id .* unknown"),
        ([EVENT | {"event_id": "e1", "supersedes": "CANARY7731"}], "supersedes .* does not have"),
        ([EVENT | {"event_id": "e1", "supersedes": "e1"}], "supersedes .* circle"),
        ([TWO[0] | {"supersedes": "e2"}, TWO[1]], "supersedes .* recorded later"),
        (
            [TWO[0] | {"supersedes": "e2"}, TWO[0] | {"event_id": "e2", "supersedes": "e1"}],
            "circle",
        ),
        ([EVENT], "event_id .* empty"),
        ([EVENT | {"event_id": ""}], "event_id .* empty"),
        ([EVENT | {"event_id": " e1"}], "event_id .* blanks"),
        ([EVENT | {"event_id": "e1", "kind": " "}], "kind .* empty"),
        ([EVENT | {"event_id": "e1", "kind": None}], "kind .* empty"),
        ([EVENT | {"event_id": "e1", "actor": "CANARY7731"}], "actor .* other values than subject"),
        ([EVENT | {"event_id": "e1", "assurance": "CANARY7731"}], "assurance .* other values"),
        ([EVENT | {"event_id": "e1", "detail": "x" * 513}], "detail .* too long"),
        ([EVENT | {"event_id": "x" * 513}], "event_id .* too long"),
        ([EVENT | {"event_id": "e1", "value": float("inf")}], "value .* without end"),
        ([EVENT | {"event_id": "e1", "occurred_at": 0 - 10**15}], "occurred_at .* cannot be"),
        ([EVENT | {"event_id": "e1", "recorded_at": EXTRACT + 48 * HOUR}], "recorded_at .* cannot"),
    ],
)
def test_a_unit_that_is_not_sound_is_refused(rows, words):
    """The column and the remedy are named, and no cell is told."""
    with pytest.raises(DataContractError, match=words) as caught:
        build(tables_of([CASE], rows))
    assert "CANARY7731" not in str(caught.value)
    assert "caselight import" in str(caught.value)


@pytest.mark.parametrize(
    ("column", "cells", "words"),
    [
        ("occurred_at", ["2025-01-01", "2025-01-02"], "no timestamps"),
        ("occurred_at", pd.to_datetime(["2025-01-01", "2025-01-02"]), "no timestamps"),
        ("recorded_at", [START, START], "no timestamps"),
        ("value", ["1", "2"], "no numbers"),
        ("kind", [1.5, 2.5], "neither text"),
        ("event_id", [1.5, 2.5], "neither text"),
        ("narrative", [1, 2], "no text"),
        ("event_id", pa.array([b"\xff", b"a"], pa.binary()).view(pa.string()), "not UTF-8"),
        ("detail", pa.array([b"\xff", b"a"], pa.binary()).view(pa.string()), "not UTF-8"),
    ],
)
def test_columns_without_a_type_are_refused(column, cells, words):
    """What would have to be read cell by cell is left to the careful door."""
    tables = tables_of([CASE], TWO)
    events = tables["events"].drop_columns(column).append_column(column, pa.array(cells))
    with pytest.raises(DataContractError, match=f"{column} of table events .*{words}"):
        build(tables | {"events": events})


def test_whole_numbers_may_name_cases_and_records(tmp_path):
    """Numbers as identifiers are read as their digits, as through the careful door."""
    cases = pa.table({"case_id": [10, 2], "recorded_at": pa.array([START, START], MOMENT)})
    events = pa.table(
        {
            "event_id": [7, 8, 9],
            "case_id": [2, 10, 2],
            "kind": pa.array(["threat", "contact", "threat"]).dictionary_encode(),
            "occurred_at": pa.array([START, START, START], MOMENT),
            "recorded_at": pa.array([START, START, START + 1], MOMENT),
            "supersedes": [None, None, 7],
            "value": [1, 2, 3],
        }
    )
    tables = {"cases": cases, "events": events}
    careful = assemble_history(read_folder(write_tables(tmp_path / "unit", tables)))
    assert differences(build(tables | {"facts": None}), careful) == []
    assert differences(read_unit(tmp_path / "unit"), careful) == []
    assert list(careful.case_id) == ["10", "2"]


def test_an_empty_unit_is_the_same_through_both_doors(tmp_path):
    """A unit without cases, or without events and facts, is a history all the same."""
    for number, cases in enumerate(([], [CASE])):
        folder = write_tables(tmp_path / str(number), tables_of(cases, []))
        assert differences(read_unit(folder), assemble_history(read_folder(folder))) == []
    only = write_tables(tmp_path / "only", {"cases": tables_of([CASE], [])["cases"]})
    assert differences(read_unit(only), assemble_history(read_folder(only))) == []


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: (f / "events/part-0.parquet").write_bytes(b"PAR1"), "not a whole Parquet file"),
        (lambda f: (f / "manifest.json").unlink(), "manifest.json is absent"),
        (lambda f: (f / "cases/part-0.parquet").unlink(), "table 'cases' is absent"),
        (lambda f: (f / "events.csv").write_text("event_id\n"), "stands in 2 places"),
        (lambda f: (f / "links.csv").write_text("link_id\n"), "links.csv is not Parquet"),
    ],
)
def test_a_folder_that_cannot_be_read_whole_is_refused(tmp_path, spoil, words):
    """Files that are broken, absent or not Parquet are named with what to do."""
    folder = write_tables(tmp_path / "unit", tables_of([CASE], TWO))
    spoil(folder)
    with pytest.raises(DataContractError, match=words):
        read_unit(folder)


def test_files_other_than_the_manifest_says_are_refused(tmp_path):
    """A file's hash and a table's number of rows are held against the manifest."""
    simulate_unit(3, 1, tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    said = manifest["tables"]["facts"]
    (tmp_path / "manifest.json").write_text(
        json.dumps(manifest | {"tables": {"facts": said | {"rows": said["rows"] + 1}}})
    )
    with pytest.raises(DataContractError, match="rows and the manifest"):
        read_unit(tmp_path)
    said["files"]["facts.parquet"] = "0" * 64
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataContractError, match="not the file that the manifest describes"):
        read_unit(tmp_path)


def test_linked_cases_are_left_to_the_careful_door(tmp_path):
    """Links are followed by the usual reading alone, and the refusal says so."""
    links = {
        "link_id": ["l1"],
        "case_id": ["c1"],
        "linked_case_id": ["c1"],
        "kind": ["same_subject"],
    }
    table = pa.table(links | {"recorded_at": pa.array([START], MOMENT)})
    folder = write_tables(tmp_path / "unit", tables_of([CASE], TWO) | {"links": table})
    with pytest.raises(DataContractError, match="links is not followed here"):
        read_unit(folder)


def test_warming_compiles_all_that_the_doors_need():
    """After warming, neither door compiles anything more."""
    compile_engine()
    doors = kernels()[2:]
    before = [len(one.signatures) for one in doors]
    rows = [EVENT | {"event_id": name, "incident_id": "i"} for name in ("e2", "e1")]
    build(tables_of([CASE], [*rows, rows[0] | {"event_id": "e3", "supersedes": "e1"}]))
    events = table_of(rows, ("case_id", "kind", "occurred_at", "recorded_at", "event_id"))
    build_history({name: events[name] for name in events.column_names})
    assert [len(one.signatures) for one in doors] == before
