"""Whole units of typed tables become a history at the speed of memory.

For units that are known to be sound: a simulator's, a study's, a folder that `caselight import`
wrote. What comes out equals what :func:`features.history.assembly.assemble_history` makes of the
folder as :func:`features.intake.contract_folder.read_folder` reads it. What is not sound is refused
whole: nothing is repaired and no row is kept apart here.
"""

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features.contract.arrays import MISSING, NEVER, Int32, Int64, Text
from features.contract.manifest import TableEntry, read_manifest
from features.contract.tables import (
    AGENCY_ONLY,
    CASES,
    EVENTS,
    FACTS,
    HEALTH_SOURCE,
    LINKS,
    RETRACTED,
    Table,
)
from features.engine.compilation import kernels
from features.engine.placing import FIRST_OF_KEY, NO_TARGET, SAME_KEY, Marks
from features.engine.typed_tables import (
    REMEDY,
    TypedTable,
    encode,
    freeze,
    from_arrow,
    from_files,
    point_texts,
)
from features.errors import DataContractError
from features.history.assembly import settle_ties
from features.history.columns import CODED_COLUMNS, Coded, Events, Facts, History
from features.intake.contract_folder import check_hashes, find_files
from features.intake.normalisation import Clock

Tell = Callable[[str], None]
Bools = npt.NDArray[np.bool_]
Result = TypeVar("Result")

_NOT_MEASURED: Final = ("occurred_until", "reporter_role", "assurance", "narrative")


def build_unit(
    cases: pa.Table,
    events: pa.Table,
    facts: pa.Table | None,
    *,
    time_zone: str,
    extract_at_us: int,
    tell: Tell | None = None,
) -> History:
    """Build a unit's history from typed tables in the contract's columns, in any order of rows.

    Parameters
    ----------
    cases, events, facts
        Identifiers and codes are text or whole numbers, moments are timestamps with a zone, values
        are numbers. Columns that are absent are empty.
    time_zone, extract_at_us
        As in a manifest.
    tell
        Hears how many rows of each table said again what another said; they are left out.

    Raises
    ------
    DataContractError
        If a table is not sound: a needed cell is empty, a column is not typed or holds what its
        contract does not permit, a key stands for two contents, a case is unknown, or a record
        corrects one that is unknown, later, or itself. Names the column and the remedy.
    """
    return _assemble(
        from_arrow(CASES, cases),
        from_arrow(EVENTS, events),
        None if facts is None else from_arrow(FACTS, facts),
        Clock(time_zone, extract_at_us),
        tell or _say_nothing,
    )


def read_unit(folder: Path, *, tell: Tell | None = None) -> History:
    """Read a contract folder of Parquet, files or partition sets, that is known to be sound.

    Columns are read one after the other: beside the history itself there is never more in memory
    than a few of them.

    Parameters
    ----------
    folder
        The contract folder; its manifest gives zone and extract.
    tell
        Hears how many rows of each table said again what another said; they are left out.

    Raises
    ------
    DataContractError
        As :func:`build_unit`; also if a file is not Parquet or not the one that the manifest
        describes, or where cases are linked, which the usual reading of folders follows.
    """
    manifest = read_manifest(folder)
    found: dict[str, TypedTable] = {}
    for contract in (CASES, EVENTS, FACTS, LINKS):
        files = find_files(folder, contract)
        check_hashes(folder, contract, files, manifest)
        found[contract.name] = from_files(contract, files) if files else _absent(contract)
        stated = manifest.tables.get(contract.name, TableEntry()).rows
        if stated is not None and stated != found[contract.name].size:
            raise DataContractError(
                f"table {contract.name} has {found[contract.name].size:,} rows and the manifest "
                f"says {stated}; import again"
            )
    if not found["cases"].names:
        raise DataContractError("the table 'cases' is absent; add cases.parquet")
    if found["links"].size:
        raise DataContractError(f"table links is not followed here; {REMEDY}")
    return _assemble(
        found["cases"],
        found["events"],
        found["facts"],
        Clock(manifest.time_zone, manifest.extract_at_us, manifest.earliest_us),
        tell or _say_nothing,
    )


def _absent(contract: Table) -> TypedTable:
    nothing = pa.table({name: pa.nulls(0) for name in contract.column_names})
    table = from_arrow(contract, nothing)
    return table if contract is not CASES else replace(table, names=frozenset())


def _say_nothing(_: str) -> None:
    pass


def _assemble(
    cases: TypedTable, events: TypedTable, facts: TypedTable | None, clock: Clock, tell: Tell
) -> History:
    cases, case_id, order = _place_cases(cases, tell)
    held_facts = facts or _absent(FACTS)
    return History(
        case_id=_list_texts(case_id),
        case_recorded_at=np.take(cases.moments("recorded_at", clock), order),
        area=_take(cases.codes("area"), order),
        referral_source=_take(cases.codes("referral_source"), order),
        events=_assemble_events(events, case_id, clock, tell),
        facts=_assemble_facts(held_facts, case_id, clock, tell),
        time_zone=clock.time_zone,
        extract_at=clock.extract_at_us,
    )


def _place_cases(cases: TypedTable, tell: Tell) -> tuple[TypedTable, pa.LargeStringArray, Int64]:
    """Return the cases without repeats, their identifiers in order, and the rows in that order."""
    keys = cases.keys("case_id")
    if keys is None:
        return cases, pa.array([], pa.large_string()), np.empty(0, dtype=np.int64)
    order = pc.sort_indices(keys)
    placed = keys.take(order)
    same = pc.equal(placed[1:], placed[:-1]).to_numpy(zero_copy_only=False)
    rows = order.to_numpy().astype(np.int64)
    if same.any():
        marks = np.zeros(cases.size, dtype=np.uint8)
        marks[rows[:-1][same]] = FIRST_OF_KEY
        marks[rows[1:][same]] = SAME_KEY
        return _place_cases(_drop_repeats(cases, marks, tell), tell)
    return cases, placed, rows


def _drop_repeats(table: TypedTable, marks: Marks, tell: Tell) -> TypedTable:
    """Return the table without the rows that say again what another says under the same key."""
    rows = pa.array(np.flatnonzero(marks))
    names = [name for name in table.contract.column_names if name in table.names]
    said = pd.DataFrame({name: table.read(name).take(rows).to_pandas() for name in names})
    if said.duplicated(list(table.contract.key_columns)).sum() > said.duplicated().sum():
        table.refuse(table.contract.id_column, "gives two contents to one key")
    kept = marks != SAME_KEY
    tell(f"{table.contract.name}: {(~kept).sum():,} rows said again what another said; left out")
    return table.keep(kept)


@dataclass(frozen=True)
class _Placed:
    """A table without repeats, its rows in order, and what each place holds.

    ``table`` and ``order`` lead to the other columns; ``moment`` is the first clock that rows stand
    by, ``incident`` a number within the case.
    """

    table: TypedTable
    pointer: Int64
    order: Int64
    moment: Int64
    recorded_at: Int64
    superseded_at: Int64
    superseded_by: Int32
    incident: Int32
    ids: Text


def _place(
    table: TypedTable, case_id: pa.LargeStringArray, moment_name: str, clock: Clock, tell: Tell
) -> _Placed:
    """Place a table's rows by case, both clocks and identifier, and join them by their keys."""
    compiled = kernels()
    case = freeze(_number_cases(table, case_id))
    recorded_at = freeze(table.moments("recorded_at", clock))
    moments = recorded_at
    if moment_name != "recorded_at":
        moments = freeze(table.moments(moment_name, clock))
    pointer = np.empty(len(case_id) + 1, dtype=np.int64)
    order, moment = np.empty((2, table.size), dtype=np.int64)
    compiled.gather_cases(case, moments, pointer, order, moment)
    keys = table.keys(table.contract.id_column)
    ids = point_texts(keys)

    def sort(a: int, b: int) -> None:
        if compiled.sort_cases(pointer, a, b, recorded_at, order, moment):
            compiled.sort_ties(pointer, a, b, recorded_at, order, moment, ids)

    in_parts(sort, len(case_id))
    corrected = point_texts(table.keys("supersedes"))
    named = point_texts(table.keys("incident_id") if "incident_id" in _columns(table) else None)
    incident = np.full(table.size, MISSING, dtype=np.int32)
    target = np.empty(table.size if len(corrected.start) else 0, dtype=np.int64)
    marks = np.zeros(table.size, dtype=np.uint8)

    def join(a: int, b: int) -> tuple[bool, bool]:
        found: tuple[bool, bool] = compiled.join_records(
            pointer, a, b, order, ids, corrected, named, target, incident, marks
        )
        return found

    found = in_parts(join, len(case_id))
    if any(shared for shared, _ in found):
        return _place(_drop_repeats(table, marks, tell), case_id, moment_name, clock, tell)
    if any(unknown for _, unknown in found):
        table.refuse("supersedes", "names a record that its case does not have")
    placed_ids = _list_texts(keys, order)
    recorded = np.take(recorded_at, order)
    superseded = _supersede(table, target, recorded, placed_ids, pointer)
    return _Placed(table, pointer, order, moment, recorded, *superseded, incident, placed_ids)


def _columns(table: TypedTable) -> tuple[str, ...]:
    return table.contract.column_names


def in_parts(work: Callable[[int, int], Result], n_cases: int) -> list[Result]:
    """Do some work on ranges of cases, one range a processor, and return what each gave."""
    workers = os.cpu_count() or 1
    edges = np.linspace(0, n_cases, workers + 1).astype(np.int64)
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, edges[:-1], edges[1:]))


def _number_cases(table: TypedTable, case_id: pa.LargeStringArray) -> Int32:
    """Return the number of each row's case."""
    case: Int32
    column = table.column("case_id")
    if column is None:
        return np.empty(0, dtype=np.int32)
    if pa.types.is_dictionary(column.type):
        distinct, codes = encode(column)
        found = pc.index_in(distinct.cast(pa.large_string()), value_set=case_id)
        case = np.take(found.fill_null(MISSING).to_numpy(), codes)
    else:
        found = pc.index_in(column.cast(pa.large_string()), value_set=case_id)
        case = found.fill_null(MISSING).to_numpy()
    if (case == MISSING).any():
        table.refuse("case_id", "names a case that is unknown")
    return case


def _supersede(
    table: TypedTable, target: Int64, recorded_at: Int64, ids: Text, pointer: Int64
) -> tuple[Int64, Int32]:
    """Return when each place's next version was recorded, and its place within the case.

    All versions of one record form a tree. In the order of (recorded_at, depth, id) each is
    superseded by the next, as :mod:`features.intake.integrity` has it.
    """
    superseded_at = np.full(table.size, NEVER, dtype=np.int64)
    child = np.flatnonzero(target != NO_TARGET)
    parent = target[child]
    if (recorded_at[child] < recorded_at[parent]).any():
        table.refuse("supersedes", "names a record that was recorded later")
    versions = np.unique(np.concatenate((child, parent)))
    above = np.arange(len(versions))
    above[np.searchsorted(versions, child)] = np.searchsorted(versions, parent)
    root, depth = above, (above != np.arange(len(versions))).astype(np.int64)
    for _ in range(len(versions).bit_length()):  # each round doubles how far up a record looks
        depth, root = depth + depth[root], root[root]
    if (child == parent).any() or (above[root] != root).any():
        table.refuse("supersedes", "runs in a circle")
    recorded = recorded_at[versions]
    order = np.lexsort((depth, recorded, root))
    tied = np.ones(max(len(order) - 1, 0), dtype=np.bool_)
    for key in (root, recorded, depth):
        tied &= key[order][1:] == key[order][:-1]
    order = settle_ties(order, tied, ids[versions])
    same = root[order][1:] == root[order][:-1]
    earlier, later = versions[order][:-1][same], versions[order][1:][same]
    superseded_at[earlier] = recorded[order][1:][same]
    superseded_by = np.full(table.size, MISSING, dtype=np.int32)
    superseded_by[earlier] = later - pointer[np.searchsorted(pointer, later, side="right") - 1]
    return superseded_at, superseded_by


def _assemble_events(
    events: TypedTable, case_id: pa.LargeStringArray, clock: Clock, tell: Tell
) -> Events:
    placed = _place(events, case_id, "occurred_at", clock, tell)
    events = placed.table
    read = {name: functools.partial(_read_codes, placed, name) for name in CODED_COLUMNS}
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        waiting = {name: pool.submit(one) for name, one in read.items()}
        rest = pool.submit(events.check_others, _NOT_MEASURED, clock)
        handling = pool.submit(_read_codes, placed, "handling")
        value = pool.submit(events.numbers, "value")
        coded = {name: one.result() for name, one in waiting.items()}
        rest.result()
    kept_apart = _holds(handling.result(), AGENCY_ONLY)
    kept_apart |= _holds(coded["source"], HEALTH_SOURCE)
    kept_apart |= _holds(coded["kind"], RETRACTED)
    values = value.result()
    return Events(
        pointer=placed.pointer,
        occurred_at=placed.moment,
        recorded_at=placed.recorded_at,
        superseded_at=placed.superseded_at,
        superseded_by=placed.superseded_by,
        value=np.full(events.size, np.nan) if values is None else np.take(values, placed.order),
        incident=placed.incident,
        measured=~kept_apart,
        event_id=placed.ids,
        via=Coded(np.full(events.size, MISSING, dtype=np.int32), ()),
        **coded,
    )


def _assemble_facts(
    facts: TypedTable, case_id: pa.LargeStringArray, clock: Clock, tell: Tell
) -> Facts:
    placed = _place(facts, case_id, "recorded_at", clock, tell)
    return Facts(
        pointer=placed.pointer,
        recorded_at=placed.recorded_at,
        superseded_at=placed.superseded_at,
        superseded_by=placed.superseded_by,
        name=_read_codes(placed, "name"),
        asked=_holds(_read_codes(placed, "asked"), "yes"),
        value=_read_codes(placed, "value"),
        fact_id=placed.ids,
    )


def _read_codes(placed: _Placed, name: str) -> Coded:
    return _take(placed.table.codes(name), placed.order)


def _holds(column: Coded, value: str) -> Bools:
    code = column.values.index(value) if value in column.values else NEVER
    return np.asarray(column.codes == code)


def _take(column: Coded, order: Int64) -> Coded:
    return Coded(np.take(column.codes, order), column.values)


def _list_texts(keys: pa.LargeStringArray | None, order: Int64 | None = None) -> Text:
    """Return texts as Python's own, by place where an order is given."""
    if keys is None:
        return np.empty(0, dtype=np.object_)
    placed = keys if order is None else keys.take(pa.array(order))
    found: Text = placed.to_pandas(deduplicate_objects=False).to_numpy(dtype=object)
    return found
