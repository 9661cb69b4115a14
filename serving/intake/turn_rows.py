"""Rows that would open, close, merge or hand on a case, or take that back: people decide so.

A source that sends such rows would do what only a named person's decision or a move does.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, func, select

from features.contract.rejects import COLUMNS, Rejects, join_rejects, make_rejects
from features.contract.tables import CLOSING_KINDS, EVENTS, OPENING_KINDS
from features.intake.frames import to_frame
from features.intake.normalisation import FILE, ROW
from serving.flags.flags import is_standing
from serving.intake.row_lines import Normal
from serving.standing.serious_records import SeriousRules, find_serious
from serving.store import schema
from serving.store.lookups import is_among

TURNS: Final = (*OPENING_KINDS, *CLOSING_KINDS, "transferred")
"""Kinds of event that say what became of a file."""
DECIDED_BY_PEOPLE: Final = "decided_by_people"
_TWO_REMEDY: Final = (
    "the case has an urgent flag or a serious record: close it by a decision or merge it by a "
    "move, which a second person confirms"
)
_REMEDY: Final = "a case is closed, opened, merged or handed on by a decision or a move"


def leave_out_turns(connection: Connection, normal: Normal, absent: Collection[str] = ()) -> Normal:
    """Return rows without those that say what became of a case, which are rejects.

    Parameters
    ----------
    connection
        The transaction that would store them; a row that corrects or withdraws one that says what
        became of a case is one as well.
    normal
        The rows, with the cases' own identifiers.
    absent
        Cases that are not there for the sender: their records are not looked at.
    """
    rows = normal.tables.get(EVENTS.name)
    if rows is None or not rows.num_rows:
        return normal
    frame = to_frame(EVENTS, rows)
    turns = frame["kind"].isin(TURNS)
    corrects = ~turns & _find_corrections(connection, frame, frame[turns], absent)
    told = [
        _reject(frame[some], column) for some, column in ((turns, "kind"), (corrects, "supersedes"))
    ]
    kept = rows.filter(pa.array(~(turns | corrects)))
    return replace(
        normal,
        tables={**normal.tables, EVENTS.name: kept},
        rejects=join_rejects([normal.rejects, *told]),
    )


def leave_out_closings(
    connection: Connection,
    normal: Normal,
    import_key: str,
    now_us: int,
    serious: SeriousRules,
    absent: Collection[str] = (),
) -> Normal:
    """Return rows without those by which one sender would close or merge a case that needs two.

    Those are cases that were there before the import and have an open urgent flag or a serious
    record: they are closed by a decision and merged by a move, which a second person confirms. A
    case whose history comes whole is taken as it was, and so is a row that is stored already.

    Parameters
    ----------
    connection
        The transaction that would store the rows.
    normal
        The rows, with the cases' own identifiers.
    import_key
        The import that they come with.
    now_us
        The moment, microseconds UTC.
    serious
        What is a serious record.
    absent
        Cases that are not there for the sender: whether one needs two people tells nothing.
    """
    rows = normal.tables.get(EVENTS.name)
    if rows is None or not rows.num_rows:
        return normal
    frame = to_frame(EVENTS, rows)
    closing = frame["kind"].isin(CLOSING_KINDS)
    if not closing.any():
        return normal
    named = frame[closing]["case_id"].unique().tolist()
    names = _find_guarded(connection, named, import_key, absent)
    guarded = find_serious(connection, names, now_us, serious) | _find_urgent(connection, names)
    stored = _read_closings(connection, frame[closing]["event_id"].tolist())
    keys = {name: key for key, name in names.items() if key in guarded}
    pairs = zip(frame["case_id"].map(keys), frame["event_id"], strict=True)
    is_new = pd.Series([pair not in stored for pair in pairs], index=frame.index, dtype=bool)
    left_out = closing & frame["case_id"].isin(keys) & is_new
    told = _reject(frame[left_out], "kind", _TWO_REMEDY)
    return replace(
        normal,
        tables={**normal.tables, EVENTS.name: rows.filter(pa.array(~left_out))},
        rejects=join_rejects([normal.rejects, told]),
    )


def _find_guarded(
    connection: Connection, names: Sequence[str], import_key: str, absent: Collection[str]
) -> dict[str, str]:
    """Return, by key, the identifiers of those of some cases that did not come with an import."""
    keys, cases = schema.case_keys.c, schema.cases.c
    query = (
        select(keys.case_key, keys.case_id)
        .join(schema.cases, cases.case_key == keys.case_key)
        .where(
            is_among(connection, keys.case_id, names),
            func.coalesce(cases.import_key, "") != import_key,
        )
    )
    found = {row.case_key: row.case_id for row in connection.execute(query)}
    return {key: name for key, name in found.items() if key not in absent}


def _find_urgent(connection: Connection, case_keys: Collection[str]) -> frozenset[str]:
    raised = schema.flag_raisings.c
    query = select(raised.case_key).where(
        is_among(connection, raised.case_key, case_keys), raised.urgent, is_standing()
    )
    return frozenset(connection.execute(query).scalars())


def _read_closings(connection: Connection, names: Sequence[str]) -> set[tuple[str, str]]:
    """Return case and number of those closing records that are stored already."""
    events = schema.events
    query = select(events.c.case_key, events.c.event_id).where(
        is_among(connection, events.c.event_id, names), events.c.kind.in_(CLOSING_KINDS)
    )
    return {(row.case_key, row.event_id) for row in connection.execute(query)}


def _find_corrections(
    connection: Connection, frame: pd.DataFrame, turns: pd.DataFrame, absent: Collection[str]
) -> "pd.Series[bool]":
    """Return which rows correct one that says what became of its case, here or stored."""
    names = frame["supersedes"].dropna().unique().tolist()
    known = set(zip(turns["case_id"], turns["event_id"], strict=True))
    known |= _read_turns(connection, names, absent)
    pairs = zip(frame["case_id"], frame["supersedes"], strict=True)
    return pd.Series([pair in known for pair in pairs], index=frame.index, dtype=bool)


def _read_turns(
    connection: Connection, names: Sequence[str], absent: Collection[str]
) -> set[tuple[str, str]]:
    if not names:
        return set()
    events, keys = schema.events, schema.case_keys
    query = (
        select(keys.c.case_key, keys.c.case_id, events.c.event_id)
        .join(keys, keys.c.case_key == events.c.case_key)
        .where(is_among(connection, events.c.event_id, names), events.c.kind.in_(TURNS))
    )
    return {
        (row.case_id, row.event_id)
        for row in connection.execute(query)
        if row.case_key not in absent
    }


def _reject(rows: pd.DataFrame, column: str, remedy: str = _REMEDY) -> Rejects:
    told = make_rejects(
        table=EVENTS.name,
        file=rows[FILE].tolist(),
        rows=rows[ROW].tolist(),
        column=column,
        code="not_a_choice",
        sources=rows[list(EVENTS.column_names)].to_dict("records"),  # type: ignore[arg-type]
    )
    frame = told.frame.assign(code=DECIDED_BY_PEOPLE, remedy=remedy)
    return Rejects(frame[list(COLUMNS)])
