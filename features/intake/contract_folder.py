"""Contract folders: a file or partition set per table and a manifest; read whole or not at all."""

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from features.contract.manifest import (
    Manifest,
    TableEntry,
    hash_file,
    read_manifest,
    write_manifest,
)
from features.contract.rejects import Rejects, join_rejects
from features.contract.tables import CASES, TABLES, Form, Table
from features.errors import DataContractError
from features.intake.files import SUFFIXES, BadRow, Piece, read_pieces
from features.intake.integrity import SUPERSEDED_AT, Sound, check_integrity
from features.intake.normalisation import FILE, ROW, Clock, Normalised, normalise


@dataclass(frozen=True)
class ContractFolder:
    """A contract folder's sound records.

    Parameters
    ----------
    manifest
        Zone, extract, and whether the records are synthetic.
    cases, events, facts, links, people
        Normalised tables: the contract's columns; moments as int64 microseconds UTC, optional ones
        nullable; records that can be corrected also have ``superseded_at`` and
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
    cases: pd.DataFrame
    events: pd.DataFrame
    facts: pd.DataFrame
    links: pd.DataFrame
    people: pd.DataFrame
    rejects: Rejects
    repeats: int
    conflicts: int
    warnings: Mapping[str, int]


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
    wanted = [table for table in TABLES.values() if people or table.name != "people"]
    parts: dict[str, list[Normalised]] = {}
    for table in wanted:
        files = find_files(path, table)
        check_hashes(path, table, files, manifest)
        pieces = (piece for file in files for piece in read_pieces(file))
        parts[table.name] = _normalise_all(table, pieces, clock)
        _check_rows(table, parts[table.name], manifest)
    if not parts["cases"]:
        raise DataContractError("the table 'cases' is absent; add cases.parquet or cases.csv")
    return join_tables(manifest, parts)


def assemble_folder(
    rows: Mapping[str, Iterable[Mapping[str, object]]], *, time_zone: str, extract_at_us: int
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
    manifest = Manifest(time_zone, extract_at_us)
    clock = Clock(time_zone, extract_at_us)
    parts = {
        name: _normalise_all(TABLES[name], [_make_piece(TABLES[name], list(some))], clock)
        for name, some in rows.items()
    }
    return join_tables(manifest, {name: parts.get(name, []) for name in TABLES})


def _make_piece(table: Table, rows: list[Mapping[str, object]]) -> Piece:
    columns = {
        column.name: pd.Series([_to_text(row.get(column.name)) for row in rows], dtype="str")
        for column in table.columns
    }
    nested = [
        BadRow(number, "not_text", {})
        for number, row in enumerate(rows, 1)
        if any(isinstance(cell, list | dict) for cell in row.values())
    ]
    bad = {row.number for row in nested}
    numbers = np.arange(1, len(rows) + 1, dtype=np.int64)
    kept = np.array([number not in bad for number in numbers], dtype=np.bool_)
    frame = pd.DataFrame(columns)[kept].reset_index(drop=True)
    return Piece("request", frame, numbers[kept], tuple(nested))


def _to_text(cell: object) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return json.dumps(cell)


def find_files(folder: Path, table: Table) -> list[Path]:
    """Return a table's files: one file, or all files of a folder of its name, sorted by name.

    Raises
    ------
    DataContractError
        If there are several candidates.
    """
    found = [folder / f"{table.name}{suffix}" for suffix in SUFFIXES]
    found = [path for path in found if path.is_file()]
    parts = folder / table.name
    if parts.is_dir():
        inside = [p for p in parts.rglob("*") if p.is_file() and not p.name.startswith((".", "_"))]
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
    found = sum(len(part.frame) + len(part.rejects) for part in parts)
    if stated is not None and stated != found:
        raise DataContractError(
            f"table {table.name} has {found:,} rows and the manifest says {stated}; import again"
        )


def _normalise_all(table: Table, pieces: Iterable[Piece], clock: Clock) -> list[Normalised]:
    return [normalise(table, piece, clock) for piece in pieces]


def join_tables(manifest: Manifest, parts: Mapping[str, list[Normalised]]) -> ContractFolder:
    """Check each table as a whole, from all its parts; the cases first, the others lean on them."""
    sound: dict[str, Sound] = {}
    for table in (CASES, *(t for t in TABLES.values() if t is not CASES)):
        frames = [part.frame for part in parts.get(table.name, [])]
        frame = pd.concat(frames, ignore_index=True) if frames else empty_frame(table)
        cases = None if table is CASES else pd.Index(sound["cases"].frame["case_id"])
        sound[table.name] = check_integrity(table, frame, cases)
    warnings: Counter[str] = Counter()
    for one in _both(parts, sound):
        warnings.update(one.warnings)
    return ContractFolder(
        manifest=manifest,
        **{name: one.frame.drop(columns=[FILE, ROW]) for name, one in sound.items()},
        rejects=join_rejects(one.rejects for one in _both(parts, sound)),
        repeats=sum(one.repeats for one in sound.values()),
        conflicts=sum(one.conflicts for one in sound.values()),
        warnings=dict(sorted(warnings.items())),
    )


def _both(
    parts: Mapping[str, list[Normalised]], sound: Mapping[str, Sound]
) -> Iterator[Normalised | Sound]:
    yield from (part for some in parts.values() for part in some)
    yield from sound.values()


def empty_frame(table: Table) -> pd.DataFrame:
    """Return a normalised table without rows."""
    types = {Form.NUMBER: "float64"}
    columns = {}
    for column in table.columns:
        kind = types.get(column.form, "str")
        if column.form in (Form.OCCURRED, Form.RECORDED):
            kind = "int64" if column.required else "Int64"
        columns[column.name] = pd.Series([], dtype=kind)
    return pd.DataFrame(columns).assign(
        **{FILE: pd.Series([], dtype="str"), ROW: pd.Series([], dtype="int64")}
    )


def write_folder(folder: Path, frames: Mapping[str, pd.DataFrame], manifest: Manifest) -> Manifest:
    """Write normalised tables as Parquet, then the manifest with their rows and hashes.

    Parameters
    ----------
    folder
        An existing folder.
    frames
        Normalised tables by name.
    manifest
        Zone, extract and whether synthetic; its ``tables`` are replaced.

    Returns
    -------
    Manifest
        As written, with rows and hashes.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    entries = {}
    for name, frame in frames.items():
        columns = {}
        for column in TABLES[name].columns:
            values = frame[column.name]
            if column.form in (Form.OCCURRED, Form.RECORDED):
                moments = pa.array(values.astype("Int64"), type=pa.int64())
                columns[column.name] = moments.cast(pa.timestamp("us", tz="UTC"))
            elif column.form is Form.NUMBER:
                columns[column.name] = pa.array(values, type=pa.float64(), from_pandas=True)
            else:
                columns[column.name] = pa.array(values, type=pa.string(), from_pandas=True)
        path = folder / f"{name}.parquet"
        pq.write_table(pa.table(columns), path)
        entries[name] = TableEntry(len(frame), {path.name: hash_file(path)})
    written = dataclasses.replace(manifest, tables=entries)
    write_manifest(folder, written)
    return written


__all__ = [
    "SUPERSEDED_AT",
    "ContractFolder",
    "assemble_folder",
    "empty_frame",
    "find_files",
    "join_tables",
    "read_folder",
    "write_folder",
]
