"""An indicator explained: its value, the records behind it, and why every other one is left out.

:mod:`features.evidence.records_behind` says which records made a value; this says of each other
record of the case the first reason for which it did not, in one fixed order, so that nothing has to
be believed.
"""

import dataclasses
import difflib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np

from features.catalogue.declarations import Catalogue, Expression, Indicator, Measure, Selector
from features.contract.arrays import MISSING, Int64, Keys
from features.contract.kept_apart import is_health
from features.contract.tables import RETRACTED
from features.engine.measurement import measure
from features.engine.plan import NamedExpression, compile_expressions, state_kinds
from features.errors import ConfigError
from features.evidence.records_behind import CaseMoment, Mask, records_of, state_intervals
from features.history.columns import Coded, History
from features.history.in_force import next_versions
from features.history.reading_rules import CURRENT_RULES, ReadingRules

_ABSENT: Final = np.iinfo(np.int64).min
_ANYTHING: Final = Selector(actor=())
_ONCE_BY_FIRST: Final = (
    Measure.COUNT,
    Measure.GAP_MEDIAN,
    Measure.GAP_CV,
    Measure.QUIET_THEN_RETURN,
    Measure.RATE_RATIO,
    Measure.SHARE,
)
"""Measures that count an incident at its first record; the later ones change nothing."""
_ONCE_BY_LAST: Final = (Measure.DECAYED,)
"""Measures that count an incident at its last record."""
_ONCE_BY_LARGEST: Final = (Measure.SUM, Measure.MAX, Measure.SLOPE)
"""Measures that take an incident's largest value."""
_CELLS: Final = {
    "channel": ("channel",),
    "view": ("view",),
    "target": ("target",),
    "source": ("source",),
    "value": ("value_min", "value_max"),
    "detail": ("detail_in", "detail_prefix"),
}
"""A selector's conditions on a record's cells besides kind and actor, in the order of naming."""


class Why(StrEnum):
    """Why a record is left out, in the order in which the reasons are tried."""

    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"
    NOT_YET_RECORDED = "not_yet_recorded"
    NOT_YET_HAPPENED = "not_yet_happened"
    HEALTH = "health"
    ONE_AGENCY = "one_agency"
    SETS_WINDOW = "sets_window"
    ANOTHER_KIND = "another_kind"
    ANOTHER_ACTOR = "another_actor"
    ANOTHER_CASE = "another_case"
    ANOTHER_CELL = "another_cell"
    OUTSIDE_WINDOW = "outside_window"
    NOT_IN_STATE = "not_in_state"
    SAME_INCIDENT = "same_incident"
    # What remains depends on the measure.
    LATER_COUNTS = "later_counts"
    EARLIER_COUNTS = "earlier_counts"
    LARGER_COUNTS = "larger_counts"
    SEEN_BEFORE = "seen_before"
    NOTHING_STATED = "nothing_stated"
    NOT_AMONG = "not_among"
    ONE_VIEW = "one_view"
    NOT_OF_THE_PAIR = "not_of_the_pair"
    BOUNDS_NO_TIME = "bounds_no_time"
    UNUSED = "unused"
    # Answers to questions.
    ANOTHER_QUESTION = "another_question"
    NOT_ASKED = "not_asked"
    REPLACED = "replaced"


_LAST: Final = {
    Measure.DAYS_SINCE_LAST: Why.LATER_COUNTS,
    Measure.DAYS_SINCE_FIRST: Why.EARLIER_COUNTS,
    Measure.MAX: Why.LARGER_COUNTS,
    Measure.FIRST_USE: Why.SEEN_BEFORE,
    Measure.SHARE: Why.NOT_AMONG,
    Measure.DISAGREEMENT: Why.ONE_VIEW,
    Measure.TIME_BETWEEN: Why.NOT_OF_THE_PAIR,
    Measure.DAYS_IN_STATE: Why.BOUNDS_NO_TIME,
}


@dataclass(frozen=True)
class RecordLine:
    """One record as it is shown.

    Parameters
    ----------
    key
        Identifier of the event or the fact.
    kind, label
        Code and words of an event's kind; name and question of a fact.
    occurred_at_us
        Microseconds UTC; ``None`` for a fact.
    recorded_at_us
        Microseconds UTC.
    view
        View of the incident; ``None`` for a fact.
    via
        Kind of the link through which another case's event is seen; ``None`` for the case's own.
    answer
        A fact's answer, ``None`` where none was given or for an event.
    asked
        Whether a fact's question was put; true for an event.
    """

    key: str
    kind: str
    label: str
    occurred_at_us: int | None
    recorded_at_us: int
    view: str | None = None
    via: str | None = None
    answer: str | None = None
    asked: bool = True


@dataclass(frozen=True)
class LeftOut:
    """A record that did not make the value, and the first reason why.

    Parameters
    ----------
    record, why
        Which record, and the reason.
    other
        Key of the record that took its place, counts for it or decides; ``None`` where no single
        record does.
    column, stated
        The cell that is another one, and what it says (``None`` where it is empty).
    limit
        ``within`` or ``since`` for a record outside the window; the state's name for one outside
        the state.
    from_us
        Where the window begins, microseconds UTC.
    """

    record: RecordLine
    why: Why
    other: str | None = None
    column: str = ""
    stated: str | None = None
    limit: str = ""
    from_us: int | None = None


@dataclass(frozen=True)
class Explanation:
    """An indicator of one case at one moment, and all records of its table, each in one place.

    Events of linked cases are listed only where the indicator counts such.

    Parameters
    ----------
    indicator
        The catalogue's entry, whose ``reason`` is the sentence's pattern.
    as_of_us
        The moment, microseconds UTC, exclusive on both clocks.
    value
        As the engine measures it; NaN is missing.
    behind, left_out
        In time order. Measured from ``behind`` alone the value is the same.
    """

    indicator: Indicator
    as_of_us: int
    value: float
    behind: tuple[RecordLine, ...]
    left_out: tuple[LeftOut, ...]


def find_case(history: History, case_id: str) -> int:
    """Return the number of a case.

    Raises
    ------
    ConfigError
        If there is none; the message repeats no identifier (promise 8).
    """
    place = int(np.searchsorted(history.case_id, case_id))
    if place < len(history) and history.case_id[place] == case_id:
        return place
    raise ConfigError("the folder has no case of that identifier; check CASE")


def find_indicator(catalogue: Catalogue, name: str) -> Indicator:
    """Return an indicator by name.

    Raises
    ------
    ConfigError
        If there is none; names that are close are listed, or the members of a family.
    """
    known = {indicator.name: indicator for indicator in catalogue.indicators}
    if name in known:
        return known[name]
    families = {family.name: family.members for family in catalogue.families}
    close = families.get(name, ()) or difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "its file lists them"
    raise ConfigError(f"the catalogue '{catalogue.name}' has no indicator of that name; {hint}")


def explain_indicator(
    history: History,
    catalogue: Catalogue,
    case: int,
    as_of_us: int,
    name: str,
    rules: ReadingRules = CURRENT_RULES,
) -> Explanation:
    """Explain an indicator's value by every record of the case.

    Parameters
    ----------
    history, catalogue
        What is measured and how.
    case
        Number of the case in the history.
    as_of_us
        The moment, microseconds UTC, exclusive on both clocks.
    name
        Name of an indicator. A fact's is explained by the case's facts, any other by its events.
    rules
        How records are read.

    Returns
    -------
    Explanation
        Every record of the case's table is in it exactly once.

    Raises
    ------
    ConfigError
        If the catalogue has no such indicator.
    """
    indicator = find_indicator(catalogue, name)
    moment = CaseMoment(history, catalogue, case, as_of_us, rules)
    plan = compile_expressions(
        catalogue, [NamedExpression(indicator.columns, indicator.expression)], rules
    )
    value = measure(history, plan, as_of_us, np.array([case]), threads=1).values[0, 0]
    keys = set(records_of(history, catalogue, case, as_of_us, indicator.expression, rules))
    if indicator.expression.measure is Measure.LAST_FACT:
        behind, left_out = _sort_facts(moment, indicator.expression, keys)
    else:
        behind, left_out = _EventSorting(moment, indicator.expression, keys).sort()
    return Explanation(indicator, as_of_us, float(value), behind, left_out)


def _read(column: Coded, place: int) -> str | None:
    code = int(column.codes[place])
    return None if code == MISSING else column.values[code]


def _name(keys: Keys, place: int) -> str | None:
    return None if place == MISSING else str(keys[place])


class _EventSorting:
    """The events of one case, sorted into those behind a value and those left out."""

    def __init__(self, moment: CaseMoment, expression: Expression, keys: set[str]) -> None:
        self.moment = moment
        self.expression = expression
        events, rows = moment.history.events, moment.rows
        self.first = rows.start
        self.key = events.event_id[rows]
        self.at = events.occurred_at[rows]
        self.incident = events.incident[rows]
        self.value = events.value[rows]
        kinds = [_read(events.kind, place) or "" for place in range(rows.start, rows.stop)]
        self.kind = np.array(kinds, dtype=object)
        self.found = np.array([key in keys for key in self.key], dtype=np.bool_)
        self.counted_with = self._find_repeats()
        self.behind = self.found.copy()
        self.behind[list(self.counted_with)] = False
        self.roles = [s for s in (expression.of, expression.among) if s is not None]
        self.links = events.via.values
        counts_linked = any(role.via for role in self.roles)
        self.listed = np.asarray(counts_linked | (events.via.codes[rows] == MISSING))
        self.next_versions = next_versions(events, rows, moment.as_of_us)

    def sort(self) -> tuple[tuple[RecordLine, ...], tuple[LeftOut, ...]]:
        """Return the records behind the value, and the others with the first reason of each."""
        behind = tuple(self._line(int(row)) for row in np.flatnonzero(self.behind))
        checks = self._check()
        left_out = []
        for row in np.flatnonzero(self.listed & ~self.behind):
            # The last of the reasons is true of every record, so that one is always found.
            why = next(why for why, mask in checks if mask[row])
            left_out.append(self._describe(int(row), why))
        return behind, tuple(left_out)

    def _line(self, row: int) -> RecordLine:
        events = self.moment.history.events
        kind = str(self.kind[row])
        known = self.moment.catalogue.kinds.get(kind)
        return RecordLine(
            key=str(self.key[row]),
            kind=kind,
            label=kind if known is None else known.label,
            occurred_at_us=int(self.at[row]),
            recorded_at_us=int(events.recorded_at[self.first + row]),
            view=_read(events.view, self.first + row),
            via=_read(events.via, self.first + row),
        )

    def _check(self) -> list[tuple[Why, Mask]]:
        """Return every reason with the events it applies to, in the order of ``Why``."""
        moment, expression = self.moment, self.expression
        events, rows, as_of = moment.history.events, moment.rows, moment.as_of_us
        everything = np.ones(len(self.at), dtype=np.bool_)
        retracts = np.asarray(self.kind == RETRACTED, dtype=np.bool_)
        # Strict as in the engine: a correction made at the moment itself was not known then.
        replaced = events.superseded_at[rows] < as_of
        withdrawn = (self.next_versions != MISSING) & retracts[self.next_versions]
        apart = ~events.measured[rows] & ~retracts
        health = np.array(
            [is_health(_read(events.source, place)) for place in range(rows.start, rows.stop)],
            dtype=np.bool_,
        )
        last = _LAST.get(expression.measure, Why.UNUSED)
        return [
            (Why.WITHDRAWN, replaced & withdrawn),
            (Why.SUPERSEDED, replaced),
            (Why.NOT_YET_RECORDED, events.recorded_at[rows] >= as_of),
            (Why.NOT_YET_HAPPENED, self.at >= as_of),
            (Why.HEALTH, apart & health),
            (Why.ONE_AGENCY, apart),
            (Why.SETS_WINDOW, self._sets_window()),
            (Why.ANOTHER_KIND, retracts | ~self._has_kind()),
            (Why.ANOTHER_ACTOR, ~self._meets_any("kind", "actor")),
            (Why.ANOTHER_CASE, ~self._stands_in_any()),
            (Why.ANOTHER_CELL, ~self._matches_any()),
            (Why.OUTSIDE_WINDOW, self._is_outside_window()),
            (Why.NOT_IN_STATE, self._is_outside_state()),
            (Why.SAME_INCIDENT, np.isin(np.arange(len(self.at)), list(self.counted_with))),
            (Why.NOTHING_STATED, self._states_nothing()),
            (last, everything),
        ]

    def _meets_any(self, *conditions: str) -> Mask:
        """Return which events meet some conditions of any of the measure's selectors."""
        if not self.roles:
            return np.ones(len(self.at), dtype=np.bool_)
        met = [self._meets(role, *conditions) for role in self.roles]
        return np.asarray(np.logical_or.reduce(met))

    def _meets(self, role: Selector, *conditions: str) -> Mask:
        """Return which events meet some conditions of a selector, of whichever case they are."""
        stated: dict[str, Any] = {name: getattr(role, name) for name in conditions}
        own = Selector(**{"actor": ()} | stated)
        linked = dataclasses.replace(own, via=self.links)
        return np.asarray(self.moment.matching(own) | self.moment.matching(linked))

    def _stands_in(self, role: Selector) -> Mask:
        """Return which events are of the case, or the linked cases, that a selector takes in."""
        of_case = self.moment.matching(Selector(actor=(), via=role.via))
        return np.asarray(of_case & self._meets(role, "kind", "actor"))

    def _stands_in_any(self) -> Mask:
        if not self.roles:
            return np.ones(len(self.at), dtype=np.bool_)
        return np.asarray(np.logical_or.reduce([self._stands_in(role) for role in self.roles]))

    def _matches_any(self) -> Mask:
        if not self.roles:
            return np.ones(len(self.at), dtype=np.bool_)
        return np.asarray(np.logical_or.reduce([self.moment.matching(s) for s in self.roles]))

    def _has_kind(self) -> Mask:
        """Return which events are of a kind that the measure takes in."""
        if self.roles:
            return self._meets_any("kind")
        edges = dict(state_kinds(self.moment.catalogue, "starts")) | dict(
            state_kinds(self.moment.catalogue, "ends")
        )
        state = self.expression.state
        return np.array([edges.get(kind) == state for kind in self.kind], dtype=np.bool_)

    def _since_row(self) -> int | None:
        """Return the event from which the window counts."""
        if self.expression.since is None:
            return None
        found = np.flatnonzero(self.moment.usable() & self.moment.matching(self.expression.since))
        return int(found[-1]) if len(found) else None

    def _sets_window(self) -> Mask:
        mask = np.zeros(len(self.at), dtype=np.bool_)
        since = self._since_row()
        if since is not None:
            # If it could count itself it is listed as any other record.
            mask[since] = not (self._has_kind() & self._matches_any())[since]
        return mask

    def _starts(self) -> tuple[int, int]:
        """Return where the window begins by ``within`` and by ``since``."""
        expression, within, since = self.expression, int(_ABSENT), self._since_row()
        if expression.within_us is not None:
            earlier = expression.against_us or 0
            within = self.moment.as_of_us - expression.within_us - earlier
        return within, int(_ABSENT) if since is None else int(self.at[since])

    def _is_outside_window(self) -> Mask:
        start = max(self._starts())
        if self.expression.measure is not Measure.DAYS_IN_STATE:
            return np.asarray(self.at < start)
        outside = np.zeros(len(self.at), dtype=np.bool_)
        for interval in state_intervals(self.moment, str(self.expression.state)):
            # An interval leaves its end out, so that one that ends at the start holds nothing.
            if interval.end_us <= start:
                outside[[e for e in (interval.first, interval.last) if e is not None]] = True
        return outside

    def _is_outside_state(self) -> Mask:
        state = self.expression.while_state
        outside = np.full(len(self.at), state is not None)
        if state is not None:
            for interval in state_intervals(self.moment, state):
                outside &= ~((self.at >= interval.start_us) & (self.at < interval.end_us))
        return outside

    def _states_nothing(self) -> Mask:
        """Return which events lack the cell that the measure reads."""
        if self.expression.measure is Measure.MAX:
            return np.isnan(self.value)
        if self.expression.measure in (Measure.FIRST_USE, Measure.DISTINCT):
            return np.asarray(self._codes() == MISSING)
        return np.zeros(len(self.at), dtype=np.bool_)

    def _codes(self) -> Int64:
        column: Coded = getattr(self.moment.history.events, str(self.expression.field))
        return column.codes[self.moment.rows].astype(np.int64)

    def _find_repeats(self) -> dict[int, int]:
        """Return which records change nothing because another of their incident counts, and which
        that is.
        """
        measure = self.expression.measure
        shared = [int(r) for r in np.flatnonzero(self.found & (self.incident != MISSING))]
        if self.expression.while_state is not None:
            # The start of the state is behind the value whatever its incident.
            starts = dict(state_kinds(self.moment.catalogue, "starts"))
            shared = [r for r in shared if starts.get(self.kind[r]) != self.expression.while_state]
        incidents: dict[int, list[int]] = {}
        for row in shared:
            incidents.setdefault(int(self.incident[row]), []).append(row)
        repeats: dict[int, int] = {}
        for rows in incidents.values():
            if measure in _ONCE_BY_FIRST:
                repeats |= self._repeats_of_first(rows)
            elif measure in _ONCE_BY_LAST:
                repeats |= dict.fromkeys(rows[:-1], rows[-1])
            elif measure in _ONCE_BY_LARGEST:
                largest = max(rows, key=lambda row: np.nan_to_num(self.value[row], nan=-np.inf))
                # A slope takes the moment of the first record and the value of the largest.
                kept = {largest, rows[0]} if measure is Measure.SLOPE else {largest}
                repeats |= {row: largest for row in rows if row not in kept}
        return repeats

    def _repeats_of_first(self, rows: list[int]) -> dict[int, int]:
        first: dict[str, int] = {}
        repeats = {}
        for row in rows:
            sides = self._sides(row)
            if all(side in first for side in sides):
                repeats[row] = first[sides[0]]
            for side in sides:
                first.setdefault(side, row)
        return repeats

    def _sides(self, row: int) -> list[str]:
        """Return the sides of a comparison that an event is on; an incident counts once on each."""
        expression = self.expression
        if expression.measure is Measure.RATE_RATIO:
            recent = self.moment.as_of_us - (expression.within_us or 0)
            return ["recent" if self.at[row] >= recent else "earlier"]
        if expression.measure is Measure.SHARE:
            of = self.moment.matching(expression.of or _ANYTHING)[row]
            among = self.moment.matching(expression.among or _ANYTHING)[row]
            return [name for name, on in (("of", of), ("among", among)) if on]
        return ["all"]

    def _describe(self, row: int, why: Why) -> LeftOut:
        """Add to a reason what it is about."""
        record = self._line(row)
        if why in (Why.WITHDRAWN, Why.SUPERSEDED):
            return LeftOut(record, why, other=_name(self.key, self.next_versions[row]))
        named = {Why.ANOTHER_ACTOR: "actor", Why.ANOTHER_CASE: "via"}
        if why in (*named, Why.ANOTHER_CELL):
            column = named.get(why) or self._other_cell(row)
            stated = self._cell(column, row) if column else None
            return LeftOut(record, why, column=column, stated=stated)
        if why is Why.OUTSIDE_WINDOW:
            within, since = self._starts()
            limit = "since" if since > within else "within"
            return LeftOut(record, why, limit=limit, from_us=max(within, since))
        if why is Why.NOT_IN_STATE:
            return LeftOut(record, why, limit=str(self.expression.while_state))
        if why is Why.SAME_INCIDENT:
            return LeftOut(record, why, other=str(self.key[self.counted_with[row]]))
        return LeftOut(record, why, other=self._decider(row, why))

    def _cell(self, column: str, row: int) -> str | None:
        if column == "value":
            return None if np.isnan(self.value[row]) else f"{self.value[row]:g}"
        return _read(getattr(self.moment.history.events, column), self.first + row)

    def _other_cell(self, row: int) -> str:
        """Return the first cell that keeps an event from the selector it comes nearest to."""
        role = next(s for s in self.roles if self._stands_in(s)[row])
        for column, conditions in _CELLS.items():
            if not self._meets(role, *conditions)[row]:
                return column
        return ""

    def _decider(self, row: int, why: Why) -> str | None:
        """Return the key of the record that decides instead."""
        behind = np.flatnonzero(self.behind)
        if why is Why.SEEN_BEFORE:
            codes = self._codes()
            usable = self.moment.usable() & self._matches_any() & ~self._is_outside_state()
            return str(self.key[np.flatnonzero(usable & (codes == codes[row]))[0]])
        if why is Why.LATER_COUNTS and len(behind):
            return str(self.key[behind[-1]])
        if why in (Why.EARLIER_COUNTS, Why.LARGER_COUNTS) and len(behind):
            return str(self.key[behind[0]])
        return None


def _sort_facts(
    moment: CaseMoment, expression: Expression, keys: set[str]
) -> tuple[tuple[RecordLine, ...], tuple[LeftOut, ...]]:
    """Sort the facts of one case into the answer that holds and those left out."""
    facts, rows = moment.history.facts, moment.history.facts_of(moment.case)
    following = next_versions(facts, rows, moment.as_of_us)
    behind: list[RecordLine] = []
    left_out: list[LeftOut] = []
    for row in range(rows.start, rows.stop):
        key, name = str(facts.fact_id[row]), _read(facts.name, row) or ""
        known = moment.catalogue.facts.get(name)
        record = RecordLine(
            key=key,
            kind=name,
            label=name if known is None else known.question,
            occurred_at_us=None,
            recorded_at_us=int(facts.recorded_at[row]),
            answer=_read(facts.value, row),
            asked=bool(facts.asked[row]),
        )
        if key in keys:
            behind.append(record)
        elif facts.superseded_at[row] < moment.as_of_us:
            other = _name(facts.fact_id[rows], following[row - rows.start])
            left_out.append(LeftOut(record, Why.SUPERSEDED, other=other))
        elif facts.recorded_at[row] >= moment.as_of_us:
            left_out.append(LeftOut(record, Why.NOT_YET_RECORDED))
        elif name != expression.fact:
            left_out.append(LeftOut(record, Why.ANOTHER_QUESTION))
        elif not record.asked:
            left_out.append(LeftOut(record, Why.NOT_ASKED))
        else:
            left_out.append(LeftOut(record, Why.REPLACED, other=next(iter(keys), None)))
    return tuple(behind), tuple(left_out)
