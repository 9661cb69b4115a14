"""Changes and looks leave their lines: together with what they tell, in one order, for good."""

import threading
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from sqlalchemy import Engine, delete, insert, select, text
from sqlalchemy.exc import DatabaseError

from serving.errors import ServiceError
from serving.intake.checks import check_store
from serving.oversight.audit_verification import reading_book, verify_store
from serving.persons import Person
from serving.store.audit_books import LOOKS_BEGUN_ANEW
from serving.store.audit_lines import CHANGES, LOOKS, Book
from serving.store.current_act import Act, acting
from serving.store.database import Store, Writing, make_key
from serving.store.engines import WRITES, find_file, name_looks_file
from serving.store.erasing import erase_identifier
from serving.store.schema import audit_heads, audit_lines, case_keys, orderings
from serving.store.upgrading import upgrade
from tests.test_serving.acts import add_case, decide_now

ANNE = Person("SYN Anne", "screener", "police", subject="issuer|anne")
BEN = Person("SYN Ben", "auditor", "unit", subject="issuer|ben")
KEY = "k" * 24


@pytest.fixture
def store(store: Store) -> Store:
    """Return a store with both books."""
    return make_whole(store)


def make_whole(store: Store) -> Store:
    """Begin the book of looks of a store that was copied without it."""
    upgrade(store)
    return store


def add_row(writing: Writing, why: str = "a test") -> int:
    """Store one row; return its place in the order."""
    seq = writing.take_seq()
    row = {"ordering_key": make_key(), "ordering": "model", "why": why}
    row |= {"switched_at_us": writing.now_us, "stored_seq": seq}
    writing.connection.execute(insert(orderings).values(**row, **ANNE.columns()))
    return seq


def change(store: Store, person: Person = ANNE, **more: Any) -> None:
    """Store one row as somebody."""
    with acting(Act(person, "alteration", "POST /v1/test", **more)), store.writing() as writing:
        add_row(writing)


def look(store: Store, person: Person = ANNE, *, done: bool = True, **more: Any) -> None:
    """Look as somebody."""
    cases = more.pop("cases", ())
    with acting(Act(person, "consultation", "GET /v1/cases/{key}", **more)):
        store.look(cases=cases, done=done)


def fill_books(store: Store, n_lines: int = 8) -> Store:
    """Write lines into both books."""
    make_whole(store)
    for number in range(n_lines):
        change(store, (ANNE, BEN)[number % 2], request_id=f"r{number}")
        look(store, (ANNE, BEN)[number % 2], case_key=KEY, purpose=f"SYN {number}")
    return store


def engine_of(store: Store, book: Book) -> Engine:
    """Return the database that a book is in."""
    return store.engine if book == CHANGES else store.looks


def tamper(store: Store, book: Book, *statements: Any) -> None:
    """Do what somebody does who may do everything in the database but has not the key."""
    options: dict[str, Any] = {WRITES: True}
    with (
        engine_of(store, book).connect().execution_options(**options) as connection,
        connection.begin(),
    ):
        tables = ("audit_lines", "row_digests") if book == CHANGES else ("audit_lines",)
        for name, table in product(("refuse_update", "refuse_delete"), tables):
            named = f"{name}_{table}" if store.is_sqlite else f"{name} ON {table}"
            connection.execute(text(f"DROP TRIGGER IF EXISTS {named}"))
        for statement in statements:
            connection.execute(statement)


def read_book(store: Store, book: Book) -> list[Any]:
    """Return the lines of a book."""
    query = select(audit_lines).where(audit_lines.c.book == book).order_by(audit_lines.c.number)
    with reading_book(store, book) as connection:
        return list(connection.execute(query))


def list_faults(store: Store, **more: Any) -> list[tuple[str, int, str]]:
    """Return what a walk along both books tells."""
    return [
        (fault.book, fault.number, fault.kind)
        for one in verify_store(store, **more)
        for fault in one.faults
    ]


def test_a_change_leaves_a_line_with_who_and_which_rows(store: Store) -> None:
    """A transaction that stores rows leaves one line: who, what, which case, which rows."""
    act = Act(ANNE, "alteration", "POST /v1/test", case_key=KEY, request_id="r1")
    with acting(act), store.writing() as writing:
        first = add_row(writing)
        last = add_row(writing)
    (line,) = read_book(store, CHANGES)
    assert (line.number, line.operation, line.done, line.route) == (
        1,
        "alteration",
        True,
        "POST /v1/test",
    )
    assert (line.person, line.subject, line.role) == ("SYN Anne", "issuer|anne", "screener")
    assert (line.case_key, line.request_id, line.at_us) == (KEY, "r1", store.clock())
    assert (line.first_seq, line.last_seq) == (first, last)


def test_what_nobody_asked_for_is_the_services_own(store: Store) -> None:
    """A change outside any act is told as the service's own work."""
    with store.writing() as writing:
        add_row(writing)
    (line,) = read_book(store, CHANGES)
    assert (line.subject, line.operation) == ("service:caselight", "alteration")


def test_a_transaction_that_stores_nothing_leaves_no_line(store: Store) -> None:
    """Holding others off, or changing what is worked out, is no change to tell."""
    with store.writing() as writing:
        writing.take_seq(0)
    with store.writing():
        pass
    assert read_book(store, CHANGES) == []


def test_a_change_and_its_line_come_together_or_not_at_all(store: Store) -> None:
    """An error in the middle takes back the row, its place and its line."""
    with pytest.raises(RuntimeError), store.writing() as writing:
        add_row(writing)
        writing.note(case_key=KEY)
        raise RuntimeError
    assert read_book(store, CHANGES) == []
    change(store)
    (line,) = read_book(store, CHANGES)
    assert (line.number, line.first_seq, line.last_seq) == (1, 1, 1)
    assert list_faults(store) == []


def test_a_change_without_its_line_is_not_kept(store: Store) -> None:
    """Where the line cannot be written the rows are not stored either."""
    tamper(store, CHANGES, delete(audit_heads).where(audit_heads.c.book == CHANGES))
    with pytest.raises(Exception, match="has no head"):
        change(store)
    with store.reading() as connection:
        assert connection.execute(select(orderings)).all() == []


def test_notes_part_a_transaction_into_lines(store: Store) -> None:
    """Each note tells the rows stored since the one before, and the last those after it."""
    other = "o" * 24
    with acting(Act(ANNE, "alteration", "POST /v1/test")), store.writing() as writing:
        add_row(writing)
        add_row(writing)
        writing.note(operation="collection", case_key=KEY)
        add_row(writing)
        writing.note(cases=[KEY, other], recipient="SYN agency")
        add_row(writing)
    first, second = read_book(store, CHANGES)
    assert (first.operation, first.case_key, first.first_seq, first.last_seq) == (
        "collection",
        KEY,
        1,
        2,
    )
    assert (second.operation, second.case_key, second.cases) == ("alteration", None, [KEY, other])
    assert (second.recipient, second.first_seq, second.last_seq) == ("SYN agency", 3, 4)
    assert list_faults(store) == []


def test_a_note_early_on_tells_all_rows(store: Store) -> None:
    """One note says more of the whole transaction, wherever it stands."""
    with store.writing() as writing:
        writing.note(operation="erasure", case_key=KEY)
        add_row(writing)
    (line,) = read_book(store, CHANGES)
    assert (line.operation, line.case_key, line.first_seq) == ("erasure", KEY, 1)


def test_a_note_alone_leaves_a_line(store: Store) -> None:
    """What stores no row can be told as well, such as an export."""
    with store.writing() as writing:
        writing.note(operation="disclosure", recipient="SYN agency")
    (line,) = read_book(store, CHANGES)
    assert (line.operation, line.first_seq, line.last_seq) == ("disclosure", None, None)


def test_a_look_leaves_a_line_in_its_own_book(store: Store) -> None:
    """Looks count on in a book of their own, with every case that was shown, or refused."""
    other = "o" * 24
    look(store, case_key=KEY, cases=[KEY, other], purpose="SYN purpose")
    look(store, BEN, case_key=KEY, done=False)
    first, second = read_book(store, LOOKS)
    assert (first.number, first.case_key, first.cases) == (1, KEY, [other])
    assert (first.purpose, first.done, first.first_seq) == ("SYN purpose", True, None)
    assert (second.number, second.person, second.done) == (2, "SYN Ben", False)
    assert read_book(store, CHANGES) == []


def test_a_look_does_not_wait_for_a_change(store: Store) -> None:
    """While a transaction holds every lock of a change, a page can be looked at."""
    with store.writing() as writing:
        add_row(writing)
        look(store, case_key=KEY)
        assert len(read_book(store, LOOKS)) == 1


def test_a_look_that_cannot_be_recorded_is_refused(store: Store) -> None:
    """Without its line nothing may be shown: 503 with a remedy."""
    tamper(store, LOOKS, delete(audit_heads).where(audit_heads.c.book == LOOKS))
    with pytest.raises(ServiceError) as caught:
        look(store, case_key=KEY)
    assert caught.value.code == "look_not_recorded"


def test_a_text_that_no_database_takes_loses_no_line(store: Store) -> None:
    """Letters that cannot be stored are replaced, and the line holds."""
    look(store, case_key=KEY, purpose="a\0b\ud800")
    (line,) = read_book(store, LOOKS)
    assert line.purpose == "a\ufffdb?"
    assert list_faults(store) == []


@pytest.mark.parametrize("book", [CHANGES, LOOKS])
@pytest.mark.parametrize(
    "statement", ["UPDATE audit_lines SET person = 'x'", "DELETE FROM audit_lines"]
)
def test_a_line_can_be_neither_changed_nor_deleted(
    store: Store, book: Book, statement: str
) -> None:
    """The database refuses to change or delete a line of either book."""
    fill_books(store, 1)
    options: dict[str, Any] = {WRITES: True}
    with (
        pytest.raises(DatabaseError, match="append-only"),
        engine_of(store, book).connect().execution_options(**options) as connection,
        connection.begin(),
    ):
        connection.execute(text(statement))
    assert list_faults(store) == []


def test_servers_that_write_at_once_leave_one_unbroken_chain(
    store: Store, open_another: Callable[[], Store]
) -> None:
    """With several servers changing and looking at once both books number on without a break."""
    faults: list[Exception] = []

    def work(own: Store) -> None:
        try:
            for _ in range(15):
                change(own)
                look(own, case_key=KEY)
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(open_another(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    for book in (CHANGES, LOOKS):
        assert [line.number for line in read_book(store, book)] == list(range(1, 46))
    assert list_faults(store) == []


def test_nothing_in_a_line_leads_to_an_erased_case(store: Store) -> None:
    """Once a key was parted from its case, no line of either book holds what names the case."""
    named = "SYN-ERASED-4711"
    key = add_case(store, named)
    decide_now(store, key)
    look(store, case_key=key)
    look(store, cases=[key])
    with store.writing() as writing:
        assert erase_identifier(writing, named) == key
    told = [str(line._asdict()) for book in (CHANGES, LOOKS) for line in read_book(store, book)]
    assert len(told) >= 5
    assert any(key in line for line in told)
    assert not [line for line in told if named in line]
    with store.reading() as connection:
        query = select(case_keys.c.case_id).where(case_keys.c.case_key == key)
        assert connection.execute(query).scalar_one() is None
    assert list_faults(store) == []


def test_upgrading_again_leaves_the_books_as_they_are(store: Store) -> None:
    """A second upgrade begins nothing anew and adds no line."""
    fill_books(store, 2)
    before = [read_book(store, book) for book in (CHANGES, LOOKS)]
    upgrade(store)
    assert [read_book(store, book) for book in (CHANGES, LOOKS)] == before
    assert check_store(store) == []


def test_a_book_of_looks_that_was_taken_away_is_missed(store: Store) -> None:
    """SQLite's file of looks is made by an upgrade alone, which says so in the book of changes."""
    fill_books(store, 2)
    database = find_file(store.engine)
    if database is None:  # one database holds both books, so that none can be taken away
        assert store.looks is store.engine
        return
    store.close()
    file = name_looks_file(database)
    for part in file.parent.glob(f"{file.name}*"):
        part.unlink()
    with pytest.raises(ServiceError):
        look(store, case_key=KEY)
    assert ("looks", 1, "missing") in list_faults(store)
    assert "access log" in check_store(store)[0].problem
    assert not file.exists()
    upgrade(store)
    assert read_book(store, CHANGES)[-1].route == LOOKS_BEGUN_ANEW
    assert list_faults(store) == [("changes", 3, "missing")]
