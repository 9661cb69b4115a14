"""The canonical bytes of a line: no two lines share them."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from serving.store.audit_lines import COLUMNS, make_first_mac, make_mac, write_canonical

_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
_NUMBERS = st.integers(-(2**63), 2**63 - 1)
_SMALL = st.sampled_from(["", "a", "b", '"', ",", "null", "1", "[", "\\", "a,b", "true"])
_BY_NAME = {
    "number": _NUMBERS,
    "at_us": _NUMBERS,
    "done": st.booleans(),
    "cases": st.none() | st.lists(_SMALL | _TEXTS, max_size=3),
    "first_seq": st.none() | _NUMBERS,
    "last_seq": st.none() | _NUMBERS,
}
_CELLS = [
    _BY_NAME.get(column.name, _SMALL | _TEXTS | (st.none() if column.nullable else st.nothing()))
    for column in COLUMNS
]
LINES = st.tuples(*_CELLS).map(list)


@given(LINES, LINES)
def test_two_lines_that_differ_have_other_bytes(one: list[Any], other: list[Any]) -> None:
    """Canonical bytes are the same for the same line and for no other."""
    same = repr(one) == repr(other)
    assert (write_canonical(one) == write_canonical(other)) == same


@given(LINES, st.data())
def test_a_line_with_one_cell_changed_has_other_bytes(one: list[Any], data: Any) -> None:
    """Whichever cell is changed, and to whatever, the bytes change."""
    place = data.draw(st.integers(0, len(COLUMNS) - 1))
    other = list(one)
    other[place] = data.draw(_CELLS[place])
    same = repr(one) == repr(other)
    assert (write_canonical(one) == write_canonical(other)) == same


@given(LINES)
def test_a_line_can_be_read_back_from_its_bytes(one: list[Any]) -> None:
    """The bytes hold all that the line says, in plain JSON, which is why no two share them."""
    said = one[:-1] if one[-1] is None else one  # a line without a content leaves it out
    assert repr(json.loads(write_canonical(one))) == repr(said)


@given(LINES)
def test_what_no_line_can_hold_has_bytes_of_no_line(one: list[Any]) -> None:
    """A cell that was given another type in the database is told, and breaks no walk."""
    other = [*one[:-1], b"bytes"]
    assert write_canonical(other) != write_canonical(one)


def test_the_mac_of_a_line_depends_on_key_place_and_content() -> None:
    """Another key, another line before it, and another book give other macs."""
    values = ["changes", 1]
    first = make_first_mac(b"k" * 32, "changes")
    macs = {
        first,
        make_first_mac(b"k" * 32, "looks"),
        make_first_mac(b"x" * 32, "changes"),
        make_mac(b"k" * 32, first, values),
        make_mac(b"x" * 32, first, values),
        make_mac(b"k" * 32, "0" * 64, values),
        make_mac(b"k" * 32, first, ["changes", 2]),
    }
    assert len(macs) == 7
    assert {len(mac) for mac in macs} == {64}
