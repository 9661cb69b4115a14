"""Where one more threat, breach or assault on record would lower a score.

A score that falls because something grave was recorded is one no reviewer accepts. Monotone
constraints keep counts from doing so; gaps, shares, slopes, first uses and recency, whose direction
is open, may still do it. This is asked twice:

- of a fitted model (:func:`report_monotonicity`): real open cases are measured again with one event
  added, and each fall is laid at the door of the indicator that makes it;
- of a catalogue alone (:func:`find_reversals`): can an added event move an indicator against its
  direction, or move one whose direction is open and which a model may therefore use either way?

The event is added to the case itself; what is recorded of linked cases stays as it is.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.catalogue.declarations import (
    DAY_US,
    Catalogue,
    Indicator,
    Measure,
    Selector,
    find_state,
)
from features.contract.arrays import NEVER, Float64, Int64
from features.contract.manifest import Manifest
from features.contract.moments import parse_date
from features.contract.rejects import join_rejects
from features.contract.tables import (
    ACTORS,
    CASES,
    EVENTS,
    FACTS,
    LINKS,
    PEOPLE,
    RESERVED_KINDS,
    VIEWS,
    Table,
)
from features.contract.visibility import is_kept_apart
from features.engine.measurement import compile_plan, measure
from features.errors import ConfigError
from features.history.assembly import assemble_history
from features.history.columns import History
from features.history.in_force import rows_in_force
from features.intake.contract_folder import ContractFolder, empty_frame
from features.intake.integrity import SUPERSEDED_AT, SUPERSEDED_BY
from models.bundle.boosted_trees import OutcomeModel
from models.bundle.encoding import Encoding, make_encoding
from models.bundle.folder import Bundle
from models.ranking.order import cohort_cases, order_cases
from models.wording.sentences import format_days, format_number

LEAST_FALL: Final = 1e-9
"""Falls up to this, in log-odds or as a share of the priority, are rounding."""
TOGETHER: Final = "(several together)"
"""Named where a fall is made by several indicators and by none of them alone."""

_HOUR_US: Final = DAY_US // 24
_MINUTE_US: Final = DAY_US // 1440
_DAYS_BEFORE: Final = (1, 7, 28, 90, 400)
_SMALL: Final = 0.5
_LARGE: Final = 10.0
_N_VALUES: Final = 4
_CASES_AT_ONCE: Final = 25
_HISTORIES_AT_ONCE: Final = 400
_SCATTERED_AS_OF: Final = "2026-01-01"
_SCATTERED_ZONE: Final = "UTC"

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Addition:
    """One event added to a history.

    Parameters
    ----------
    kind
        Its kind.
    occurred_at_us, recorded_at_us
        Its moments, microseconds UTC.
    moment
        When it occurred, in words that name no case.
    value
        Its severity; NaN where missing.
    incident
        Identifier of the incident that it is a further view of; ``None`` for a new incident.
    view, actor, target, channel, detail
        As in the data contract.
    """

    kind: str
    occurred_at_us: int
    recorded_at_us: int
    moment: str
    value: float
    incident: str | None = None
    view: str = "recorded"
    actor: str = "subject"
    target: str | None = "victim"
    channel: str | None = None
    detail: str | None = None

    def tell(self) -> str:
        """Return it in words, without anything of the case."""
        value = "no value" if np.isnan(self.value) else f"value {format_number(self.value)}"
        place = "as a new incident"
        if self.incident is not None:
            place = f"as a further view ({self.view}) of an incident on record"
        return f"{self.kind} {self.moment}, {value}, {place}"


@dataclass(frozen=True)
class Guilt:
    """An indicator that lowers a score when an event of one kind is added.

    Parameters
    ----------
    indicator
        Its name, or ``TOGETHER``.
    times
        How many falls it has the largest share in.
    largest_fall
        The largest of these falls, log-odds.
    example
        That fall in words.
    """

    indicator: str
    times: int
    largest_fall: float
    example: str


@dataclass(frozen=True)
class Finding:
    """What adding one event of a kind did to one score.

    Parameters
    ----------
    outcome
        The outcome whose log-odds are meant; ``None`` for the priority, which orders the list.
    kind
        Kind of the added event.
    tried, lowered
        Number of variants, and of those with a lower score.
    largest_fall
        In log-odds; for the priority, as a share of what it was.
    example
        The largest fall in words; empty where there is none.
    guilty
        Indicators by number of falls; none are named for the priority, which falls only where an
        outcome does.
    """

    outcome: str | None
    kind: str
    tried: int
    lowered: int
    largest_fall: float
    example: str
    guilty: tuple[Guilt, ...] = ()

    @property
    def share(self) -> float:
        """Share of the variants with a lower score."""
        return self.lowered / self.tried if self.tried else 0.0


@dataclass(frozen=True)
class MonotonicityReport:
    """What one more event did to the scores of a bundle.

    Parameters
    ----------
    bundle_id
        The model.
    as_of_us
        The moment, microseconds UTC.
    n_cases, n_variants
        How many open cases were taken, and how many variants of them.
    outcomes, order
        One finding per outcome and kind, and one per kind for the priority.
    """

    bundle_id: str
    as_of_us: int
    n_cases: int
    n_variants: int
    outcomes: tuple[Finding, ...]
    order: tuple[Finding, ...]

    @property
    def falls(self) -> tuple[Finding, ...]:
        """Findings in which anything fell."""
        return tuple(found for found in (*self.outcomes, *self.order) if found.lowered)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as it is written to JSON."""
        return dataclasses.asdict(self)


class Movement(StrEnum):
    """How an added event moves a column that a model sees."""

    AGAINST = "against its direction"
    OPEN = "open direction"


@dataclass(frozen=True)
class Reversal:
    """An indicator through which an added event may lower a score.

    Parameters
    ----------
    indicator
        Its name.
    kind
        Kind of the added event.
    movement
        Against the indicator's direction, or at all where the direction is open.
    up, down, appears, vanishes
        In how many tries the value rose, fell, came to be known or ceased to be known.
    example
        One such movement in words.
    """

    indicator: str
    kind: str
    movement: Movement
    up: int
    down: int
    appears: int
    vanishes: int
    example: str


def widen_kinds(catalogue: Catalogue, kinds: Sequence[str]) -> tuple[str, ...]:
    """Return the kinds, each followed by all kinds below it.

    Raises
    ------
    ConfigError
        If the catalogue has no such kind.
    """
    if unknown := [kind for kind in kinds if kind not in catalogue.kinds]:
        raise ConfigError(
            f"the catalogue {catalogue.name} has no kind {', '.join(unknown)}; "
            "name some of its kinds with --kinds"
        )
    below: dict[str, list[str]] = {}
    for kind in catalogue.kinds.values():
        below.setdefault(kind.parent or "", []).append(kind.name)
    found: list[str] = []
    waiting = list(reversed(kinds))
    while waiting:
        name = waiting.pop()
        found.append(name)
        waiting += reversed(below.get(name, []))
    return tuple(dict.fromkeys(found))


def report_monotonicity(
    bundle: Bundle,
    folder: ContractFolder,
    as_of_us: int,
    kinds: Sequence[str],
    *,
    most_cases: int = 200,
    seed: int = 0,
) -> MonotonicityReport:
    """Add one event to real open cases in many ways and find the scores that fall.

    Parameters
    ----------
    bundle
        The model.
    folder
        The case histories.
    as_of_us
        The moment, microseconds UTC.
    kinds
        Kinds to add; each is tried as itself and as every kind below it.
    most_cases
        How many open cases of the cohort to take, at random.
    seed
        Settles which cases, and which incident gets a further view.

    Raises
    ------
    ConfigError
        If the catalogue has no such kind.
    """
    tried = widen_kinds(bundle.catalogue, kinds)
    history = assemble_history(folder)
    cases = cohort_cases(history, bundle.catalogue, as_of_us)
    random = np.random.default_rng(seed)
    if len(cases) > most_cases:
        cases = np.sort(random.choice(cases, most_cases, replace=False))
    known = _keep_known(folder, as_of_us)
    tally = _Tally(bundle, tried)
    for at in range(0, len(cases), _CASES_AT_ONCE):
        names = [str(name) for name in history.case_id[cases[at : at + _CASES_AT_ONCE]]]
        events = dict(iter(known.events.groupby("case_id", sort=False)))
        additions = [
            _plan_additions(
                events.get(name, known.events[:0]),
                bundle.catalogue,
                tried,
                as_of_us,
                at + n,
                random,
            )
            for n, name in enumerate(names)
        ]
        tally.take(vary(known, names, additions), as_of_us)
    return tally.close(as_of_us, len(cases))


def find_reversals(
    catalogue: Catalogue,
    kinds: Sequence[str],
    *,
    histories_per_indicator: int = 12,
    additions_per_kind: int = 3,
    seed: int = 0,
) -> tuple[Reversal, ...]:
    """Find indicators through which an added event may lower some model's score.

    Random histories are made for each indicator in turn, from the kinds, states, channels, targets
    and details that its selectors look at; each gets one more event in several ways, at random
    moments, as a new incident and as a further view of one on record.

    Parameters
    ----------
    catalogue
        The catalogue.
    kinds
        Kinds to add; each is tried as itself and as every kind below it.
    histories_per_indicator, additions_per_kind
        How many random histories, and additions to each of them.
    seed
        Settles both.

    Returns
    -------
    tuple of Reversal
        In the order of the catalogue's indicators, then of the kinds. Empty where no added event
        can lower a score of any model that keeps the constraints.

    Raises
    ------
    ConfigError
        If the catalogue has no such kind.
    """
    tried = widen_kinds(catalogue, kinds)
    random = np.random.default_rng(seed)
    as_of_us = parse_date(_SCATTERED_AS_OF, _SCATTERED_ZONE)
    scatter = _Scatter(catalogue, tried, as_of_us, random)
    encoding, plan = make_encoding(catalogue), compile_plan(catalogue)
    focuses = [i for i in catalogue.indicators if i.expression.measure is not Measure.LAST_FACT]
    focuses *= histories_per_indicator
    moves = _Moves(catalogue, encoding)
    for at in range(0, len(focuses), _HISTORIES_AT_ONCE):
        some = focuses[at : at + _HISTORIES_AT_ONCE]
        folder = scatter.make_folder(some)
        rows = dict(iter(folder.events.groupby("case_id", sort=False)))
        names = [str(name) for name in rows]
        additions = [
            [
                scatter.draw_addition(focus, rows[name], kind)
                for kind in tried
                for _ in range(additions_per_kind)
            ]
            for focus, name in zip(some, names, strict=True)
        ]
        variants = vary(folder, names, additions)
        values = measure(variants.history, plan, as_of_us, variants.case).values
        moves.take(variants, values)
    return moves.close(tried)


class Variants(NamedTuple):
    """Cases as they are and with one event added, as cases of one history.

    ``case`` holds the number of each copy in the history; ``base`` the position, in ``case``, of
    the unchanged copy that each is to be held against; ``added`` what was added, ``None`` for the
    unchanged copies.
    """

    history: History
    case: Int64
    base: Int64
    added: tuple[Addition | None, ...]


def vary(
    folder: ContractFolder, cases: Sequence[str], additions: Sequence[Sequence[Addition]]
) -> Variants:
    """Copy each case once unchanged and once for each of its additions.

    The copies go through the same assembly as any record, so that identifiers, ties and incidents
    are settled as they would be had the event been in the folder. Linked cases come with them.
    """
    wanted = pd.Index(cases)
    copies = np.array([1 + len(some) for some in additions], dtype=np.int64)
    first = np.cumsum(copies) - copies
    # No identifier in a folder begins with a blank, so a copy cannot be taken for a case.
    names = np.array([f" {number:08d}" for number in range(int(copies.sum()))], dtype=object)
    added: list[Addition | None] = []
    for some in additions:
        added += [None, *some]

    def copy(frame: pd.DataFrame, column: str = "case_id") -> pd.DataFrame:
        position = wanted.get_indexer(pd.Index(frame[column]))
        rows = np.flatnonzero(position >= 0)
        position = position[rows]
        times = copies[position]
        starts = np.cumsum(times) - times
        number = np.repeat(first[position] - starts, times) + np.arange(int(times.sum()))
        copied = frame.take(np.repeat(rows, times)).reset_index(drop=True)
        copied[column] = pd.Series(names[number], dtype=frame[column].dtype)
        return copied

    links = pd.concat([copy(folder.links), copy(folder.links, "linked_case_id")], ignore_index=True)
    companions = pd.Index(pd.concat([links["case_id"], links["linked_case_id"]])).difference(names)
    beside = {
        name: frame[frame["case_id"].isin(companions)]
        for name, frame in (("cases", folder.cases), ("events", folder.events))
    }
    varied = dataclasses.replace(
        folder,
        cases=pd.concat([copy(folder.cases), beside["cases"]], ignore_index=True),
        events=pd.concat(
            [copy(folder.events), _added_rows(folder.events, names, added), beside["events"]],
            ignore_index=True,
        ),
        facts=copy(folder.facts),
        links=links,
    )
    history = assemble_history(varied)
    return Variants(
        history=history,
        case=pd.Index(history.case_id).get_indexer(pd.Index(names)).astype(np.int64),
        base=np.repeat(first, copies),
        added=tuple(added),
    )


def _added_rows(
    like: pd.DataFrame, names: npt.NDArray[np.object_], added: Sequence[Addition | None]
) -> pd.DataFrame:
    rows = [(name, one) for name, one in zip(names, added, strict=True) if one is not None]
    given: dict[str, list[Any]] = {
        "case_id": [name for name, _ in rows],
        # A blank in front again, so that it is no other event's.
        "event_id": [" added"] * len(rows),
        "occurred_at": [one.occurred_at_us for _, one in rows],
        "recorded_at": [one.recorded_at_us for _, one in rows],
        "incident_id": [one.incident for _, one in rows],
        "handling": ["unit"] * len(rows),
        SUPERSEDED_AT: [NEVER] * len(rows),
    }
    for name in ("kind", "view", "actor", "target", "channel", "value", "detail"):
        given[name] = [getattr(one, name) for _, one in rows]
    nothing = [None] * len(rows)
    return pd.DataFrame(
        {name: pd.Series(given.get(name, nothing), dtype=like[name].dtype) for name in like.columns}
    )


def _keep_known(folder: ContractFolder, as_of_us: int) -> ContractFolder:
    """Leave out what cannot count at the moment, so that copies are small."""

    def known(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[rows_in_force(frame, as_of_us)]

    events = known(folder.events)
    return dataclasses.replace(
        folder, events=events[events["occurred_at"] < as_of_us], facts=known(folder.facts)
    )


def _plan_additions(
    events: pd.DataFrame,
    catalogue: Catalogue,
    kinds: Sequence[str],
    as_of_us: int,
    turn: int,
    random: np.random.Generator,
) -> list[Addition]:
    """Return the additions to one case: every kind at every moment, as a new incident and as a
    further view, the values in turn from case to case.
    """
    occurred = events["occurred_at"].to_numpy(dtype=np.int64)
    recorded = as_of_us - _MINUTE_US
    largest = events["value"].max()
    values = (np.nan, _SMALL, float(largest) if pd.notna(largest) else 1.0, _LARGE)
    incidents = _incidents_of(events, catalogue)
    moments = [(as_of_us - _HOUR_US, "an hour before")]
    moments += [
        (as_of_us - n * DAY_US, f"{n} day{'s' if n > 1 else ''} before") for n in _DAYS_BEFORE
    ]
    if len(occurred):
        first = int(occurred.min()) - DAY_US
        days = format_days((as_of_us - first) / DAY_US)
        moments.append((first, f"before the first event ({days} days before)"))
    found = []
    for k, kind in enumerate(kinds):
        for m, (moment, words) in enumerate(moments):
            value = values[(turn + m + k) % _N_VALUES]
            found.append(Addition(kind, moment, recorded, words, value))
            if incidents:
                at = incidents[int(random.integers(len(incidents)))]
                value = values[(turn + m + k + 1) % _N_VALUES]
                view = _other_view(at.view, turn + m)
                found.append(Addition(kind, moment, recorded, words, value, at.incident, view))
        if len(occurred):
            tie = int(occurred[int(random.integers(len(occurred)))])
            value = values[(turn + k + 2) % _N_VALUES]
            found.append(Addition(kind, tie, recorded, _same_moment(as_of_us, tie), value))
        if incidents:
            at = incidents[int(random.integers(len(incidents)))]
            value = values[(turn + k + 3) % _N_VALUES]
            words, view = _same_moment(as_of_us, at.occurred_at_us), _other_view(at.view, turn)
            found.append(
                Addition(kind, at.occurred_at_us, recorded, words, value, at.incident, view)
            )
    return found


class _Incident(NamedTuple):
    incident: str
    view: str
    occurred_at_us: int


def _incidents_of(events: pd.DataFrame, catalogue: Catalogue) -> list[_Incident]:
    """Return what may have a further view: what the subject did, not states and case keeping."""
    states = [
        kind
        for kind in catalogue.kinds
        if find_state(catalogue.kinds, kind, "starts") or find_state(catalogue.kinds, kind, "ends")
    ]
    done = events[
        events["actor"].isin(["subject", "proxy"])
        & ~events["kind"].isin([*states, *RESERVED_KINDS])
        & ~is_kept_apart(events["source"], events["handling"])
    ]
    incident = done["incident_id"].where(done["incident_id"].notna(), done["event_id"])
    return [
        _Incident(str(name), str(view), int(at))
        for name, view, at in zip(incident, done["view"], done["occurred_at"], strict=True)
    ]


def _other_view(view: str, turn: int) -> str:
    others = [name for name in VIEWS if name != view]
    return others[turn % len(others)]


def _same_moment(as_of_us: int, moment_us: int) -> str:
    days = format_days((as_of_us - moment_us) / DAY_US)
    return f"at the very moment of another event ({days} days before)"


@dataclass
class _Count:
    """A running count of the falls of one score under one kind."""

    tried: int = 0
    lowered: int = 0
    largest: float = 0.0
    example: str = ""

    def note(self, fall: float, example: str) -> None:
        self.lowered += 1
        if fall > self.largest:
            self.largest, self.example = fall, example


class _Tally:
    """Falls, counted chunk by chunk."""

    def __init__(self, bundle: Bundle, kinds: Sequence[str]) -> None:
        self.bundle = bundle
        self.kinds = tuple(kinds)
        self.outcomes = {(name, kind): _Count() for name in bundle.outcomes for kind in kinds}
        self.order = {kind: _Count() for kind in kinds}
        self.guilty: dict[tuple[str, str, str], _Count] = {}
        self.n_variants = 0

    def take(self, variants: Variants, as_of_us: int) -> None:
        """Score the variants and count what fell."""
        standing = order_cases(self.bundle, variants.history, as_of_us, variants.case)
        place = np.empty(len(variants.history), dtype=np.int64)
        place[standing.case] = np.arange(len(standing.case))
        rows = place[variants.case]
        values, priority = standing.values[rows], standing.priority[rows]
        changed = np.array([one is not None for one in variants.added])
        self.n_variants += int(changed.sum())
        for one in variants.added:
            if one is not None:
                self.order[one.kind].tried += 1
                for outcome in self.bundle.outcomes:
                    self.outcomes[outcome, one.kind].tried += 1
        before = priority[variants.base]
        share = (before - priority) / np.maximum(np.abs(before), np.finfo(np.float64).tiny)
        for row in np.flatnonzero(changed & (share > LEAST_FALL)):
            one = _of(variants, int(row))
            told = f"{one.tell()}: priority {before[row]:.6g} -> {priority[row]:.6g}"
            self.order[one.kind].note(float(share[row]), told)
        for outcome, log_odds in standing.log_odds.items():
            fall = log_odds[rows][variants.base] - log_odds[rows]
            lowered = np.flatnonzero(changed & (fall > LEAST_FALL))
            if len(lowered):
                self._blame(outcome, variants, values, lowered, fall[lowered])

    def _blame(
        self, outcome: str, variants: Variants, values: Float64, rows: Int64, fall: Float64
    ) -> None:
        old, new = values[variants.base[rows]], values[rows]
        found = attribute_falls(self.bundle, outcome, old, new)
        columns = self.bundle.catalogue.columns
        for place, (row, number) in enumerate(zip(rows, found, strict=True)):
            one, name, told = _of(variants, row), TOGETHER, ""
            if number >= 0:
                indicator = self.bundle.catalogue.indicators[number]
                column = columns.index(indicator.name)
                name = indicator.name
                told = f": {name} {_arrow(old[place, column], new[place, column])}"
            told = one.tell() + told
            self.outcomes[outcome, one.kind].note(float(fall[place]), told)
            count = self.guilty.setdefault((outcome, one.kind, name), _Count())
            count.note(float(fall[place]), told)

    def close(self, as_of_us: int, n_cases: int) -> MonotonicityReport:
        """Return the report."""
        return MonotonicityReport(
            bundle_id=self.bundle.id,
            as_of_us=as_of_us,
            n_cases=n_cases,
            n_variants=self.n_variants,
            outcomes=tuple(
                _finding(outcome, kind, count, self._guilt(outcome, kind))
                for (outcome, kind), count in self.outcomes.items()
            ),
            order=tuple(_finding(None, kind, count) for kind, count in self.order.items()),
        )

    def _guilt(self, outcome: str, kind: str) -> tuple[Guilt, ...]:
        found = [
            Guilt(name, count.lowered, count.largest, count.example)
            for (of, under, name), count in self.guilty.items()
            if (of, under) == (outcome, kind)
        ]
        return tuple(sorted(found, key=lambda guilt: (-guilt.times, guilt.indicator)))


def _finding(
    outcome: str | None, kind: str, count: _Count, guilty: tuple[Guilt, ...] = ()
) -> Finding:
    return Finding(outcome, kind, count.tried, count.lowered, count.largest, count.example, guilty)


def _of(variants: Variants, row: int) -> Addition:
    added = variants.added[row]
    assert added is not None, "an unchanged copy is held against itself"
    return added


def _arrow(before: float, after: float) -> str:
    told = ["missing" if np.isnan(value) else f"{value:.6g}" for value in (before, after)]
    return " -> ".join(told)


def attribute_falls(bundle: Bundle, outcome: str, old: Float64, new: Float64) -> Int64:
    """Return, for each row, the indicator with the largest share in its fall.

    An indicator's share is what the score regains when that indicator's old value is put back into
    the new row, computed by the model itself. Where several stand in for each other, so that none
    regains anything alone, it is what the score loses when only that indicator's new value is put
    into the old row.

    Parameters
    ----------
    bundle, outcome
        The model.
    old, new
        Indicators before and after, shape ``(n_rows, n_columns)``; every row's score falls.

    Returns
    -------
    Int64
        Positions in the catalogue's indicators; -1 where none alone has a share.
    """
    model, encoding = bundle.outcomes[outcome], bundle.encoding
    x_old, x_new = encoding.encode(old), encoding.encode(new)
    regained = _shares(model, encoding, x_new, x_old)
    found = np.where(regained.max(axis=1) > LEAST_FALL, regained.argmax(axis=1), -1)
    rest = np.flatnonzero(found < 0)
    if len(rest):
        lost = -_shares(model, encoding, x_old[rest], x_new[rest])
        found[rest] = np.where(lost.max(axis=1) > LEAST_FALL, lost.argmax(axis=1), -1)
    return found.astype(np.int64)


def _shares(model: OutcomeModel, encoding: Encoding, into: Float64, put: Float64) -> Float64:
    """Return what each indicator's values from ``put`` add to the log-odds of ``into``, shape
    ``(n_rows, n_indicators)``.
    """
    shares = np.zeros((len(into), int(encoding.indicator.max(initial=-1)) + 1))
    differs = ~_same(into, put)
    stands = model.log_odds(into)
    for number in np.unique(encoding.indicator):
        columns = np.flatnonzero(encoding.indicator == number)
        rows = np.flatnonzero(differs[:, columns].any(axis=1))
        if len(rows):
            x = into[rows]
            x[:, columns] = put[np.ix_(rows, columns)]
            shares[rows, number] = model.log_odds(x) - stands[rows]
    return shares


def _same(one: Float64, other: Float64) -> Bools:
    return np.asarray((one == other) | (np.isnan(one) & np.isnan(other)))


class _Moves:
    """Movements of encoded columns, counted chunk by chunk."""

    def __init__(self, catalogue: Catalogue, encoding: Encoding) -> None:
        self.catalogue = catalogue
        self.encoding = encoding
        self.counts: dict[tuple[int, str], dict[str, int]] = {}
        self.examples: dict[tuple[int, str], str] = {}

    def take(self, variants: Variants, values: Float64) -> None:
        """Compare every variant with its unchanged copy."""
        x = self.encoding.encode(values)
        old = x[variants.base]
        changed = np.array([one is not None for one in variants.added])
        constraint = self.encoding.constraint
        step = (x - old) * constraint
        slack = LEAST_FALL * np.maximum(1.0, np.abs(old))
        wrong = np.where(constraint == 0, ~_same(x, old), step < -slack)
        for row, column in zip(*np.nonzero(wrong & changed[:, None]), strict=True):
            one = _of(variants, int(row))
            key = (int(self.encoding.indicator[column]), one.kind)
            way = _way(old[row, column], x[row, column])
            ways = self.counts.setdefault(key, dict.fromkeys(_WAYS, 0))
            ways[way] += 1
            name = self.encoding.columns[column]
            told = f"{one.tell()}: {name} {_arrow(old[row, column], x[row, column])}"
            self.examples.setdefault(key, told)

    def close(self, kinds: Sequence[str]) -> tuple[Reversal, ...]:
        """Return the indicators that moved, in catalogue order."""
        ordered = sorted(self.counts, key=lambda key: (key[0], kinds.index(key[1])))
        return tuple(
            Reversal(
                indicator=self.catalogue.indicators[number].name,
                kind=kind,
                movement=self._movement(number),
                **self.counts[number, kind],
                example=self.examples[number, kind],
            )
            for number, kind in ordered
        )

    def _movement(self, number: int) -> Movement:
        constrained = self.encoding.constraint[self.encoding.indicator == number].any()
        return Movement.AGAINST if constrained else Movement.OPEN


_WAYS: Final = ("up", "down", "appears", "vanishes")


def _way(before: float, after: float) -> str:
    if np.isnan(before):
        return "appears"
    if np.isnan(after):
        return "vanishes"
    return "up" if after > before else "down"


class _Scatter:
    """Random histories around an indicator, and random additions to them."""

    def __init__(
        self,
        catalogue: Catalogue,
        kinds: Sequence[str],
        as_of_us: int,
        random: np.random.Generator,
    ) -> None:
        self.catalogue = catalogue
        self.kinds = tuple(kinds)
        self.as_of_us = as_of_us
        self.random = random
        self.pools = {entry.name: self._pool(entry) for entry in catalogue.indicators}

    def _pool(self, focus: Indicator) -> tuple[str, ...]:
        """Return the kinds that can move an indicator."""
        expression = focus.expression
        found: list[str] = []
        for selector in _selectors(focus):
            found += selector.kind or self.catalogue.kinds
        states = {expression.while_state, expression.state} - {None}
        for kind in self.catalogue.kinds:
            edges = {find_state(self.catalogue.kinds, kind, edge) for edge in ("starts", "ends")}
            if edges & states:
                # States are rare among the kinds and without them nothing happens in one.
                found += [kind] * (1 + len(found) // 6)
        return tuple(found) or tuple(self.catalogue.kinds)

    def make_folder(self, focuses: Sequence[Indicator]) -> ContractFolder:
        """Return a folder with one random history for each indicator given."""
        rows = [row for n, focus in enumerate(focuses) for row in self._history(f"h{n:06d}", focus)]
        names = [f"h{n:06d}" for n in range(len(focuses))]
        started = parse_date("2015-01-01", _SCATTERED_ZONE)
        tables = {
            "cases": _make_table(
                CASES, {"case_id": names, "recorded_at": [started] * len(names)}, len(names)
            ),
            "events": _make_table(
                EVENTS,
                {
                    name: [row.get(name) for row in rows]
                    for name in (*EVENTS.column_names, SUPERSEDED_AT)
                },
                len(rows),
            ),
            **{table.name: _make_table(table, {}, 0) for table in (FACTS, LINKS, PEOPLE)},
        }
        return ContractFolder(
            manifest=Manifest(_SCATTERED_ZONE, self.as_of_us, synthetic=True),
            **tables,
            rejects=join_rejects([]),
            repeats=0,
            conflicts=0,
            warnings={},
        )

    def _history(self, case: str, focus: Indicator) -> Iterator[Mapping[str, Any]]:
        incidents: list[tuple[str, str]] = []
        moments: list[int] = []
        # A few kinds of the many, so that the same ones meet often.
        pool = self.random.choice(np.array(self.pools[focus.name]), 6).tolist()
        for number in range(int(self.random.integers(1, 11))):
            kind = self._pick(pool if self._happens(0.75) else self.kinds)
            row = self._draw_event(focus, kind)
            if moments and self._happens(0.15):
                row["occurred_at"] = self._pick(moments)
            name, view = f"e{number:02d}", "recorded"
            if incidents and self._happens(0.25):
                row["incident_id"], other = self._pick(incidents)
                view = _other_view(other, number)
            moments.append(row["occurred_at"])
            incidents.append((row.get("incident_id") or name, view))
            recorded = min(row["occurred_at"] + _HOUR_US, self.as_of_us - 1)
            yield row | {
                "case_id": case,
                "event_id": name,
                "kind": kind,
                "view": view,
                "recorded_at": recorded,
                "handling": "unit",
                SUPERSEDED_AT: NEVER,
            }

    def draw_addition(self, focus: Indicator, events: pd.DataFrame, kind: str) -> Addition:
        """Return one event to add to a history."""
        row = self._draw_event(focus, kind)
        at, words = row["occurred_at"], ""
        other = events.iloc[int(self.random.integers(len(events)))]
        if self._happens(0.2):
            at = int(other["occurred_at"])
            words = _same_moment(self.as_of_us, at)
        elif self._happens(0.2):
            at = int(events["occurred_at"].min()) - DAY_US
            words = "a day before the first event"
        incident, view = None, "recorded"
        if self._happens(0.5):
            named = other["incident_id"]
            incident = str(other["event_id"] if pd.isna(named) else named)
            view = _other_view(str(other["view"]), int(self.random.integers(2)))
        return Addition(
            kind=kind,
            occurred_at_us=at,
            recorded_at_us=at if self._happens(0.5) else self.as_of_us - 1,
            moment=words or f"{format_days((self.as_of_us - at) / DAY_US)} days before",
            value=row["value"],
            incident=incident,
            view=view,
            **{name: row[name] for name in ("actor", "target", "channel", "detail")},
        )

    def _draw_event(self, focus: Indicator, kind: str) -> dict[str, Any]:
        days = 10.0 ** self.random.uniform(-1.0, 2.9)
        selector = self._pick(_selectors(focus) or [Selector()])
        values = [np.nan, _SMALL, 1.0, 3.0, 5.0, _LARGE, selector.value_min, selector.value_max]
        starts = [selector.detail_prefix] if selector.detail_prefix else []
        state = any(find_state(self.catalogue.kinds, kind, edge) for edge in ("starts", "ends"))
        return {
            "occurred_at": self.as_of_us - int(days * DAY_US),
            "actor": self._pick((selector.actor if self._happens(0.8) else ACTORS) or ("subject",)),
            "target": self._pick((*selector.target, "victim", "child", "other", None)),
            "channel": self._pick((*selector.channel, "phone", "email", None)),
            # A state ends under the detail that it began under.
            "detail": None
            if state
            else self._pick((*selector.detail_in, *starts, "first", "second", None)),
            "value": self._pick([value for value in values if value is not None]),
        }

    def _happens(self, share: float) -> bool:
        return bool(self.random.random() < share)

    def _pick(self, among: Sequence[Any]) -> Any:
        return among[int(self.random.integers(len(among)))]


def _selectors(indicator: Indicator) -> list[Selector]:
    expression = indicator.expression
    return [s for s in (expression.of, expression.among, expression.since) if s is not None]


def _make_table(table: Table, given: Mapping[str, Sequence[Any]], size: int) -> pd.DataFrame:
    like = empty_frame(table)[list(table.column_names)]
    if table.supersedes:
        like[SUPERSEDED_AT] = pd.Series([], dtype="int64")
        like[SUPERSEDED_BY] = pd.Series([], dtype="str")
    nothing = [None] * size
    return pd.DataFrame(
        {name: pd.Series(given.get(name, nothing), dtype=like[name].dtype) for name in like.columns}
    )
