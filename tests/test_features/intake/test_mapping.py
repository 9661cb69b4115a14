"""What each key of a mapping does, on text and on typed columns alike."""

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import CatalogueError
from features.intake.mapped_rows import map_rows, open_rows
from features.intake.mapping import load_mapping
from features.intake.pieces import Piece

HEAD = "version: 1\ntime_zone: Europe/London\nextract_at: '2025-12-31'\nsources:\n"
FIELDS = {
    "event_id": "id",
    "case_id": "case",
    "kind": "kind",
    "occurred_at": "day",
    "recorded_at": "day",
}
PLAIN = {"id": ["E1", "E2"], "case": ["C1", "C1"], "kind": ["a", "b"], "day": ["2024-02-01"] * 2}
DAY = dt.date(2024, 2, 1)


def read_mapping(tmp_path: Path, source: str = "", record: str = "", **fields: str):
    """Read a mapping of one file and one record of events."""
    lines = [f"          {name}: {fill}" for name, fill in (FIELDS | fields).items()]
    text = HEAD + "  - file: log.csv\n" + "".join(f"    {line}\n" for line in source.splitlines())
    text += "    records:\n      - table: events\n"
    text += "".join(f"        {line}\n" for line in record.splitlines())
    path = tmp_path / "mapping.yaml"
    path.write_text(text + "        fields:\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return load_mapping(path).sources[0]


def make_piece(**columns) -> Piece:
    """Make some rows; lists of text become text, and others what Arrow takes them for."""
    table = pa.table(PLAIN | columns)
    kinds = [
        pa.large_string() if field.type == pa.string() else field.type for field in table.schema
    ]
    table = table.cast(pa.schema(list(zip(table.column_names, kinds, strict=True))))
    return Piece("log.csv", table, np.arange(1, table.num_rows + 1))


@pytest.fixture
def fill(tmp_path):
    """Map some columns and return what one contract column then holds."""

    def run(column: str, how: str, source: str = "", record: str = "", **columns):
        entry = read_mapping(tmp_path, source, record, **{column: how})
        mapped = map_rows(entry, entry.records[0], open_rows(entry, make_piece(**columns)))
        refused = dict(zip(mapped.rejects.frame["row"], mapped.rejects.frame["code"], strict=True))
        return mapped.piece.table[column].to_pylist(), refused

    return run


NUMBERS = [
    pa.array([1, 2], pa.int64()),
    pa.array([1.0, 2.0]),
    pa.array([1, 2], pa.int8()).dictionary_encode(),
    pa.array([1, 2], pa.int64()).cast(pa.decimal128(21, 0)),
    ["1", " 2 "],
]


@pytest.mark.parametrize("code", NUMBERS)
@pytest.mark.parametrize(
    ("when", "kept"),
    [
        ("{column: code, equals: '1'}", ["E1"]),
        ("{column: code, equals: ['2', '3']}", ["E2"]),
        ("{column: code, prefix: '2'}", ["E2"]),
        ("{column: code, contains: '1'}", ["E1"]),
        ("{column: code, present: true}", ["E1", "E2"]),
    ],
)
def test_a_condition_sees_the_same_text_whatever_the_type(fill, code, when, kept):
    """Numbers in any type and the same digits as text meet the same conditions."""
    assert fill("event_id", "id", record=f"when: [{when}]", code=code)[0] == kept


def test_a_truth_value_reads_as_yes_or_no_in_a_condition(fill):
    """A column of true and false is compared as the edge reads it."""
    flags = pa.array([True, False])
    assert fill("event_id", "id", record="when: [{column: f, equals: 'yes'}]", f=flags)[0] == ["E1"]
    assert fill("event_id", "id", record="when: [{column: f, equals: 'no'}]", f=flags)[0] == ["E2"]


def test_blanks_and_words_for_unknown_are_no_presence(fill):
    """A cell of blanks, or of a word that means empty, is not present and equals nothing."""
    cells = ["  ", "n/k"]
    words = "empty_words: [N/K]"
    when = "when: [{column: c, present: false}]"
    assert fill("event_id", "id", words, when, c=cells)[0] == ["E1", "E2"]
    equals = "when: [{column: c, equals: n/k}]"
    assert fill("event_id", "id", words, equals, c=cells)[0] == []


@given(
    numbers=st.lists(st.integers(0, 10**17), min_size=1, max_size=5, unique=True),
    neighbours=st.lists(st.one_of(st.none(), st.integers(0, 10**17)), max_size=3),
)
def test_an_identifier_by_template_does_not_depend_on_other_rows(
    tmp_path_factory, numbers, neighbours
):
    """Whole numbers give the same identifiers whatever stands in other rows."""
    entry = read_mapping(tmp_path_factory.mktemp("t"), event_id='{template: "{no}/{kind}"}')
    cells = [*numbers, *neighbours]
    columns = {name: (values * len(cells))[: len(cells)] for name, values in PLAIN.items()}
    piece = make_piece(**{**columns, "no": pa.array(cells, pa.int64())})
    made = map_rows(entry, entry.records[0], open_rows(entry, piece)).piece.table
    kinds = columns["kind"]
    wanted = [f"{number}/{kind}" for number, kind in zip(numbers, kinds, strict=False)]
    assert made["event_id"].to_pylist()[: len(numbers)] == wanted


def test_a_timestamp_gives_the_same_identifier_beside_any_time(fill):
    """A midnight reads the same whether or not another row has a time of day."""
    at = [dt.datetime(2024, 2, 1), dt.datetime(2024, 2, 2)]
    later = [at[0], dt.datetime(2024, 2, 2, 10, 30)]
    first = fill("event_id", '{template: "{at}/{kind}"}', at=at)[0][0]
    assert fill("event_id", '{template: "{at}/{kind}"}', at=later)[0][0] == first


def test_a_template_of_empty_cells_is_empty(fill):
    """What names no record is no identifier: the row is refused as one without any."""
    assert fill("event_id", '{template: "{no}-left"}', no=[None, "7"])[0] == [None, "7-left"]


def test_a_column_that_is_only_renamed_keeps_its_type(tmp_path):
    """Dates and numbers of a typed file reach the edge as they are."""
    entry = read_mapping(tmp_path, value="severity")
    piece = make_piece(day=pa.array([DAY, DAY]), severity=pa.array([7, None], pa.int32()))
    made = map_rows(entry, entry.records[0], open_rows(entry, piece)).piece.table
    assert made.schema.field("occurred_at").type == pa.date32()
    assert made.schema.field("value").type == pa.int32()


def test_words_for_unknown_empty_a_cell_of_any_column(fill):
    """Stated for the file or for one field, in any letter case, on text and on numbers."""
    assert fill("value", "v", "empty_words: [N/K, unknown]", v=["7", "n/k "])[0] == ["7", None]
    assert fill("value", "{column: v, empty_words: Unknown}", v=["UNKNOWN", "3"])[0] == [None, "3"]
    assert fill("value", "v", "empty_words: ['999']", v=pa.array([999, 3]))[0] == [None, 3]
    assert fill("value", "{column: v, empty_words: '999'}", v=pa.array([999, 3]))[0] == [None, 3]
    kinds = fill("channel", "{column: v, values: {t: phone}, empty_words: x}", v=["x", "t"])
    assert kinds == ([None, "phone"], {})


@pytest.mark.parametrize(
    ("how", "cells", "dates", "refused"),
    [
        ('"%d/%m/%Y"', ["13/02/2024", "1/3/2024"], ["2024-02-13", "2024-03-01"], {}),
        ('"%d/%m/%Y"', ["31/02/2024", "2024-02-13"], [], {1, 2}),
        ('["%d/%m/%Y", iso]', ["01/02/2024", "2024-02-13"], ["2024-02-01", "2024-02-13"], {}),
        (
            '["%d/%m/%Y", "%m/%d/%Y"]',
            ["01/02/2024", "02/13/2024"],
            ["2024-02-01", "2024-02-13"],
            {},
        ),
        ('"%d/%m/%y", pivot: 1940', ["01/02/39", "01/02/40"], ["2039-02-01", "1940-02-01"], {}),
        ('"%d-%b-%Y"', ["01-Feb-2024", "2-september-2024"], ["2024-02-01", "2024-09-02"], {}),
        (
            '"%d/%m/%Y %H:%M"',
            ["01/02/2024 09:05", "01/02/2024 9:05"],
            ["2024-02-01T09:05", "2024-02-01T09:05"],
            {},
        ),
        (
            '"%d/%m/%Y %I:%M %p"',
            ["01/02/2024 12:05 am", "01/02/2024 12:05 PM"],
            ["2024-02-01T00:05", "2024-02-01T12:05"],
            {},
        ),
        ("excel", ["45000", "45000.75"], ["2023-03-15", "2023-03-15T18:00:00"], {}),
        ("excel-1904", ["43538", "43538,5"], ["2023-03-15", "2023-03-15T12:00:00"], {}),
        ("excel", ["59", "2958466"], [], {1, 2}),
    ],
)
def test_dates_are_read_in_the_stated_form_alone(fill, how, cells, dates, refused):
    """A date of another form, or none of the calendar, refuses its row; nothing is rolled over."""
    made = fill("occurred_at", f"{{column: at, format: {how}}}", at=cells)
    assert made == (dates, dict.fromkeys(refused, "other_date_format"))


def test_serial_dates_of_a_typed_column_are_read(fill):
    """A number is a serial date in any type; a typed date needs no form."""
    serials = pa.array([45000.0, 45000.75])
    made = fill("occurred_at", "{column: at, format: excel}", at=serials)[0]
    assert made == ["2023-03-15", "2023-03-15T18:00:00"]
    typed = pa.array([DAY, DAY])
    assert fill("occurred_at", "day", 'format: "%d/%m/%Y"', day=typed)[0] == [DAY, DAY]


def test_the_form_of_a_file_holds_for_all_its_dates_and_for_nothing_else(fill):
    """Stated once beside the file, a form reads its date columns; a field's own comes first."""
    source = 'format: "%d/%m/%Y"'
    days = ["01/02/2024", "02/02/2024"]
    assert fill("kind", "kind", source, day=days)[0] == ["a", "b"]
    assert fill("recorded_at", "day", source, day=days)[0] == ["2024-02-01", "2024-02-02"]
    own = fill(
        "recorded_at", '{column: at, format: "%Y%m%d"}', source, day=days, at=["20240305"] * 2
    )
    assert own[0] == ["2024-03-05"] * 2


@pytest.mark.parametrize(
    "at",
    [
        ["2024-03-01", "2024-03-01T10:30"],
        [" 2024-03-01 ", "2024-03-01T10:30+00:00"],
        pa.array([dt.datetime(2024, 3, 1), dt.datetime(2024, 3, 1, 10, 30)]),
    ],
)
def test_a_date_with_a_time_moves_as_a_date_does(fill, at):
    """Moving by days keeps the time of day, whatever form or type the others have."""
    made = fill("occurred_at", "{column: at, shift_days: -1}", at=at)[0]
    assert [cell[:10] for cell in made] == ["2024-02-29", "2024-02-29"]
    assert made[1][11:16] == "10:30"


def test_what_is_no_date_is_left_to_the_edge(fill):
    """Moving changes no cell that is not a date of the calendar."""
    cells = ["soon", "2024-02-31"]
    assert fill("occurred_at", "{column: at, shift_days: 1}", at=cells) == (cells, {})


@pytest.mark.parametrize(
    "until", [["9999-12-31", "2024-03-01"], ["9999-12-31T00:00", "2024-03-01"]]
)
def test_the_last_day_of_the_calendar_is_no_end(fill, until):
    """The usual sign for what is still going on becomes an empty end, and only there."""
    assert fill("occurred_until", "until", until=until)[0] == [None, "2024-03-01"]
    assert fill("occurred_at", "until", until=until)[0] == until


def test_the_last_day_is_no_end_in_any_form_or_type(fill):
    """Written in UK order, or as a typed date, an open end is one all the same."""
    far = ["31/12/9999", "01/03/2024"]
    made = fill("occurred_until", '{column: u, format: "%d/%m/%Y"}', u=far)[0]
    assert made == [None, "2024-03-01"]
    typed = pa.array([dt.date(9999, 12, 31), DAY])
    assert fill("occurred_until", "u", u=typed)[0] == [None, DAY]


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("7,5", "7.5"),
        ("1.234,5", "1234.5"),
        ("1234", "1234"),
        ("-0,25", "-0.25"),
        ("7.5", "unreadable_number"),
        ("1,2,3", "unreadable_number"),
        ("N/K", "unreadable_number"),
    ],
)
def test_a_decimal_comma_is_read_where_it_is_stated(fill, cell, number):
    """A number with a point is refused beside a decimal comma: it could mean either."""
    made, refused = fill("value", "v", "decimal: ','", v=[cell, "1"])
    assert [*made[:-1], *refused.values()] == [number]


def test_a_cell_of_several_values_makes_a_record_of_each(tmp_path):
    """Conditions and templates see one value at a time; a row without a value stays one row."""
    entry = read_mapping(
        tmp_path,
        record='split: {column: kind, at: ";"}\nwhen: [{column: kind, present: true}]',
        event_id='{template: "{id}/{kind}"}',
    )
    piece = make_piece(kind=["threat; stalking;;threat", None])
    mapped = map_rows(entry, entry.records[0], open_rows(entry, piece))
    ids = mapped.piece.table["event_id"].to_pylist()
    assert ids == ["E1/threat", "E1/stalking", "E1/threat"]
    assert mapped.piece.rows.tolist() == [1, 1, 1]
    assert mapped.piece.source["kind"].to_pylist() == ["threat; stalking;;threat"] * 3
    assert mapped.taken.tolist() == [True, False]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "{column: kind, values: {a: x}, otherwise: rejekt}"}, "did you mean 'reject'?"),
        ({"kind": "{column: kind, values: {a: x}, otherwise: Reject}"}, "did you mean 'reject'?"),
        ({"kind": "{column: kind, values: {a: x}, otherwise: emtpy}"}, "did you mean 'empty'?"),
        ({"kind": '{column: kind, values: {N/K: ""}}'}, "goes to 'empty_words'"),
        ({"kind": "{rules: [], otherwise: keep}"}, "'keep' needs 'column'"),
        ({"kind": '{column: kind, format: "%d/%m/%Y"}'}, "'format' is for dates"),
        ({"kind": "{constant: x, empty_words: y}"}, "'empty_words' needs 'column'"),
        ({"occurred_at": '{column: day, format: "%d/%m"}'}, "one day, one month and one year"),
        ({"occurred_at": '{column: day, format: "%d/%m/%Q"}'}, "%Q is no code of a date"),
        ({"occurred_at": '{column: day, format: "%d/%m/%y"}'}, "%y needs 'pivot'"),
        ({"occurred_at": "{column: day, format: CHOOSE}"}, "only a person can settle"),
        ({"occurred_at": "CHOOSE"}, "only a person can settle"),
        ({"occurred_at": "{first_record: true}"}, "only recorded_at of cases"),
        ({"source": "separator: ';;'"}, "write one sign"),
        ({"source": "encoding: utf-9"}, "no encoding has this name"),
        ({"source": "decimal: ';'"}, "write one of: ., ,"),
        ({"source": 'format: "%d/%m/%y"'}, "%y needs 'pivot'"),
        ({"source": "pivot: 40"}, "at least 1850"),
        ({"record": "split: {column: kind}"}, "'at' is missing"),
    ],
)
def test_what_a_mapping_may_not_say_is_told_with_its_line(tmp_path, change, words):
    """Each mistake is one problem at its own line, before any row is read."""
    with pytest.raises(CatalogueError) as caught:
        read_mapping(tmp_path, **change)
    (problem,) = caught.value.problems
    assert words in problem.message
    key = next(iter(change))
    line = (tmp_path / "mapping.yaml").read_text().splitlines()[problem.line - 1]
    assert (change[key] if key in ("source", "record") else key) in line


def test_all_problems_of_a_mapping_are_told_together(tmp_path):
    """Lines that a draft left open and mistakes of any kind come in one message."""
    path = tmp_path / "mapping.yaml"
    path.write_text(
        "version: 1\ntime_zone: CHOOSE\nextract_at: CHOOSE\nsources:\n"
        "  - {file: a.csv, records: [], format: CHOOSE}\n"
        "  - {file: a.csv, records: [{table: cases, "
        "fields: {case_id: id, recorded_at: d, aera: x}}]}\n"
    )
    with pytest.raises(CatalogueError) as caught:
        load_mapping(path)
    assert [problem.line for problem in caught.value.problems] == [2, 3, 5, 6, 6]
    assert "did you mean 'area'?" in str(caught.value)
    assert "stands twice" in str(caught.value)


def test_a_word_that_is_only_akin_stays_a_value(fill):
    """What no one would write for 'reject' is written into the column as it stands."""
    made = fill("kind", "{column: kind, values: {a: x}, otherwise: rejected}")
    assert made[0] == ["x", "rejected"]
