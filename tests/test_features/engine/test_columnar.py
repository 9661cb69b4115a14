"""The quick door builds the history that the careful one builds, and refuses what is not sound."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.contract.moments import parse_date
from features.engine.columnar import build_history, read_columns
from features.engine.measurement import compile_plan, measure
from features.errors import DataContractError
from features.evidence.records_behind import records_behind

START = parse_date("2025-01-01", "UTC")
HOUR = 3_600_000_000
EXPRESSIONS = {
    "count": "measure: count, of: {kind: conduct}, within: 2d",
    "largest": "measure: max, of: {kind: conduct}",
    "gaps": "measure: gap_median, of: {kind: conduct}",
    "channels": "measure: distinct, field: channel, of: {kind: conduct}",
    "last": "measure: days_since_last, of: {kind: threat}",
}
ROW = st.tuples(
    st.sampled_from(["c1", "c10", "c2"]),
    st.sampled_from(["threat", "contact"]),
    st.integers(0, 60),
    st.integers(0, 30),
    st.sampled_from([None, 1.0, 2.5]),
    st.sampled_from([None, "text", "phone"]),
)


def columns_of(rows):
    """Return typed columns of rows (case, kind, hour, hours later, value, channel)."""
    occurred = [START + row[2] * HOUR for row in rows]
    moments = pa.timestamp("us", tz="UTC")
    found = {
        "event_id": pa.array([f"e{number}" for number in range(len(rows))]),
        "case_id": pa.array([row[0] for row in rows]),
        "kind": pa.array([row[1] for row in rows]),
        "occurred_at": pa.array(occurred, type=moments),
        "recorded_at": pa.array(
            [at + row[3] * HOUR for at, row in zip(occurred, rows, strict=True)], type=moments
        ),
        "value": pa.array([row[4] for row in rows], type=pa.float64()),
        "channel": pa.array([row[5] for row in rows], type=pa.string()),
    }
    return {name: pa.chunked_array([column]) for name, column in found.items()}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(rows=st.lists(ROW, min_size=1, max_size=25))
def test_both_doors_lead_to_the_same_history(history_of, catalogue_of, rows):
    """Values and the records behind them are the same through either door."""
    catalogue = catalogue_of(EXPRESSIONS)
    plan = compile_plan(catalogue)
    quick = build_history(columns_of(rows))
    given_rows = [
        {"event_id": f"e{number}", "case_id": row[0], "kind": row[1], "value": row[4]}
        | {"channel": row[5], "occurred_at": str(pd.Timestamp(START + row[2] * HOUR, unit="us"))}
        | {"recorded_at": str(pd.Timestamp(START + (row[2] + row[3]) * HOUR, unit="us"))}
        for number, row in enumerate(rows)
    ]
    names = sorted({row[0] for row in rows})
    cases = [{"case_id": name, "recorded_at": "2020-01-01"} for name in names]
    careful = history_of(given_rows, (), cases, "UTC")
    dates = [START + hour * HOUR for hour in (24, 61, 200)]
    assert list(quick.case_id) == list(careful.case_id) == names
    a, b = (measure(one, plan, dates).values for one in (quick, careful))
    assert np.array_equal(a, b, equal_nan=True)
    for name in EXPRESSIONS:
        keys = [records_behind(one, catalogue, 0, dates[2], name) for one in (quick, careful)]
        assert keys[0] == keys[1]


def test_whole_numbers_as_cases_keep_their_order(tmp_path):
    """Cases 2 and 10 stand as numbers do, also where the file gives one clock for both."""
    frame = pd.DataFrame(
        {
            "who": [10, 2, 10],
            "what": ["threat", "threat", "contact"],
            "when": pd.to_datetime(["2025-01-03", "2025-01-02", "2025-01-01"], utc=True),
        }
    )
    frame.to_parquet(tmp_path / "events.parquet")
    named = {"case_id": "who", "kind": "what", "occurred_at": "when", "recorded_at": "when"}
    history = read_columns(tmp_path / "events.parquet", named)
    assert list(history.case_id) == ["2", "10"]
    assert history.events.pointer.tolist() == [0, 1, 3]
    assert [history.events.kind.values[code] for code in history.events.kind.codes] == [
        "threat",
        "contact",
        "threat",
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"case_id": None}, "case_id is absent"),
        ({"kind": pa.chunked_array([pa.array([None, "threat"])])}, "kind is absent or has empty"),
        ({"occurred_at": pa.chunked_array([pa.array(["2025-01-01"] * 2)])}, "no timestamps"),
        ({"recorded_at": pa.chunked_array([pa.array([1.5, 2.5])])}, "no timestamps"),
        ({"actor": pa.chunked_array([pa.array(["CANARY7731"] * 2)])}, "other values than subject"),
        ({"mood": pa.chunked_array([pa.array(["bad"] * 2)])}, "mood are not read"),
    ],
)
def test_what_is_not_sound_is_refused_whole(change, words):
    """Nothing is repaired at this door: the column is named, and no cell is told."""
    columns = columns_of([("c1", "threat", 1, 0, None, None)] * 2) | change
    with pytest.raises(DataContractError, match=words) as caught:
        build_history({name: column for name, column in columns.items() if column is not None})
    assert "CANARY7731" not in str(caught.value)
