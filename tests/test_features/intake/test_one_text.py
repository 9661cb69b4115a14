"""One table gives the same cells, whatever kind of file it came in."""

import csv
import datetime as dt
import json
import tempfile
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from features.intake.cells import name_place, write_cells, write_value
from features.intake.files import read_pieces

LETTERS = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
LONDON = ZoneInfo("Europe/London")
MOMENTS = st.integers(0, 2_000_000_000).map(lambda s: dt.datetime.fromtimestamp(s, LONDON))
COLUMNS = {
    "id": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "big": (pa.uint64(), st.integers(0, 2**64 - 1)),
    "number": (pa.float64(), st.floats(allow_nan=False, allow_infinity=False)),
    "amount": (pa.decimal128(30, 4), st.decimals(-(10**20), 10**20, places=4)),
    "yes": (pa.bool_(), st.booleans()),
    "day": (pa.date32(), st.dates()),
    "moment": (pa.timestamp("us"), st.datetimes()),
    "known": (pa.timestamp("s", tz="Europe/London"), MOMENTS),
    "text": (pa.string(), st.text(LETTERS, min_size=1)),
    "word": (pa.dictionary(pa.int8(), pa.string()), st.sampled_from(["a", "NA", "null", "é"])),
}
NATIVE = (bool, int, float)
"""What JSON holds as more than text."""
ROWS = st.lists(
    st.fixed_dictionaries({n: st.none() | d for n, (_, d) in COLUMNS.items()}), min_size=1
)


def spell(cell: object) -> str:
    """Write a cell as a careful export writes it: exactly, plainly, and by Python's own means."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        exact = cell.is_integer() and abs(cell) < 2**53
        return str(int(cell)) if exact else format(Decimal(repr(cell)), "f").removesuffix(".0")
    if isinstance(cell, Decimal):
        return format(cell.normalize() + 0, "f")
    if isinstance(cell, dt.date):
        return cell.isoformat()
    return str(cell)


def read_texts(path: Path) -> list[dict[str, str | None]]:
    """Read a file and write each of its cells."""
    rows: list[dict[str, str | None]] = []
    for piece in read_pieces(path):
        assert piece.bad == ()
        names = piece.table.column_names
        columns = {n: write_cells(piece.table[n], place=name_place(path.name, n)) for n in names}
        rows += pa.table(columns).to_pylist()
    return rows


def write_all(folder: Path, rows: list[dict[str, object]]) -> list[Path]:
    """Write one table as CSV with two separators, as Parquet of its types and as JSON lines."""
    spelled = [[spell(row[name]) for name in COLUMNS] for row in rows]
    paths = [folder / name for name in ("x.csv", "semicolons.csv", "x.parquet", "x.jsonl")]
    for path, separator in zip(paths[:2], (",", ";"), strict=True):
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=separator, quoting=csv.QUOTE_MINIMAL)
            writer.writerows([list(COLUMNS), *spelled])
    kinds = {name: kind for name, (kind, _) in COLUMNS.items()}
    columns = {name: pa.array([row[name] for row in rows], kinds[name]) for name in kinds}
    pq.write_table(pa.table(columns), paths[2], row_group_size=3)
    lines = [
        {
            name: row[name] if isinstance(row[name], NATIVE) else text or None
            for (name, text) in zip(COLUMNS, cells, strict=True)
        }
        for row, cells in zip(rows, spelled, strict=True)
    ]
    paths[3].write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return paths


@given(rows=ROWS)
def test_the_same_cells_come_out_of_every_kind_of_file(rows):
    """CSV, typed Parquet and JSON lines of one table are read as the same text, cell by cell."""
    with tempfile.TemporaryDirectory() as folder:
        first, *others = [read_texts(path) for path in write_all(Path(folder), rows)]
    assert len(first) == len(rows)
    assert all(other == first for other in others)


@given(value=st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_value_of_a_request_has_the_text_of_its_cell_in_a_file(value):
    """A number or truth value sent as JSON is written as a column of its type is."""
    assert write_value(value) == spell(value)
