"""Import: another system's export becomes a contract folder; bad rows are kept apart, not lost."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from features.contract.manifest import NAME as MANIFEST_NAME
from features.contract.rejects import FOLDER, Rejects, join_rejects, make_rejects, write_rejects
from features.contract.tables import TABLES
from features.errors import ConfigError, DataContractError
from features.intake.contract_folder import ContractFolder, join_tables, write_folder
from features.intake.files import Piece, read_pieces
from features.intake.mapping import (
    ExportMapping,
    SourceMapping,
    check_columns,
    load_mapping,
    map_piece,
)
from features.intake.normalisation import Clock, Normalised, normalise


@dataclass(frozen=True)
class ImportReport:
    """What an import did.

    Parameters
    ----------
    rows_read
        Data rows of the export.
    records_written
        Records by table.
    repeats, conflicts
        Records that said again what another said, or contradicted one under the same key.
    rejects
        Problems by code; the rows are in ``rejects/import.csv`` of the folder.
    warnings
        What was kept but looks odd.
    """

    rows_read: int
    records_written: Mapping[str, int]
    repeats: int
    conflicts: int
    rejects: Mapping[str, int]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Read:
    rows: int
    parts: Mapping[str, list[Normalised]]
    unmapped: Rejects


def import_source(
    source: Path, mapping_path: Path, out: Path, progress: Callable[[str], None] | None = None
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
        What was read, and what could not be.

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
    rejects = join_rejects([read.unmapped, folder.rejects])
    report("writing the contract folder")
    out.mkdir(parents=True, exist_ok=True)
    (out / MANIFEST_NAME).unlink(missing_ok=True)
    if len(rejects):
        write_rejects(_restore_sources(rejects, source, mapping), out, "import")
    frames = {name: getattr(folder, name) for name in TABLES}
    written = write_folder(out, frames, mapping.manifest)
    return ImportReport(
        rows_read=read.rows,
        records_written={name: entry.rows or 0 for name, entry in written.tables.items()},
        repeats=folder.repeats,
        conflicts=folder.conflicts,
        rejects=rejects.count_codes(),
        warnings=_describe_warnings(folder),
    )


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


def _read_all(source: Path, mapping: ExportMapping, report: Callable[[str], None]) -> _Read:
    manifest = mapping.manifest
    parts: dict[str, list[Normalised]] = {name: [] for name in TABLES}
    rejects: list[Rejects] = []
    rows = 0
    for entry in mapping.sources:
        report(f"reading {entry.file}")
        for piece in _read_source(source, entry):
            rows += len(piece.frame) + len(piece.bad)
            rejects.append(_reject_bad(piece))
            for record in entry.records:
                mapped = map_piece(record, piece)
                rejects.append(mapped.rejects)
                clock = Clock(manifest.time_zone, manifest.extract_at_us, record.earliest_us)
                parts[record.table.name].append(normalise(record.table, mapped.piece, clock))
    return _Read(rows, parts, join_rejects(rejects))


def _read_source(source: Path, entry: SourceMapping) -> Iterator[Piece]:
    path = source / entry.file
    if not path.is_file():
        raise DataContractError(f"{entry.file} is not in the export; correct the mapping or add it")
    for number, piece in enumerate(read_pieces(path)):
        if number == 0:
            check_columns(entry, piece.frame.columns)
        yield piece


def _reject_bad(piece: Piece) -> Rejects:
    return make_rejects(
        table="",
        file=piece.file,
        rows=[row.number for row in piece.bad],
        column="",
        code=[row.code for row in piece.bad],
        sources=[row.cells for row in piece.bad],
    )


def _restore_sources(rejects: Rejects, source: Path, mapping: ExportMapping) -> Rejects:
    """Give rows that failed a check across rows back the words in which they came.

    Such checks see contract rows only; the export is read once more for the few that failed.
    """
    wanted = set(zip(rejects.frame["file"], rejects.frame["row"], strict=True))
    found: dict[tuple[str, int], dict[str, object]] = {}
    for entry in mapping.sources:
        for piece in _read_source(source, entry):
            for place in [i for i, row in enumerate(piece.rows) if (piece.file, row) in wanted]:
                cells = piece.frame.iloc[place].to_dict()
                found[piece.file, int(piece.rows[place])] = {str(k): v for k, v in cells.items()}
    places = list(zip(rejects.frame["file"], rejects.frame["row"], strict=True))
    known = [place in found for place in places]
    restored = make_rejects(
        table="",
        file="",
        rows=[0] * sum(known),
        column="",
        code="missing",
        sources=[found[place] for place in places if place in found],
    )
    frame = rejects.frame.copy()
    frame.loc[known, "source_row"] = restored.frame["source_row"].to_numpy()
    return Rejects(frame)


def _describe_warnings(folder: ContractFolder) -> tuple[str, ...]:
    return tuple(f"{count:,} x {text}" for text, count in folder.warnings.items())
