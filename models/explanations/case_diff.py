"""One case's records as rows that can be left out and moved in time, measured by the real engine.

Two histories of one case are laid side by side: as it was stored then and as it is stored now. Each
row says whether it was in force at the earlier moment and at the later one.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.contract.arrays import MISSING, NEVER, Bools, Int32, Int64
from features.history.columns import Coded, Events, Facts, History
from features.history.in_force import in_force, next_versions


@dataclass(frozen=True)
class Side:
    """One table's rows of a case at two moments.

    Parameters
    ----------
    table
        The rows of the case alone, in the order of the contract; all that either history holds.
    then, now
        Shape ``(n,)``: in force at the earlier and at the later moment, by what was stored.
    known
        Shape ``(n,)``: known at the earlier moment, in force or not.
    corrects
        Shape ``(n,)``: came later, as a new version of a record known at the earlier moment.
    """

    table: Events | Facts
    then: Bools
    now: Bools
    known: Bools
    corrects: Bools

    @property
    def keys(self) -> list[str]:
        """Keys of the records."""
        table = self.table
        return [str(k) for k in (table.event_id if isinstance(table, Events) else table.fact_id)]

    @property
    def new(self) -> Bools:
        """Rows that came later and correct nothing known before, in force now."""
        return self.now & ~self.known & ~self.corrects

    @property
    def corrected(self) -> Bools:
        """Rows that came later as corrections, whether or not measured."""
        return self.corrects & ~self.known


def lay_side_by_side(
    before: Events | Facts,
    after: Events | Facts,
    then_us: int,
    now_us: int,
) -> Side:
    """Lay one case's rows of two histories side by side.

    Parameters
    ----------
    before, after
        The case's rows alone, of one type, as stored at the earlier and at the later moment.
    then_us, now_us
        The moments, microseconds UTC, exclusive.

    Returns
    -------
    Side
        All rows that either history holds.
    """
    old, new = _keys(before), _keys(after)
    place = {key: number for number, key in enumerate(new)}
    gone = [number for number, key in enumerate(old) if key not in place]
    table = _append(after, before, gone)
    source = {key: number for number, key in enumerate(old)}
    of_then = np.array([source.get(key, -1) for key in new] + gone, dtype=np.int64)
    stored = of_then >= 0
    if gone and isinstance(table, Events):
        table = dataclasses.replace(table, incident=_join_incidents(before, after, of_then))
    until = np.full(len(of_then), np.iinfo(np.int64).min)
    until[stored] = before.superseded_at[of_then[stored]]
    known = stored & (table.recorded_at < then_us)
    now = in_force(table.recorded_at, table.superseded_at, now_us)
    # Rows that the later history has no more are not in force in it.
    now[len(new) :] = False
    corrects = _find_corrections(after, known, now_us)
    side = Side(table, known & (until >= then_us), now, known, corrects)
    return _sort(side) if gone else side


def _join_incidents(before: Any, after: Any, of_then: Int64) -> Int32:
    """Number the incidents of rows of two histories: what either holds to be one incident is one.

    A row that is gone leaves another of its incident alone, which has no number any more.
    """
    then = np.where(of_then >= 0, before.incident[of_then], MISSING)
    now = np.full(len(of_then), MISSING, dtype=np.int32)
    now[: len(after)] = after.incident
    label = np.arange(len(of_then))
    for numbers in (then, now):
        for number in np.unique(numbers[numbers != MISSING]):
            joined = np.isin(label, label[numbers == number])
            label[joined] = label[joined].min()
    _, place, size = np.unique(label, return_inverse=True, return_counts=True)
    numbers = np.where(size > 1, np.cumsum(size > 1) - 1, MISSING)
    return np.asarray(numbers[place], dtype=np.int32)


def _find_corrections(after: Events | Facts, known: Bools, now_us: int) -> Bools:
    """Return which rows are later versions, in one step or several, of a record known before.

    ``known`` goes on behind the rows of ``after`` with those that are there no longer.
    """
    following = next_versions(after, slice(0, len(after)), now_us)
    corrects = np.zeros(len(known), dtype=np.bool_)
    versions = following[known[: len(after)]]
    while len(versions := versions[versions != MISSING]):
        corrects[versions] = ~known[versions]
        versions = following[versions]
    return corrects


def only_case(history: History, case: int) -> tuple[Events, Facts]:
    """Return the events and the facts of one case alone."""
    return (
        _take(history.events, history.events_of(case)),
        _take(history.facts, history.facts_of(case)),
    )


def repeat_rows(table: Any, kept: Bools, **replaced: Int64) -> Any:
    """Return a table of one case for each row of ``kept``, in force as they are.

    Parameters
    ----------
    table
        The case's rows.
    kept
        Shape ``(n_variants, n)``: the rows that each variant has.
    replaced
        Columns that differ by variant, shape ``(n_variants, n)``.

    Returns
    -------
    Events or Facts
        One case for each variant, sorted anew where a moment differs.
    """
    order = np.arange(kept.shape[1])[None, :].repeat(len(kept), axis=0)
    if "occurred_at" in replaced:
        order = np.argsort(replaced["occurred_at"], axis=1, kind="stable")
    shown = np.take_along_axis(kept, order, axis=1)
    variant, column = np.nonzero(shown)
    rows = order[variant, column]
    columns = _columns(table, rows)
    columns |= {name: values[variant, rows] for name, values in replaced.items()}
    columns["superseded_at"] = np.full(len(rows), NEVER, dtype=np.int64)
    columns["superseded_by"] = np.full(len(rows), MISSING, dtype=np.int32)
    columns["pointer"] = np.searchsorted(variant, np.arange(len(kept) + 1)).astype(np.int64)
    return type(table)(**columns)


def _keys(table: Events | Facts) -> list[tuple[Any, ...]]:
    """Return what makes the rows of a case the same in two histories; a borrowed event may come
    by several links, so that they are counted up.
    """
    if isinstance(table, Facts):
        base = list(zip(table.fact_id.tolist(), table.recorded_at.tolist(), strict=True))
    else:
        base = list(zip(table.event_id.tolist(), table.recorded_at.tolist(), strict=True))
    seen: dict[tuple[Any, ...], int] = {}
    found = []
    for key in base:
        seen[key] = seen.get(key, 0) + 1
        found.append((*key, seen[key]))
    return found


def _names(table: Events | Facts) -> list[str]:
    return [field.name for field in dataclasses.fields(table) if field.name != "pointer"]


def _columns(table: Events | Facts, rows: Int64 | slice | Bools) -> dict[str, Any]:
    return {
        name: Coded(column.codes[rows], column.values)
        if isinstance(column := getattr(table, name), Coded)
        else column[rows]
        for name in _names(table)
    }


def _take(table: Any, rows: slice) -> Any:
    pointer = np.array([0, rows.stop - rows.start], dtype=np.int64)
    return type(table)(pointer=pointer, **_columns(table, rows))


def _append(first: Any, second: Any, rows: list[int]) -> Any:
    """Return one table with some rows of another behind its own, incidents not numbered anew."""
    if not rows:
        return first
    ours = _columns(first, slice(None))
    theirs = _columns(second, np.array(rows, dtype=np.int64))
    joined: dict[str, Any] = {name: _join(ours[name], theirs[name]) for name in ours}
    # Places among the rows of one history say nothing among those of both.
    joined["superseded_by"] = np.full(len(joined["recorded_at"]), MISSING, dtype=np.int32)
    return type(first)(pointer=np.array([0, len(joined["recorded_at"])]), **joined)


def _join(ours: Any, theirs: Any) -> Any:
    if not isinstance(ours, Coded):
        return np.concatenate([ours, theirs])
    values = tuple(sorted({*ours.values, *theirs.values}))
    codes = [
        np.array([*(values.index(value) for value in one.values), -1], dtype=np.int32)[one.codes]
        for one in (ours, theirs)
    ]
    return Coded(np.concatenate(codes), values)


def _sort(side: Side) -> Side:
    """Return the rows in the order of the contract, after some were put behind the others."""
    table = side.table
    first = table.occurred_at if isinstance(table, Events) else table.recorded_at
    order = np.lexsort((np.array(side.keys, dtype=str), table.recorded_at, first))
    pointer = np.array([0, len(order)], dtype=np.int64)
    rest = {
        field.name: getattr(side, field.name)[order]
        for field in dataclasses.fields(side)
        if field.name != "table"
    }
    return Side(table=type(table)(pointer=pointer, **_columns(table, order)), **rest)
