"""What parts cells is found out right, or said to be unsure, whatever headers and cells hold."""

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from features.errors import DataContractError
from features.intake.files import Layout, find_layout
from features.intake.separators import SEPARATORS, list_separators

WORDS = st.text(st.sampled_from("ab1,;|\t\" \n'é"), max_size=8)
WRITERS = st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])


def write(rows: list[list[str]], separator: str, quoting: int, end: str = "\n") -> str:
    """Write rows as any sound writer does."""
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=separator, quoting=quoting, lineterminator=end).writerows(rows)
    return file.getvalue()


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    """Make a header of two names or more, and rows of as many cells."""
    width = draw(st.integers(2, 4))
    row = st.lists(WORDS, min_size=width, max_size=width)
    return draw(st.lists(row, min_size=1, max_size=6))


@given(
    rows=tables(),
    separator=st.sampled_from(SEPARATORS),
    quoting=WRITERS,
    end=st.sampled_from(["\n", "\r\n"]),
)
@example(rows=[["a;b", "c"], ["x;y", "z"]], separator=",", quoting=csv.QUOTE_MINIMAL, end="\n")
@example(rows=[['"', "a,b"], ["1", "2,3"]], separator=";", quoting=csv.QUOTE_MINIMAL, end="\n")
def test_a_guess_is_right_or_said_to_be_unsure(rows, separator, quoting, end):
    """Random headers, cells, quotes and signs: the right sign is always among those named."""
    assert separator in list_separators(write(rows, separator, quoting, end))


@given(rows=tables(), separator=st.sampled_from(SEPARATORS))
def test_a_quote_that_no_writer_doubled_never_makes_a_silent_mistake(rows, separator):
    """Names such as 5" pipe, whose quote parts nothing by any sign, do not lead to another sign."""
    drop = {ord(separator): None, 10: None, ord('"'): None}
    plain = [[cell.translate(drop) for cell in row] for row in rows]
    header = [f'5" {cell}' for cell in plain[0]]
    text = "\n".join(separator.join(row) for row in [header, *plain[1:]]) + "\n"
    assert separator in list_separators(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('"a;b",c\n"x;y",z\n', [","]),
        ('"a,b";c\n"x,y";z\n', [";"]),
        ('say "a,b";c\n1;2\n', [";"]),
        ("id;value in £, about;n\n1;1,5;a\n2;2;b\n3;3;c\n", [";"]),
        ("a;b,c\n1;2,3\n", [",", ";"]),
        ("id;value, £\n1;2,5\n2;3,5\n", [",", ";"]),
        ("a;b,c\n", [",", ";"]),
        ("a b\n1\n", []),
        ('"a;b\n1;2\n', [";"]),
        ("", []),
    ],
)
def test_what_is_settled_and_what_is_not(text, found):
    """Quotes settle it, and rows that do not agree with the header; two equal readings do not."""
    assert list_separators(text) == found


def test_one_broken_row_does_not_hand_the_guess_to_another_sign():
    """Where the right sign fails in one row of many, both are named."""
    rows = "".join(f"{n};2,5\n" for n in range(30)) + "31;2,5;x\n"
    assert set(list_separators("id;value, £\n" + rows)) == {",", ";"}


def test_an_unsure_separator_is_one_clear_error(tmp_path):
    """A file that reads equally well in two ways is not read, until the mapping says which."""
    path = tmp_path / "x.csv"
    path.write_text("a;b,c\n1;2,3\n")
    with pytest.raises(DataContractError, match=r"parted by ',' or ';'; state which \(separator\)"):
        find_layout(path)
    assert find_layout(path, Layout(separator=";")).separator == ";"
