"""A history equals what a reader would make of the same rows by hand, whatever their order."""

import itertools
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.contract.arrays import MISSING, NEVER
from features.contract.moments import parse_date
from features.errors import DataContractError
from features.history.assembly import assemble_history
from features.history.columns import CODED_COLUMNS
from features.intake.contract_folder import fold_tables, read_folder
from synthetic.simulator import simulate_unit

ZONE = "Europe/London"
EXTRACT = parse_date("2025-12-31", ZONE)
START = parse_date("2025-01-01", ZONE)
HOUR = 3_600_000_000
MOMENT = pa.timestamp("us", tz="UTC")
MOMENTS = ("occurred_at", "recorded_at", "occurred_until")
CASE_COLUMNS = "case_id recorded_at area referral_source"
EVENT_COLUMNS = (
    "event_id case_id kind occurred_at recorded_at occurred_until incident_id view source "
    "assurance actor target channel value detail handling supersedes narrative"
)
FACT_COLUMNS = "fact_id case_id name asked value recorded_at supersedes"
CASE = {"case_id": "c1", "recorded_at": START}
EVENT = {"case_id": "c1", "kind": "threat", "occurred_at": START, "recorded_at": START}
TWO = [EVENT | {"event_id": "e1"}, EVENT | {"event_id": "e2", "recorded_at": START + HOUR}]


def table_of(rows, columns):
    """Return rows as a typed table: moments, the value a number, the rest text."""
    types = dict.fromkeys(MOMENTS, MOMENT) | {"value": pa.float64()}
    if "fact_id" in columns:
        types["value"] = pa.string()
    return pa.table(
        {
            name: pa.array([row.get(name) for row in rows], type=types.get(name, pa.string()))
            for name in columns.split()
        }
    )


def tables_of(cases, events, facts=()):
    """Return the three tables of some rows."""
    return {
        "cases": table_of(cases, CASE_COLUMNS),
        "events": table_of(events, EVENT_COLUMNS),
        "facts": table_of(facts, FACT_COLUMNS),
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


def fold(tables):
    """Return the folder of tables that are held in memory."""
    return fold_tables(tables, time_zone=ZONE, extract_at_us=EXTRACT)


def words(column):
    """Return a coded column as its words."""
    return [None if code == MISSING else column.values[code] for code in column.codes]


def lay_out(history):
    """Return a history as rows: each case's events and facts in order, each with all it holds."""
    found = {}
    for case, name in enumerate(history.case_id):
        events, facts = history.events, history.facts
        rows = range(*history.events_of(case).indices(len(events)))
        coded = {column: words(getattr(events, column)) for column in CODED_COLUMNS}
        answers = range(*history.facts_of(case).indices(len(facts)))
        named, answered = words(facts.name), words(facts.value)
        found[name] = (
            words(history.area)[case],
            [
                (
                    events.event_id[row],
                    *(int(getattr(events, clock)[row]) for clock in CLOCKS),
                    int(events.superseded_by[row]),
                    int(events.incident[row]),
                    str(events.value[row]),
                    bool(events.measured[row]),
                    *(coded[column][row] for column in CODED_COLUMNS),
                )
                for row in rows
            ],
            [
                (
                    facts.fact_id[row],
                    int(facts.recorded_at[row]),
                    int(facts.superseded_at[row]),
                    int(facts.superseded_by[row]),
                    named[row],
                    bool(facts.asked[row]),
                    answered[row],
                )
                for row in answers
            ],
        )
    return found


CLOCKS = ("occurred_at", "recorded_at", "superseded_at")


def by_hand(cases, events, facts):
    """Return the same rows as :func:`lay_out`, row by row and without any column."""
    return {
        case["case_id"]: (
            (case.get("area") or "").strip() or None,
            events_by_hand([row for row in events if row["case_id"] == case["case_id"]]),
            facts_by_hand([row for row in facts if row["case_id"] == case["case_id"]]),
        )
        for case in cases
    }


def events_by_hand(rows):
    """Return a case's events in order of both clocks and identifier."""
    rows = sorted(rows, key=lambda row: (row["occurred_at"], row["recorded_at"], row["event_id"]))
    following = follow(rows, "event_id")
    incidents = [(row.get("incident_id") or "").strip() or row["event_id"] for row in rows]
    shared = list(dict.fromkeys(name for name in incidents if incidents.count(name) > 1))
    found = []
    for place, row in enumerate(rows):
        spelled = {name: (row.get(name) or "").strip() or None for name in CODED_COLUMNS}
        for name in ("view", "actor", "target", "source", "channel"):
            spelled[name] = spelled[name] and spelled[name].lower()
        spelled["view"] = spelled["view"] or "recorded"
        spelled["actor"] = spelled["actor"] or "subject"
        apart = spelled["source"] == "health" or row.get("handling") == "agency_only"
        after = following[place]
        incident = shared.index(incidents[place]) if incidents[place] in shared else MISSING
        value = row.get("value")
        found.append(
            (
                row["event_id"],
                row["occurred_at"],
                row["recorded_at"],
                NEVER if after == MISSING else rows[after]["recorded_at"],
                after,
                incident,
                str(float("nan") if value is None else value),
                not apart and spelled["kind"] != "retracted",
                *(spelled[name] for name in CODED_COLUMNS),
            )
        )
    return found


def facts_by_hand(rows):
    """Return a case's answers in order of the recording clock and identifier."""
    rows = sorted(rows, key=lambda row: (row["recorded_at"], row["fact_id"]))
    following = follow(rows, "fact_id")
    return [
        (
            row["fact_id"],
            row["recorded_at"],
            NEVER if following[place] == MISSING else rows[following[place]]["recorded_at"],
            following[place],
            row["name"],
            (row["asked"] or "yes") == "yes",
            row["value"] or None,
        )
        for place, row in enumerate(rows)
    ]


def follow(rows, key):
    """Return the place of the version that comes after each row, ``MISSING`` for none.

    Versions of one record in the order of when they were recorded, how deep they stand in the tree
    of corrections, and their identifier.
    """
    by_name = {row[key]: row for row in rows}

    def climb(row):
        depth = 0
        while row.get("supersedes") in by_name:
            row, depth = by_name[row["supersedes"]], depth + 1
        return row[key], depth

    trees = {}
    for row in rows:
        root, depth = climb(row)
        trees.setdefault(root, []).append((row["recorded_at"], depth, row[key]))
    places = {row[key]: place for place, row in enumerate(rows)}
    found = [MISSING] * len(rows)
    for versions in trees.values():
        versions.sort()
        for one, after in itertools.pairwise(versions):
            found[places[one[2]]] = places[after[2]]
    return found


@st.composite
def units(draw):
    """Make the rows of small sound tables: few moments, so that ties, chains, rivals and shared
    incidents are common, and identifiers that other cases have too.
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
    return cases, draw(st.permutations(events)), draw(st.permutations(facts))


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
        "source": choose(None, "police", "health", "Health"),
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
@given(unit=units(), parts=st.integers(1, 3))
def test_a_history_is_what_one_makes_of_the_rows_by_hand(tmp_path_factory, unit, parts):
    """Chains, rivals, retractions, incidents, defaults, blanks and ties come out as by hand."""
    tables = tables_of(*unit)
    read = read_folder(write_tables(tmp_path_factory.mktemp("unit"), tables, parts))
    assert not len(read.rejects) and not read.repeats
    assert lay_out(assemble_history(read)) == by_hand(*unit)
    assert lay_out(assemble_history(fold(tables))) == by_hand(*unit)


def test_rows_that_repeat_others_are_left_out_and_counted():
    """Copies of rows change nothing, and are told by number."""
    once = tables_of([CASE], TWO, [{"fact_id": "f1", "name": "n"} | CASE])
    more = fold({name: pa.concat_tables([table, table]) for name, table in once.items()})
    assert more.repeats == 4
    assert lay_out(assemble_history(more)) == lay_out(assemble_history(fold(once)))


@pytest.mark.parametrize(
    ("rows", "column", "code"),
    [
        (
            [EVENT | {"event_id": "e1"}, EVENT | {"event_id": "e1", "kind": "x"}],
            "event_id",
            "conflict",
        ),
        ([EVENT | {"event_id": "e1", "case_id": "c9"}], "case_id", "unknown_case"),
        ([EVENT | {"event_id": "e1", "supersedes": "e1"}], "supersedes", "supersedes_cycle"),
        ([TWO[0] | {"supersedes": "e2"}, TWO[1]], "supersedes", "supersedes_later_record"),
        ([EVENT], "event_id", "missing"),
        ([EVENT | {"event_id": ""}], "event_id", "missing"),
        ([EVENT | {"event_id": "e1", "kind": " "}], "kind", "missing"),
        ([EVENT | {"event_id": "e1", "actor": "nobody"}], "actor", "not_a_choice"),
        ([EVENT | {"event_id": "e1", "detail": "x" * 513}], "detail", "too_long"),
        ([EVENT | {"event_id": "x" * 513}], "event_id", "too_long"),
        ([EVENT | {"event_id": "e1", "value": float("inf")}], "value", "unreadable_number"),
        ([EVENT | {"event_id": "e1", "occurred_at": -(10**15)}], "occurred_at", "implausible_date"),
    ],
)
def test_a_row_that_cannot_be_used_is_kept_apart_by_code(rows, column, code):
    """Typed rows are held to the same rules as text, and each fault has its column and code."""
    told = fold(tables_of([CASE], rows)).rejects.frame
    assert set(zip(told["column"], told["code"], strict=True)) == {(column, code)}


def test_whole_numbers_may_name_cases_and_records():
    """Numbers as identifiers are read as their digits, whatever stands beside them."""
    far = 20_240_123_456_789_013
    cases = pa.table({"case_id": [10, 2], "recorded_at": pa.array([START, START], MOMENT)})
    events = pa.table(
        {
            "event_id": [far, far + 2, far + 4],
            "case_id": [2, 10, 2],
            "kind": pa.array(["threat", "contact", "threat"]).dictionary_encode(),
            "occurred_at": pa.array([START, START, START], MOMENT),
            "recorded_at": pa.array([START, START, START + 1], MOMENT),
            "supersedes": [None, None, far],
            "value": [1, 2, 3],
        }
    )
    history = assemble_history(fold({"cases": cases, "events": events}))
    assert list(history.case_id) == ["10", "2"]
    assert list(history.events.event_id) == [str(far + 2), str(far), str(far + 4)]
    assert history.events.superseded_by.tolist() == [MISSING, 1, MISSING]


def test_a_unit_without_cases_or_events_is_a_history():
    """Nothing of anything is read as nothing."""
    assert len(assemble_history(fold(tables_of([], [])))) == 0
    assert len(assemble_history(fold({"cases": table_of([CASE], CASE_COLUMNS)})).events) == 0


def test_files_other_than_the_manifest_says_are_refused(tmp_path):
    """A file's hash and a table's number of rows are held against the manifest."""
    simulate_unit(3, 1, tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    said = manifest["tables"]["facts"]
    (tmp_path / "manifest.json").write_text(
        json.dumps(manifest | {"tables": {"facts": said | {"rows": said["rows"] + 1}}})
    )
    with pytest.raises(DataContractError, match="rows and the manifest"):
        read_folder(tmp_path)
    said["files"]["facts.parquet"] = "0" * 64
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataContractError, match="not the file that the manifest describes"):
        read_folder(tmp_path)
