"""The store as a contract folder, for training and for another store: streamed by cases.

The folder holds the cases' real identifiers. Nothing else of the store leaves it: no scores, no
decisions. Unless everything is asked for, sealed cases stay in the store, with the links of others
to them, and so do records that are kept apart, with the earlier versions of them: whoever narrowed
a record narrowed what it had said before.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection, Row, func, select

from features.contract.kept_apart import is_kept_apart
from features.contract.manifest import Manifest, TableEntry, hash_file, write_manifest
from features.contract.tables import RETRACTED, TABLES, Form, Table
from features.errors import ConfigError
from serving.store import schema
from serving.store.database import Store
from serving.store.frames import column_of, list_cells, make_frame, select_rows
from serving.store.lookups import is_among
from serving.store.record_conditions import is_seal_in_force
from serving.store.schema import seals

CASES_A_TIME: Final = 2_000
"""Cases whose rows are held in memory at once."""
_ROWS_FETCHED: Final = 100
_ROWS_A_TIME: Final = 50_000
_CHARACTERS_A_TIME: Final = 20_000_000
_OWNER_ONLY: Final = 0o700
_FILE_MODE: Final = 0o600
_MOMENT: Final = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class Exported:
    """What an export wrote: rows by table."""

    rows: Mapping[str, int]


@dataclass(frozen=True)
class Concerned:
    """Whom an export is about: the person who asks for what is kept about them.

    Parameters
    ----------
    case_ids
        Cases, by their own identifiers.
    person_id
        A person's number in the table of people: every case that names it.
    """

    case_ids: tuple[str, ...] = ()
    person_id: str | None = None

    def narrow(self, name: str, frame: pd.DataFrame) -> pd.DataFrame:
        """Return rows of a table without those of other people and of other cases.

        What the records of the person's own cases say of others stays: only people can tell.
        """
        if name == "people" and self.person_id is not None:
            return frame[frame["person_id"] == self.person_id]
        # A link names another case.
        return frame[:0] if name == "links" else frame


def export_folder(
    store: Store,
    folder: Path,
    *,
    people: bool = False,
    everything: bool = False,
    concerning: Concerned | None = None,
    find_hidden: Callable[[Connection, list[str]], Collection[str]] | None = None,
    progress: Callable[[str], None] = lambda message: None,
) -> Exported:
    """Write every record as a contract folder that only its owner can read.

    A case whose identifier was erased goes by its key, and so does one whose identifier another
    exported case has that came before it. The records are those of one moment, which
    the manifest names as the extract. Before rows are written, a line of the access log names their
    cases and who has them written.

    Parameters
    ----------
    store
        The store.
    folder
        Absent or empty.
    people
        Whether to write the table of people, for an audit.
    everything
        Whether to write what seals and handling marks keep back.
    concerning
        Whom or what it is about, for an export of what concerns one person; all cases where absent.
    find_hidden
        Returns those of all cases that are left out even so: those to which whoever exports is a
        party.
    progress
        Told how far it is.

    Raises
    ------
    ConfigError
        If the folder holds something, or no case that may be exported concerns the person.
    ServiceError
        If the access log cannot be written.
    """
    unit = store.read_unit()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError("the folder of the export is not empty; name another")
    folder.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
    # The mode given to `mkdir` changes nothing of a folder that was there.
    folder.chmod(_OWNER_ONLY)
    names = [name for name in TABLES if people or name != "people"]
    with ExitStack() as stack, store.reading() as connection:
        only = None if concerning is None else _find_concerned(connection, concerning)
        manifest = Manifest(unit.time_zone, store.clock(), unit.synthetic)
        hidden = frozenset() if everything else _find_sealed(connection)
        if find_hidden is not None:
            every = [key for keys in walk_cases(connection) for key in keys]
            hidden |= frozenset(find_hidden(connection, every))
        if only is not None and only <= hidden:
            # Said of a sealed case as of one that is not there.
            raise ConfigError("no case that may be exported concerns this person; nothing is there")
        writers = {
            name: stack.enter_context(
                pq.ParquetWriter(folder / f"{name}.parquet", make_arrow_schema(TABLES[name]))
            )
            for name in names
        }
        rows = dict.fromkeys(names, 0)
        later = _find_later(connection, hidden)
        for walked in walk_cases(connection):
            keys = [key for key in walked if key not in hidden and (only is None or key in only)]
            if only is not None and not keys:
                continue
            store.look(cases=keys)
            apart = frozenset() if everything else _find_apart(connection, keys)
            for name in names:
                for found in _read_named(connection, name, keys, hidden, apart, later):
                    frame = found if concerning is None else concerning.narrow(name, found)
                    rows[name] += len(frame)
                    writers[name].write_table(to_arrow(TABLES[name], frame))
            progress(f"{rows['cases']:,} cases written")
    for name in names:
        (folder / f"{name}.parquet").chmod(_FILE_MODE)
    entries = {
        name: TableEntry(rows[name], {f"{name}.parquet": hash_file(folder / f"{name}.parquet")})
        for name in names
    }
    write_manifest(folder, replace(manifest, tables=entries, everything=everything))
    return Exported(rows)


def walk_cases(connection: Connection) -> Iterator[list[str]]:
    """Yield the keys of all cases in order, some at a time."""
    key = schema.cases.c.case_key
    last = ""
    while True:
        query = select(key).where(key > last).order_by(key).limit(CASES_A_TIME)
        keys = list(connection.execute(query).scalars())
        if not keys:
            return
        yield keys
        last = keys[-1]


def _find_concerned(connection: Connection, concerning: Concerned) -> frozenset[str]:
    """Return the keys of the cases that an export is about, whoever may see them."""
    named, people = schema.case_keys.c, schema.people.c
    by_name = select(named.case_key).where(is_among(connection, named.case_id, concerning.case_ids))
    by_person = select(people.case_key).where(people.person_id == concerning.person_id)
    return frozenset(connection.execute(by_name).scalars()) | frozenset(
        connection.execute(by_person.distinct()).scalars()
    )


def _find_sealed(connection: Connection) -> frozenset[str]:
    """Return the keys of all sealed cases, whoever may see them."""
    query = select(seals.c.case_key).where(is_seal_in_force())
    return frozenset(connection.execute(query).scalars())


def _find_apart(connection: Connection, keys: list[str]) -> frozenset[tuple[str, str]]:
    """Return case and number of the events that are kept apart, and of what these correct."""
    events = schema.events.c
    query = select(
        events.case_key, events.event_id, events.supersedes, events.source, events.handling
    ).where(is_among(connection, events.case_key, keys))
    rows = connection.execute(query).all()
    out = {(one.case_key, one.event_id) for one in rows if is_kept_apart(one.source, one.handling)}
    size = 0
    while size < len(out):  # until no earlier version is found any more
        size = len(out)
        out |= {
            (one.case_key, one.supersedes)
            for one in rows
            if one.supersedes is not None and (one.case_key, one.event_id) in out
        }
    return frozenset(out)


def _leave_out(events: pd.DataFrame, apart: Collection[tuple[str, str]]) -> pd.DataFrame:
    """Return events without those that are kept apart, what these correct, and their withdrawals.

    A later version that everybody may see stays, and names no version that nobody else saw.
    """
    if not apart or events.empty:
        return events
    ids = zip(events["case_id"], events["event_id"], strict=True)
    corrected = zip(events["case_id"], events["supersedes"], strict=True)
    kept = pd.Series([one not in apart for one in ids], index=events.index)
    hidden = pd.Series([one in apart for one in corrected], index=events.index)
    kept &= ~(hidden & (events["kind"] == RETRACTED))
    return events.assign(supersedes=events["supersedes"].mask(hidden, None))[kept]


def _read_named(
    connection: Connection,
    name: str,
    keys: list[str],
    hidden: frozenset[str],
    apart: frozenset[tuple[str, str]],
    later: frozenset[str],
) -> Iterator[pd.DataFrame]:
    """Yield rows of some cases with identifiers in place of keys, in the order of the cases."""
    column = column_of(name, "case_id")
    query = select_rows(name).where(is_among(connection, column, keys)).order_by(column)
    found = connection.execute(query, execution_options={"yield_per": _ROWS_FETCHED})
    for rows in _part_by_size(found):
        frame = make_frame(name, rows)
        if name == "events":
            frame = _leave_out(frame, apart)
        if "linked_case_id" in frame.columns:
            frame = frame[~frame["linked_case_id"].isin(hidden)]
        if len(frame):
            yield _name_cases(connection, frame, later)


def _part_by_size(found: Iterable[Row[Any]]) -> Iterator[list[Row[Any]]]:
    """Yield rows, some at a time: a case of long narratives alone may be larger than memory."""
    rows: list[Row[Any]] = []
    size = 0
    for row in found:
        rows.append(row)
        size += sum(len(cell) for cell in row if isinstance(cell, str))
        if len(rows) >= _ROWS_A_TIME or size >= _CHARACTERS_A_TIME:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows


def _find_later(connection: Connection, hidden: Collection[str]) -> frozenset[str]:
    """Return the cases whose identifier another one has that is exported and came before."""
    keys = schema.case_keys.c
    shared = select(keys.case_id).group_by(keys.case_id).having(func.count() > 1)
    query = select(keys.case_key, keys.case_id).where(keys.case_id.in_(shared))
    seen: set[str] = set()
    later: set[str] = set()
    for row in connection.execute(query.order_by(keys.stored_seq)):
        if row.case_key in hidden:
            continue
        if row.case_id in seen:
            later.add(row.case_key)
        seen.add(row.case_id)
    return frozenset(later)


def _name_cases(
    connection: Connection, frame: pd.DataFrame, later: Collection[str]
) -> pd.DataFrame:
    columns = [one for one in ("case_id", "linked_case_id") if one in frame.columns]
    named = {key for one in columns for key in frame[one]}
    table = schema.case_keys
    known = select(table.c.case_key, table.c.case_id).where(
        is_among(connection, table.c.case_key, named)
    )
    # An erased case has no identifier any more and goes by its random key.
    names = {
        row.case_key: row.case_key if row.case_key in later else row.case_id or row.case_key
        for row in connection.execute(known)
    }
    return frame.assign(**{one: frame[one].map(names).astype("str") for one in columns})


def make_arrow_schema(table: Table) -> pa.Schema:
    """Return a contract table's columns as Parquet holds them."""
    return pa.schema([(column.name, _type_of(column.form)) for column in table.columns])


def _type_of(form: Form) -> pa.DataType:
    if form in (Form.OCCURRED, Form.RECORDED):
        return _MOMENT
    return pa.float64() if form is Form.NUMBER else pa.string()


def to_arrow(table: Table, frame: pd.DataFrame) -> pa.Table:
    """Return normalised rows as Parquet holds them."""
    columns: list[Any] = []
    for column in table.columns:
        cells = list_cells(frame[column.name])
        kind = _type_of(column.form)
        if kind == _MOMENT:
            columns.append(pa.array(cells, type=pa.int64()).cast(kind))
        else:
            columns.append(pa.array(cells, type=kind))
    return pa.table(columns, schema=make_arrow_schema(table))
