"""Joining a plan to a history: which selectors take in which events.

Events that agree in every column that selectors look at share a *signature*. There are few of
these, so selectors are tested once per signature, and the compiled pass only looks them up.
"""

import math
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from features.catalogue import Selector
from features.history import CODED_COLUMNS, MISSING, Coded, Float64, History, Int32, Int64
from features.plan import NONE, Conditions, Plan
from features.vocabulary import read_answer

_TABLE_LIMIT: Final = 1 << 22


class EventArrays(NamedTuple):
    """Columns of the events as the compiled pass reads them.

    ``matched[match_pointer[g]:match_pointer[g + 1]]`` are the selectors that signature ``g`` meets,
    leaving value limits aside. ``state``, ``edge`` and ``slot`` say which state an event touches, 1
    for a start or 2 for an end, and the number of its (state, detail) pair.
    """

    pointer: Int64
    occurred_at: Int64
    recorded_at: Int64
    superseded_at: Int64
    measured: npt.NDArray[np.bool_]
    value: Float64
    incident: Int32
    view_code: Int32
    signature: Int32
    match_pointer: Int32
    matched: Int32
    state: Int32
    edge: Int32
    slot: Int32
    field_codes: Int32
    field_row: Int32
    n_codes: Int32


class FactColumns(NamedTuple):
    """Columns of the facts; ``fact`` is a position in the plan, ``number`` the answer."""

    pointer: Int64
    recorded_at: Int64
    superseded_at: Int64
    fact: Int32
    asked: npt.NDArray[np.bool_]
    number: Float64


@dataclass(frozen=True)
class Binding:
    """A plan bound to one history, with the sizes of the scratch it needs."""

    events: EventArrays
    facts: FactColumns
    n_slots: int
    most_events: int
    most_incidents: int


def bind(plan: Plan, history: History) -> Binding:
    """Bind a plan to a history; the result may be used by many threads at once."""
    events = history.events
    signature, rows = _sign(plan, history)
    matches = _match(plan, history, rows)
    state, edge, slot, n_slots = _states(plan, history)
    field_codes, field_row, n_codes = _fields(plan, history)
    counts = matches.sum(axis=1)
    return Binding(
        events=EventArrays(
            pointer=events.pointer,
            occurred_at=events.occurred_at,
            recorded_at=events.recorded_at,
            superseded_at=events.superseded_at,
            measured=events.measured,
            value=events.value,
            incident=events.incident,
            view_code=events.view.codes,
            signature=signature,
            match_pointer=np.concatenate(([0], np.cumsum(counts))).astype(np.int32),
            matched=np.nonzero(matches)[1].astype(np.int32),
            state=state,
            edge=edge,
            slot=slot,
            field_codes=field_codes,
            field_row=field_row,
            n_codes=n_codes,
        ),
        facts=_bind_facts(plan, history),
        n_slots=n_slots,
        most_events=int(np.diff(events.pointer).max(initial=0)),
        most_incidents=int(events.incident.max(initial=MISSING)) + 1,
    )


def _sign(plan: Plan, history: History) -> tuple[Int32, dict[str, Int64]]:
    """Number each event's signature and list the codes that each signature stands for."""
    names = [*plan.used_columns, *(["via"] if history.events.via.values else [])]
    columns: list[Coded] = [getattr(history.events, name) for name in names]
    sizes = [len(column.values) + 1 for column in columns]
    n_possible = math.prod(sizes)
    narrow = n_possible <= np.iinfo(np.int32).max
    combined: npt.NDArray[Any] = np.zeros(
        len(history.events), dtype=np.int32 if narrow else np.int64
    )
    for column, size in zip(columns, sizes, strict=True):
        combined *= size
        combined += column.codes
        combined += 1
    if n_possible <= _TABLE_LIMIT and len(combined) * 8 >= n_possible:
        present = np.zeros(n_possible, dtype=np.bool_)
        present[combined] = True
        distinct = np.flatnonzero(present)
        number = np.zeros(n_possible, dtype=np.int32)
        number[distinct] = np.arange(len(distinct), dtype=np.int32)
        signature = np.take(number, combined)
    else:
        distinct, inverse = np.unique(combined, return_inverse=True)
        signature = inverse.astype(np.int32)
    rows: dict[str, Int64] = {}
    rest = distinct
    for name, size in zip(reversed(names), reversed(sizes), strict=True):
        rest, codes = np.divmod(rest, size)
        rows[name] = codes - 1
    rows[""] = distinct
    return signature, rows


def _match(plan: Plan, history: History, rows: dict[str, Int64]) -> npt.NDArray[np.bool_]:
    """Return which selectors each signature meets, shape ``(n_signatures, n_selectors)``."""
    matches = np.ones((len(rows[""]), len(plan.selectors)), dtype=np.bool_)
    for name in plan.used_columns:
        column: Coded = getattr(history.events, name)
        matches &= _tell_met(plan.conditions[name], column.values)[rows[name]]
    via = history.events.via
    if not via.values:
        return matches & np.array([not selector.via for selector in plan.selectors], dtype=np.bool_)
    for number, selector in enumerate(plan.selectors):
        matches[:, number] &= _seen(selector, via, rows)
    return matches


def _tell_met(conditions: Conditions, values: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    """Return which selectors each value meets, the empty cell last."""
    places = [conditions.place.get(value, conditions.elsewhere) for value in values]
    met = conditions.met[[*places, conditions.empty]]
    for prefix, selectors in conditions.prefixes:
        for row, value in enumerate(values):
            if value.startswith(prefix):
                met[row] |= selectors
    return met


def _seen(selector: Selector, via: Coded, rows: dict[str, Int64]) -> npt.NDArray[np.bool_]:
    """Return which signatures are seen through the selector's links, or are the case's own."""
    met = [name in selector.via for name in via.values]
    return np.array([*met, not selector.via], dtype=np.bool_)[rows["via"]]


def _states(plan: Plan, history: History) -> tuple[Int32, Int32, Int32, int]:
    events = history.events
    nothing = np.full(len(events) if plan.states else 0, NONE, dtype=np.int32)
    if not plan.states:
        return nothing, nothing, nothing, 0
    edges = [plan.edges.get(kind, (NONE, 0)) for kind in events.kind.values]
    of_kind, edge_of_kind = np.array([*edges, (NONE, 0)], dtype=np.int32).T
    state = np.where(events.via.codes == MISSING, of_kind[events.kind.codes], NONE)
    touched = np.flatnonzero(state != NONE)
    pairs = state[touched].astype(np.int64) * (len(events.detail.values) + 1) + (
        events.detail.codes[touched] + 1
    )
    distinct, inverse = np.unique(pairs, return_inverse=True)
    slot = nothing.copy()
    slot[touched] = inverse
    return state, edge_of_kind[events.kind.codes], slot, len(distinct)


def _fields(plan: Plan, history: History) -> tuple[Int32, Int32, Int32]:
    """Stack the coded columns that measures look into; ``field_row`` finds a column's row."""
    used = list(plan.fields)
    row = np.full(len(CODED_COLUMNS) + 1, NONE, dtype=np.int32)
    row[used] = np.arange(len(used))
    columns: list[Coded] = [getattr(history.events, CODED_COLUMNS[field]) for field in used]
    codes = np.empty((len(used), len(history.events)), dtype=np.int32)
    for number, column in enumerate(columns):
        codes[number] = column.codes
    return codes, row, np.array([len(column.values) for column in columns], dtype=np.int32)


def _bind_facts(plan: Plan, history: History) -> FactColumns:
    facts = history.facts
    names, kinds, zone = [*dict(plan.facts)], [*dict(plan.facts).values()], history.time_zone
    position = np.full(len(facts.name.values) + 1, NONE, dtype=np.int32)
    for code, name in enumerate(facts.name.values):
        if name in names:
            position[code] = names.index(name)
    fact = position[facts.name.codes]
    number = np.full(len(facts), np.nan)
    answered = np.flatnonzero((fact != NONE) & (facts.value.codes != MISSING))
    n_values = len(facts.value.values)
    pairs = fact[answered].astype(np.int64) * n_values + facts.value.codes[answered]
    distinct, inverse = np.unique(pairs, return_inverse=True)
    answers = [
        read_answer(facts.value.values[pair % n_values], kinds[pair // n_values], zone)
        for pair in distinct.tolist()
    ]
    number[answered] = np.array(answers, dtype=np.float64)[inverse]
    return FactColumns(
        pointer=facts.pointer,
        recorded_at=facts.recorded_at,
        superseded_at=facts.superseded_at,
        fact=fact,
        asked=facts.asked,
        number=number,
    )
