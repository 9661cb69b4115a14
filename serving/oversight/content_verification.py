"""Whether the rows of the store hold what they held when they were written.

Each line of the log of changes carries one digest over the digests of its rows
(:mod:`serving.store.row_digests`). Here both are made again: of the digests that are kept, and of
the rows as they are now. A row that was changed, taken away or put in is named by table and place.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, select

from serving.store.audit_lines import CHANGES
from serving.store.covered_rows import COVERED, TABLES
from serving.store.row_digests import (
    PLACE,
    ContentDigest,
    RowDigests,
    digest_row,
    select_columns,
    write_row,
)
from serving.store.row_secrets import OwnerKeys
from serving.store.schema import audit_lines, row_digests
from serving.store.upgrading import RESPELLED

_ROWS_A_TIME: Final = 5_000
_WINDOWS_A_TIME: Final = 500
_PLACES_A_QUERY: Final = 500
_Place = tuple[str, int]
"""A table's name and a row's place in the order of rows."""
Tell = Callable[[int, str], None]
"""Told what is wrong: the number of the line, and the problem in words."""


@dataclass(frozen=True)
class _Line:
    """What a line of the log of changes says of contents."""

    number: int
    first_seq: int | None
    last_seq: int | None
    content: str | None
    route: str
    operation: str
    case_key: str | None

    @property
    def may_renew(self) -> bool:
        """Whether it may cover rows from before anew: only what changes stored rows may."""
        return self.operation == "erasure" or self.route == RESPELLED


@dataclass
class _Window:
    """Places that one line covers, and the digests of the rows that they hold."""

    number: int
    first: int
    last: int
    rows: dict[_Place, tuple[bytes, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Coverage:
    """From when on the contents of rows are covered.

    Parameters
    ----------
    is_begun
        Whether any line covers a content.
    from_number, at_us
        The line that covers what was stored before lines covered contents, and its moment; ``None``
        where every line of rows has covered its own from the first on.
    """

    is_begun: bool
    from_number: int | None = None
    at_us: int | None = None


class ContentCheck:
    """A pass over the contents that the lines of the log of changes cover.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store, in which the lines were held against each
        other before.
    key_of
        The audit key that a line was written with, by its number; ``None`` where it is not here.
    tell
        Told what is wrong.
    """

    def __init__(
        self, connection: Connection, key_of: Callable[[int], bytes | None], tell: Tell
    ) -> None:
        self._connection = connection
        self._key_of = key_of
        self._tell = tell
        self._is_sqlite = connection.dialect.name == "sqlite"
        self._keys: dict[bytes, OwnerKeys] = {}
        lines = audit_lines.c
        acts = list(
            self._read_lines((lines.operation == "erasure") | lines.route.in_([COVERED, RESPELLED]))
        )
        self._may_renew = {line.number for line in acts if line.may_renew}
        self._covering = [line.number for line in acts if line.route == COVERED]
        self._erased = {
            line.case_key: line.number
            for line in acts
            if line.operation == "erasure" and line.case_key is not None
        }
        self._renewed: dict[_Place, int] = {}
        self._told: set[tuple[int, str]] = set()

    def run(self) -> Coverage:
        """Hold every row against its digest; memory is that of the rows of a few lines."""
        coverage = self._describe()
        if not coverage.is_begun:
            return coverage
        self._find_renewed()
        open_windows: list[_Window] = []
        n_rows = 0
        for number, parts in self._walk_parts():
            for window in _group(number, parts):
                if window.last == 0:
                    self._check_renewed(window)
                    continue
                follows = not open_windows or window.first == open_windows[-1].last + 1
                if not follows or n_rows >= _ROWS_A_TIME or len(open_windows) >= _WINDOWS_A_TIME:
                    self._check_windows(open_windows)
                    open_windows, n_rows = [], 0
                open_windows.append(window)
                n_rows += len(window.rows)
        self._check_windows(open_windows)
        return coverage

    # --- lines and their digests -------------------------------------------------------------

    def _read_lines(self, condition: ColumnElement[bool]) -> Iterator[_Line]:
        lines = audit_lines.c
        names = ("number", "first_seq", "last_seq", "content", "route", "operation", "case_key")
        query = (
            select(*(lines[name] for name in names))
            .where(lines.book == CHANGES, condition)
            .order_by(lines.number)
        )
        for row in self._connection.execute(query, execution_options={"yield_per": 2_000}):
            yield _Line(*row)

    def _walk_parts(self) -> Iterator[tuple[int, list[list[RowDigests]]]]:
        """Yield each line's number and its digests, window by window, held against the line."""
        query = select(row_digests).order_by(row_digests.c.number, row_digests.c.first_seq)
        found = self._connection.execute(query, execution_options={"yield_per": 2_000})
        parts = groupby(found, key=lambda row: int(row.number))
        number, rows = next(parts, (None, iter(())))
        lines = audit_lines.c
        for line in self._read_lines(lines.first_seq.is_not(None) | lines.content.is_not(None)):
            while number is not None and number < line.number:
                self._say(number, "digests of rows stand beside it that it does not carry")
                number, rows = next(parts, (None, iter(())))
            windows: list[list[RowDigests]] = []
            if number == line.number:
                windows = [
                    [_read_part(row) for row in some]
                    for _, some in groupby(rows, key=lambda row: int(row.first_seq))
                ]
                number, rows = next(parts, (None, iter(())))
            self._check_line(line, windows)
            yield line.number, windows
        for beyond in () if number is None else (number, *(one for one, _ in parts)):
            self._say(beyond, "digests of rows stand beside it that it does not carry")

    def _check_line(self, line: _Line, windows: Sequence[Sequence[RowDigests]]) -> None:
        content = ContentDigest()
        for window in windows:
            content.add(window)
        if content.show() != line.content:
            self._say(line.number, "the digests of its rows were changed or are gone")
        if line.content is None and line.number > max(self._covering, default=0):
            self._say(
                line.number,
                f"nothing covers what the rows {line.first_seq:,} to {line.last_seq:,} hold; run "
                "`caselight db upgrade`",
            )

    def _describe(self) -> Coverage:
        lines = audit_lines.c
        any_content = select(lines.number).where(lines.book == CHANGES, lines.content.is_not(None))
        begun = self._connection.execute(any_content.limit(1)).first() is not None
        if not self._covering:
            return Coverage(begun)
        first = self._covering[0]
        query = select(lines.at_us).where(lines.book == CHANGES, lines.number == first)
        return Coverage(begun, first, int(self._connection.execute(query).scalar_one()))

    def _say(self, number: int, problem: str) -> None:
        if (number, problem) not in self._told:
            self._told.add((number, problem))
            self._tell(number, problem)

    # --- rows that were changed lawfully -----------------------------------------------------

    def _find_renewed(self) -> None:
        """Find which line covers a row anew that a line before covered."""
        query = (
            select(row_digests)
            .where(row_digests.c.last_seq == 0)
            .order_by(row_digests.c.number, row_digests.c.table)
        )
        for row in self._connection.execute(query):
            number = int(row.number)
            if number not in self._may_renew:
                self._say(number, "it covers rows from before anew, which it may not")
                continue
            for place, _, _ in _read_part(row).list_rows():
                self._renewed[row.table, place] = number

    def _check_renewed(self, window: _Window) -> None:
        if window.number not in self._may_renew:
            return
        wanted = {
            place: said
            for place, said in window.rows.items()
            if self._renewed.get(place) == window.number
        }
        by_table = groupby(sorted(wanted), key=lambda place: place[0])
        for name, places in by_table:
            if name not in TABLES:
                self._say(window.number, "it covers rows of a table that is not there")
                continue
            some = [place for _, place in places]
            for start in range(0, len(some), _PLACES_A_QUERY):
                batch = some[start : start + _PLACES_A_QUERY]
                found, twice = self._collect(name, TABLES[name].c[PLACE].in_(batch))
                self._tell_twice(twice, [window])
                self._compare(
                    window.number,
                    {(name, place): wanted[name, place] for place in batch},
                    found,
                    twice,
                )

    # --- rows as they were written -----------------------------------------------------------

    def _check_windows(self, windows: Sequence[_Window]) -> None:
        """Hold the rows whose places follow one another in some windows against their digests."""
        if not windows:
            return
        first, last = windows[0].first, windows[-1].last
        found: dict[_Place, bytes] = {}
        twice: set[_Place] = set()
        for name, table in TABLES.items():
            there, doubled = self._collect(name, table.c[PLACE].between(first, last))
            found |= there
            twice |= doubled
        self._tell_twice(twice, windows)
        for window in windows:
            wanted = {
                place: said
                for place, said in window.rows.items()
                if self._renewed.get(place, 0) <= window.number
            }
            self._compare(window.number, wanted, found, twice)
        known = {place for window in windows for place in window.rows}
        for name, place in sorted(found.keys() - known - self._renewed.keys()):
            problem = f"row {place:,} of {name} was put in: no line tells of it"
            self._say(_find_number(place, windows), problem)

    def _tell_twice(self, twice: Iterable[_Place], windows: Sequence[_Window]) -> None:
        for name, place in sorted(twice):
            problem = f"row {place:,} of {name} stands there twice"
            self._say(_find_number(place, windows), problem)

    def _collect(
        self, name: str, condition: ColumnElement[bool]
    ) -> tuple[dict[_Place, bytes], set[_Place]]:
        """Return the bytes of some rows of a table, and the places that two of them share."""
        table = TABLES[name]
        query = select(*select_columns(table, is_sqlite=self._is_sqlite)).where(condition)
        found: dict[_Place, bytes] = {}
        twice: set[_Place] = set()
        for row in self._connection.execute(query):
            place = (name, int(row[0]))
            if place in found:
                twice.add(place)
            found[place] = write_row(name, row)
        return found, twice

    def _compare(
        self,
        number: int,
        wanted: Mapping[_Place, tuple[bytes, str]],
        found: Mapping[_Place, bytes],
        twice: Collection[_Place],
    ) -> None:
        audit_key = self._key_of(number)
        if audit_key is None:
            self._say(number, "its rows cannot be checked: the key of that time is not here")
            return
        keys = self._keys.setdefault(audit_key, OwnerKeys(self._connection, audit_key)).read(
            {owner for _, owner in wanted.values()}
        )
        for (name, place), (digest, owner) in wanted.items():
            if (name, place) in twice:
                continue
            written = found.get((name, place))
            was_erased = self._erased.get(owner, 0) > number
            if written is None:
                if not was_erased:
                    self._say(number, f"row {place:,} of {name} is gone")
            elif was_erased:
                # Erasing covers anew what it leaves; this row was not there then.
                self._say(number, f"row {place:,} of {name} was put in: its case was erased")
            elif owner not in keys:
                self._say(number, f"row {place:,} of {name} cannot be checked: its secret is gone")
            elif digest_row(keys[owner], written) != digest:
                self._say(number, f"row {place:,} of {name} was changed")


def _find_number(place: int, windows: Sequence[_Window]) -> int:
    """Return the line that covers a place; that of rows covered anew where there is one window."""
    covering = (one.number for one in windows if one.first <= place <= one.last)
    return next(covering, windows[0].number)


def _read_part(row: Row[Any]) -> RowDigests:
    return RowDigests(
        int(row.first_seq), int(row.last_seq), row.table, row.owners, bytes(row.digests)
    )


def _group(number: int, windows: Iterable[Sequence[RowDigests]]) -> Iterator[_Window]:
    for parts in windows:
        window = _Window(number, parts[0].first_seq, parts[0].last_seq)
        for part in parts:
            for place, digest, owner in part.list_rows():
                window.rows[part.table, place] = (digest, owner)
        yield window
