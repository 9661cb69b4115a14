"""Reading and checking a catalogue file: all problems together, each with its line."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from features.catalogue.declarations import (
    Bound,
    Catalogue,
    Cohort,
    Direction,
    Estimand,
    FactQuestion,
    FactType,
    Flag,
    Horizon,
    Indicator,
    Kind,
    Measure,
    Outcome,
    Priority,
    RfsRule,
    Rung,
    Selector,
    find_state,
)
from features.catalogue.durations import parse_horizon
from features.catalogue.expressions import (
    EXPRESSION_KEYS,
    Vocabulary,
    read_duration,
    read_expression,
    read_kinds,
    read_selector,
)
from features.contract.tables import RESERVED_KINDS
from features.contract.yaml_file import Entry, read_yaml
from features.errors import CatalogueError, ConfigError

MAX_INDICATORS: Final = 2_000
FORMAT_VERSION: Final = 1
SHIPPED: Final = Path(__file__).resolve().parents[2] / "catalogues"
WORDING_KEYS: Final = ("advisory", "estimate")

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_SECTIONS: Final = (
    "version",
    "name",
    "title",
    "kinds",
    "facts",
    "cohort",
    "indicators",
    "outcomes",
    "estimands",
    "bounded",
    "flags",
    "baselines",
    "priority",
    "wording",
)
_OPTIONAL: Final = ("facts", "cohort", "estimands", "bounded", "flags")
_REQUIRED: Final = tuple(name for name in _SECTIONS if name not in _OPTIONAL)
_NEVER_CONSTRAINED: Final = (
    Measure.SHARE,
    Measure.GAP_MEDIAN,
    Measure.GAP_CV,
    Measure.SLOPE,
    Measure.TIME_BETWEEN,
)
PROTECTED: Final = re.compile(
    r"(?:^|_)(age|sex|gender|race|ethnicity|ethnic|religion|belief|disability|disabled|pregnan\w*|"
    r"maternity|marital|orientation|nationality|psychosis|psychotic|personality|employ\w*|"
    r"unemploy\w*|postcode)(?:_|$)"
)
"""Names that promise 9 keeps out of indicators: characteristics protected by section 4 of the
Equality Act 2010, and those that design section 1 adds."""


def load_catalogue(name_or_path: str | Path) -> Catalogue:
    """Load a shipped catalogue by name, or any catalogue by its path.

    Raises
    ------
    ConfigError
        If there is no such file.
    CatalogueError
        If it does not pass its check.
    """
    path = Path(name_or_path)
    shipped = SHIPPED / f"{name_or_path}.yaml"
    if not path.suffix and shipped.is_file():
        path = shipped
    try:
        content = path.read_bytes()
    except OSError:
        names = ", ".join(sorted(file.stem for file in SHIPPED.glob("*.yaml")))
        raise ConfigError(
            f"there is no catalogue file there; name a YAML file or one of: {names}"
        ) from None
    return parse_catalogue(content, path.name)


def parse_catalogue(content: bytes, name: str) -> Catalogue:
    """Read a catalogue from its bytes.

    Parameters
    ----------
    content
        The YAML file, UTF-8.
    name
        The file's name for messages.

    Raises
    ------
    CatalogueError
        With every problem found, in line order.
    """
    root = read_yaml(content, name)
    text = content.decode("utf-8-sig")
    sections = root.mapping(_SECTIONS, _REQUIRED)
    vocabulary = Vocabulary(
        kinds=_read_kind_tree(sections["kinds"]) if "kinds" in sections else {},
        facts=_read_facts(sections["facts"]) if "facts" in sections else {},
    )
    _check_states(vocabulary, sections.get("kinds", root))
    reader = _Sections(sections, vocabulary)
    indicators = reader.indicators()
    outcomes = reader.outcomes()
    rfs = reader.rfs(indicators)
    priority = reader.priority(outcomes)
    reader.check_relevance(indicators, outcomes, priority)
    catalogue = Catalogue(
        name=reader.name(),
        title=sections["title"].text() if "title" in sections else "",
        version=reader.version(),
        kinds=vocabulary.kinds,
        facts=vocabulary.facts,
        cohort=reader.cohort(),
        indicators=indicators,
        outcomes=outcomes,
        flags=reader.flags(),
        rfs=rfs,
        priority=priority,
        wording=reader.wording(),
        digest=hashlib.sha256(text.encode()).hexdigest(),
        text=text,
        estimands=reader.estimands(),
        bounded=reader.bounded(),
    )
    if root.problems:
        raise CatalogueError(name, tuple(root.problems))
    return catalogue


def _read_kind_tree(entry: Entry, parent: str | None = None) -> dict[str, Kind]:
    kinds: dict[str, Kind] = {}
    for name, child in entry.free_mapping().items():
        keys = child.mapping(("label", "source", "starts", "ends", "children"), ("label",))
        _check_name(child, name)
        if name in RESERVED_KINDS:
            child.complain("this kind is the contract's own and always there; remove it")
        found = {
            name: Kind(
                name=name,
                label=_text(keys, "label"),
                parent=parent,
                starts=_text(keys, "starts") or None,
                ends=_text(keys, "ends") or None,
                source=_text(keys, "source"),
            )
        }
        if "children" in keys:
            found |= _read_kind_tree(keys["children"], name)
        for repeated in kinds.keys() & found.keys():
            child.complain(f"kind '{repeated}' stands twice in the tree; a kind has one place")
        kinds |= found
    return kinds


def _check_states(vocabulary: Vocabulary, entry: Entry) -> None:
    ended = {kind.ends for kind in vocabulary.kinds.values() if kind.ends}
    for name in vocabulary.kinds:
        if all(find_state(vocabulary.kinds, name, edge) for edge in ("starts", "ends")):
            entry.complain(
                f"kind '{name}' both starts and ends a state, here or above it; "
                "record the two as two kinds"
            )
    for state in sorted(ended - set(vocabulary.states)):
        entry.complain(f"state '{state}' is ended by a kind and started by none; add 'starts'")


def _read_facts(entry: Entry) -> dict[str, FactQuestion]:
    facts: dict[str, FactQuestion] = {}
    for name, child in entry.free_mapping().items():
        known = ("type", "question", "source", "key_question")
        keys = child.mapping(known, known[:3])
        _check_name(child, name)
        _check_protected(child, name)
        facts[name] = FactQuestion(
            name=name,
            type=FactType(keys["type"].choice([str(t) for t in FactType]))
            if "type" in keys
            else FactType.YES_NO,
            question=_text(keys, "question"),
            source=_text(keys, "source"),
            key_question="key_question" in keys and keys["key_question"].flag(),
        )
    return facts


def _text(keys: Mapping[str, Entry], name: str) -> str:
    return keys[name].text() if name in keys else ""


def _check_name(entry: Entry, name: str) -> None:
    if not _NAME.fullmatch(name) or "__" in name:
        entry.complain(
            "a name is lower-case letters, digits and single _, and starts with a letter"
        )


def _check_protected(entry: Entry, name: str) -> None:
    if PROTECTED.search(name):
        entry.complain("a protected or excluded characteristic never reaches a model; remove it")


class _Sections:
    """Reads the sections that need the vocabulary."""

    def __init__(self, sections: Mapping[str, Entry], vocabulary: Vocabulary) -> None:
        self.sections = sections
        self.vocabulary = vocabulary

    def name(self) -> str:
        if "name" not in self.sections:
            return ""
        name = self.sections["name"].text()
        _check_name(self.sections["name"], name)
        return name

    def version(self) -> int:
        if "version" not in self.sections:
            return 0
        if self.sections["version"].number() != FORMAT_VERSION:
            self.sections["version"].complain(f"this engine reads version {FORMAT_VERSION}")
        return FORMAT_VERSION

    def cohort(self) -> Cohort:
        if "cohort" not in self.sections:
            return Cohort()
        entry = self.sections["cohort"]
        keys = entry.mapping(("at", *EXPRESSION_KEYS, "at_least", "source"))
        is_measured = bool(set(keys) - {"at", "source"})
        if not keys:
            return Cohort()
        return Cohort(
            expression=read_expression(keys, entry, self.vocabulary) if is_measured else None,
            at_least=keys["at_least"].number(least=0) if "at_least" in keys else 1.0,
            source=_text(keys, "source"),
            at=self._events(keys["at"]) if "at" in keys else None,
        )

    def _events(self, entry: Entry) -> Selector:
        """Read a selector of events by anyone, which must say which kinds it means."""
        found = read_selector(entry, self.vocabulary, by_anyone=True)
        if not found.kind:
            entry.complain("name the kinds of event that are meant")
        if found.via:
            entry.complain("events of linked cases cannot be meant here; remove 'via'")
        return found

    def indicators(self) -> tuple[Indicator, ...]:
        if "indicators" not in self.sections:
            return ()
        section = self.sections["indicators"]
        entries = section.items()
        if len(entries) > MAX_INDICATORS:
            section.complain(f"{len(entries):,} indicators; at most {MAX_INDICATORS:,} are read")
        indicators = [self._indicator(entry) for entry in entries[:MAX_INDICATORS]]
        if not entries:
            section.complain("state at least one indicator")
        self._check_repeats(entries, [indicator.name for indicator in indicators])
        return tuple(indicators)

    def _indicator(self, entry: Entry) -> Indicator:
        own = (
            "name",
            "family",
            "relevant_to",
            "direction",
            "reason",
            "none_reason",
            "silence",
            "source",
        )
        required = ("name", "family", "measure", "direction", "reason", "source")
        keys = entry.mapping((*own, *EXPRESSION_KEYS), required)
        indicator = Indicator(
            name=_text(keys, "name"),
            family=_text(keys, "family"),
            expression=read_expression(keys, entry, self.vocabulary),
            direction=Direction(keys["direction"].choice([str(d) for d in Direction]))
            if "direction" in keys
            else Direction.OPEN,
            reason=_text(keys, "reason"),
            source=_text(keys, "source"),
            none_reason=_text(keys, "none_reason") or "none on record",
            silence="silence" in keys and keys["silence"].flag(),
            relevant_to=keys["relevant_to"].texts() if "relevant_to" in keys else (),
        )
        self._check_indicator(entry, keys, indicator)
        return indicator

    def _check_indicator(self, entry: Entry, keys: Mapping[str, Entry], found: Indicator) -> None:
        if "name" in keys:
            _check_name(keys["name"], found.name)
            _check_protected(keys["name"], found.name)
        if "reason" in keys and "{value}" not in found.reason:
            keys["reason"].complain("the words must hold {value}")
        elif "reason" in keys and re.sub(r"\{value\}", "", found.reason).strip(" ").find("{") >= 0:
            keys["reason"].complain("the only placeholder is {value}")
        measure = found.expression.measure
        constrained = found.direction is not Direction.OPEN
        if constrained and measure in _NEVER_CONSTRAINED:
            entry.complain(f"measure {measure} can be missing, so its direction must be open")

    def check_relevance(
        self, indicators: tuple[Indicator, ...], outcomes: tuple[Outcome, ...], priority: Priority
    ) -> None:
        """Complain of indicators that are said to matter for what the catalogue does not name."""
        known = {outcome.name for outcome in outcomes} | {rung.name for rung in priority.ladder}
        for indicator, entry in zip(
            indicators, self.sections["indicators"].items() if indicators else [], strict=False
        ):
            if not set(indicator.relevant_to) <= known:
                entry.complain(f"relevant_to names no outcome or level: {', '.join(sorted(known))}")

    def _check_repeats(self, entries: list[Entry], names: list[str]) -> None:
        seen: set[str] = set()
        for entry, name in zip(entries, names, strict=False):
            if name in seen:
                entry.complain(f"the name '{name}' stands twice; names are unique")
            seen.add(name)

    def outcomes(self) -> tuple[Outcome, ...]:
        if "outcomes" not in self.sections:
            return ()
        section = self.sections["outcomes"]
        entries = section.items()
        if not entries:
            section.complain("state at least one outcome")
        outcomes = tuple(self._outcome(entry) for entry in entries)
        self._check_repeats(entries, [outcome.name for outcome in outcomes])
        return outcomes

    def _outcome(self, entry: Entry) -> Outcome:
        required = ("name", "label", "of", "horizon", "maturity", "source")
        optional = ("at_least", "follow_up_ends", "departures")
        keys = entry.mapping((*required, *optional), required)
        if "name" in keys:
            _check_name(keys["name"], keys["name"].text())
        return Outcome(
            name=_text(keys, "name"),
            label=_text(keys, "label"),
            of=read_selector(keys.get("of", entry), self.vocabulary),
            at_least=_read_whole(keys["at_least"]) if "at_least" in keys else 1,
            horizon=_read_horizon(keys["horizon"]) if "horizon" in keys else Horizon(days=1),
            maturity_us=read_duration(keys["maturity"], zero_allowed=True)
            if "maturity" in keys
            else 0,
            follow_up_ends=read_kinds(keys["follow_up_ends"], self.vocabulary)
            if "follow_up_ends" in keys
            else (),
            departures_are_negative="departures" in keys
            and keys["departures"].choice(("censored", "negative")) == "negative",
            source=_text(keys, "source"),
        )

    def estimands(self) -> tuple[Estimand, ...]:
        if "estimands" not in self.sections:
            return ()
        entries = self.sections["estimands"].items()
        found = tuple(self._estimand(entry) for entry in entries)
        self._check_repeats(entries, [estimand.name for estimand in found])
        return found

    def _estimand(self, entry: Entry) -> Estimand:
        required = ("name", "label", "until", "outside", "source")
        keys = entry.mapping(required, required)
        if "name" in keys:
            _check_name(keys["name"], keys["name"].text())
        outside = _text(keys, "outside")
        if outside and outside not in self.vocabulary.states:
            keys["outside"].complain("names a state that no kind starts; give a kind 'starts'")
        return Estimand(
            name=_text(keys, "name"),
            label=_text(keys, "label"),
            until=self._events(keys["until"]) if "until" in keys else Selector(),
            outside=outside,
            source=_text(keys, "source"),
        )

    def bounded(self) -> Bound | None:
        if "bounded" not in self.sections:
            return None
        required = ("of", "label", "source")
        keys = self.sections["bounded"].mapping(required, required)
        if "of" not in keys:
            return None
        return Bound(self._events(keys["of"]), _text(keys, "label"), _text(keys, "source"))

    def flags(self) -> tuple[Flag, ...]:
        if "flags" not in self.sections:
            return ()
        return tuple(self._flag(entry) for entry in self.sections["flags"].items())

    def _flag(self, entry: Entry) -> Flag:
        required = ("name", "urgency", "measure", "at_least", "wording", "source")
        keys = entry.mapping((*required, *EXPRESSION_KEYS), required)
        return Flag(
            name=_text(keys, "name"),
            urgent="urgency" in keys and keys["urgency"].choice(("urgent", "review")) == "urgent",
            expression=read_expression(keys, entry, self.vocabulary),
            at_least=keys["at_least"].number() if "at_least" in keys else 1.0,
            wording=_text(keys, "wording"),
            source=_text(keys, "source"),
        )

    def rfs(self, indicators: tuple[Indicator, ...]) -> RfsRule:
        parts = ("recency", "frequency", "severity")
        if "baselines" not in self.sections:
            return RfsRule("", "", "", "")
        baselines = self.sections["baselines"].mapping(("rfs",), ("rfs",))
        if "rfs" not in baselines:
            return RfsRule("", "", "", "")
        keys = baselines["rfs"].mapping((*parts, "source"), (*parts, "source"))
        names = {indicator.name for indicator in indicators}
        for part in parts:
            if part in keys and keys[part].text() not in names:
                keys[part].complain("names no indicator; write the name of one above")
        return RfsRule(*(_text(keys, part) for part in (*parts, "source")))

    def priority(self, outcomes: tuple[Outcome, ...]) -> Priority:
        if "priority" not in self.sections:
            return Priority((), "")
        entry = self.sections["priority"]
        keys = entry.mapping(("ladder", "source", "custody_state"), ("ladder", "source"))
        rungs = keys["ladder"].items() if "ladder" in keys else []
        ladder = tuple(self._rung(rung, outcomes) for rung in rungs)
        if not ladder:
            entry.complain("the ladder needs at least one level")
        elif ladder[0].outcome is None or ladder[0].share is not None:
            rungs[0].complain("the mildest level must be an outcome alone; there is none below it")
        horizons = {
            outcome.horizon
            for outcome in outcomes
            if outcome.name in {rung.outcome for rung in ladder}
        }
        if len(horizons) > 1:
            entry.complain("the outcomes of the ladder have several horizons; give them one")
        state = _text(keys, "custody_state") or None
        if state is not None and state not in self.vocabulary.states:
            keys["custody_state"].complain("names a state that no kind starts")
        return Priority(ladder, _text(keys, "source"), state)

    def _rung(self, entry: Entry, outcomes: tuple[Outcome, ...]) -> Rung:
        required = ("name", "label", "weight", "source")
        keys = entry.mapping((*required, "outcome", "share"), required)
        if "outcome" not in keys and "share" not in keys:
            entry.complain("state 'outcome', or 'share', or both: the share where no model is")
        if "outcome" in keys and keys["outcome"].text() not in {o.name for o in outcomes}:
            keys["outcome"].complain("names no outcome; write the name of one above")
        return Rung(
            name=_text(keys, "name"),
            label=_text(keys, "label"),
            weight=keys["weight"].number(least=0) if "weight" in keys else 0.0,
            outcome=_text(keys, "outcome") or None,
            share=keys["share"].number(least=0, most=1) if "share" in keys else None,
            source=_text(keys, "source"),
        )

    def wording(self) -> dict[str, str]:
        if "wording" not in self.sections:
            return {}
        keys = self.sections["wording"].mapping(WORDING_KEYS, WORDING_KEYS)
        return {name: entry.text() for name, entry in keys.items()}


def _read_whole(entry: Entry) -> int:
    number = entry.number(least=1)
    if number % 1:
        entry.complain("write a whole number; incidents are counted")
    return int(number)


def _read_horizon(entry: Entry) -> Horizon:
    try:
        return parse_horizon(entry.text())
    except ValueError as error:
        entry.complain(str(error))
        return Horizon(days=1)
