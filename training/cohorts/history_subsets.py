"""Parts of a history that answer some questions sooner than the whole, and the same."""

import dataclasses
from typing import Any

import numpy as np

from features.contract.arrays import Int64
from features.contract.tables import CLOSING_KINDS, OPENING_KINDS
from features.history.columns import Coded, Events, Facts, History


def keep_lifecycle(history: History) -> History:
    """Return a history of the events that open and close cases alone.

    :func:`features.history.open_cases.open_cases` finds the same in it, many times quicker where it
    is asked about many moments.
    """
    events = history.events
    chosen = np.isin(events.kind.values, (*OPENING_KINDS, *CLOSING_KINDS))
    rows = np.flatnonzero(np.append(chosen, False)[events.kind.codes])
    pointer = np.searchsorted(rows, events.pointer).astype(np.int64)
    columns = {
        field.name: _take(getattr(events, field.name), rows)
        for field in dataclasses.fields(Events)
        if field.name != "pointer"
    }
    return dataclasses.replace(history, events=Events(pointer=pointer, **columns))


def drop_facts(history: History) -> History:
    """Return a history without answers, for what is asked of events alone, such as labels."""
    facts = history.facts
    columns = {
        field.name: _take(getattr(facts, field.name), np.empty(0, dtype=np.int64))
        for field in dataclasses.fields(Facts)
        if field.name != "pointer"
    }
    pointer = np.zeros(len(facts.pointer), dtype=np.int64)
    return dataclasses.replace(history, facts=Facts(pointer=pointer, **columns))


def _take(column: Any, rows: Int64) -> Any:
    if isinstance(column, Coded):
        return Coded(column.codes[rows], column.values)
    return column[rows]
