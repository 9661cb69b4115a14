"""Columns as a request sends them, and what is read of a column without asking Arrow."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.compiled.texts import fill_numbers, find_known
from features.contract.tables import EVENTS, TABLES
from features.intake.contract_folder import assemble_columns, assemble_folder, fold_tables

EXTRACT_US = 1_767_225_600_000_000
CELLS = st.none() | st.sampled_from(["a", " b ", "", "  ", "\u00a0c", "2025-02-03"])
EVENT_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            column.name: st.none() | st.floats(-10, 10) if column.name == "value" else CELLS
            for column in EVENTS.columns
            if column.name not in ("case_id", "event_id")
        }
    ),
    max_size=6,
)


@given(EVENT_ROWS)
def test_columns_and_rows_of_one_request_are_one_folder(rows: list[dict[str, Any]]) -> None:
    """What is sent as columns gives the very tables and rejects of the same cells sent as rows."""
    cases = [{"case_id": "A", "recorded_at": "2025-01-01"}]
    events = [row | {"case_id": "A", "event_id": f"e{n}"} for n, row in enumerate(rows)]
    sent = {"cases": cases, "events": events}
    names = {"cases": ("case_id", "recorded_at"), "events": EVENTS.column_names}
    columns = {
        table: {name: [row[name] for row in sent[table]] for name in names[table]} for table in sent
    }

    by_row = assemble_folder(sent, time_zone="UTC", extract_at_us=EXTRACT_US)
    by_column = assemble_columns(columns, time_zone="UTC", extract_at_us=EXTRACT_US)

    for name in TABLES:
        assert getattr(by_column, name).equals(getattr(by_row, name)), name
    told = ["table", "row", "column", "code"]
    assert by_column.rejects.frame[told].equals(by_row.rejects.frame[told])
    assert by_column.warnings == by_row.warnings


@given(EVENT_ROWS)
def test_words_numbered_before_arrow_has_them_are_read_as_a_tables(
    rows: list[dict[str, Any]],
) -> None:
    """Columns of a request give the tables and rejects of the same texts in a table in memory."""
    events: dict[str, list[Any]] = {
        name: [row[name] for row in rows]
        for name in EVENTS.column_names
        if name not in ("case_id", "event_id")
    }
    events |= {"case_id": ["A"] * len(rows), "event_id": [f"e{n}" for n in range(len(rows))]}
    cases = {"case_id": ["A"], "recorded_at": ["2025-01-01T09:00"]}
    tables = {
        table: pa.table(
            {
                name: pa.array(cells, pa.float64() if name == "value" else pa.string())
                for name, cells in columns.items()
            }
        )
        for table, columns in (("cases", cases), ("events", events))
    }

    sent = {"cases": cases, "events": events}
    by_request = assemble_columns(sent, time_zone="UTC", extract_at_us=EXTRACT_US)
    by_table = fold_tables(tables, time_zone="UTC", extract_at_us=EXTRACT_US)

    for name in ("cases", "events"):
        ours, theirs = getattr(by_request, name), getattr(by_table, name)
        assert ours.to_pylist() == theirs.to_pylist()
        assert ours.schema == theirs.schema
    told = ["table", "row", "column", "code"]
    assert by_request.rejects.frame[told].equals(by_table.rejects.frame[told])


@given(
    cells=st.lists(st.none() | st.integers(-5, 5), max_size=40),
    first=st.integers(0, 20),
    kind=st.sampled_from([pa.int32(), pa.int64(), pa.float64()]),
)
def test_known_cells_and_numbers_are_those_of_the_column(
    cells: list[int | None], first: int, kind: pa.DataType
) -> None:
    """Of any slice of a column the same cells are known, with the same numbers, as Arrow says."""
    column = pa.array(cells, kind)[first:]

    assert find_known(column).tolist() == column.is_valid().to_pylist()
    filled = fill_numbers(column, -9)
    assert filled.dtype == np.dtype(kind.to_pandas_dtype())
    assert filled.tolist() == [-9 if cell is None else cell for cell in cells[first:]]


@pytest.mark.parametrize("empty", ["", " "])
@pytest.mark.parametrize("column", ["case_id", "linked_case_id"])
def test_an_empty_word_of_a_dictionary_names_no_case(empty: str, column: str) -> None:
    """A cell that points at an empty word is as empty as any: the row is refused as lacking it."""
    codes = pa.array([0, 1], pa.int32())
    words = pa.DictionaryArray.from_arrays(codes, pa.array(["a", empty]))
    day = ["2025-01-01", "2025-01-01"]
    tables = {"cases": pa.table({"case_id": words, "recorded_at": day})}
    if column == "linked_case_id":
        tables["cases"] = tables["cases"].slice(0, 1)
        ids = pa.array(["a", "a"])
        tables["links"] = pa.table(
            {
                "link_id": ["l1", "l2"],
                "case_id": ids,
                "linked_case_id": words,
                "kind": ["same_subject", "same_subject"],
                "recorded_at": day,
            }
        )

    folder = fold_tables(tables, time_zone="UTC", extract_at_us=EXTRACT_US)

    told = folder.rejects.frame[["row", "column", "code"]].to_numpy().tolist()
    assert told == [[2, column, "missing"]]
