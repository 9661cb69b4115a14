"""Contract folders: a file or partition set per table and a manifest; read whole or not at all."""

import dataclasses
import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from features.contract.arrays import MISSING, Int64
from features.contract.links import need_inside
from features.contract.manifest import (
    Manifest,
    TableEntry,
    hash_file,
    read_manifest,
    write_manifest,
)
from features.contract.rejects import Rejects, RowAsSent, join_rejects
from features.contract.tables import CASES, TABLES, Column, Form, Table
from features.errors import DataContractError
from features.intake.cells import write_value
from features.intake.files import STRICT, SUFFIXES, BadRow, Piece, list_parts, read_pieces
from features.intake.frames import empty_rows, to_frame, to_rows
from features.intake.integrity import Sound, check_integrity
from features.intake.midnights import read_midnights
from features.intake.normalisation import PLACES, Clock, Normalised, normalise
from features.intake.reading import TEXT, WORDS, type_of

CellsAsSent = Sequence[str | None] | Sequence[float | None]
"""A column's cells as a request sent them."""
_ROWS_PER_PIECE: Final = 1_000_000
"""A unit is held whole in the end; in fewer pieces fewer dictionaries have to be made one."""


@dataclass(frozen=True)
class ContractFolder:
    """A contract folder's sound records.

    Parameters
    ----------
    manifest
        Zone, extract, and whether the records are synthetic.
    cases, events, facts, links, people
        Normalised tables: the contract's columns; moments as int64 microseconds UTC, null where
        unknown; records that can be corrected also have ``superseded_at`` and
        ``superseded_by``. ``people`` is empty unless asked for: it is for the audit alone
        (promise 9).
    rejects
        Rows that could not be used.
    repeats, conflicts
        How many rows said again what another said, or contradicted one under the same key.
    warnings
        What was kept but looks odd, counted.
    """

    manifest: Manifest
    cases: pa.Table
    events: pa.Table
    facts: pa.Table
    links: pa.Table
    people: pa.Table
    rejects: Rejects
    repeats: int
    conflicts: int
    warnings: Mapping[str, int]

    def frame(self, name: str) -> pd.DataFrame:
        """Return a table by the contract's name, as a frame."""
        return to_frame(TABLES[name], getattr(self, name))

    def with_frames(self, frames: Mapping[str, pd.DataFrame]) -> "ContractFolder":
        """Return the folder with some tables replaced; the columns are those of :meth:`frame`."""
        tables = {name: to_rows(TABLES[name], frame) for name, frame in frames.items()}
        return dataclasses.replace(self, **tables)


def read_folder(path: Path, *, people: bool = False) -> ContractFolder:
    """Read a contract folder.

    Parameters
    ----------
    path
        The folder.
    people
        Whether to read the table of people, for an audit.

    Returns
    -------
    ContractFolder
        Sound records, and those that could not be used.

    Raises
    ------
    DataContractError
        If a file cannot be read as a whole or is not the one the manifest describes.
    """
    manifest = read_manifest(path)
    clock = Clock(manifest.time_zone, manifest.extract_at_us, manifest.earliest_us)

    def read(table: Table) -> list[Normalised]:
        if table.name == "people" and not people:
            return []
        files = find_files(path, table)
        check_hashes(path, table, files, manifest)
        parts = [normalise(table, piece, clock) for file in files for piece in _read(table, file)]
        _check_rows(table, parts, manifest)
        if table is CASES and not parts:
            raise DataContractError("the table 'cases' is absent; add cases.parquet or cases.csv")
        return parts

    # Each table is read when its turn has come, and its parts are let go of before the next.
    return _join_each(manifest, read, files=True)


def _read(table: Table, file: Path) -> Iterator[Piece]:
    words = [column.name for column in table.columns if type_of(column) == WORDS]
    return read_pieces(file, STRICT, rows_per_piece=_ROWS_PER_PIECE, words=words)


def assemble_folder(
    rows: Mapping[str, Iterable[RowAsSent]], *, time_zone: str, extract_at_us: int
) -> ContractFolder:
    """Put rows that came as JSON through the same checks as a file's.

    Parameters
    ----------
    rows
        For each table, its rows, numbered from 1 in this order.
    time_zone, extract_at_us
        As in a manifest.

    Returns
    -------
    ContractFolder
        As if the rows had been read from a folder.
    """
    pieces = {name: _make_piece(TABLES[name], list(some)) for name, some in rows.items()}
    return _assemble(pieces, time_zone, extract_at_us)


def assemble_columns(
    columns: Mapping[str, Mapping[str, CellsAsSent]], *, time_zone: str, extract_at_us: int
) -> ContractFolder:
    """Put columns that came as JSON through the same checks as a file's.

    Parameters
    ----------
    columns
        For each table, cells of its columns by name: texts, or numbers where the contract has a
        number. Those of one table are of one length; a row is numbered from 1 in this order.
    time_zone, extract_at_us
        As in a manifest.

    Returns
    -------
    ContractFolder
        As if the rows had been read from a folder.
    """
    pieces = {}
    for name, cells in columns.items():
        size = max(map(len, cells.values()), default=0)
        pieces[name] = _lay_out(TABLES[name], cells, pa.float64(), np.arange(1, size + 1))
    return _assemble(pieces, time_zone, extract_at_us)


def _assemble(
    pieces: Mapping[str, Piece], time_zone: str, extract_at_us: int, *, files: bool = False
) -> ContractFolder:
    clock = Clock(time_zone, extract_at_us)
    parts = {name: [normalise(TABLES[name], piece, clock)] for name, piece in pieces.items()}
    manifest = Manifest(time_zone, extract_at_us)
    return join_tables(manifest, {name: parts.get(name, []) for name in TABLES}, files=files)


def fold_tables(
    tables: Mapping[str, pa.Table], *, time_zone: str, extract_at_us: int
) -> ContractFolder:
    """Put tables that are held in memory through the same checks as a file's.

    Parameters
    ----------
    tables
        For each contract table that is there, its columns in any types that a file may hold, in any
        order of rows.
    time_zone, extract_at_us
        As in a manifest.

    Returns
    -------
    ContractFolder
        As if the tables had been read from a folder.
    """
    pieces = {
        name: Piece(name, table, np.arange(1, table.num_rows + 1, dtype=np.int64))
        for name, table in tables.items()
    }
    return _assemble(pieces, time_zone, extract_at_us, files=True)


def _make_piece(table: Table, rows: list[RowAsSent]) -> Piece:
    nested = {
        number
        for number, row in enumerate(rows, 1)
        if any(isinstance(cell, list | dict) for cell in row.values())
    }
    numbers = np.array([n for n in range(1, len(rows) + 1) if n not in nested], dtype=np.int64)
    held = [rows[number - 1] for number in numbers.tolist()]
    cells = {
        column.name: [write_value(row.get(column.name)) for row in held] for column in table.columns
    }
    bad = tuple(BadRow(number, "not_text", {}) for number in sorted(nested))
    return _lay_out(table, cells, TEXT, numbers, bad)


def _lay_out(
    table: Table,
    cells: Mapping[str, CellsAsSent],
    numbers_as: pa.DataType,
    rows: Int64,
    bad: tuple[BadRow, ...] = (),
) -> Piece:
    # A column that nobody filled is left out: most of a request's are.
    columns = {
        column.name: _make_array(column, cells[column.name], numbers_as)
        for column in table.columns
        if column.required or _is_filled(cells.get(column.name, ()))
    }
    return Piece("request", pa.table(columns), rows, bad)


def _make_array(column: Column, cells: CellsAsSent, numbers_as: pa.DataType) -> pa.Array:
    if column.form is Form.NUMBER:
        return pa.array(cells, numbers_as)
    if type_of(column) != WORDS:
        return pa.array(cells, TEXT)
    # Numbered here: of so few cells Arrow takes longer to find the distinct words.
    number: dict[object, int] = {None: MISSING}
    codes = np.array([number.setdefault(cell, len(number) - 1) for cell in cells], dtype=np.int32)
    words = pa.array(list(number)[1:], TEXT)
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes == MISSING), words)


def _is_filled(cells: CellsAsSent) -> bool:
    return cells.count(None) < len(cells)


def find_files(folder: Path, table: Table) -> list[Path]:
    """Return a table's files: one file, or all files of a folder of its name, sorted by name.

    Raises
    ------
    DataContractError
        If there are several candidates, or one is a link that leads out of the folder.
    """
    found = [folder / f"{table.name}{suffix}" for suffix in SUFFIXES]
    found = [path for path in found if path.is_file() or path.is_symlink()]
    parts = folder / table.name
    for path in (*found, parts):
        need_inside(folder, path)
    if parts.is_dir():
        inside = list_parts(parts)
        if any(not path.name.endswith(SUFFIXES) for path in inside):
            raise DataContractError(
                f"the folder {table.name}/ holds files that are neither CSV nor Parquet; move them"
            )
        found += [parts] if inside else []
    if len(found) > 1:
        raise DataContractError(
            f"table {table.name} stands in {len(found)} places ({', '.join(p.name for p in found)})"
            "; keep one"
        )
    if found == [parts]:
        return sorted(inside)
    return found


def check_hashes(folder: Path, table: Table, files: list[Path], manifest: Manifest) -> None:
    """Hold a table's files against the manifest.

    Parameters
    ----------
    folder, table, files
        The contract folder, one of its tables, and that table's files.
    manifest
        What the folder says of itself; a table without stated files is not checked.

    Raises
    ------
    DataContractError
        If a file is missing, unnamed or not the one that the manifest describes.
    """
    stated = manifest.tables.get(table.name, TableEntry()).files
    if not stated:
        return
    names = {path.relative_to(folder).as_posix(): path for path in files}
    for name in sorted(stated.keys() | names.keys()):
        if name not in names:
            raise DataContractError(f"{name} is in the manifest and not in the folder; restore it")
        if name not in stated:
            raise DataContractError(f"{name} is in the folder and not in the manifest; remove it")
        if hash_file(names[name]) != stated[name]:
            raise DataContractError(
                f"{name} is not the file that the manifest describes; restore it or import again"
            )


def _check_rows(table: Table, parts: list[Normalised], manifest: Manifest) -> None:
    stated = manifest.tables.get(table.name, TableEntry()).rows
    found = sum(part.rows.num_rows + len(part.rejects) for part in parts)
    if stated is not None and stated != found:
        raise DataContractError(
            f"table {table.name} has {found:,} rows and the manifest says {stated}; import again"
        )


def join_tables(
    manifest: Manifest, parts: Mapping[str, list[Normalised]], *, files: bool = True
) -> ContractFolder:
    """Check each table as a whole, from all its parts; the cases first, the others lean on them.

    Parameters
    ----------
    manifest
        What the folder says of itself.
    parts
        For each table, its normalised parts in order.
    files
        Whether the parts came from files, in which a column that holds no other time than midnight
        holds dates.

    Returns
    -------
    ContractFolder
        Rows that fit together, and the rejects of every step.
    """
    return _join_each(manifest, lambda table: parts.get(table.name, []), files=files)


def _join_each(
    manifest: Manifest, read: Callable[[Table], list[Normalised]], *, files: bool
) -> ContractFolder:
    sound: dict[str, Sound] = {}
    rejects: list[Rejects] = []
    warnings: Counter[str] = Counter()
    cases: pa.Array | None = None

    def check(table: Table, parts: list[Normalised]) -> Sound:
        if files:
            parts = read_midnights(table, parts, manifest.time_zone, warnings)
        for part in parts:
            warnings.update(part.warnings)
            rejects.append(part.rejects)
        if not parts:
            return _make_empty(table.name)
        # The rows are handed over, not held here as well: a copy of a unit's events is much memory.
        rows = [_concatenate(parts)]
        del parts
        return check_integrity(table, rows.pop(), cases)

    for table in (CASES, *(t for t in TABLES.values() if t is not CASES)):
        sound[table.name] = one = check(table, read(table))
        warnings.update(one.warnings)
        rejects.append(one.rejects)
        if table is CASES:
            cases = _distinct(one.rows)
    return ContractFolder(
        manifest=manifest,
        **{name: one.rows.drop_columns(list(PLACES)) for name, one in sound.items()},
        rejects=join_rejects(rejects),
        repeats=sum(one.repeats for one in sound.values()),
        conflicts=sum(one.conflicts for one in sound.values()),
        warnings=dict(sorted(warnings.items())),
    )


def _distinct(cases: pa.Table) -> pa.Array:
    # Not the dictionary: it may still name cases whose rows were rejected.
    return cases.column("case_id").cast(pa.large_string()).combine_chunks()


def _concatenate(parts: list[Normalised]) -> pa.Table:
    return parts[0].rows if len(parts) == 1 else pa.concat_tables([part.rows for part in parts])


@functools.cache
def _make_empty(name: str) -> Sound:
    """Return a table that is not there; made once, as most of a request's are not."""
    table = TABLES[name]
    places = {PLACES[0]: pa.array([], pa.large_string()), PLACES[1]: pa.array([], pa.int64())}
    empty = empty_rows(table)
    rows = pa.table({name: empty.column(name) for name in empty.column_names} | places)
    return check_integrity(table, rows, None)


def write_folder(folder: Path, tables: Mapping[str, pa.Table], manifest: Manifest) -> Manifest:
    """Write normalised tables as Parquet, then the manifest with their rows and hashes.

    Parameters
    ----------
    folder
        An existing folder.
    tables
        Normalised tables by name.
    manifest
        Zone, extract and whether synthetic; its ``tables`` are replaced.

    Returns
    -------
    Manifest
        As written, with rows and hashes.
    """
    import pyarrow.parquet as pq

    entries = {}
    for name, rows in tables.items():
        columns = {}
        for column in TABLES[name].columns:
            cells = rows.column(column.name)
            if column.form in (Form.OCCURRED, Form.RECORDED):
                columns[column.name] = cells.cast(pa.timestamp("us", tz="UTC"))
            elif column.form is Form.NUMBER:
                columns[column.name] = cells
            else:
                columns[column.name] = cells.cast(pa.large_string()).cast(pa.string())
        path = folder / f"{name}.parquet"
        path.unlink(missing_ok=True)  # what a link leads to is not ours to write over
        pq.write_table(pa.table(columns), path)
        entries[name] = TableEntry(rows.num_rows, {path.name: hash_file(path)})
    written = dataclasses.replace(manifest, tables=entries)
    write_manifest(folder, written)
    return written


__all__ = [
    "CellsAsSent",
    "ContractFolder",
    "assemble_columns",
    "assemble_folder",
    "find_files",
    "fold_tables",
    "join_tables",
    "read_folder",
    "write_folder",
]
