"""The catalogue: vocabulary, indicators, outcomes and wording of one kind of case history.

These are the checked, immutable parts; :mod:`features.catalogue.file` reads them from YAML. An
instance exists only if every name and number in it has been checked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

DAY_US: Final = 86_400_000_000
NEVER_DAYS: Final = 36_525.0
"""What 'none on record' counts as for a constrained ``days_since`` column: a century. A first event
can then only shorten it, so that no constrained score falls because something happened."""


class Direction(StrEnum):
    """Which way the sources say an indicator moves risk; ``OPEN`` where they conflict."""

    RAISES = "raises"
    LOWERS = "lowers"
    OPEN = "open"


class Measure(StrEnum):
    """What is computed from the incidents that a selector takes in."""

    COUNT = "count"
    SUM = "sum"
    MAX = "max"
    DISTINCT = "distinct"
    SHARE = "share"
    DAYS_SINCE_LAST = "days_since_last"
    DAYS_SINCE_FIRST = "days_since_first"
    RATE_RATIO = "rate_ratio"
    GAP_MEDIAN = "gap_median"
    GAP_CV = "gap_cv"
    QUIET_THEN_RETURN = "quiet_then_return"
    SLOPE = "slope"
    DECAYED = "decayed"
    FIRST_USE = "first_use"
    DAYS_IN_STATE = "days_in_state"
    TIME_BETWEEN = "time_between"
    LAST_FACT = "last_fact"
    DISAGREEMENT = "disagreement"


class FactType(StrEnum):
    """How a fact's answer becomes a number.

    ``YES_NO``: 1 or 0. ``NUMBER``: itself. ``DATE``: days from that date to ``as_of``, negative
    while it lies ahead.
    """

    YES_NO = "yes_no"
    NUMBER = "number"
    DATE = "date"


@dataclass(frozen=True)
class Kind:
    """One kind of event.

    Parameters
    ----------
    name, label
        Code and words.
    parent
        The kind that takes this one in, or ``None`` at the top.
    starts, ends
        Name of the state that an event of this kind begins or ends.
    source
        Statute or study the kind is taken from.
    """

    name: str
    label: str
    parent: str | None = None
    starts: str | None = None
    ends: str | None = None
    source: str = ""


def find_state(kinds: Mapping[str, Kind], name: str, edge: str) -> str | None:
    """Return the state that a kind, or the nearest kind above it, ``starts`` or ``ends``."""
    at: str | None = name
    while at is not None:
        state: str | None = getattr(kinds[at], edge)
        if state is not None:
            return state
        at = kinds[at].parent
    return None


@dataclass(frozen=True)
class FactQuestion:
    """A question whose answer the unit records."""

    name: str
    type: FactType
    question: str
    source: str
    key_question: bool = False


@dataclass(frozen=True)
class Selector:
    """Which events are meant: every stated condition must hold; within one, any value will do.

    An empty tuple states no condition. ``kind`` is already widened to all kinds below. ``actor`` is
    the subject and proxies unless stated. ``via`` names kinds of link and takes in events of the
    cases linked by them; without it only the case's own events are meant. ``value`` limits are
    inclusive; an event without a value never meets one.
    """

    kind: tuple[str, ...] = ()
    channel: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    view: tuple[str, ...] = ()
    actor: tuple[str, ...] = ("subject", "proxy")
    target: tuple[str, ...] = ()
    via: tuple[str, ...] = ()
    detail_in: tuple[str, ...] = ()
    detail_prefix: tuple[str, ...] = ()
    value_min: float | None = None
    value_max: float | None = None


@dataclass(frozen=True)
class Expression:
    """A measure of selected incidents: what indicators, cohorts, outcomes and flags share.

    Parameters
    ----------
    measure
        What is computed.
    of
        Incidents it is computed of; ``None`` for ``last_fact`` and ``days_in_state``.
    within_us
        Window ``[as_of - within_us, as_of)``; ``None`` for the whole history.
    since
        Narrows the window to what came at or after the latest such event.
    while_state
        Counts only what occurred while this state was active.
    field
        Column that ``distinct``, ``first_use`` and ``disagreement`` look at.
    among
        Denominator of ``share``; second event of ``time_between``.
    against_us
        Length of the earlier window of ``rate_ratio``.
    quiet_us
        Least gap that ``quiet_then_return`` calls quiet.
    half_life_us
        Half-life of ``decayed``.
    state
        State of ``days_in_state``.
    fact
        Fact of ``last_fact``.
    """

    measure: Measure
    of: Selector | None = None
    within_us: int | None = None
    since: Selector | None = None
    while_state: str | None = None
    field: str | None = None
    among: Selector | None = None
    against_us: int | None = None
    quiet_us: int | None = None
    half_life_us: int | None = None
    state: str | None = None
    fact: str | None = None


@dataclass(frozen=True)
class Indicator:
    """One number measured from a case history, with the words of its reason.

    ``relevant_to`` names the outcomes and levels of harm that the source speaks of; empty where it
    speaks of all. It documents, and keeps nothing from a model.

    ``silence`` marks indicators whose low side is made of silence, custody, relocation or withdrawn
    support: a push down by one of them is shown as unknown, not as a reason (design section 7).
    """

    name: str
    family: str
    expression: Expression
    direction: Direction
    reason: str
    source: str
    none_reason: str = "none on record"
    silence: bool = False
    relevant_to: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns it fills: a fact also says whether it was asked."""
        if self.expression.measure is Measure.LAST_FACT:
            return (self.name, f"{self.name}__asked")
        return (self.name,)


@dataclass(frozen=True)
class Horizon:
    """Length of an outcome's window: ``days`` of 24 hours, or calendar ``months`` in the history's
    time zone; one of them is 0.
    """

    days: int = 0
    months: int = 0

    def __str__(self) -> str:
        return f"{self.months} months" if self.months else f"{self.days} days"


@dataclass(frozen=True)
class Outcome:
    """A future event that a model estimates.

    Parameters
    ----------
    name, label
        Code and words ("violence recorded").
    of
        Selector of the incidents.
    at_least
        Least number of distinct incidents.
    horizon
        Window ``[as_of, as_of + horizon)``.
    maturity_us
        Time after the horizon before a label may train a model.
    follow_up_ends
        Kinds after which nothing more could be recorded.
    departures_are_negative
        Whether the headline counts cases whose follow-up ended as negatives; the censored result is
        then given beside it. Otherwise they are left out of the headline.
    source
        Why this outcome.
    """

    name: str
    label: str
    of: Selector
    at_least: int
    horizon: Horizon
    maturity_us: int
    follow_up_ends: tuple[str, ...]
    departures_are_negative: bool
    source: str


@dataclass(frozen=True)
class Cohort:
    """Which open cases a model learns from and ranks; every open case where ``expression`` is
    ``None``.

    ``at`` selects index events: a model then learns from one row per such event, at the moment it
    came to be known, and at dates from the open cases as ever. By anyone unless an actor is stated.
    """

    expression: Expression | None = None
    at_least: float = 1.0
    source: str = ""
    at: Selector | None = None


@dataclass(frozen=True)
class Estimand:
    """What is estimated beside the recorded outcome: the outcome before something intervenes.

    Parameters
    ----------
    name, label
        Code and words ("while at liberty").
    until
        Events after which an outcome no longer counts; they compete with it. By anyone unless an
        actor is stated.
    outside
        State in which a case is left out: what ``until`` begins had begun already.
    source
        Why this estimand.
    """

    name: str
    label: str
    until: Selector
    outside: str
    source: str


@dataclass(frozen=True)
class Bound:
    """Events after which silence says nothing, such as withdrawn support.

    The outcome's rate is bounded: as recorded, and as if every case with such an event in the
    window had had the outcome. By anyone unless an actor is stated.
    """

    of: Selector
    label: str
    source: str


@dataclass(frozen=True)
class Flag:
    """A rule that draws attention whatever the score; ``urgent`` ones go outside capacity."""

    name: str
    urgent: bool
    expression: Expression
    at_least: float
    wording: str
    source: str


@dataclass(frozen=True)
class RfsRule:
    """The recency-frequency-severity rule: names of the three indicators it adds up."""

    recency: str
    frequency: str
    severity: str
    source: str


@dataclass(frozen=True)
class Rung:
    """One level of the ladder of harm, mildest first.

    A modelled ``outcome``, or a sourced ``share`` of the level below it; with both, the outcome's
    model where there is one and the share otherwise.
    """

    name: str
    label: str
    weight: float
    outcome: str | None = None
    share: float | None = None
    source: str = ""


@dataclass(frozen=True)
class Priority:
    """How probabilities become an order; ``custody_state`` names the state that is not safety."""

    ladder: tuple[Rung, ...]
    source: str
    custody_state: str | None = None


@dataclass(frozen=True)
class Catalogue:
    """A whole checked catalogue.

    ``digest`` is the SHA-256 of the file's text in UTF-8 and part of every bundle and score;
    ``text`` is the file itself, which a bundle keeps.
    """

    name: str
    title: str
    version: int
    kinds: Mapping[str, Kind]
    facts: Mapping[str, FactQuestion]
    cohort: Cohort
    indicators: tuple[Indicator, ...]
    outcomes: tuple[Outcome, ...]
    flags: tuple[Flag, ...]
    rfs: RfsRule
    priority: Priority
    wording: Mapping[str, str]
    digest: str
    text: str = field(repr=False)
    estimands: tuple[Estimand, ...] = ()
    bounded: Bound | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all indicator columns, in catalogue order."""
        return tuple(name for entry in self.indicators for name in entry.columns)

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states that kinds start, sorted."""
        return tuple(sorted({kind.starts for kind in self.kinds.values() if kind.starts}))
