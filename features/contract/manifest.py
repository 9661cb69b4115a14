"""``manifest.json`` of a contract folder: zone, extract, and what its files held when written."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from features.contract.json_text import read_json
from features.contract.links import need_inside
from features.contract.moments import EARLIEST_US, find_zone, parse_date, to_datetime
from features.contract.tables import TABLES
from features.errors import ConfigError, DataContractError

NAME: Final = "manifest.json"
FORMAT: Final = 1
_CHUNK: Final = 1 << 20


@dataclass(frozen=True)
class TableEntry:
    """Rows and files of one table as they were written; ``rows`` is ``None`` where not stated."""

    rows: int | None = None
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """What a contract folder says of itself.

    Parameters
    ----------
    time_zone
        IANA name of the zone in which dates and times without an offset are read.
    extract_at_us
        Moment at which the data were drawn, microseconds UTC.
    synthetic
        Whether every record is invented.
    tables
        Rows and file hashes; checked on reading where they are stated.
    earliest_us
        Earliest plausible moment; dates before it are rejects.
    everything
        Whether it is an export of a store that holds sealed cases and records kept apart.
    """

    time_zone: str
    extract_at_us: int
    synthetic: bool = False
    tables: Mapping[str, TableEntry] = field(default_factory=dict)
    earliest_us: int = EARLIEST_US
    everything: bool = False


def read_manifest(folder: Path) -> Manifest:
    """Read a folder's manifest.

    Raises
    ------
    DataContractError
        If it is absent or lacks what is needed, or is a link that leads out of the folder.
    """
    need_inside(folder, folder / NAME)
    try:
        content = read_json((folder / NAME).read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise DataContractError(
            f"{NAME} is absent; write one with time_zone and extract_at, or use `caselight import`"
        ) from None
    except (OSError, ValueError):
        raise DataContractError(f"{NAME} is not readable JSON; write it again") from None
    if not isinstance(content, dict):
        raise DataContractError(f"{NAME} must hold one JSON object; write it again")
    time_zone = content.get("time_zone")
    try:
        find_zone(time_zone)  # type: ignore[arg-type]
    except ConfigError as error:
        raise DataContractError(f"{NAME}: {error}") from None
    assert isinstance(time_zone, str)
    return Manifest(
        time_zone=time_zone,
        extract_at_us=_read_moment(content.get("extract_at"), time_zone, "extract_at"),
        # Nothing but true, since a text such as "no" would count as yes.
        synthetic=content.get("synthetic") is True,
        tables=_read_tables(content.get("tables", {})),
        earliest_us=(
            _read_moment(content["earliest"], time_zone, "earliest")
            if "earliest" in content
            else EARLIEST_US
        ),
        # Whatever stands there: a folder that says anything of it is treated as if it held all.
        everything=content.get("everything", False) is not False,
    )


def _read_moment(text: object, time_zone: str, name: str) -> int:
    try:
        if isinstance(text, str):
            return parse_date(text, time_zone)
    except ValueError:
        pass
    raise DataContractError(f"{NAME}: {name} must be an ISO 8601 date or time; write one")


def _read_tables(content: Any) -> dict[str, TableEntry]:
    try:
        return {
            name: TableEntry(entry.get("rows"), dict(entry.get("files", {})))
            for name, entry in content.items()
            if name in TABLES
        }
    except (AttributeError, TypeError, ValueError):
        raise DataContractError(
            f"{NAME}: tables must give rows and files of each; remove it or write it again"
        ) from None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a manifest in one step, last, so that a half-written folder has none."""
    extract_at = to_datetime(manifest.extract_at_us, manifest.time_zone).isoformat()
    content = {
        "format": FORMAT,
        "time_zone": manifest.time_zone,
        "extract_at": extract_at,
        "synthetic": manifest.synthetic,
        "tables": {
            name: {"rows": entry.rows, "files": dict(entry.files)}
            for name, entry in manifest.tables.items()
        },
    }
    if manifest.everything:
        content["everything"] = True
    if manifest.earliest_us != EARLIEST_US:
        content["earliest"] = to_datetime(manifest.earliest_us, "UTC").isoformat()
    waiting = folder / f".{NAME}"
    waiting.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    waiting.replace(folder / NAME)


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
