"""The catalogue: vocabulary, indicators, outcomes and wording of one kind of case history.

These are the checked, immutable parts and, at once, what :mod:`features.catalogue.file` holds a
YAML file to: their fields are its keys. Read from a file, an instance exists only if every name and
number in it has been checked.
"""

import functools
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from features.catalogue.durations import Duration, Window, parse_horizon
from features.catalogue.names import (
    Fact,
    FoldedWord,
    Harm,
    IndicatorName,
    ModelName,
    Name,
    NewKind,
    OutcomeName,
    State,
    UsedKind,
    UsedKinds,
)
from features.contract.tables import ACTORS, TARGETS, VIEWS
from features.contract.yaml_file import (
    Entry,
    Filled,
    Found,
    Number,
    Section,
    Several,
    Share,
    Text,
    TrueFalse,
    meaning,
    one_of,
    refuse,
    version,
    written_as,
)

DAY_US: Final = 86_400_000_000
NEVER_DAYS: Final = 36_525.0
"""What 'none on record' counts as for a constrained ``days_since`` column: a century. A first event
can then only shorten it, so that no constrained score falls because something happened."""
FORMAT_VERSION: Final = 1
MAX_INDICATORS: Final = 2_000


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
    many
        Words for several of them ("assaults"); the label with its number where empty.
    told_until
        Kind of event after which it is no longer told of a case: a notice of a release after the
        release. ``None`` where it is told for ever.
    """

    name: str
    label: str
    parent: str | None = None
    starts: str | None = None
    ends: str | None = None
    source: str = ""
    many: str = ""
    told_until: str | None = None


def find_state(kinds: Mapping[str, Kind], name: str, edge: str) -> str | None:
    """Return the state that a kind, or the nearest kind above it, ``starts`` or ``ends``.

    Parameters
    ----------
    kinds
        All kinds of the catalogue, by name.
    name
        A kind that is among them.
    edge
        ``starts`` or ``ends``.

    Returns
    -------
    str or None
        The state's name; ``None`` where neither the kind nor any above it has such an edge.
    """
    at: str | None = name
    while at is not None:
        state: str | None = getattr(kinds[at], edge)
        if state is not None:
            return state
        at = kinds[at].parent
    return None


@dataclass(frozen=True)
class KindEntry(Entry):
    """A kind as a file writes it: the kinds below stand in it."""

    label: Text
    source: Text = ""
    starts: Text | None = None
    ends: Text | None = None
    many: Text = ""
    told_until: UsedKind | None = None
    children: "Mapping[NewKind, KindEntry]" = field(default_factory=dict)


def _name_facts(section: Any) -> Any:
    """Give each question its key as its name; an empty key is one that no file can hold."""
    if not isinstance(section, dict):
        return section
    return {
        key: {**entry, "": key} if isinstance(entry, dict) else entry
        for key, entry in section.items()
    }


def _check_limits(most: float | None, info: ValidationInfo) -> float | None:
    least = info.data.get("value_min")
    if least is not None and most is not None and least > most:
        raise ValueError("min is above max, so nothing can match; swap them")
    return most


@dataclass(frozen=True)
class Selector(
    Entry,
    detail_in="detail.in",
    detail_prefix="detail.prefix",
    value_min="value.min",
    value_max="value.max",
):
    """Which events are meant: every stated condition must hold; within one, any value will do.

    An empty tuple states no condition. ``kind`` is already widened to all kinds below. ``actor`` is
    the subject and proxies unless stated. ``via`` names kinds of link and takes in events of the
    cases linked by them; without it only the case's own events are meant. ``value`` limits are
    inclusive; an event without a value never meets one.
    """

    kind: UsedKinds = ()
    channel: Several[FoldedWord] = ()
    source: Several[FoldedWord] = ()
    view: Several[Annotated[Text, one_of(VIEWS)]] = ()
    actor: Several[Annotated[Text, one_of(ACTORS)]] = ("subject", "proxy")
    target: Several[Annotated[Text, one_of(TARGETS)]] = ()
    via: Several[Text] = ()
    detail_in: Several[Text] = ()
    detail_prefix: Several[Text] = ()
    value_min: Number | None = None
    value_max: Annotated[Number | None, AfterValidator(_check_limits)] = None


def _read_answering(data: Any, read: ValidatorFunctionWrapHandler) -> Selector:
    found: Selector = read(data)
    if not found.kind:
        raise ValueError("name the kinds of event that answer the question")
    if found.via:
        raise ValueError("events of linked cases answer no question; remove 'via'")
    return found


def _read_events(data: Any, read: ValidatorFunctionWrapHandler) -> Selector:
    found: Selector = read(data)
    if not found.kind:
        raise ValueError("name the kinds of event that are meant")
    if found.via:
        raise ValueError("events of linked cases cannot be meant here; remove 'via'")
    return found if "actor" in data else replace(found, actor=())


Events = Annotated[Selector, WrapValidator(_read_events)]
"""Events by anyone unless an actor is stated; it must say which kinds are meant."""


@dataclass(frozen=True)
class FactQuestion(Entry, name=""):
    """A question whose answer the unit records.

    Parameters
    ----------
    name, type, question, source
        Code, how its answer becomes a number, words, and why it is asked.
    key_question
        Whether it is asked first where nobody has asked it.
    answered_by
        Events any of which answers it with yes, never with no; ``None`` where only a person can.
        The records that a selector names without an actor are those of the subject and proxies.
    ask_each_time
        Whether a person is asked whatever is on record: a record only prompts.
    said_yes, said_no
        The answer as a statement ("former partner of the victim"); empty where the question stands
        for it.
    assumes
        Question whose "no" an answer to this one contradicts: the day on which a relationship
        ended assumes that there was one. ``None`` where it assumes nothing.
    """

    name: str
    type: FactType
    question: Text
    source: Text
    key_question: TrueFalse = False
    answered_by: "Annotated[Selector, WrapValidator(_read_answering)] | None" = None
    ask_each_time: TrueFalse = False
    said_yes: Text = ""
    said_no: Text = ""
    assumes: Fact | None = None


_FIELDS: Final = ("kind", "channel", "source", "view", "actor", "target", "detail")
_DISAGREEMENT_FIELDS: Final = ("kind", "value", "detail")
_WINDOW: Final = ("within", "since", "while")
NEEDED_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(Measure, ("of",)),
    Measure.DISTINCT: ("of", "field"),
    Measure.SHARE: ("of", "among"),
    Measure.RATE_RATIO: ("of", "within", "against"),
    Measure.QUIET_THEN_RETURN: ("of", "quiet"),
    Measure.DECAYED: ("of", "half_life"),
    Measure.FIRST_USE: ("of", "field", "within"),
    Measure.DAYS_IN_STATE: ("state",),
    Measure.TIME_BETWEEN: ("of", "and"),
    Measure.LAST_FACT: ("fact",),
    Measure.DISAGREEMENT: ("of", "field"),
}
WINDOW_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(Measure, _WINDOW),
    Measure.DAYS_IN_STATE: ("within", "since"),
    Measure.LAST_FACT: (),
}
OPEN_MEASURES: Final = (
    Measure.SHARE,
    Measure.GAP_MEDIAN,
    Measure.GAP_CV,
    Measure.SLOPE,
    Measure.TIME_BETWEEN,
)


def _check_field(name: str, info: ValidationInfo) -> str:
    disagrees = info.data.get("measure") is Measure.DISAGREEMENT
    known = _DISAGREEMENT_FIELDS if disagrees else _FIELDS
    if name not in known:
        raise ValueError(f"write one of: {', '.join(known)}")
    return name


@dataclass(frozen=True)
class Expression(
    Entry,
    within_us="within",
    while_state="while",
    among="among|and",
    against_us="against",
    quiet_us="quiet",
    half_life_us="half_life",
):
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
    within_us: Window | None = None
    since: Selector | None = None
    while_state: State | None = None
    field: Annotated[str, AfterValidator(_check_field)] | None = None
    among: Selector | None = None
    against_us: Window | None = None
    quiet_us: Window | None = None
    half_life_us: Window | None = None
    state: State | None = None
    fact: Fact | None = None

    @classmethod
    def find_problems(cls, section: Section, context: Any) -> Iterator[Found]:
        """Name the keys that the measure needs and has not, or has and does not use."""
        measure = section.get("measure")
        if not isinstance(measure, str) or measure not in NEEDED_KEYS:
            return
        needed = NEEDED_KEYS[measure]
        for key in needed:
            if key not in section:
                yield (), f"measure {measure} needs '{key}'"
        for key in section:
            if key not in ("measure", *needed, *WINDOW_KEYS[measure]):
                yield (key,), f"measure {measure} does not use '{key}'; remove it"


def _check_reason(words: str) -> str:
    if "{value}" not in words:
        raise ValueError("the words must hold {value}")
    if "{" in words.replace("{value}", ""):
        raise ValueError("the only placeholder is {value}")
    return words


def _check_direction(direction: Direction, info: ValidationInfo) -> Direction:
    expression = info.data.get("expression")
    if expression and expression.measure in OPEN_MEASURES and direction is not Direction.OPEN:
        raise ValueError(
            f"measure {expression.measure} can be missing, so its direction must be open"
        )
    return direction


@dataclass(frozen=True)
class Indicator(Entry, expression=Expression):
    """One number measured from a case history, with the words of its reason.

    ``relevant_to`` names the outcomes and levels of harm that the source speaks of; empty where it
    speaks of all. It keeps nothing from a model; an indicator that names the gravest level of the
    ladder is never left out of one, though it may not be told from noise
    (:mod:`training.fitting.indicator_selection`).

    ``silence`` marks indicators whose low side is made of silence, custody, relocation or withdrawn
    support: a push down by one of them is shown as unknown, not as a reason (design section 7).

    ``risk`` marks indicators whose value above ``told_above`` the sources call a risk though they
    conflict on a constraint; those that raise are so marked by their direction. ``told`` says in
    words of a theme what such a value is ("acts by others on behalf of the subject").
    """

    name: ModelName
    family: Text
    expression: Expression
    direction: Annotated[Direction, AfterValidator(_check_direction)]
    reason: Annotated[Text, AfterValidator(_check_reason)]
    source: Text
    none_reason: Text = "none on record"
    silence: TrueFalse = False
    relevant_to: Several[Harm] = ()
    risk: TrueFalse = False
    told: Text = ""
    told_above: Number = 0.0

    def is_risk(self, value: float) -> bool:
        """Return whether a value is what the sources call a risk; never a missing one."""
        marked = self.risk or self.direction is Direction.RAISES
        return marked and value > self.told_above

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
class Outcome(Entry, maturity_us="maturity", departures_are_negative="departures"):
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
    pooled_from
        A more frequent outcome, of which this one is mostly the grave end: where too few people had
        this one, what foretells that one is where its model begins (partial pooling).
    """

    name: Name
    label: Text
    of: Selector
    at_least: Annotated[int, Field(ge=1, default=1)]
    horizon: Annotated[Horizon, BeforeValidator(parse_horizon)]
    maturity_us: Duration
    follow_up_ends: Annotated[UsedKinds, Field(default=())]
    departures_are_negative: Annotated[
        bool, meaning({"censored": False, "negative": True}), Field(default=False)
    ]
    source: Text
    pooled_from: OutcomeName | None = None


def _check_pooled(outcomes: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
    """Refuse an outcome that is pooled from itself, or from one that is itself pooled."""
    pooled = {one.name for one in outcomes if one.pooled_from is not None}
    words = "names an outcome that is itself pooled; name a frequent one with a model of its own"
    wrong = [
        ((number, "pooled_from"), words)
        for number, one in enumerate(outcomes)
        if one.pooled_from in pooled
    ]
    if wrong:
        raise refuse(wrong)
    return outcomes


@dataclass(frozen=True)
class CohortRule(Entry, expression=Expression):
    """Which open cases a model learns from and ranks; every open case where ``expression`` is
    ``None``.

    ``at`` selects index events: a model then learns from one row per such event, at the moment it
    came to be known, and at dates from the open cases as ever. By anyone unless an actor is stated.
    """

    expression: Expression | None = None
    at_least: Annotated[Number, Field(ge=0)] = 1.0
    source: Text = ""
    at: Events | None = None

    @classmethod
    def reshape(cls, section: Section) -> Section:
        """Count unless a measure is stated; leave it out where nothing is measured."""
        shaped = super().reshape(section)
        stated = shaped.pop("expression")
        if isinstance(stated, dict) and (stated or "at_least" in section):
            shaped["expression"] = {"measure": Measure.COUNT, **stated}
        return shaped


@dataclass(frozen=True)
class Estimand(Entry):
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

    name: Name
    label: Text
    until: Events
    outside: State
    source: Text


@dataclass(frozen=True)
class Bound(Entry):
    """Events after which silence says nothing, such as withdrawn support.

    The outcome's rate is bounded: as recorded, and as if every case with such an event in the
    window had had the outcome. By anyone unless an actor is stated.
    """

    of: Events
    label: Text
    source: Text


@dataclass(frozen=True)
class Flag(Entry, urgent="urgency", expression=Expression):
    """A rule that draws attention whatever the score; ``urgent`` ones go outside capacity."""

    name: Text
    urgent: Annotated[bool, meaning({"urgent": True, "review": False})]
    expression: Expression
    at_least: Number
    wording: Text
    source: Text


@dataclass(frozen=True)
class RfsRule(Entry):
    """The recency-frequency-severity rule: names of the three indicators it adds up."""

    recency: IndicatorName
    frequency: IndicatorName
    severity: IndicatorName
    source: Text


@dataclass(frozen=True)
class Rung(Entry):
    """One level of the ladder of harm, mildest first.

    A modelled ``outcome``, or a sourced ``share`` of the level below it; with both, the outcome's
    model where there is one and the share otherwise.
    """

    name: Text
    label: Text
    weight: Annotated[Number, Field(ge=0)]
    outcome: OutcomeName | None = None
    share: Share | None = None
    source: Text = ""

    @classmethod
    def find_problems(cls, section: Section, context: Any) -> Iterator[Found]:
        """Ask for what a file must state though the class has a default for it."""
        if "outcome" not in section and "share" not in section:
            yield (), "state 'outcome', or 'share', or both: the share where no model is"
        if "source" not in section:
            yield (), "'source' is missing; add it"


def _check_ladder(ladder: tuple[Rung, ...]) -> tuple[Rung, ...]:
    if ladder[0].outcome is None or ladder[0].share is not None:
        words = "the mildest level must be an outcome alone; there is none below it"
        raise refuse([((0,), words)])
    return ladder


@dataclass(frozen=True)
class Priority(Entry):
    """How probabilities become an order; ``custody_state`` names the state that is not safety."""

    ladder: Annotated[Filled[Rung], AfterValidator(_check_ladder)]
    source: Text
    custody_state: State | None = None

    @classmethod
    def make_empty(cls) -> "Priority":
        """Return the priority of a catalogue that estimates nothing."""
        return cls(ladder=(), source="no outcomes")


def _check_horizons(priority: Priority, info: ValidationInfo) -> Priority:
    named = {rung.outcome for rung in priority.ladder}
    outcomes = info.data.get("outcomes", ())
    # Priority adds up harm over one horizon; probabilities of several do not add up.
    if len({outcome.horizon for outcome in outcomes if outcome.name in named}) > 1:
        raise ValueError("the outcomes of the ladder have several horizons; give them one")
    return priority


@dataclass(frozen=True)
class Wording(Entry):
    """Two statements that stand beside every list, score and report."""

    advisory: Text
    estimate: Text


@dataclass(frozen=True)
class Theme(Entry):
    """What several indicators are about, in words that a clinician uses; reasons are themes.

    Parameters
    ----------
    name, label
        Code and words.
    families, indicators
        Its indicators: all of some families, and some by name, which leave their family's theme.
    kinds
        Kinds of events that tell it, with those below them that no theme names; no two themes name
        one kind.
    domains
        Where published frameworks speak of it, in words of our own; not an item of any of them.
    """

    name: Name
    label: Text
    families: Several[Text] = ()
    indicators: Several[IndicatorName] = ()
    kinds: Several[UsedKind] = ()
    domains: Text = ""


@dataclass(frozen=True)
class Serious(Entry):
    """Which records are told whatever their weight in a score.

    Parameters
    ----------
    kinds
        Kinds that are serious by themselves, the gravest first.
    value_min
        Severity from which (inclusive) a record of any kind is; ``None`` for no such limit.
    source
        Why these.
    """

    kinds: UsedKinds
    source: Text
    value_min: Number | None = None


@dataclass(frozen=True)
class Frameworks(Entry):
    """What is said of frameworks that the themes are mapped to.

    Parameters
    ----------
    statement
        Stands beside themes on pages, packs and exports ("Not a ... assessment").
    source
        Which frameworks.
    """

    statement: Text
    source: Text


@dataclass(frozen=True)
class SummaryLine(Entry):
    """One line of what stands first on a case.

    Parameters
    ----------
    label
        Its heading.
    facts
        Questions whose answers stand under it, as statements, the latest of each.
    """

    label: Text
    facts: Several[Fact]


def _check_themes(themes: tuple[Theme, ...]) -> tuple[Theme, ...]:
    for number, theme in enumerate(themes):
        for other in themes[:number]:
            for key in ("families", "indicators", "kinds"):
                both = set(getattr(theme, key)).intersection(getattr(other, key))
                if both:
                    words = f"{key} of theme '{other.name}' as well: {min(both)}; name it once"
                    raise refuse([((number, key), words)])
            if theme.name == other.name:
                raise refuse([((number,), f"the theme '{theme.name}' stands twice")])
    return themes


@dataclass(frozen=True)
class IndicatorFamily:
    """Indicators that one item of a file makes.

    Parameters
    ----------
    line
        The item's line in the file, counted from 1.
    name
        The item's name with its placeholders.
    members
        Names of the indicators, in catalogue order.
    """

    line: int
    name: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class Catalogue(Entry, rfs="baselines.rfs", digest="", text="", families=""):
    """A whole checked catalogue.

    ``text`` is the catalogue written out, families as their members and what is left out as its
    default, which a bundle keeps: the file itself where it leaves nothing to write out. ``digest``
    is the SHA-256 of that text in UTF-8 and part of every bundle and score. ``families`` says what
    the file it was read from wrote short. Without ``outcomes`` it measures and trains no model;
    with them it has a rule ``rfs`` and a ladder.
    """

    name: Name
    title: Text
    version: Annotated[int, version(FORMAT_VERSION)]
    kinds: Annotated[
        Mapping[str, Kind],
        written_as(Mapping[NewKind, KindEntry], lambda tree, context: context.kinds),
    ]
    facts: Annotated[
        Mapping[ModelName, FactQuestion],
        BeforeValidator(_name_facts),
        Field(default_factory=dict),
    ]
    cohort: Annotated[CohortRule, Field(default_factory=CohortRule)]
    indicators: Annotated[Filled[Indicator], Field(max_length=MAX_INDICATORS)]
    outcomes: Annotated[Filled[Outcome], AfterValidator(_check_pooled), Field(default=())]
    flags: Annotated[tuple[Flag, ...], Field(default=())]
    rfs: Annotated[RfsRule | None, Field(default=None)]
    priority: Annotated[
        Priority, AfterValidator(_check_horizons), Field(default_factory=Priority.make_empty)
    ]
    wording: Annotated[Mapping[str, str], written_as(Wording, lambda words, _: asdict(words))]
    digest: Annotated[str, Field(default="")]
    text: Annotated[str, Field(default="")] = field(repr=False)
    families: Annotated[tuple[IndicatorFamily, ...], Field(default=())] = field(
        default=(), repr=False, compare=False
    )
    estimands: tuple[Estimand, ...] = ()
    bounded: Bound | None = None
    themes: Annotated[tuple[Theme, ...], AfterValidator(_check_themes)] = ()
    serious: Serious | None = None
    frameworks: Frameworks | None = None
    summary: tuple[SummaryLine, ...] = ()

    @classmethod
    def find_problems(cls, section: Section, context: Any) -> Iterator[Found]:
        """Return what is wrong between the sections."""
        yield from context.find_problems()
        if "outcomes" not in section:
            return
        if "baselines" not in section:
            yield (
                (),
                (
                    "'baselines' is missing and there is no default; "
                    "add it, or indicators of count and days_since_last"
                ),
            )
        if "priority" not in section:
            yield (
                (),
                "'priority' is missing; add it: how much each outcome weighs is for you to say",
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all indicator columns, in catalogue order."""
        return tuple(name for entry in self.indicators for name in entry.columns)

    @functools.cached_property
    def first_columns(self) -> tuple[int, ...]:
        """Where each indicator's first column is in the indicator matrix."""
        sizes = [len(entry.columns) for entry in self.indicators]
        return tuple(itertools.accumulate(sizes[:-1], initial=0))

    @functools.cached_property
    def state_edges(self) -> Mapping[str, Mapping[str, str]]:
        """Under ``starts`` and ``ends``, the state of each kind that has one, children included."""
        edges = {
            edge: {name: find_state(self.kinds, name, edge) for name in self.kinds}
            for edge in ("starts", "ends")
        }
        return {
            edge: {name: state for name, state in found.items() if state is not None}
            for edge, found in edges.items()
        }

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states that kinds start, sorted."""
        return tuple(sorted({kind.starts for kind in self.kinds.values() if kind.starts}))
