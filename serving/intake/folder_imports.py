"""A contract folder into the store: streamed, resumable, told as it goes.

The folder is read piece by piece, cases first, and goes the way of every other import; its digest
names it, so that a second call goes on where the first one broke off.
"""

import gc
import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from features.contract.manifest import NAME as MANIFEST_NAME
from features.contract.manifest import Manifest, hash_file, read_manifest
from features.contract.tables import TABLES
from features.errors import ConfigError, DataContractError
from features.intake.contract_folder import check_hashes, find_files
from features.intake.files import STRICT, read_pieces
from features.intake.normalisation import Clock
from serving.intake.chunks import Chunk, take_chunk
from serving.intake.correction_confirmation import end_import
from serving.intake.held_cases import make_quota
from serving.intake.mandates import Sender
from serving.intake.progress import Imported, begin_import
from serving.intake.row_lines import normalise_piece
from serving.persons import Person
from serving.settings import Settings
from serving.standing.standings import make_rules
from serving.store.database import Store, Unit

ROWS_PER_PIECE: Final = 10_000
"""Rows of a folder that are stored in one transaction: more than of a stream, since nobody sends
them again when one fails."""


def import_folder(
    store: Store,
    folder: Path,
    person: Person,
    settings: Settings,
    progress: Callable[[str], None],
) -> Imported:
    """Store a contract folder's records; what the store holds already is counted as repeats.

    Parameters
    ----------
    store
        An up-to-date store.
    folder
        The contract folder; its table of people, where it has one, is stored for the audit.
    person
        Who imports. Where cases are real, new ones above their daily number are held apart.
    settings
        How the service runs.
    progress
        Told how far the import is.

    Raises
    ------
    ConfigError
        If invented records were to mix with real ones.
    DataContractError
        If a file cannot be read as a whole or is not the one the manifest describes.
    """
    unit = store.read_unit()
    manifest = read_manifest(folder)
    _check_kind(manifest, unit)
    files = _find_all(folder, manifest)
    imported = begin_import(
        store,
        person,
        source_digest=_digest(folder, files),
        rows_total=_count_rows(manifest),
    )
    rules, sender = make_rules(settings), Sender(person, settings.source_mandates)
    extract_at_us = min(manifest.extract_at_us, store.clock())
    clock = Clock(manifest.time_zone, extract_at_us, manifest.earliest_us)
    # Of a real store the command takes a token; who fills a synthetic one is nobody in particular.
    quota = make_quota(None if unit.synthetic else person, settings)
    with _few_old_objects():
        for chunk in _read_ahead(_read_chunks(folder, files, clock, imported.rows_done)):
            taken = take_chunk(
                store,
                imported.import_key,
                chunk,
                unit,
                rules,
                sender=sender,
                sees_all=True,
                quota=quota,
            )
            imported = taken.imported
            progress(_say(imported))
    return end_import(store, imported.import_key)


@contextmanager
def _few_old_objects() -> Iterator[None]:
    """Keep what the program is made of out of the collector's passes, which many new rows cause."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _check_kind(manifest: Manifest, unit: Unit) -> None:
    """Keep invented and real records apart: whoever may see the former may not see the latter."""
    if manifest.synthetic != unit.synthetic:
        kinds = ("synthetic", "real") if manifest.synthetic else ("real", "synthetic")
        raise ConfigError(
            f"the folder's records are {kinds[0]} and the store is for {kinds[1]} ones; "
            "use another store"
        )


def _find_all(folder: Path, manifest: Manifest) -> dict[str, list[Path]]:
    files = {}
    for table in TABLES.values():
        files[table.name] = find_files(folder, table)
        check_hashes(folder, table, files[table.name], manifest)
    if not files["cases"]:
        raise DataContractError("the table 'cases' is absent; add cases.parquet or cases.csv")
    return files


def _digest(folder: Path, files: dict[str, list[Path]]) -> str:
    """Return what names the folder: the hashes of its files and its manifest."""
    paths = [folder / MANIFEST_NAME, *(path for some in files.values() for path in some)]
    named = [(path.relative_to(folder).as_posix(), hash_file(path)) for path in paths]
    return hashlib.sha256(json.dumps(named).encode()).hexdigest()


def _count_rows(manifest: Manifest) -> int | None:
    rows = [entry.rows for entry in manifest.tables.values()]
    return sum(row or 0 for row in rows) if rows and None not in rows else None


def _read_chunks(
    folder: Path, files: dict[str, list[Path]], clock: Clock, rows_done: int
) -> Iterator[Chunk]:
    """Yield the rows of all files that come after the first ``rows_done``."""
    before = 0
    for name, paths in files.items():
        for path in paths:
            offset = before
            for piece in read_pieces(path, STRICT, rows_per_piece=ROWS_PER_PIECE):
                first = before + 1
                before += len(piece.rows) + len(piece.bad)
                if before > rows_done and before >= first:
                    normal = normalise_piece(TABLES[name], piece, clock)
                    position = {"file": path.relative_to(folder).as_posix()}
                    yield Chunk(first, before, normal, offset, position)


def _read_ahead(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Give chunks, the next of which is read and normalised while one is stored.

    One is read ahead and no more, so that memory stays flat. What goes wrong with reading it is
    raised once the chunks before it are stored, as if it had been read then.
    """
    with ThreadPoolExecutor(max_workers=1) as reader:
        coming = reader.submit(next, chunks, None)
        while (chunk := coming.result()) is not None:
            coming = reader.submit(next, chunks, None)
            yield chunk


def _say(imported: Imported) -> str:
    total = f" of {imported.rows_total:,}" if imported.rows_total else ""
    return (
        f"{imported.rows_done:,}{total} rows: {imported.added:,} added, "
        f"{imported.repeats:,} repeats, {imported.conflicts:,} conflicts, "
        f"{imported.rejects:,} rejects"
    )
