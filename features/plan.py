"""A catalogue's expressions as numbers that the compiled pass can follow.

A plan knows nothing of any history; :mod:`features.binding` joins the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np

from features.catalogue import Catalogue, Expression, FactType, Measure, Selector, find_state
from features.history import CODED_COLUMNS, Float64, Int32, Int64

NONE: Final = -1


class Op(IntEnum):
    """Numbers of the measures inside the compiled pass."""

    COUNT = 0
    SUM = 1
    MAX = 2
    DISTINCT = 3
    SHARE = 4
    DAYS_SINCE_LAST = 5
    DAYS_SINCE_FIRST = 6
    RATE_RATIO = 7
    GAP_MEDIAN = 8
    GAP_CV = 9
    QUIET_THEN_RETURN = 10
    SLOPE = 11
    DECAYED = 12
    FIRST_USE = 13
    DAYS_IN_STATE = 14
    TIME_BETWEEN = 15
    DISAGREEMENT = 16


class OpArrays(NamedTuple):
    """One row per measure of events.

    ``window_us`` and ``parameter_us`` are microseconds (``NONE`` for the whole history);
    ``parameter_us`` is the earlier window, the quiet gap or the half-life. ``field`` is a position
    in ``CODED_COLUMNS``, or their number for the event's value. ``buffer`` is the row of the
    scratch buffer for measures that must keep their points.
    """

    measure: Int32
    column: Int32
    window_us: Int64
    parameter_us: Int64
    since: Int32
    while_state: Int32
    state: Int32
    field: Int32
    buffer: Int32


class SelectorArrays(NamedTuple):
    """Value limits of each selector and the measures that it feeds.

    ``feeds[feed_pointer[s]:feed_pointer[s + 1]]`` are numbers of measures, and ``role`` beside them
    is 0 for ``of`` and 1 for ``among`` or ``and``. ``since`` is the selector's number among those
    that narrow windows.
    """

    value_min: Float64
    value_max: Float64
    needs_value: np.ndarray[tuple[int], np.dtype[np.bool_]]
    since: Int32
    feed_pointer: Int32
    feeds: Int32
    role: Int32


class FactArrays(NamedTuple):
    """One row per ``last_fact``: position of the fact in ``Plan.facts``, its two columns, and
    whether the answer is a date.
    """

    fact: Int32
    column: Int32
    asked_column: Int32
    is_date: np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Plan:
    """A compiled list of expressions.

    Parameters
    ----------
    columns
        Names of the output columns.
    selectors
        Distinct selectors, in the order of ``selector_arrays``.
    used_columns
        Coded columns that any selector looks at.
    states
        Names of the states.
    starts, ends
        Kind to state, children included.
    facts
        Name and type of each fact used.
    ops, selector_arrays, fact_arrays
        The numbers.
    n_buffers, n_since
        Sizes of scratch.
    """

    columns: tuple[str, ...]
    selectors: tuple[Selector, ...]
    used_columns: tuple[str, ...]
    states: tuple[str, ...]
    starts: tuple[tuple[str, str], ...]
    ends: tuple[tuple[str, str], ...]
    facts: tuple[tuple[str, FactType], ...]
    ops: OpArrays
    selector_arrays: SelectorArrays
    fact_arrays: FactArrays
    n_buffers: int
    n_since: int


@dataclass(frozen=True)
class NamedExpression:
    """An expression and the columns it fills (two for a fact: the answer and whether asked)."""

    columns: tuple[str, ...]
    expression: Expression


_BUFFERED: Final = (Op.SUM, Op.GAP_MEDIAN, Op.GAP_CV, Op.QUIET_THEN_RETURN, Op.SLOPE)


def compile_plan(catalogue: Catalogue) -> Plan:
    """Compile a catalogue's indicators, in catalogue order."""
    return compile_expressions(
        catalogue,
        [NamedExpression(entry.columns, entry.expression) for entry in catalogue.indicators],
    )


def compile_expressions(catalogue: Catalogue, expressions: Sequence[NamedExpression]) -> Plan:
    """Compile any expressions in a catalogue's vocabulary."""
    columns = tuple(name for entry in expressions for name in entry.columns)
    position = {name: number for number, name in enumerate(columns)}
    of_events = [e for e in expressions if e.expression.measure is not Measure.LAST_FACT]
    of_facts = [e for e in expressions if e.expression.measure is Measure.LAST_FACT]
    selectors = tuple(dict.fromkeys(_selectors_of(of_events)))
    since = tuple(dict.fromkeys(e.expression.since for e in of_events if e.expression.since))
    fact_names = tuple(dict.fromkeys(str(e.expression.fact) for e in of_facts))
    ops = _compile_ops(of_events, position, catalogue.states, since)
    return Plan(
        columns=columns,
        selectors=selectors,
        used_columns=tuple(name for name in CODED_COLUMNS if _is_used(name, selectors)),
        states=catalogue.states,
        starts=state_kinds(catalogue, "starts"),
        ends=state_kinds(catalogue, "ends"),
        facts=tuple((name, catalogue.facts[name].type) for name in fact_names),
        ops=ops,
        selector_arrays=_compile_selectors(selectors, since, of_events),
        fact_arrays=FactArrays(
            fact=_int32(fact_names.index(str(e.expression.fact)) for e in of_facts),
            column=_int32(position[e.columns[0]] for e in of_facts),
            asked_column=_int32(
                position[e.columns[1]] if len(e.columns) > 1 else NONE for e in of_facts
            ),
            is_date=np.array(
                [catalogue.facts[str(e.expression.fact)].type is FactType.DATE for e in of_facts],
                dtype=np.bool_,
            ),
        ),
        n_buffers=int(ops.buffer.max(initial=NONE)) + 1,
        n_since=len(since),
    )


def _selectors_of(expressions: Sequence[NamedExpression]) -> list[Selector]:
    return [
        selector
        for entry in expressions
        for selector in (entry.expression.of, entry.expression.among, entry.expression.since)
        if selector is not None
    ]


def _is_used(column: str, selectors: Sequence[Selector]) -> bool:
    if column == "detail":
        return any(s.detail_in or s.detail_prefix for s in selectors)
    return any(getattr(selector, column) for selector in selectors)


def state_kinds(catalogue: Catalogue, edge: str) -> tuple[tuple[str, str], ...]:
    """Pair each kind with the state it ``starts`` or ``ends``, children included."""
    found = ((name, find_state(catalogue.kinds, name, edge)) for name in catalogue.kinds)
    return tuple((name, state) for name, state in found if state is not None)


def _compile_ops(
    expressions: Sequence[NamedExpression],
    position: dict[str, int],
    states: tuple[str, ...],
    since: tuple[Selector, ...],
) -> OpArrays:
    parts = [entry.expression for entry in expressions]
    codes = [Op[part.measure.name] for part in parts]
    fields = (*CODED_COLUMNS, "value")
    buffers = iter(range(len(parts)))
    return OpArrays(
        measure=_int32(codes),
        column=_int32(position[entry.columns[0]] for entry in expressions),
        window_us=_int64(NONE if part.within_us is None else part.within_us for part in parts),
        parameter_us=_int64(
            part.against_us or part.quiet_us or part.half_life_us or NONE for part in parts
        ),
        since=_int32(since.index(part.since) if part.since else NONE for part in parts),
        while_state=_int32(
            states.index(part.while_state) if part.while_state else NONE for part in parts
        ),
        state=_int32(states.index(part.state) if part.state else NONE for part in parts),
        field=_int32(fields.index(part.field) if part.field else NONE for part in parts),
        buffer=_int32(next(buffers) if code in _BUFFERED else NONE for code in codes),
    )


def _compile_selectors(
    selectors: tuple[Selector, ...],
    since: tuple[Selector, ...],
    expressions: Sequence[NamedExpression],
) -> SelectorArrays:
    feeds: list[list[tuple[int, int]]] = [[] for _ in selectors]
    for number, entry in enumerate(expressions):
        for role, selector in enumerate((entry.expression.of, entry.expression.among)):
            if selector is not None:
                feeds[selectors.index(selector)].append((number, role))
    flat = [feed for row in feeds for feed in row]
    return SelectorArrays(
        value_min=np.array([-np.inf if s.value_min is None else s.value_min for s in selectors]),
        value_max=np.array([np.inf if s.value_max is None else s.value_max for s in selectors]),
        needs_value=np.array(
            [s.value_min is not None or s.value_max is not None for s in selectors], dtype=np.bool_
        ),
        since=_int32(since.index(s) if s in since else NONE for s in selectors),
        feed_pointer=_int32(np.concatenate(([0], np.cumsum([len(row) for row in feeds])))),
        feeds=_int32(number for number, _ in flat),
        role=_int32(role for _, role in flat),
    )


def _int32(values: object) -> Int32:
    return np.array(list(values), dtype=np.int32)  # type: ignore[call-overload]


def _int64(values: object) -> Int64:
    return np.array(list(values), dtype=np.int64)  # type: ignore[call-overload]
