"""Rows that would open, close, merge or hand on a case, or take that back: people decide so.

A source that sends such rows would do what only a named person's decision or a move does.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, select

from features.contract.rejects import COLUMNS, Rejects, join_rejects, make_rejects
from features.contract.tables import CLOSING_KINDS, EVENTS, OPENING_KINDS
from features.intake.frames import to_frame
from features.intake.normalisation import FILE, ROW
from serving.intake.row_lines import Normal
from serving.store import schema
from serving.store.lookups import is_among

TURNS: Final = (*OPENING_KINDS, *CLOSING_KINDS, "transferred")
"""Kinds of event that say what became of a file."""
DECIDED_BY_PEOPLE: Final = "decided_by_people"
_REMEDY: Final = "a case is closed, opened, merged or handed on by a decision or a move"


def leave_out_turns(connection: Connection, normal: Normal) -> Normal:
    """Return rows without those that say what became of a case, which are rejects.

    Parameters
    ----------
    connection
        The transaction that would store them; a row that corrects or withdraws one that says what
        became of a case is one as well.
    normal
        The rows, with the cases' own identifiers.
    """
    rows = normal.tables.get(EVENTS.name)
    if rows is None or not rows.num_rows:
        return normal
    frame = to_frame(EVENTS, rows)
    turns = frame["kind"].isin(TURNS)
    corrects = ~turns & _find_corrections(connection, frame, frame[turns])
    told = [
        _reject(frame[some], column) for some, column in ((turns, "kind"), (corrects, "supersedes"))
    ]
    kept = rows.filter(pa.array(~(turns | corrects)))
    return replace(
        normal,
        tables={**normal.tables, EVENTS.name: kept},
        rejects=join_rejects([normal.rejects, *told]),
    )


def _find_corrections(
    connection: Connection, frame: pd.DataFrame, turns: pd.DataFrame
) -> "pd.Series[bool]":
    """Return which rows correct one that says what became of its case, here or stored."""
    names = frame["supersedes"].dropna().unique().tolist()
    known = set(zip(turns["case_id"], turns["event_id"], strict=True))
    known |= _read_turns(connection, names)
    pairs = zip(frame["case_id"], frame["supersedes"], strict=True)
    return pd.Series([pair in known for pair in pairs], index=frame.index, dtype=bool)


def _read_turns(connection: Connection, names: Sequence[str]) -> set[tuple[str, str]]:
    if not names:
        return set()
    events, keys = schema.events, schema.case_keys
    query = (
        select(keys.c.case_id, events.c.event_id)
        .join(keys, keys.c.case_key == events.c.case_key)
        .where(is_among(connection, events.c.event_id, names), events.c.kind.in_(TURNS))
    )
    return {(row.case_id, row.event_id) for row in connection.execute(query)}


def _reject(rows: pd.DataFrame, column: str) -> Rejects:
    told = make_rejects(
        table=EVENTS.name,
        file=rows[FILE].tolist(),
        rows=rows[ROW].tolist(),
        column=column,
        code="not_a_choice",
        sources=rows[list(EVENTS.column_names)].to_dict("records"),  # type: ignore[arg-type]
    )
    frame = told.frame.assign(code=DECIDED_BY_PEOPLE, remedy=_REMEDY)
    return Rejects(frame[list(COLUMNS)])
