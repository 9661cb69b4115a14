"""Histories out of the store: the cases' records as a sound folder, as of a place in its order.

What a case's history holds depends on its own records and those of linked cases alone, never on
which other cases are read with it.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, Row, func, or_, select, union, union_all

from features.contract.manifest import Manifest
from features.contract.rejects import Rejects, join_rejects
from features.contract.tables import LINKS, PEOPLE, TABLES, Table
from features.history.assembly import assemble_history
from features.history.columns import History
from features.history.subsets import take_cases
from features.intake.contract_folder import ContractFolder
from features.intake.frames import empty_rows, to_frame, to_rows
from features.intake.integrity import check_integrity
from features.intake.normalisation import FILE, ROW
from serving.store import schema
from serving.store.database import Unit
from serving.store.frames import make_frame, make_rows, select_rows
from serving.store.lookups import is_among
from serving.store.read_once import read_once

_KEYS_PER_QUERY: Final = 5_000
_NOT_MEASURED: Final = ("occurred_until", "narrative")
"""Columns of events that no history holds; narratives are most of an event's bytes."""


@read_once
def read_head(connection: Connection) -> int:
    """Return the place of the row that was stored last."""
    return int(connection.execute(select(schema.unit.c.last_seq)).scalar_one())


def read_case_head(connection: Connection, case_key: str) -> int:
    """Return the place of the last row that bears on one case: of its records and those seen from
    it, its flags and moves; 0 where there is no such case.

    A person is told this one, never the head of the store, which moves with every other case.
    """
    known, raised, moves = schema.standings.c, schema.flag_raisings.c, schema.case_moves.c
    places = union_all(
        select(known.record_seq.label("seq")).where(known.case_key == case_key),
        select(raised.stored_seq).where(raised.case_key == case_key),
        select(moves.stored_seq).where(
            or_(moves.case_key == case_key, moves.other_case_key == case_key)
        ),
    ).subquery("places")
    return int(connection.execute(select(func.coalesce(func.max(places.c.seq), 0))).scalar_one())


def read_case_folder(
    connection: Connection,
    case_keys: Sequence[str],
    unit: Unit,
    *,
    extract_at_us: int,
    known_seq: int | None = None,
    most_narrative: int | None = None,
) -> ContractFolder:
    """Read the records of some cases as a sound folder.

    Of linked cases it holds the row and the events, since those are seen from the cases asked for;
    not their facts and not their other links.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    case_keys
        The cases; keys that the store does not hold are passed over.
    unit
        What holds for the whole store.
    extract_at_us
        Moment at which the folder says it was drawn, microseconds UTC.
    known_seq
        Last row that is read, in the order of rows; the last one stored where absent.
    most_narrative
        So many characters are read of a narrative; all of them where absent.

    Returns
    -------
    ContractFolder
        With case keys for identifiers, and what supersedes each record as in a folder that was
        read.
    """
    cut = {} if most_narrative is None else {"narrative": most_narrative}
    return _read(connection, case_keys, unit, (extract_at_us, known_seq), without=(), cut=cut)


def read_history(
    connection: Connection,
    case_keys: Sequence[str],
    unit: Unit,
    *,
    extract_at_us: int,
    known_seq: int | None = None,
) -> History:
    """Return the history of exactly the cases asked for; see :func:`read_case_folder`."""
    folder = _read(connection, case_keys, unit, (extract_at_us, known_seq), without=_NOT_MEASURED)
    history = assemble_history(folder)
    asked = pd.Index(history.case_id).isin(list(case_keys))
    # Linked cases were read for what happened there, and are not asked about.
    return history if asked.all() else take_cases(history, asked.nonzero()[0])


def _read(
    connection: Connection,
    case_keys: Sequence[str],
    unit: Unit,
    until: tuple[int, int | None],
    *,
    without: Collection[str],
    cut: Mapping[str, int] | None = None,
) -> ContractFolder:
    extract_at_us, known_seq = until
    asked = sorted(set(case_keys))
    links, sealed, unsound = _read_links(connection, asked, known_seq)
    companions = sorted({*links["case_id"], *links["linked_case_id"]} - {*asked, *sealed})
    sound, rejects = {}, [unsound]
    for name, keys in (("events", asked + companions), ("facts", asked)):
        rows = _read_rows(connection, name, keys, known_seq, without, cut)
        sound[name], unsound = _settle(TABLES[name], rows)
        rejects.append(unsound)
    return ContractFolder(
        manifest=Manifest(unit.time_zone, extract_at_us, unit.synthetic),
        cases=_read_rows(connection, "cases", asked + companions, known_seq),
        **sound,
        links=to_rows(LINKS, links),
        people=empty_rows(PEOPLE),
        rejects=join_rejects(rejects),
        repeats=0,
        conflicts=0,
        warnings={},
    )


def _read_links(
    connection: Connection, asked: list[str], known_seq: int | None
) -> tuple[pd.DataFrame, frozenset[str], Rejects]:
    """Return the links from and to the cases asked for, settled, and which of them are sealed.

    A link's correction belongs to the case that stated it and may name another case: all links of
    the cases that name one of those asked for are looked at. A link that a sealed case states is
    left out. One that another case states with a sealed one is a record of that other case, and is
    read as one with a case that never came, where the sealed one is not asked for as well: what
    happened in either is measured in neither.
    """
    own, linked = schema.links.alias("own").c, schema.links.alias("linked").c
    frames = []
    for part in _part(asked) or [[]]:
        # A union, not an `or`: PostgreSQL uses the index of neither side for that.
        owners = union(
            select(own.case_key).where(is_among(connection, own.case_key, part)),
            select(linked.case_key).where(
                is_among(connection, linked.linked_case_key, part),
                _is_before(linked.stored_seq, known_seq),
            ),
        )
        query = select_rows("links").where(
            schema.links.c.case_key.in_(owners), _is_known("links", known_seq)
        )
        frames.append(make_frame("links", connection.execute(query).all()))
    links = pd.concat(frames).drop_duplicates(ignore_index=True)  # one may be of two parts
    settled, rejects = _settle(LINKS, to_rows(LINKS, links))
    frame = to_frame(LINKS, settled)
    touching = frame["case_id"].isin(asked) | frame["linked_case_id"].isin(asked)
    found = frame[touching]
    sealed = _find_sealed(connection, found, known_seq)
    away = found["case_id"].isin(sealed) | found["linked_case_id"].isin(sealed.intersection(asked))
    return found[~away].reset_index(drop=True), sealed, rejects


def _find_sealed(
    connection: Connection, links: pd.DataFrame, known_seq: int | None
) -> frozenset[str]:
    """Return the cases at either end of some links that are sealed."""
    if links.empty:
        return frozenset()
    table = schema.seals.c
    ends = {*links["case_id"], *links["linked_case_id"]}
    query = (
        select(table.case_key, table.sealed)
        .where(is_among(connection, table.case_key, ends), _is_before(table.stored_seq, known_seq))
        .order_by(table.stored_seq)
    )
    # In the order of rows: the latest seal of a case replaces the earlier ones.
    latest = {row.case_key: row.sealed for row in connection.execute(query)}
    return frozenset(key for key, is_sealed in latest.items() if is_sealed)


def _read_rows(
    connection: Connection,
    name: str,
    keys: list[str],
    known_seq: int | None,
    without: Collection[str] = (),
    cut: Mapping[str, int] | None = None,
) -> pa.Table:
    left_out = [column for column in without if name == "events"]
    column = schema.RECORDS[name].c.case_key
    rows: list[Row[Any]] = []
    for part in _part(keys):
        query = select_rows(name, without=left_out, cut=cut if name == "events" else None).where(
            is_among(connection, column, part), _is_known(name, known_seq)
        )
        rows += connection.execute(query).all()
    return make_rows(name, rows, without=left_out)


def _is_known(name: str, known_seq: int | None) -> "ColumnElement[bool]":
    return _is_before(schema.RECORDS[name].c.stored_seq, known_seq)


def _is_before(stored_seq: Any, known_seq: int | None) -> "ColumnElement[bool]":
    # Inclusive: the head that a score read is the last row that it saw.
    found: ColumnElement[bool] = stored_seq > 0 if known_seq is None else stored_seq <= known_seq
    return found


def _part(keys: list[str]) -> list[list[str]]:
    return [keys[at : at + _KEYS_PER_QUERY] for at in range(0, len(keys), _KEYS_PER_QUERY)]


def _settle(table: Table, rows: pa.Table) -> tuple[pa.Table, Rejects]:
    """Return the rows with what supersedes each, without those that make no sense together.

    What a row says it corrects counts within its case alone. Whether another case has a record of
    that name was asked when the row came in; asked here, the answer would depend on which cases
    are read together.
    """
    size = rows.num_rows
    placed = rows.append_column(FILE, pa.array(["store"] * size, pa.large_string()))
    placed = placed.append_column(ROW, pa.array(np.arange(1, size + 1, dtype=np.int64)))
    sound = check_integrity(table, placed, None, within_cases=True)
    return sound.rows.drop_columns([FILE, ROW]), sound.rejects
