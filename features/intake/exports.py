"""Import: another system's export becomes a contract folder; bad rows are kept apart, not lost."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from features.contract.links import need_inside
from features.contract.manifest import NAME as MANIFEST_NAME
from features.contract.moments import to_datetime
from features.contract.rejects import FOLDER, Rejects, join_rejects, make_rejects, write_rejects
from features.contract.tables import CASES, TABLES
from features.errors import ConfigError, DataContractError
from features.intake.contract_folder import ContractFolder, join_tables, write_folder
from features.intake.files import Layout, Piece, find_layout, read_pieces
from features.intake.first_records import Candidates, find_candidates, settle_cases
from features.intake.import_report import ImportReport, Tally, count_made, count_rows, list_rows
from features.intake.mapped_rows import Mapped, check_columns, map_rows, open_rows, write_rows
from features.intake.mapping import ExportMapping, RecordMapping, SourceMapping, load_mapping
from features.intake.midnights import read_midnights
from features.intake.normalisation import Clock, Normalised, normalise
from features.intake.sheet_survey import tell_of_sheet

Progress = Callable[[str], None]
_STAGE = "import"
_USUAL = ((None, None), (",", "utf-8"))
_KNOWN_BY = ("events", "facts", "links")
"""Tables whose records say when something of a case became known."""


@dataclass(frozen=True)
class _Read:
    tallies: tuple[Tally, ...]
    parts: Mapping[str, list[Normalised]]
    refused: Rejects
    unknown: Rejects


def import_source(
    source: Path, mapping_path: Path, out: Path, progress: Progress | None = None
) -> ImportReport:
    """Turn an export into a contract folder.

    Parameters
    ----------
    source
        Folder of the export.
    mapping_path
        Mapping file.
    out
        Folder to write: absent, empty, or an earlier import's, which is then replaced.
    progress
        Called with the name of each step.

    Returns
    -------
    ImportReport
        What was read, and what could not be. The folder is written whatever it says.

    Raises
    ------
    CatalogueError
        If the mapping file does not pass its check.
    ConfigError
        If a folder cannot be used.
    DataContractError
        If a file cannot be read as a whole.
    """
    report = progress or (lambda message: None)
    mapping = load_mapping(mapping_path)
    _check_folders(source, out)
    read = _read_all(source, mapping, report)
    report("checking keys, cases and corrections")
    folder = join_tables(mapping.manifest, read.parts)
    rejects = join_rejects([read.refused, read.unknown, folder.rejects])
    lost = _find_lost(folder, read)
    report("writing the contract folder")
    _clear(out)
    kept = ""
    if len(rejects):
        late = join_rejects([lost, read.unknown])
        kept = write_rejects(_restore_sources(rejects, late, source, mapping), out, _STAGE)
    frames = {name: getattr(folder, name) for name in TABLES}
    written = write_folder(out, frames, mapping.manifest)
    made = count_made(read.parts, lost)
    return ImportReport(
        sources=tuple(tally.close(made, rejects) for tally in read.tallies),
        records_written={name: entry.rows or 0 for name, entry in written.tables.items()},
        repeats=folder.repeats,
        conflicts=folder.conflicts,
        rejects=count_rows(rejects),
        rejects_file=kept,
        warnings=tuple(f"{count:,} x {text}" for text, count in folder.warnings.items()),
    )


def _find_lost(folder: ContractFolder, read: _Read) -> Rejects:
    """Return what was refused after it had been read as a row of the contract."""
    key = ["table", "file", "row", "code"]
    before = join_rejects(part.rejects for parts in read.parts.values() for part in parts)
    seen = pd.MultiIndex.from_frame(before.frame[key])
    mine = ~pd.MultiIndex.from_frame(folder.rejects.frame[key]).isin(seen)
    return Rejects(folder.rejects.frame[mine])


def _check_folders(source: Path, out: Path) -> None:
    if not source.is_dir():
        raise ConfigError("there is no export folder there; name the folder that holds its files")
    if not out.exists():
        return
    if not out.is_dir():
        raise ConfigError("--out is a file; name a folder")
    ours = {MANIFEST_NAME, FOLDER, *(f"{name}.parquet" for name in TABLES)}
    strange = [path for path in out.iterdir() if path.name not in ours]
    if strange or (any(out.iterdir()) and not (out / MANIFEST_NAME).is_file()):
        raise ConfigError("the folder of --out holds other files; name an empty one")


def _clear(out: Path) -> None:
    """Remove what an earlier import said of itself, so that its rejects do not pass for ours."""
    out.mkdir(parents=True, exist_ok=True)
    need_inside(out, out / FOLDER)
    (out / MANIFEST_NAME).unlink(missing_ok=True)
    for path in (out / FOLDER).glob("*.csv"):
        path.unlink()
    if (out / FOLDER).is_dir() and not any((out / FOLDER).iterdir()):
        (out / FOLDER).rmdir()


def _read_all(source: Path, mapping: ExportMapping, report: Progress) -> _Read:
    parts: dict[str, list[Normalised]] = {name: [] for name in TABLES}
    refused: list[Rejects] = []
    tallies: list[Tally] = []
    candidates: list[Candidates] = []
    for entry in mapping.sources:
        tally = Tally(name_source(entry), entry.tables)
        tallies.append(tally)
        for piece in _read_source(source, entry, report):
            rows = open_rows(entry, piece)
            mapped = [map_rows(entry, record, rows) for record in entry.records]
            tally.count_piece(piece.file, len(rows), len(piece.bad), mapped)
            refused += [_reject_bad(piece), *(one.rejects for one in mapped)]
            candidates += _sort_out(entry, mapped, mapping, parts)
            report(f"reading {tally.name}: {tally.rows_read:,} rows")
    settled, unknown = settle_cases(candidates, _list_known(parts, mapping))
    parts[CASES.name] += settled
    return _Read(tuple(tallies), parts, join_rejects(refused), unknown)


def _list_known(parts: Mapping[str, list[Normalised]], mapping: ExportMapping) -> list[Normalised]:
    """Return all that says when something became known, as the checks across rows will read it."""
    zone = mapping.manifest.time_zone
    return [
        part
        for name in _KNOWN_BY
        for part in read_midnights(TABLES[name], parts[name], zone, Counter())
    ]


def name_source(entry: SourceMapping) -> str:
    """Return the name by which a source is told from the others."""
    return entry.file if entry.sheet is None else f"{entry.file}[{entry.sheet}]"


def _sort_out(
    entry: SourceMapping,
    mapped: list[Mapped],
    mapping: ExportMapping,
    parts: Mapping[str, list[Normalised]],
) -> list[Candidates]:
    """Normalise some rows' records; cases whose day is still to be settled are handed back."""
    waiting: list[Normalised] = []
    known: list[Normalised] = []
    for record, one in zip(entry.records, mapped, strict=True):
        part = _normalise(record, one, mapping)
        if record.takes_first_record:
            waiting.append(part)
            continue
        parts[record.table.name].append(part)
        known += [part] if record.table.name in _KNOWN_BY else []
    return [find_candidates(part, known) for part in waiting]


def _normalise(record: RecordMapping, mapped: Mapped, mapping: ExportMapping) -> Normalised:
    manifest = mapping.manifest
    clock = Clock(manifest.time_zone, manifest.extract_at_us, record.earliest_us)
    piece = mapped.piece
    if record.takes_first_record:
        # Any moment that passes will do until the earliest record of the case is known.
        now = to_datetime(manifest.extract_at_us, manifest.time_zone).isoformat()
        cells = pa.repeat(pa.scalar(now, pa.large_string()), piece.table.num_rows)
        place = piece.table.column_names.index("recorded_at")
        piece = replace(piece, table=piece.table.set_column(place, "recorded_at", cells))
    return normalise(record.table, piece, clock)


def _read_source(source: Path, entry: SourceMapping, report: Progress) -> Iterator[Piece]:
    path = source / entry.file
    need_inside(source, path)
    if not path.exists():
        raise DataContractError(f"{entry.file} is not in the export; correct the mapping or add it")
    name = name_source(entry)
    report(f"reading {name}")
    stated = Layout(entry.separator, entry.encoding, entry.sheet)
    layout = find_layout(path, stated)
    if layout != stated and (layout.separator, layout.encoding) not in _USUAL:
        report(f"{name}: {_describe(layout)}, as it seems; state it in the mapping to be sure")
    for told in tell_of_sheet(path, entry.file, layout.sheet) if layout.sheet is not None else ():
        report(f"{name}: {told}")
    for number, piece in enumerate(read_pieces(path, layout)):
        if number == 0:
            check_columns(entry, piece.table.column_names)
        # Files of one name in two folders, and sheets of one workbook, are told apart.
        whole = name if path.is_file() else f"{name}/{piece.file.partition('/')[2]}"
        yield replace(piece, file=whole)


def _describe(layout: Layout) -> str:
    parts = {"separator": layout.separator, "encoding": layout.encoding, "sheet": layout.sheet}
    return ", ".join(f"{key} {value!r}" for key, value in parts.items() if value is not None)


def _reject_bad(piece: Piece) -> Rejects:
    return make_rejects(
        table="",
        file=piece.file,
        rows=[row.number for row in piece.bad],
        column="",
        code=[row.code for row in piece.bad],
        sources=[row.cells for row in piece.bad],
    )


def _restore_sources(
    rejects: Rejects, lost: Rejects, source: Path, mapping: ExportMapping
) -> Rejects:
    """Give rows that failed a check across rows back the words in which they came.

    Such checks see contract rows only; the export is read once more for the few that failed.
    """
    if not len(lost):
        return rejects
    wanted = list_rows(lost)
    frame = rejects.frame.copy()
    places = dict[tuple[str, int], list[int]]()
    for place, key in enumerate(zip(frame["file"], frame["row"], strict=True)):
        places.setdefault(key, []).append(place)
    texts = frame["source_row"].to_numpy(dtype=object)
    for entry in mapping.sources:
        for piece in _read_source(source, entry, lambda message: None):
            found = np.isin(piece.rows, wanted.get(piece.file, []))
            restored = make_rejects(
                table="",
                file=piece.file,
                rows=piece.rows[found].tolist(),
                column="",
                code="missing",
                sources=write_rows(piece.table.filter(pa.array(found)), piece.file),
            )
            for row, text in zip(restored.frame["row"], restored.frame["source_row"], strict=True):
                texts[places[piece.file, row]] = text
    return Rejects(frame.assign(source_row=texts))
