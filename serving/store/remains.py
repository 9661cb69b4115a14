"""Searching everything that is stored for a value that was erased, and on what ground what is left
is kept.

What is found without a ground ought not to be there.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Column, Connection, String, Table, Text, or_, select
from sqlalchemy.types import JSON

from serving.store.audit_lines import CHANGES
from serving.store.database import Store
from serving.store.engines import find_file, name_looks_file
from serving.store.schema import ERASABLE, NAMING, audit_lines, metadata
from serving.store.stored_texts import WORDS, holds_text, make_finder, walk_texts

LOG: Final = (
    "the log of who did what is kept and nobody changes it (Data Protection Act 2018 s. 62)"
)
OTHER_CASE: Final = "it belongs to another case, whose account stays"
EVIDENCE: Final = (
    "it is the wording of a record, kept as evidence under the key alone and restricted "
    "(Data Protection Act 2018 s. 47(2))"
)
WORK: Final = "it is what somebody wrote of their work, kept with the decision that it explains"
KEPT: Final[dict[str, dict[str, str]]] = {
    "events": {"narrative": EVIDENCE, "detail": EVIDENCE},
    "facts": {"value": EVIDENCE},
    "withheld_corrections": {"row": EVIDENCE},
    "case_moves": {"why": WORK},
    "acknowledgements": dict.fromkeys(
        ("note", "handed_to", "next_step", "contact_words"),
        WORK,
    ),
    "first_reads": {"note": WORK},
    "decisions": dict.fromkeys(("note", "routes", "owner", "score_why", "unopened_why"), WORK),
    "decision_reasons": {"note": WORK},
    "agency_views": {"words": WORK},
    "view_rounds": {"present": WORK},
    "case_notes": {"words": WORK},
    "correction_requests": {"why": WORK},
    "correction_answers": {"note": WORK},
    "confirmations": {"why": WORK, "content": WORK},
    "confirmation_settlements": {"why": WORK},
    "seals": {"why": WORK},
    "seal_openings": {"why": WORK},
    "case_parties": {"why": WORK},
    "disposals": {"why": WORK},
    "orderings": {"why": WORK},
    "promotions": {"why": WORK, "despite": WORK, "acknowledged": WORK},
    "flag_catalogues": {"why": WORK},
    "standings": {"owner": WORK},
}
"""On what ground which column of a table keeps a value. Of one that erasing reaches as well
(:data:`serving.store.schema.ERASABLE`) the fields alone that hold words."""
_ROWS_A_TIME: Final = 5_000
_CHUNK_BYTES: Final = 1 << 20
_LEAST_BYTES: Final = 4


@dataclass(frozen=True, order=True)
class Remain:
    """A place where the value still stands; neither the value nor what is around it is told.

    Parameters
    ----------
    place
        Table and column, or the file's name.
    count
        Rows of the column; 1 for a file.
    ground
        On what ground it is kept; ``None`` where there is none.
    """

    place: str
    count: int
    ground: str | None


def find_remains(store: Store, value: str, case_key: str | None) -> tuple[Remain, ...]:
    """Search every column of text of every table, and SQLite's files, for a value.

    Parameters
    ----------
    store
        The store.
    value
        What is looked for, as a word of its own and in letters of either case.
    case_key
        The case whose identifier it was; ``None`` where it was no case's.

    Returns
    -------
    tuple of Remain
        In order of places. A file is told only where none of its rows explains what it holds.
    """
    with store.reading() as connection:
        found = list(_search(connection, metadata.sorted_tables, value, case_key))
    in_looks: list[Remain] = []
    if store.is_sqlite:
        with store.reading_looks() as connection:
            in_looks = list(_search(connection, [audit_lines], value, case_key))
    file = find_file(store.engine)
    unexplained: list[Path] = []
    if file is not None:
        looks = name_looks_file(file)
        unexplained += [] if found else _list_files(file)
        unexplained += [] if in_looks else _list_files(looks)
    return tuple(sorted([*found, *in_looks, *search_files(unexplained, value)]))


def search_files(paths: Iterable[Path], value: str) -> Iterator[Remain]:
    """Yield the files, and the files of the folders, whose bytes have a value as it is written.

    A value of fewer than four bytes is not looked for: any file has it somewhere.
    """
    wanted = value.encode()
    if len(wanted) < _LEAST_BYTES:
        return
    for path in paths:
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        for one in inside:
            if one.is_file() and not one.is_symlink() and _holds(one, wanted):
                name = one.relative_to(path.parent).as_posix()
                yield Remain(f"file {name}", 1, None)


def list_disclosures(store: Store, case_key: str) -> tuple[tuple[int, str], ...]:
    """Return when and to whom the store was exported since a case came: each copy holds it.

    Parameters
    ----------
    store, case_key
        The store and the case.

    Returns
    -------
    tuple of (int, str)
        The moment, microseconds UTC, and the recipient, in order.
    """
    keys = metadata.tables["case_keys"]
    lines = audit_lines.c
    with store.reading() as connection:
        seq = connection.execute(
            select(keys.c.stored_seq).where(keys.c.case_key == case_key)
        ).scalar_one()
        came = select(lines.number).where(lines.book == CHANGES, lines.last_seq >= seq)
        first = connection.execute(came.order_by(lines.number).limit(1)).scalar_one_or_none() or 0
        query = select(lines.at_us, lines.recipient).where(
            lines.book == CHANGES,
            lines.number >= first,
            lines.operation == "disclosure",
            lines.done,
        )
        rows = connection.execute(query.order_by(lines.number)).all()
    return tuple(dict.fromkeys((int(row.at_us), row.recipient or "nobody named") for row in rows))


def _search(
    connection: Connection, tables: Sequence[Table], value: str, case_key: str | None
) -> Iterator[Remain]:
    for table in tables:
        columns = [one for one in table.columns if isinstance(one.type, String | Text | JSON)]
        counts: Counter[tuple[str, str | None]] = Counter()
        for row in _read_rows(connection, table, columns, value):
            said = row._mapping
            for column in columns:
                if _stands_in(said[column.name], value):
                    counts[column.name, _find_ground(table, column, said, value, case_key)] += 1
        for (column_name, ground), count in counts.items():
            yield Remain(f"{table.name}.{column_name}", count, ground)


def _read_rows(
    connection: Connection, table: Table, columns: Sequence[Column[Any]], value: str
) -> Iterator[Any]:
    if not columns:
        return
    query = select(table).where(or_(*(holds_text(connection, one, value) for one in columns)))
    yield from connection.execute(query, execution_options={"yield_per": _ROWS_A_TIME})


def _stands_in(cell: Any, value: str, but_for: Collection[str] = ()) -> bool:
    finder = make_finder(value)
    return any(finder.search(text) for text in walk_texts(cell, but_for))


def _find_ground(
    table: Table, column: Column[Any], said: Any, value: str, case_key: str | None
) -> str | None:
    if table.name == audit_lines.name:
        return LOG
    owner = said.get("case_key")
    if owner is not None and owner != case_key:
        return None if _names(table, column, said, value) else OTHER_CASE
    ground = KEPT.get(table.name, {}).get(column.name)
    is_reached = column.name in ERASABLE.get(table.name, ())
    if is_reached and _stands_in(said[column.name], value, WORDS):
        return None  # outside of the words
    return ground


def _names(table: Table, column: Column[Any], said: Any, value: str) -> bool:
    """Return whether a row of another case names the erased one, and does not merely tell of it."""
    if NAMING.get(table.name) != column.name:
        return False
    texts = walk_texts(said[column.name], WORDS)
    return any(text.casefold() == value.casefold() for text in texts)


def _list_files(file: Path) -> list[Path]:
    """Return SQLite's file and its write-ahead log."""
    beside = file.with_name(f"{file.name}-wal")
    return [one for one in (file, beside) if one.exists()]


def _holds(path: Path, wanted: bytes) -> bool:
    finder = re.compile(
        rb"(?<![0-9A-Za-z])" + re.escape(wanted) + rb"(?![0-9A-Za-z])", re.IGNORECASE
    )
    with path.open("rb") as opened:
        rest = b""
        while some := opened.read(_CHUNK_BYTES):
            if finder.search(rest + some):
                return True
            rest = some[-len(wanted) - 1 :]
    return False
