"""Histories with something changed, measured by the same engine as the real ones."""

import dataclasses
from typing import Any, TypeVar

import numpy as np

from features.catalogue.declarations import Catalogue
from features.contract.arrays import MISSING, NEVER, Bools, Int32, Int64
from features.history.columns import Coded, Events, Facts, History, Identifiers

Table = TypeVar("Table", Events, Facts)


def keep_rows(table: Table, rows: Int64) -> Table:
    """Return a table of some of its records, all cases still there.

    Parameters
    ----------
    table
        Events or facts.
    rows
        Which of them, ascending and each once.

    Returns
    -------
    Events or Facts
        A version that was corrected stays corrected where what corrects it is left out.
    """
    pointer = np.searchsorted(rows, table.pointer).astype(np.int64)
    columns = _take_columns(table, rows)
    following = columns["superseded_by"]
    named = np.flatnonzero(following != MISSING)
    case = np.searchsorted(table.pointer, rows[named], side="right") - 1
    wanted = table.pointer[case] + following[named]
    place = np.searchsorted(rows, wanted)
    is_there = np.isin(wanted, rows)
    following[named] = np.where(is_there, place - pointer[case], MISSING)
    return type(table)(pointer=pointer, **columns)


def take_cases(history: History, cases: Int64) -> History:
    """Return a history of the given cases only, in the given order (ascending keeps it sorted)."""
    events, facts = history.events, history.facts
    event_rows, event_pointer = _rows_of(events.pointer, cases)
    fact_rows, fact_pointer = _rows_of(facts.pointer, cases)
    return dataclasses.replace(
        history,
        case_id=history.case_id[cases],
        case_recorded_at=history.case_recorded_at[cases],
        area=_take(history.area, cases),
        referral_source=_take(history.referral_source, cases),
        events=Events(pointer=event_pointer, **_take_columns(events, event_rows)),
        facts=Facts(pointer=fact_pointer, **_take_columns(facts, fact_rows)),
    )


def keep_events(history: History, case: int, kept: Bools) -> History:
    """Return a history whose cases are one case with some of its events, its facts untouched.

    Parameters
    ----------
    case
        Number of the case.
    kept
        Shape ``(n_variants, n_events)``: which of the case's events each variant has. A version
        that was corrected stays corrected where what corrects it is left out.

    Returns
    -------
    History
        One case for each variant, under the case's own identifier.
    """
    first = history.events_of(case).start
    variant, place = np.nonzero(kept)
    pointer = np.searchsorted(variant, np.arange(len(kept) + 1), side="left").astype(np.int64)
    same = np.full(len(kept), case, dtype=np.int64)
    fact_rows, fact_pointer = _rows_of(history.facts.pointer, same)
    columns = _take_columns(history.events, first + place)
    columns["superseded_by"] = _renumber(columns["superseded_by"], kept, variant)
    return dataclasses.replace(
        history,
        case_id=history.case_id[same],
        case_recorded_at=history.case_recorded_at[same],
        area=_take(history.area, same),
        referral_source=_take(history.referral_source, same),
        events=Events(pointer=pointer, **columns),
        facts=Facts(pointer=fact_pointer, **_take_columns(history.facts, fact_rows)),
    )


def _renumber(following: Int32, kept: Bools, variant: Int64) -> Int32:
    """Return places among all of a case's events as places among those that its variant has."""
    place = np.where(kept, np.cumsum(kept, axis=1) - 1, MISSING)
    is_named = following != MISSING
    found = place[variant, np.where(is_named, following, 0)]
    return np.where(is_named, found, MISSING).astype(np.int32)


def end_state(history: History, catalogue: Catalogue, state: str, as_of_us: int) -> History:
    """Return the history with a state ended for every case, one microsecond before ``as_of_us``.

    For each case and each detail under which the state was ever started, an end is added as if it
    had occurred and been recorded then; an end that matches no start changes nothing (design
    section 4). This is the precaution of the priority, not a prediction of release.

    Parameters
    ----------
    history, catalogue
        Case histories, and what is measured of them.
    state
        Name of the state.
    as_of_us
        The moment by which it has ended, microseconds UTC.

    Returns
    -------
    History
        The very history where no case was ever in the state.
    """
    enders = [kind.name for kind in catalogue.kinds.values() if kind.ends == state]
    starters = [kind.name for kind in catalogue.kinds.values() if kind.starts == state]
    events = history.events
    codes = [events.kind.values.index(kind) for kind in starters if kind in events.kind.values]
    own = events.via.codes == MISSING
    rows = np.flatnonzero(np.isin(events.kind.codes, codes) & events.measured & own)
    if not enders or not len(rows):
        return history
    case = np.searchsorted(events.pointer, rows, side="right") - 1
    # A start of each detail is enough: its cells make the end one that matches it.
    _, first = np.unique(np.stack([case, events.detail.codes[rows]]), axis=1, return_index=True)
    return _insert_ends(history, rows[first], case[first], enders[0], as_of_us - 1)


def _insert_ends(history: History, starts: Int64, case: Int64, kind: str, at_us: int) -> History:
    events = history.events
    places = np.array(
        [
            history.events.pointer[c]
            + np.searchsorted(events.occurred_at[history.events_of(int(c))], at_us, side="right")
            for c in case
        ],
        dtype=np.int64,
    )
    kinds = Coded(events.kind.codes, (*events.kind.values, kind))
    if kind in events.kind.values:
        kinds = events.kind
    columns = _take_columns(events, starts)
    columns |= {
        "occurred_at": np.full(len(starts), at_us),
        "recorded_at": np.full(len(starts), at_us),
        "superseded_at": np.full(len(starts), NEVER),
        "superseded_by": np.full(len(starts), MISSING, dtype=np.int32),
        "kind": Coded(np.full(len(starts), kinds.values.index(kind), dtype=np.int32), kinds.values),
        "incident": np.full(len(starts), -1, dtype=np.int32),
    }
    size = len(events.occurred_at)
    # Where each row of all stands, found once for every column.
    order = np.insert(np.arange(size), places, size + np.arange(len(places)))
    merged = {
        name: _insert(kinds if name == "kind" else getattr(events, name), order, added)
        for name, added in columns.items()
    }
    added_before = np.searchsorted(np.sort(case), np.arange(len(history) + 1), side="left")
    pointer = events.pointer + added_before
    following = merged["superseded_by"]
    named = np.flatnonzero(following != MISSING)
    its_case = np.searchsorted(pointer, named, side="right") - 1
    before = events.pointer[its_case] + following[named]
    # An end that goes in at the place of an event moves that event and all behind it.
    moved = before + np.searchsorted(np.sort(places), before, side="right")
    following[named] = moved - pointer[its_case]
    return dataclasses.replace(history, events=Events(pointer=pointer, **merged))


def _insert(column: Any, order: Int64, added: Any) -> Any:
    if isinstance(column, Coded | Identifiers):
        return type(column)(np.concatenate((column.codes, added.codes))[order], column.values)
    return np.concatenate((column, added))[order]


def _rows_of(pointer: Int64, cases: Int64) -> tuple[Int64, Int64]:
    lengths = pointer[cases + 1] - pointer[cases]
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    # One counter through all rows, moved for each case from its new place to its old one.
    rows = np.repeat(pointer[cases] - offsets[:-1], lengths) + np.arange(offsets[-1])
    return rows, offsets


def _take(column: Any, rows: Int64) -> Any:
    if isinstance(column, Coded | Identifiers):
        taken: Any = column.codes[rows]
        return type(column)(taken, column.values)
    return column[rows]


def _take_columns(table: Events | Facts, rows: Int64) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(table) if field.name != "pointer"]
    return {name: _take(getattr(table, name), rows) for name in names}
