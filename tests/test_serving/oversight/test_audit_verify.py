"""Whatever somebody without the key does to the books is told, at the line where it was done."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from serving.oversight.audit_verification import list_problems, verify_store, verify_tail
from serving.store.audit_lines import BOOKS, CHANGES, COLUMNS, LOOKS, Book, make_mac
from serving.store.database import Store, make_key
from serving.store.schema import audit_heads, audit_lines, orderings, row_digests, unit
from tests.test_serving.store.test_audit_chain import (
    ANNE,
    KEY,
    change,
    fill_books,
    list_faults,
    look,
    read_book,
    tamper,
)

LAST = 8
both_books = pytest.mark.parametrize("book", BOOKS)
Reword = dict[str, Any]


@pytest.fixture
def filled(store: Store) -> Store:
    """Return a store with eight lines in each book."""
    return fill_books(store, LAST)


def of(book: Book, number: int) -> Any:
    return (audit_lines.c.book == book) & (audit_lines.c.number == number)


def renumber(book: Book, number: int, other: int) -> Any:
    return update(audit_lines).where(of(book, number)).values(number=other)


def move_digests(book: Book, number: int) -> list[Any]:
    """Move what a line says of its rows to the next line, where its book says something of rows."""
    of_line = row_digests.c.number == number
    return [update(row_digests).where(of_line).values(number=number + 1)] if book == CHANGES else []


def rewrite_head(book: Book, **values: Any) -> Any:
    return update(audit_heads).where(audit_heads.c.book == book).values(**values)


def copy_line(store: Store, book: Book, like: int, **changed: Any) -> Any:
    """Return the insertion of a line like one that is there, with a guessed mac."""
    line = read_book(store, book)[like - 1]._asdict()
    return insert(audit_lines).values(**(line | {"mac": "5" * 64} | changed))


def first_fault(store: Store, book: Book) -> tuple[int, str]:
    """Return number and kind of the first thing wrong with a book; the other book is whole."""
    found = [one for one in list_faults(store) if one[2] not in ("uncovered", "content")]
    assert {one[0] for one in found} == {book}
    return found[0][1], found[0][2]


def test_books_that_nobody_touched_are_whole(filled: Store) -> None:
    """A walk along books as they were written tells nothing."""
    found = verify_store(filled)
    assert [(one.book, one.n_lines, one.n_faults) for one in found] == [
        (CHANGES, LAST, 0),
        (LOOKS, LAST, 0),
    ]
    assert list_problems(found) == []


def test_books_without_a_line_are_whole(store: Store) -> None:
    """Books that were only begun hold."""
    fill_books(store, 0)
    assert list_faults(store) == []


OTHER: Reword = {
    "at_us": 1,
    "operation": "disclosure",
    "done": False,
    "person": "SYN Other",
    "subject": "issuer|other",
    "role": "reviewer",
    "agency": "health",
    "case_key": "x" * 24,
    "cases": ["x" * 24],
    "route": "GET /elsewhere",
    "recipient": "SYN agency",
    "purpose": "SYN other",
    "request_id": "other",
    "first_seq": 77,
    "last_seq": 78,
    "content": "0" * 64,
}


@both_books
@pytest.mark.parametrize("column", sorted(OTHER))
def test_a_changed_cell_is_told_at_its_line(filled: Store, book: Book, column: str) -> None:
    """Whichever column of a line is changed, that line is told and no other."""
    statement = update(audit_lines).where(of(book, 3)).values({column: OTHER[column]})
    tamper(filled, book, statement)
    told = [one for one in list_faults(filled) if one[2] not in ("uncovered", "content")]
    assert told == [(book, 3, "changed")]


def test_every_column_is_tried() -> None:
    """The test above changes every column but the two that say where a line stands."""
    assert {column.name for column in COLUMNS} - set(OTHER) == {"book", "number"}


@both_books
@pytest.mark.parametrize("number", [1, 3, LAST])
def test_a_changed_mac_is_told_at_its_line(filled: Store, book: Book, number: int) -> None:
    """A line whose mac alone was changed is told, also the first and the last one."""
    statement = update(audit_lines).where(of(book, number)).values(mac="0" * 64)
    tamper(filled, book, statement)
    assert first_fault(filled, book) == (number, "changed")


@both_books
@pytest.mark.parametrize("number", [1, LAST])
def test_a_change_at_either_end_is_told(filled: Store, book: Book, number: int) -> None:
    """The first and the last line are held as firmly as the others."""
    tamper(filled, book, update(audit_lines).where(of(book, number)).values(person="SYN Other"))
    assert first_fault(filled, book)[0] == number


@both_books
def test_a_line_that_was_deleted_is_told(filled: Store, book: Book) -> None:
    """A gap in the numbers is told at the missing line."""
    tamper(filled, book, delete(audit_lines).where(of(book, 3)))
    assert first_fault(filled, book) == (3, "missing")


@both_books
def test_a_line_that_was_deleted_and_closed_over_is_told(filled: Store, book: Book) -> None:
    """Numbering the later lines anew does not hide that one is gone before them."""
    moved = [renumber(book, number, number - 1) for number in range(4, LAST + 1)]
    tamper(
        filled,
        book,
        delete(audit_lines).where(of(book, 3)),
        *moved,
        rewrite_head(book, number=LAST - 1),
    )
    assert [one for one in list_faults(filled) if one[2] not in ("uncovered", "content")] == [
        (book, 3, "missing")
    ]


@both_books
def test_an_end_that_was_cut_off_is_told_by_the_head(filled: Store, book: Book) -> None:
    """Where the last lines are gone and the head stands, they are missed."""
    cut = delete(audit_lines).where(audit_lines.c.book == book, audit_lines.c.number > 5)
    tamper(filled, book, cut)
    assert first_fault(filled, book) == (6, "truncated")


@both_books
def test_an_end_that_was_cut_off_with_its_head_is_told_by_an_exported_one(
    filled: Store, book: Book
) -> None:
    """Where the head was rewritten as well, a head that was exported before tells it."""
    lines = read_book(filled, book)
    cut = delete(audit_lines).where(audit_lines.c.book == book, audit_lines.c.number > 5)
    tamper(filled, book, cut, rewrite_head(book, number=5, mac=lines[4].mac))
    without = list_faults(filled)
    assert not [one for one in without if one[2] not in ("uncovered", "content")]
    found = list_faults(filled, heads={book: {7: [(lines[6].mac, 0)]}})
    assert (book, 6, "truncated") in found
    if book == CHANGES:  # the rows that the lines told are still there
        assert [one for one in without if one[2] == "uncovered"] == [
            (CHANGES, 5, "uncovered"),
            (CHANGES, 5, "uncovered"),
        ]


@both_books
def test_a_book_that_was_written_anew_is_told_by_an_exported_head(
    filled: Store, book: Book
) -> None:
    """A line that is not the one whose head was exported is told, even if the chain holds."""
    found = list_faults(filled, heads={book: {4: [("0" * 64, 0)]}})
    assert found == [(book, 4, "changed")]


@both_books
def test_two_neighbours_that_changed_places_are_told(filled: Store, book: Book) -> None:
    """Two lines next to each other that were swapped are told as such."""
    tamper(filled, book, renumber(book, 3, 99), renumber(book, 4, 3), renumber(book, 99, 4))
    assert first_fault(filled, book) == (3, "reordered")


@both_books
def test_two_lines_far_apart_that_changed_places_are_told(filled: Store, book: Book) -> None:
    """Two lines that were swapped are each told as such."""
    tamper(filled, book, renumber(book, 2, 99), renumber(book, 6, 2), renumber(book, 99, 6))
    told = [one for one in list_faults(filled) if one[2] == "reordered"]
    assert told == [(book, 2, "reordered"), (book, 6, "reordered")]
    problems = list_problems(verify_store(filled))
    assert f"{book}, line 2: it is not in its place" in problems


@both_books
def test_a_line_with_a_guessed_mac_at_the_end_is_told(filled: Store, book: Book) -> None:
    """A line put behind the last one is told, whether or not the head was moved to it."""
    more = {"number": LAST + 1, "first_seq": None, "last_seq": None, "content": None}
    tamper(filled, book, copy_line(filled, book, LAST, **more))
    assert first_fault(filled, book) == (LAST + 1, "foreign")
    tamper(filled, book, rewrite_head(book, number=LAST + 1, mac="5" * 64))
    assert first_fault(filled, book) == (LAST + 1, "foreign")


@both_books
def test_a_line_with_a_guessed_mac_in_the_middle_is_told(filled: Store, book: Book) -> None:
    """A line put between others, with the later ones numbered anew, is the one that is told."""
    moved = [
        statement
        for number in range(LAST, 3, -1)
        for statement in (renumber(book, number, number + 1), *move_digests(book, number))
    ]
    more = {"number": 4, "first_seq": None, "last_seq": None, "content": None}
    put_in = copy_line(filled, book, 2, **more)
    tamper(filled, book, *moved, put_in, rewrite_head(book, number=LAST + 1))
    assert list_faults(filled) == [(book, 4, "foreign")]


@both_books
def test_a_line_before_the_first_is_told(filled: Store, book: Book) -> None:
    """A line with a number below 1 is foreign, and the others hold."""
    more = {"number": 0, "first_seq": None, "last_seq": None, "content": None}
    tamper(filled, book, copy_line(filled, book, 2, **more))
    assert list_faults(filled) == [(book, 0, "foreign")]


@both_books
def test_lines_chained_with_another_key_are_told(filled: Store, book: Book) -> None:
    """Somebody who writes the end of a book anew with a key of their own is found at its first."""
    lines, statements = read_book(filled, book), []
    mac = lines[2].mac
    for line in lines[3:]:
        values = list(line._asdict().values())[:-1]
        mac = make_mac(b"another" * 5, mac, values)
        statements.append(update(audit_lines).where(of(book, line.number)).values(mac=mac))
    tamper(filled, book, *statements, rewrite_head(book, mac=mac))
    assert first_fault(filled, book) == (4, "foreign")


@both_books
def test_a_head_that_is_gone_or_changed_is_told(filled: Store, book: Book) -> None:
    """The head row itself is held against the last line."""
    tamper(filled, book, rewrite_head(book, mac="0" * 64))
    assert first_fault(filled, book) == (LAST, "head")
    tamper(filled, book, delete(audit_heads).where(audit_heads.c.book == book))
    assert first_fault(filled, book) == (LAST, "head")


@both_books
def test_a_cell_of_another_type_breaks_no_walk(filled: Store, book: Book) -> None:
    """On SQLite, whose cells hold anything, bytes in the place of a text are told as a change."""
    value: Any = b"bytes" if filled.is_sqlite else "bytes"
    column = audit_lines.c.person
    statement = update(audit_lines).where(of(book, 3))
    tamper(filled, book, statement.values({column.name: value}))
    assert first_fault(filled, book) == (3, "changed")


def test_rows_that_no_line_covers_are_told(filled: Store) -> None:
    """A row that was stored past the service is told: its place is in no line."""
    row = {"ordering_key": make_key(), "ordering": "model", "why": "x", "switched_at_us": 1}
    put = insert(orderings).values(**row, stored_seq=LAST + 1, **ANNE.columns())
    tamper(filled, CHANGES, put)
    assert list_faults(filled) == [(CHANGES, LAST, "uncovered")]
    tamper(filled, CHANGES, update(unit).values(last_seq=LAST + 1))
    assert list_faults(filled) == [(CHANGES, LAST, "uncovered")] * 2
    change(filled)
    told = list_problems(verify_store(filled))
    assert told == [f"{CHANGES}, line 9: rows 9 to 9 are in no line before it"]


def test_places_that_were_taken_back_leave_no_gap(filled: Store) -> None:
    """A transaction that fails leaves no place that a line would have to cover."""
    with pytest.raises(RuntimeError), filled.writing() as writing:
        writing.take_seq(5)
        raise RuntimeError
    change(filled)
    with filled.reading() as connection:
        assert connection.execute(select(unit.c.last_seq)).scalar_one() == LAST + 1
    assert list_faults(filled) == []


@both_books
def test_the_tail_alone_is_verified_from_the_line_before(filled: Store, book: Book) -> None:
    """The last lines are verified by themselves: what was done before them is not seen."""
    tamper(filled, book, update(audit_lines).where(of(book, 3)).values(person="SYN Other"))
    found = verify_tail(filled, book, 4)
    assert (found.first_number, found.last_number, found.n_lines, found.n_faults) == (5, 8, 4, 0)
    assert verify_tail(filled, book, 6).faults[0].number == 3
    assert verify_tail(filled, book, 100).n_lines == LAST


def test_many_faults_are_counted_and_not_all_told(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much is wrong, what is kept of it stays small."""
    monkeypatch.setattr("serving.oversight.audit_verification.MOST_FAULTS", 2)
    tamper(filled, LOOKS, update(audit_lines).where(audit_lines.c.book == LOOKS).values(mac="x"))
    found = verify_store(filled)[1]
    assert len(found.faults) == 2
    assert found.n_faults > 2
    assert list_problems([found])[-1].endswith("more")


def test_a_walk_holds_what_another_server_wrote(
    filled: Store, open_another: Callable[[], Store]
) -> None:
    """Lines of several servers are one chain."""
    other = open_another()
    change(other)
    look(other, case_key=KEY)
    assert list_faults(filled) == []
