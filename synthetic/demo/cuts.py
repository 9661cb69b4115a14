"""Parts of a contract folder: what came to be recorded in a span of time, and nothing later.

A part that is imported at a moment holds only what was recorded before it, so that the example
unit comes to know its cases as a real one does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.contract.manifest import (
    Manifest,
    TableEntry,
    hash_file,
    read_manifest,
    write_manifest,
)
from features.contract.tables import CLOSING_KINDS, TABLES
from features.intake.contract_folder import find_files

TURNS: Final = ("reopened", *CLOSING_KINDS, "taken_on", "handed_back")
"""What the unit decides on a case: once it works with the service, its decisions say so."""


@dataclass(frozen=True)
class RecordedSpan:
    """Which records belong to a part.

    Parameters
    ----------
    from_us, before_us
        From when, inclusive, and before when they were recorded; microseconds UTC. ``from_us`` is
        ``None`` for everything on record.
    referred_from_us
        Only cases that came to be recorded at this moment or later; every case where ``None``.
    with_turns
        Whether records of what the unit did with a case belong to it.
    n_strangers
        How many events of cases that are not in it belong to it all the same, as a source may send
        them; an import keeps them apart, and says why.
    """

    before_us: int
    from_us: int | None = None
    referred_from_us: int | None = None
    with_turns: bool = True
    n_strangers: int = 0


@dataclass(frozen=True)
class Records:
    """A contract folder's tables in memory, and what its manifest says."""

    manifest: Manifest
    tables: Mapping[str, pa.Table]


def read_records(folder: Path) -> Records:
    """Read a contract folder of Parquet files, as the synthetic unit is written."""
    found = {name: find_files(folder, table) for name, table in TABLES.items()}
    return Records(
        read_manifest(folder),
        {
            name: pa.concat_tables([pq.read_table(path) for path in paths])
            for name, paths in found.items()
            if paths
        },
    )


def write_cut(records: Records, out: Path, span: RecordedSpan) -> None:
    """Write the records of a span as a contract folder drawn at the span's end.

    Whom a case is about goes with the case. The folder's manifest is written last.

    Parameters
    ----------
    records
        All records.
    out
        Folder to write; made if missing.
    span
        Which of them.
    """
    out.mkdir(parents=True, exist_ok=True)
    cases = records.tables["cases"]
    if span.referred_from_us is not None:
        cases = cases.filter(pc.greater_equal(_moments(cases), span.referred_from_us))
    entries = {}
    for name, table in records.tables.items():
        kept = _select(name, cases if name == "cases" else table, cases, span)
        path = out / f"{name}.parquet"
        pq.write_table(kept, path, compression="zstd")
        entries[name] = TableEntry(kept.num_rows, {path.name: hash_file(path)})
    told = records.manifest
    write_manifest(
        out, Manifest(told.time_zone, span.before_us, synthetic=told.synthetic, tables=entries)
    )


def _moments(table: pa.Table) -> pa.ChunkedArray:
    return table["recorded_at"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())


def _select(name: str, table: pa.Table, cases: pa.Table, span: RecordedSpan) -> pa.Table:
    if name == "people":
        return _of_cases(table, _within(cases, span))
    kept = _within(_of_cases(table, cases), span)
    if name != "events":
        return kept
    if not span.with_turns:
        kept = kept.filter(pc.invert(pc.is_in(kept["kind"], value_set=pa.array(TURNS))))
    strangers = _within(_of_cases(table, cases, others=True), span)
    return pa.concat_tables([kept, strangers.slice(0, span.n_strangers)])


def _of_cases(table: pa.Table, cases: pa.Table, *, others: bool = False) -> pa.Table:
    among = pc.is_in(table["case_id"], value_set=cases["case_id"].combine_chunks())
    return table.filter(pc.invert(among) if others else among)


def _within(table: pa.Table, span: RecordedSpan) -> pa.Table:
    moments = _moments(table)
    inside = pc.less(moments, span.before_us)
    if span.from_us is not None:
        inside = pc.and_(inside, pc.greater_equal(moments, span.from_us))
    return table.filter(inside)
