"""A catalogue's expressions as numbers that the compiled pass can follow.

A plan knows nothing of any history; :mod:`features.engine.binding` joins the two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from features.catalogue.declarations import (
    Catalogue,
    Expression,
    FactType,
    Measure,
    Selector,
)
from features.contract.arrays import Float64, Int32, Int64
from features.history.columns import CODED_COLUMNS
from features.history.reading_rules import CURRENT_RULES, ReadingRules

NONE: Final = -1
VIA: Final = "via"
_MOST_SIGNATURES: Final = 1 << 14
"""Up to so many, all signatures of a plan are listed with it; beyond, those that a history has."""
Bools = npt.NDArray[np.bool_]


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

    ``window`` is a position in ``Plan.windows_us`` (``NONE`` for the whole history), ``earlier``
    that of the two windows of ``rate_ratio`` together. ``of``, ``among`` and ``since`` are numbers
    of lists. ``parameter_us`` is the earlier window, the quiet gap or the half-life, microseconds.
    ``field`` is a position in ``CODED_COLUMNS``, or their number for the event's value.
    """

    measure: Int32
    column: Int32
    window: Int32
    earlier: Int32
    parameter_us: Int64
    of: Int32
    among: Int32
    since: Int32
    state: Int32
    field: Int32


class SelectorArrays(NamedTuple):
    """Value limits of each selector, and the lists that its events go to.

    A *list* holds the events that one selector takes in, where ``while_state`` names a state only
    those that occurred in it. ``lists[pointer[s]:pointer[s + 1]]`` are the lists of selector ``s``;
    ``holds_values`` says which lists keep their events' values beside them.
    """

    value_min: Float64
    value_max: Float64
    needs_value: Bools
    pointer: Int32
    lists: Int32
    while_state: Int32
    holds_values: Bools


class FactArrays(NamedTuple):
    """One row per ``last_fact``: position of the fact in ``Plan.facts``, its two columns, and
    whether the answer is a date.
    """

    fact: Int32
    column: Int32
    asked_column: Int32
    is_date: Bools


@dataclass(frozen=True)
class Conditions:
    """What all selectors ask of one coded column.

    Values between which no selector distinguishes are of one *class*: what a catalogue does not
    name is all alike to it, whatever a history holds.

    Parameters
    ----------
    place
        Class of each value that any selector names.
    prefixes
        Beginnings of values with the class of those that no selector names, longest first.
    elsewhere, empty
        Classes of all other values, and of the empty cell.
    met
        Shape ``(n_classes, n_selectors)``: whether the class meets the selector.
    """

    place: Mapping[str, int]
    prefixes: tuple[tuple[str, int], ...]
    elsewhere: int
    empty: int
    met: Bools

    def classify(self, value: str) -> int:
        """Return the class of a value."""
        found = self.place.get(value)
        if found is not None:
            return found
        for prefix, number in self.prefixes:
            if value.startswith(prefix):
                return number
        return self.elsewhere


class Matches(NamedTuple):
    """``selectors[pointer[g]:pointer[g + 1]]`` are the selectors that signature ``g`` meets, value
    limits aside.
    """

    pointer: Int32
    selectors: Int32


@dataclass(frozen=True)
class Plan:
    """A compiled list of expressions.

    Parameters
    ----------
    columns
        Names of the output columns.
    selectors
        Distinct selectors, in the order of ``selector_arrays``.
    conditions
        What they ask of each coded column that any of them reads, and of ``via``.
    strides
        For each of these, what one class counts in a signature: the signature of an event is the
        sum of its classes times their strides.
    matches
        What each signature meets; ``None`` where there are too many signatures to list them all.
    states
        Names of the states.
    edges
        Kind to the number of its state, and 1 where it starts it or 2 where it ends it.
    fields
        Positions of the coded columns that measures read, ascending.
    facts
        Name and type of each fact used.
    windows_us
        Distinct lengths of windows, microseconds.
    ops, selector_arrays, fact_arrays
        The numbers.
    rules
        How records are read.
    """

    columns: tuple[str, ...]
    selectors: tuple[Selector, ...]
    conditions: Mapping[str, Conditions]
    strides: Mapping[str, int]
    matches: Matches | None
    states: tuple[str, ...]
    edges: Mapping[str, tuple[int, int]]
    fields: tuple[int, ...]
    facts: tuple[tuple[str, FactType], ...]
    windows_us: Int64
    ops: OpArrays
    selector_arrays: SelectorArrays
    fact_arrays: FactArrays
    rules: ReadingRules


@dataclass(frozen=True)
class NamedExpression:
    """An expression and the columns it fills (two for a fact: the answer and whether asked)."""

    columns: tuple[str, ...]
    expression: Expression


_List = tuple[Selector, str | None]


def compile_plan(catalogue: Catalogue, rules: ReadingRules = CURRENT_RULES) -> Plan:
    """Compile a catalogue's indicators, in catalogue order."""
    return compile_expressions(
        catalogue,
        [NamedExpression(entry.columns, entry.expression) for entry in catalogue.indicators],
        rules,
    )


def compile_expressions(
    catalogue: Catalogue,
    expressions: Sequence[NamedExpression],
    rules: ReadingRules = CURRENT_RULES,
) -> Plan:
    """Compile any expressions in a catalogue's vocabulary.

    Parameters
    ----------
    catalogue
        Declares the kinds, states and facts that the expressions name.
    expressions
        What is measured.
    rules
        How records are read: those of the engine that a model was trained by; of the current one
        where nothing was.

    Returns
    -------
    Plan
        One column for each name of an expression, in their order.
    """
    columns = tuple(name for entry in expressions for name in entry.columns)
    position = {name: number for number, name in enumerate(columns)}
    of_events = [e for e in expressions if e.expression.measure is not Measure.LAST_FACT]
    of_facts = [e for e in expressions if e.expression.measure is Measure.LAST_FACT]
    lists = tuple(dict.fromkeys(entry for e in of_events for entry in _lists_of(e.expression)))
    selectors = tuple(dict.fromkeys(selector for selector, _ in lists))
    windows = sorted({window for e in of_events for window in _windows_of(e.expression)})
    ops = _compile_ops(of_events, position, catalogue.states, lists, windows)
    used = [name for name in CODED_COLUMNS if _is_used(name, selectors)]
    conditions = {name: _compile_conditions(name, selectors) for name in [*used, VIA]}
    strides, n_signatures = _stride(conditions)
    fact_names = tuple(dict.fromkeys(str(e.expression.fact) for e in of_facts))
    return Plan(
        columns=columns,
        selectors=selectors,
        conditions=conditions,
        strides=strides,
        matches=_match_all(conditions) if n_signatures <= _MOST_SIGNATURES else None,
        states=catalogue.states,
        edges={
            kind: (catalogue.states.index(state), number)
            # As bits: records of one moment may start a state and end it.
            for number, edge in ((1, "starts"), (2, "ends"))
            for kind, state in state_kinds(catalogue, edge)
        },
        fields=tuple(sorted({int(f) for f in ops.field if 0 <= f < len(CODED_COLUMNS)})),
        facts=tuple((name, catalogue.facts[name].type) for name in fact_names),
        windows_us=_int64(windows),
        ops=ops,
        selector_arrays=_compile_selectors(selectors, lists, catalogue.states, ops),
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
        rules=rules,
    )


def _lists_of(part: Expression) -> list[_List]:
    """Return the lists that an expression reads: ``of``, ``among``, ``since``."""
    named = [(part.of, part.while_state), (part.among, part.while_state), (part.since, None)]
    return [(selector, state) for selector, state in named if selector is not None]


def _windows_of(part: Expression) -> list[int]:
    if part.within_us is None:
        return []
    return [part.within_us, *([_earlier_us(part)] if part.against_us else [])]


def _earlier_us(part: Expression) -> int:
    return (part.within_us or 0) + (part.against_us or 0)


def _compile_conditions(column: str, selectors: Sequence[Selector]) -> Conditions:
    """Find the classes of a column's values."""
    named = [getattr(s, "detail_in" if column == "detail" else column) for s in selectors]
    prefixes = [s.detail_prefix if column == "detail" else () for s in selectors]
    free = [not n and not p for n, p in zip(named, prefixes, strict=True)]
    # What is seen through a link is for those alone that name the link.
    unnamed = [False] * len(selectors) if column == VIA else free

    def meets(value: str, names: bool) -> tuple[bool, ...]:
        return tuple(
            is_free or (names and value in some) or any(value.startswith(p) for p in beginnings)
            for is_free, some, beginnings in zip(unnamed, named, prefixes, strict=True)
        )

    values = sorted({value for some in named for value in some})
    # Longest first: the first that a value begins with decides its class, which holds the shorter
    # ones as well.
    beginnings = sorted({p for some in prefixes for p in some}, key=lambda p: (-len(p), p))
    # The class of an empty cell, which meets only selectors that ask nothing of the column.
    rows = {tuple(free): 0}
    place = {value: rows.setdefault(meets(value, True), len(rows)) for value in values}
    begun = [(p, rows.setdefault(meets(p, False), len(rows))) for p in beginnings]
    elsewhere = rows.setdefault(tuple(unnamed), len(rows))
    met = np.array(list(rows), dtype=np.bool_).reshape(len(rows), len(selectors))
    return Conditions(place, tuple(begun), elsewhere, 0, met)


def _stride(conditions: Mapping[str, Conditions]) -> tuple[dict[str, int], int]:
    """Return what one class of each column counts, and how many signatures there are."""
    strides, size = {}, 1
    for name, asked in conditions.items():
        strides[name] = size
        size *= len(asked.met)
    return strides, size


def _match_all(conditions: Mapping[str, Conditions]) -> Matches:
    """List what every signature meets."""
    met = np.ones((1, conditions[VIA].met.shape[1]), dtype=np.bool_)
    for asked in conditions.values():
        size = len(asked.met) * len(met)
        met = (asked.met[:, None] & met).reshape(size, met.shape[1])
    return list_matches(met)


def list_matches(met: Bools) -> Matches:
    """List which selectors each signature meets, from shape ``(n_signatures, n_selectors)``."""
    ends = np.cumsum(met.sum(axis=1))
    return Matches(
        np.concatenate(([0], ends)).astype(np.int32), np.nonzero(met)[1].astype(np.int32)
    )


def _is_used(column: str, selectors: Sequence[Selector]) -> bool:
    if column == "detail":
        return any(s.detail_in or s.detail_prefix for s in selectors)
    return any(getattr(selector, column) for selector in selectors)


def state_kinds(catalogue: Catalogue, edge: str) -> tuple[tuple[str, str], ...]:
    """Pair each kind with the state it ``starts`` or ``ends``, children included."""
    return tuple(catalogue.state_edges[edge].items())


def _compile_ops(
    expressions: Sequence[NamedExpression],
    position: dict[str, int],
    states: tuple[str, ...],
    lists: tuple[_List, ...],
    windows: Sequence[int],
) -> OpArrays:
    parts = [entry.expression for entry in expressions]
    fields = (*CODED_COLUMNS, "value")

    def number(selector: Selector | None, state: str | None) -> int:
        return NONE if selector is None else lists.index((selector, state))

    return OpArrays(
        measure=_int32(Op[part.measure.name] for part in parts),
        column=_int32(position[entry.columns[0]] for entry in expressions),
        window=_int32(
            NONE if part.within_us is None else windows.index(part.within_us) for part in parts
        ),
        earlier=_int32(
            windows.index(_earlier_us(part)) if part.within_us and part.against_us else NONE
            for part in parts
        ),
        parameter_us=_int64(
            part.against_us or part.quiet_us or part.half_life_us or NONE for part in parts
        ),
        of=_int32(number(part.of, part.while_state) for part in parts),
        among=_int32(number(part.among, part.while_state) for part in parts),
        since=_int32(number(part.since, None) for part in parts),
        state=_int32(states.index(part.state) if part.state else NONE for part in parts),
        field=_int32(fields.index(part.field) if part.field else NONE for part in parts),
    )


def _compile_selectors(
    selectors: tuple[Selector, ...],
    lists: tuple[_List, ...],
    states: tuple[str, ...],
    ops: OpArrays,
) -> SelectorArrays:
    of_values = ops.of[np.isin(ops.measure, (Op.SUM, Op.MAX))]
    fed = [[n for n, (fed_by, _) in enumerate(lists) if fed_by == s] for s in selectors]
    return SelectorArrays(
        value_min=np.array([-np.inf if s.value_min is None else s.value_min for s in selectors]),
        value_max=np.array([np.inf if s.value_max is None else s.value_max for s in selectors]),
        needs_value=np.array(
            [s.value_min is not None or s.value_max is not None for s in selectors], dtype=np.bool_
        ),
        pointer=_int32(np.concatenate(([0], np.cumsum([len(row) for row in fed])))),
        lists=_int32(n for row in fed for n in row),
        while_state=_int32(NONE if state is None else states.index(state) for _, state in lists),
        holds_values=np.isin(np.arange(len(lists)), of_values),
    )


def _int32(values: object) -> Int32:
    return np.array(list(values), dtype=np.int32)  # type: ignore[call-overload]


def _int64(values: object) -> Int64:
    return np.array(list(values), dtype=np.int64)  # type: ignore[call-overload]
