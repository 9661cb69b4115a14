"""Reading selectors and measures, the parts that indicators, cohorts, outcomes and flags share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from features.catalogue.declarations import Expression, FactQuestion, Kind, Measure, Selector
from features.catalogue.durations import parse_duration
from features.contract.tables import ACTORS, RESERVED_KINDS, TARGETS, VIEWS
from features.contract.yaml_file import Entry

FIELDS: Final = ("kind", "channel", "source", "view", "actor", "target", "detail")
SELECTOR_KEYS: Final = (*FIELDS, "value", "via")
EXPRESSION_KEYS: Final = (
    "measure",
    "of",
    "within",
    "since",
    "while",
    "field",
    "among",
    "and",
    "against",
    "quiet",
    "half_life",
    "state",
    "fact",
)
_WINDOW: Final = frozenset({"within", "since", "while"})
_NEEDED: Final[Mapping[Measure, tuple[str, ...]]] = {
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
_NO_WINDOW: Final = frozenset({Measure.LAST_FACT})
_DISAGREEMENT_FIELDS: Final = ("kind", "value", "detail")


@dataclass(frozen=True)
class Vocabulary:
    """Names that expressions may use."""

    kinds: Mapping[str, Kind]
    facts: Mapping[str, FactQuestion]

    @property
    def states(self) -> tuple[str, ...]:
        """States that some kind starts."""
        return tuple(sorted({kind.starts for kind in self.kinds.values() if kind.starts}))

    def widen(self, name: str) -> tuple[str, ...]:
        """Return a kind and all kinds below it, in catalogue order."""
        return tuple(kind for kind in self.kinds if name in self._line(kind))

    def _line(self, name: str) -> tuple[str, ...]:
        line: list[str] = []
        at: str | None = name
        while at is not None:
            line.append(at)
            at = self.kinds[at].parent
        return tuple(line)


def read_kinds(entry: Entry, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return the named kinds and all below them; complain of unknown ones."""
    kinds: dict[str, None] = {}
    for name in entry.texts():
        if name in vocabulary.kinds:
            kinds.update(dict.fromkeys(vocabulary.widen(name)))
        elif name in RESERVED_KINDS:
            kinds[name] = None
        else:
            entry.complain("names a kind that the catalogue does not declare; add it under kinds")
    return tuple(kinds)


def read_selector(entry: Entry, vocabulary: Vocabulary, *, by_anyone: bool = False) -> Selector:
    """Read a conjunction of conditions; ``by_anyone`` leaves the actor open unless it is stated."""
    keys = entry.mapping(SELECTOR_KEYS)
    fixed = {"view": VIEWS, "actor": ACTORS, "target": TARGETS}
    stated: dict[str, tuple[str, ...]] = {"actor": ()} if by_anyone else {}
    for name in ("channel", "source", "view", "actor", "target", "via"):
        if name in keys:
            stated[name] = keys[name].texts()
            if name in fixed and not set(stated[name]) <= set(fixed[name]):
                keys[name].complain(f"write one of: {', '.join(fixed[name])}")
    if "kind" in keys:
        stated["kind"] = read_kinds(keys["kind"], vocabulary)
    if "detail" in keys:
        detail = keys["detail"].mapping(("in", "prefix"))
        for name in detail:
            stated[f"detail_{name}"] = detail[name].texts()
        if not detail:
            keys["detail"].complain("state 'in' or 'prefix'")
    limits = keys["value"].mapping(("min", "max")) if "value" in keys else {}
    low, high = (limits[name].number() if name in limits else None for name in ("min", "max"))
    if low is not None and high is not None and low > high:
        keys["value"].complain("min is above max, so nothing can match; swap them")
    return Selector(value_min=low, value_max=high, **stated)


def read_expression(keys: Mapping[str, Entry], entry: Entry, vocabulary: Vocabulary) -> Expression:
    """Read a measure from the keys of an entry; keys that the measure ignores are problems."""
    measure = (
        Measure(keys["measure"].choice([str(m) for m in Measure]))
        if "measure" in keys
        else (Measure.COUNT)
    )
    needed = _NEEDED.get(measure, ("of",))
    for name in needed:
        if name not in keys:
            entry.complain(f"measure {measure} needs '{name}'")
    allowed = {"measure", *needed} | (frozenset() if measure in _NO_WINDOW else _WINDOW)
    if measure is Measure.DAYS_IN_STATE:
        allowed -= {"while"}
    for name in EXPRESSION_KEYS:
        if name in keys and name not in allowed:
            keys[name].complain(f"measure {measure} does not use '{name}'; remove it")
    second = "and" if measure is Measure.TIME_BETWEEN else "among"
    return Expression(
        measure=measure,
        of=_selector(keys, "of", vocabulary),
        within_us=_duration(keys, "within"),
        since=_selector(keys, "since", vocabulary),
        while_state=_state(keys, "while", vocabulary),
        field=_field(keys, measure),
        among=_selector(keys, second, vocabulary),
        against_us=_duration(keys, "against"),
        quiet_us=_duration(keys, "quiet"),
        half_life_us=_duration(keys, "half_life"),
        state=_state(keys, "state", vocabulary),
        fact=_fact(keys, vocabulary),
    )


def _selector(keys: Mapping[str, Entry], name: str, vocabulary: Vocabulary) -> Selector | None:
    return read_selector(keys[name], vocabulary) if name in keys else None


def _duration(keys: Mapping[str, Entry], name: str) -> int | None:
    return read_duration(keys[name]) if name in keys else None


def read_duration(entry: Entry, *, zero_allowed: bool = False) -> int:
    """Read a duration in microseconds; complain and return one day otherwise."""
    try:
        return parse_duration(entry.text(), zero_allowed=zero_allowed)
    except ValueError as error:
        entry.complain(str(error))
        return parse_duration("1d")


def _state(keys: Mapping[str, Entry], name: str, vocabulary: Vocabulary) -> str | None:
    if name not in keys:
        return None
    state = keys[name].text()
    if state not in vocabulary.states:
        keys[name].complain("names a state that no kind starts; give a kind 'starts'")
    return state


def _fact(keys: Mapping[str, Entry], vocabulary: Vocabulary) -> str | None:
    if "fact" not in keys:
        return None
    fact = keys["fact"].text()
    if fact not in vocabulary.facts:
        keys["fact"].complain("names a fact that the catalogue does not declare; add it to facts")
    return fact


def _field(keys: Mapping[str, Entry], measure: Measure) -> str | None:
    if "field" not in keys:
        return None
    return keys["field"].choice(_DISAGREEMENT_FIELDS if measure is Measure.DISAGREEMENT else FIELDS)
