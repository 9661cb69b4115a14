"""What a transaction stored is digested as the database returns it, and told by its lines.

Whatever stores a row, it is found here by its place in the order of rows: nobody has to ask for it,
and so nobody can forget to. Rows that came in bulk as Arrow's columns are digested as they were
written, since reading them again would cost more than storing them; they have the same bytes.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from sqlalchemy import ColumnElement, Connection, Table, func, select

from serving.store.audit_entries import Ledger, WrittenRows
from serving.store.audit_lines import CHANGES, AuditEntry
from serving.store.frames import insert_columns, list_texts
from serving.store.row_digests import (
    PLACE,
    ContentDigest,
    RowDigests,
    join_parts,
    make_part,
    select_columns,
    write_columns,
    write_row,
)
from serving.store.row_secrets import OwnerKeys, find_owners, name_owner
from serving.store.schema import audit_lines, metadata, row_digests

COVERED: Final = "caselight db upgrade: what rows from before hold was digested"
"""Route of the line that covers the contents of rows that were stored before lines covered them."""
TABLES: Final = {table.name: table for table in metadata.sorted_tables if PLACE in table.c}
"""The tables whose rows have a place in the order, by name."""
_RENEWED: Final = (0, 0)
_PLACES_A_TIME: Final = 5_000
_PLACES_A_QUERY: Final = 500


@dataclass
class Covered:
    """Lines that are owed, each with the digests of its rows."""

    entries: list[AuditEntry] = field(default_factory=list)
    parts: list[list[RowDigests]] = field(default_factory=list)

    def store(self, connection: Connection, first_number: int) -> None:
        """Store the digests, where the lines are numbered from ``first_number`` on."""
        for number, parts in enumerate(self.parts, first_number):
            store_parts(connection, number, parts)


def cover_rows(
    connection: Connection, audit_key: bytes, entries: Sequence[AuditEntry], ledger: Ledger
) -> Covered:
    """Digest what the rows of a transaction hold.

    Parameters
    ----------
    connection
        The transaction's, at its end.
    audit_key
        The audit key.
    entries
        The lines that it owes.
    ledger
        What it wrote.

    Returns
    -------
    Covered
        The same lines, each with the digest of its rows.
    """
    keys = OwnerKeys(connection, audit_key)
    found = Covered()
    for entry in entries:
        parts: list[RowDigests] = []
        if entry.first_seq is not None and entry.last_seq is not None:
            parts += _digest_window(connection, keys, (entry.first_seq, entry.last_seq), ledger)
        if ledger.renewed and entry is entries[-1]:
            parts += _digest_renewed(connection, keys, ledger)
        content = ContentDigest()
        content.add(parts)
        found.entries.append(replace(entry, content=content.show()))
        found.parts.append(parts)
    return found


def store_parts(connection: Connection, number: int, parts: Sequence[RowDigests]) -> None:
    """Store the digests that a line carries one digest over."""
    insert_columns(
        connection,
        row_digests,
        {
            "number": [number] * len(parts),
            "first_seq": [part.first_seq for part in parts],
            "table": [part.table for part in parts],
            "last_seq": [part.last_seq for part in parts],
            "owners": [part.owners for part in parts],
            "digests": [part.digests for part in parts],
        },
    )


def _digest_window(
    connection: Connection, keys: OwnerKeys, window: tuple[int, int], ledger: Ledger
) -> list[RowDigests]:
    """Digest the rows of a transaction that took places one after another."""
    first, last = window
    written = [one for one in ledger.written if first <= one.first_seq <= last]
    parts = [_digest_written(keys, window, one) for one in written]
    # Tables that statements of the transaction named; then all, for rows that went past them.
    named = ledger.tables & TABLES.keys()
    for names in (named, TABLES.keys() - named):
        if sum(part.count_rows() for part in parts) <= last - first:
            parts += _digest_read(connection, keys, window, names, written)
    return _join(parts)


def _join(parts: Sequence[RowDigests]) -> list[RowDigests]:
    """Return the parts of a window with one part for each table."""
    by_table: dict[str, list[RowDigests]] = {}
    for part in parts:
        by_table.setdefault(part.table, []).append(part)
    return [join_parts(some) for some in by_table.values()]


def _digest_written(keys: OwnerKeys, window: tuple[int, int], one: WrittenRows) -> RowDigests:
    table = TABLES[one.table]
    owners = list_texts(one.rows.column("case_key"))
    known = keys.need(frozenset(owners))
    places = range(one.first_seq, one.last_seq + 1)
    return make_part(window, table.name, (places, owners, write_columns(table, one.rows)), known)


def _digest_read(
    connection: Connection,
    keys: OwnerKeys,
    window: tuple[int, int],
    names: Collection[str],
    but_for: Sequence[WrittenRows] = (),
) -> list[RowDigests]:
    """Digest the rows of some tables that have places in a window, but for some."""
    parts: list[RowDigests] = []
    for name in sorted(names):
        table = TABLES[name]
        place = table.c[PLACE]
        wanted: ColumnElement[bool] = place.between(*window)
        for one in but_for:
            if one.table == name:
                wanted &= ~place.between(one.first_seq, one.last_seq)
        parts += _digest_some(connection, keys, window, table, [wanted])
    return parts


def _digest_some(
    connection: Connection,
    keys: OwnerKeys,
    window: tuple[int, int],
    table: Table,
    conditions: Sequence[ColumnElement[bool]],
) -> list[RowDigests]:
    """Digest the rows of a table that meet one of some conditions, in their order."""
    source, case_key = find_owners(table)
    chosen = select_columns(table, is_sqlite=connection.dialect.name == "sqlite")
    query = select(*chosen, case_key.label("owning_case")).select_from(source)
    places: list[int] = []
    owners: list[str] = []
    written: list[bytes] = []
    for condition in conditions:
        for *cells, owning in connection.execute(query.where(condition).order_by(table.c[PLACE])):
            places.append(cells[0])
            owners.append(name_owner(table, cells[0], owning))
            written.append(write_row(table.name, cells))
    if not places:
        return []
    known = keys.need(frozenset(owners))
    return [make_part(window, table.name, (places, owners, written), known)]


def _digest_renewed(connection: Connection, keys: OwnerKeys, ledger: Ledger) -> list[RowDigests]:
    """Digest rows from before that the transaction changed lawfully."""
    parts: list[RowDigests] = []
    for name, places in sorted(ledger.renewed.items()):
        wanted = sorted(places)
        batches = [
            TABLES[name].c[PLACE].in_(wanted[start : start + _PLACES_A_QUERY])
            for start in range(0, len(wanted), _PLACES_A_QUERY)
        ]
        parts += _digest_some(connection, keys, _RENEWED, TABLES[name], batches)
    return parts


def list_places(connection: Connection, case_key: str) -> dict[str, set[int]]:
    """Return the places of every row that is a case's, by the names of their tables."""
    found: dict[str, set[int]] = {}
    for name, table in TABLES.items():
        source, owning = find_owners(table)
        query = select(table.c[PLACE]).select_from(source).where(owning == case_key)
        places = set(connection.execute(query).scalars())
        if places:
            found[name] = places
    return found


def find_uncovered(connection: Connection) -> list[tuple[int, int]]:
    """Return the places of rows whose contents no line covers, as first and last ones, in order."""
    lines = audit_lines.c
    covered = select(func.max(lines.number)).where(lines.book == CHANGES, lines.route == COVERED)
    after = connection.execute(covered).scalar_one() or 0
    query = (
        select(lines.first_seq, lines.last_seq)
        .where(
            lines.book == CHANGES,
            lines.number > after,
            lines.first_seq.is_not(None),
            lines.content.is_(None),
        )
        .order_by(lines.first_seq)
    )
    ranges: list[tuple[int, int]] = []
    for first, last in connection.execute(query):
        if ranges and ranges[-1][1] == first - 1:
            ranges[-1] = (ranges[-1][0], last)
        else:
            ranges.append((first, last))
    return ranges


def cover_older(
    connection: Connection, audit_key: bytes, number: int, ranges: Sequence[tuple[int, int]]
) -> str | None:
    """Digest rows that are there and store the digests for a line; return the line's own.

    Parameters
    ----------
    connection
        The connection of a transaction that nobody else writes beside.
    audit_key
        The audit key.
    number
        The number of the line that will carry it.
    ranges
        Places of the rows (:func:`find_uncovered`).
    """
    keys, content = OwnerKeys(connection, audit_key), ContentDigest()
    for window in _cut(ranges):
        parts = _digest_read(connection, keys, window, TABLES.keys())
        content.add(parts)
        store_parts(connection, number, parts)
    return content.show()


def _cut(ranges: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for first, last in ranges:
        for start in range(first, last + 1, _PLACES_A_TIME):
            yield start, min(start + _PLACES_A_TIME - 1, last)
