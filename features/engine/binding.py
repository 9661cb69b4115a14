"""Joining a plan to a history: which selectors take in which events.

Events whose values are of the same classes share a *signature*. There are few of these, so
selectors are tested once per signature, and the compiled pass only looks them up.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from features.catalogue.declarations import FactType
from features.contract.arrays import MISSING, Float64, Int32, Int64
from features.engine.plan import NONE, VIA, Matches, Plan, list_matches
from features.history.columns import CODED_COLUMNS, Coded, Facts, History
from features.history.vocabulary import cannot_be, read_answer

_COLUMNS: Final = (*CODED_COLUMNS, VIA)

Codes = tuple[Int32, Int32, Int32, Int32, Int32, Int32, Int32, Int32]


class EventArrays(NamedTuple):
    """Columns of the events as the compiled pass reads them.

    ``coded`` are the codes of ``CODED_COLUMNS``, then ``via``; ``n_codes`` how many distinct values
    each has whose values are counted. The signature of an event adds up, for every ``column``,
    ``classes[class_start + code]``; it is in ``signature`` instead where a plan has too many
    to list. ``state`` and ``edge`` say for each kind which state it touches, and 1 for a start or 2
    for an end; their last place is that of no kind. ``pairs_loose_ends`` is the plan's rule.
    """

    pointer: Int64
    occurred_at: Int64
    recorded_at: Int64
    superseded_at: Int64
    measured: npt.NDArray[np.bool_]
    value: Float64
    incident: Int32
    coded: Codes
    n_codes: Int32
    n_details: int
    columns: Int32
    class_start: Int32
    classes: Int32
    signature: Int32
    match_pointer: Int32
    matched: Int32
    state: Int32
    edge: Int32
    pairs_loose_ends: bool


class FactColumns(NamedTuple):
    """Columns of the facts.

    ``code`` is the code in ``name`` of each fact of the plan, ``answers[fact, value]`` the answer
    as a number, in the last column that of an empty cell.
    """

    pointer: Int64
    recorded_at: Int64
    superseded_at: Int64
    name: Int32
    asked: npt.NDArray[np.bool_]
    value: Int32
    code: Int32
    answers: Float64


@dataclass(frozen=True)
class Binding:
    """A plan bound to one history."""

    events: EventArrays
    facts: FactColumns


def bind(plan: Plan, history: History) -> Binding:
    """Bind a plan to a history; the result may be used by many threads at once."""
    events = history.events
    columns = [getattr(events, name) for name in _COLUMNS]
    used = [n for n, name in enumerate(_COLUMNS) if name in plan.conditions and columns[n].values]
    starts, classes = _classify(plan, columns, used)
    signature, matches = _NO_CODES, plan.matches
    if matches is None:
        signature, matches = _sign(plan, columns, len(events))
    # An event without a kind has the code -1, which reads the last entry.
    edges = [*(plan.edges.get(kind, _NO_EDGE) for kind in events.kind.values), _NO_EDGE]
    return Binding(
        events=EventArrays(
            pointer=events.pointer,
            occurred_at=events.occurred_at,
            recorded_at=events.recorded_at,
            superseded_at=events.superseded_at,
            measured=events.measured,
            value=events.value,
            incident=events.incident,
            coded=tuple([_plain(column.codes) for column in columns]),  # type: ignore[arg-type]
            # Sizes the marks of values already counted: columns that no measure counts need none.
            n_codes=_int32([len(columns[n].values) if n in plan.fields else 0 for n in _NUMBERS]),
            n_details=len(events.detail.values),
            columns=_int32(used),
            class_start=_int32(starts),
            classes=_int32(classes),
            signature=signature,
            match_pointer=matches.pointer,
            matched=matches.selectors,
            state=_int32([state for state, _ in edges]),
            edge=_int32([edge for _, edge in edges]),
            pairs_loose_ends=plan.rules.pairs_loose_ends,
        ),
        facts=_bind_facts(plan, history.facts, history.time_zone),
    )


_NO_CODES: Final = np.empty(0, dtype=np.int32)
_NO_EDGE: Final = (NONE, 0)
_NUMBERS: Final = range(len(_COLUMNS))


def _int32(values: list[int]) -> Int32:
    return np.array(values, dtype=np.int32)


def _plain(codes: Int32) -> Int32:
    """Return codes as the compiled pass takes them: side by side, and not marked as read-only."""
    return codes if codes.flags.carray else codes.copy()


def _classify(plan: Plan, columns: list[Coded], used: list[int]) -> tuple[list[int], list[int]]:
    """Return what each value of each used column counts in a signature, and where column by column
    the first value is; the empty cell is before it.
    """
    starts, classes = [], []
    for n in used:
        asked, stride = plan.conditions[_COLUMNS[n]], plan.strides[_COLUMNS[n]]
        # One before where the column starts, where the code -1 of an empty cell finds it.
        classes.append(asked.empty * stride)
        starts.append(len(classes))
        classes += [asked.classify(value) * stride for value in columns[n].values]
    return starts, classes


def _sign(plan: Plan, columns: list[Coded], size: int) -> tuple[Int32, Matches]:
    """Number the signatures that the events have, and list what each meets."""
    met = np.ones((1, len(plan.selectors)), dtype=np.bool_)
    number = np.zeros(size, dtype=np.int64)
    for name, column in zip(_COLUMNS, columns, strict=True):
        if name not in plan.conditions:
            continue
        asked = plan.conditions[name]
        classes = np.array([*map(asked.classify, column.values), asked.empty], dtype=np.int64)
        pairs = number * len(asked.met) + classes[column.codes]
        # Numbered anew after each column: the products of all classes could outgrow the type.
        distinct, number = np.unique(pairs, return_inverse=True)
        before, its_class = np.divmod(distinct, len(asked.met))
        met = met[before] & asked.met[its_class]
    return number.astype(np.int32), list_matches(met)


def _bind_facts(plan: Plan, facts: Facts, time_zone: str) -> FactColumns:
    codes = {name: code for code, name in enumerate(facts.name.values)}
    code = _int32([codes.get(name, NONE) for name, _ in plan.facts])
    answers = _read_answers(plan, facts, code, time_zone)
    return FactColumns(
        pointer=facts.pointer,
        recorded_at=facts.recorded_at,
        superseded_at=facts.superseded_at,
        name=facts.name.codes,
        asked=facts.asked,
        value=_leave_out_impossible(plan, facts, code, answers),
        code=code,
        answers=answers,
    )


def _leave_out_impossible(plan: Plan, facts: Facts, code: Int32, answers: Float64) -> Int32:
    """Return the codes of the answers, where the rules say so without dates that cannot be."""
    value = facts.value.codes
    if not plan.rules.drops_impossible_answers:
        return value
    for fact, (_, kind) in enumerate(plan.facts):
        if kind is FactType.DATE and code[fact] != NONE:
            wrong = cannot_be(answers[fact, value], facts.recorded_at)
            value = np.where(wrong & (facts.name.codes == code[fact]), np.int32(MISSING), value)
    return value


def _read_answers(plan: Plan, facts: Facts, code: Int32, time_zone: str) -> Float64:
    """Read each answer that any fact of the plan was given, once."""
    n_facts, words = len(plan.facts), facts.value.values
    place = np.full(len(facts.name.values) + 1, n_facts, dtype=np.int32)
    place[code] = np.arange(n_facts)
    place[NONE] = n_facts  # of facts that this history does not have
    given = np.zeros((n_facts + 1, len(words) + 1), dtype=np.bool_)
    given[place[facts.name.codes], facts.value.codes] = True
    asked, answered = given[:n_facts, : len(words)].nonzero()
    answers = np.full(given.shape, np.nan)
    answers[asked, answered] = [
        read_answer(words[word], plan.facts[fact][1], time_zone)
        for fact, word in zip(asked.tolist(), answered.tolist(), strict=True)
    ]
    return answers
