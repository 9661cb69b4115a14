"""Families of indicators: one short item of a catalogue written out as its members.

An item is short where it leaves out what has a default, or where its name holds placeholders. Each
placeholder names a key: the family has one member for each value listed there, the first
placeholder of the name turning slowest. A mapping in place of the list gives each value the keys
that differ for it, and these may hold lists and another name in turn.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import yaml

from features.catalogue.declarations import MAX_INDICATORS, Expression, Measure
from features.catalogue.words import EVER, SpokenValues
from features.contract.yaml_file import suggest

SELECTED: Final[tuple[str, ...]] = ("kind", "channel", "view", "actor", "target")
"""Keys of ``of`` that a family may run over."""
MEASURED: Final[tuple[str, ...]] = (
    "fact",
    "state",
    "measure",
    "within",
    "half_life",
    "against",
    "quiet",
    "field",
    "while",
)
"""Keys of the indicator itself that a family may run over."""
REQUIRED: Final = ("name", "family", "measure", "direction", "reason", "source")
"""Keys that an indicator written out holds, whatever its measure."""
_SPOKEN: Final = ("reason", "none_reason", "source")
_ORDER: Final = (
    "name",
    "family",
    "relevant_to",
    *Expression.list_keys(),
    "direction",
    "reason",
    "none_reason",
    "silence",
    "source",
)
_PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)(?:\.([a-z_]+))?\}")
_VALUE: Final = "value"
_RESOLVER: Final[Any] = yaml.SafeLoader("")
_STR: Final = "tag:yaml.org,2002:str"
_MAP: Final = "tag:yaml.org,2002:map"
NO_SOURCE: Final = "no source stated"
Keys = dict[str, yaml.Node]


class FamilyError(Exception):
    """What is wrong with a short item as a whole, and where in the file.

    Parameters
    ----------
    node
        Where it stands.
    words
        What is wrong and how to correct it.
    """

    def __init__(self, node: yaml.Node, words: str) -> None:
        super().__init__(words)
        self.line: int = node.start_mark.line + 1
        self.words = words


@dataclass(frozen=True)
class Member:
    """One indicator of a family.

    Parameters
    ----------
    name, family_name
        Its name, and that of its family, with the placeholders.
    keys
        What it states, in the order in which it is written out; the nodes keep their places in
        the file.
    """

    name: str
    family_name: str
    keys: tuple[tuple[str, yaml.Node], ...]

    def read(self, key: str) -> str:
        """Return the text of a key, or nothing where there is none."""
        return next((_text(node) for name, node in self.keys if name == key), "")

    def write_lines(self) -> tuple[tuple[str, int], ...]:
        """Return the indicator written out, each line with its line in the file."""
        written = yaml.serialize(
            yaml.MappingNode(
                _MAP, [(_plain(key), node) for key, node in self.keys], flow_style=False
            ),
            Dumper=yaml.SafeDumper,  # in Python: the same text wherever it is written
            allow_unicode=True,
            width=1_000_000_000,
        )
        places = [node.start_mark.line + 1 for _, node in self.keys]
        return tuple(zip(written.rstrip("\n").split("\n"), places, strict=True))


def is_short(item: yaml.Node) -> bool:
    """Return whether an item of ``indicators`` needs writing out."""
    if not isinstance(item, yaml.MappingNode):
        return False
    keys = {_text(key): value for key, value in item.value}
    if any(key not in keys for key in REQUIRED) or _text(keys.get("within")) == EVER:
        return True
    if "{" in _text(keys["name"]):
        return True
    several = [keys[key] for key in MEASURED if key in keys]
    if any(isinstance(node, yaml.SequenceNode | yaml.MappingNode) for node in several):
        return True
    return any(isinstance(node, yaml.MappingNode) for node in _read_selector(keys).values()) or any(
        key in (*SELECTED, *MEASURED)
        for text in _walk_texts(item)
        if "{" in text
        for key, _ in _find_holes(text)
    )


def write_members(item: yaml.MappingNode, words: SpokenValues) -> tuple[Member, ...]:
    """Write a short item out.

    Parameters
    ----------
    item
        An item of ``indicators``.
    words
        How values are said.

    Returns
    -------
    tuple of Member
        One where it is no family; none has a placeholder left but ``{value}``.

    Raises
    ------
    FamilyError
        If the item is no family that can be written out.
    """
    keys = _read_keys(item)
    if "name" not in keys:
        keys["name"] = _make_name(item, keys)
    members = tuple(
        islice(_Family(_text(keys["name"]), words).unfold(keys, {}), MAX_INDICATORS + 1)
    )
    if len(members) > MAX_INDICATORS:
        raise FamilyError(
            item, f"this family makes more than {MAX_INDICATORS:,} indicators; list fewer values"
        )
    return members


@dataclass(frozen=True)
class _Family:
    name: str
    words: SpokenValues

    def unfold(self, keys: Keys, bound: Mapping[str, str]) -> Iterator[Member]:
        """Yield the members below what is bound so far: by key, the value of this member."""
        name = keys["name"]
        for key, form in _find_holes(_text(name)):
            if key not in (*SELECTED, *MEASURED) or form:
                hole = f"{{{key}.{form}}}" if form else f"{{{key}}}"
                known = suggest(key, (*SELECTED, *MEASURED))
                raise FamilyError(name, f"{hole} in a name is no key that is listed; {known}")
            if key not in bound:
                for value, differing in _list_values(keys, key):
                    _refuse_bound(differing, {**bound, key: ""})
                    below = {**_bind(keys, key, value), **differing}
                    yield from self.unfold(below, {**bound, key: _text(value)})
                return
        yield self._close(dict(keys), bound)

    def _close(self, keys: Keys, bound: Mapping[str, str]) -> Member:
        """Fill in what is left out and replace the placeholders."""
        self._refuse_lists(keys)
        values = {**_read_values(keys), **{key: (value,) for key, value in bound.items()}}
        values.setdefault("within", (EVER,))
        for key, text in self._list_defaults(keys, values).items():
            keys.setdefault(key, _at(keys["name"], text))
        if _text(keys.get("within")) == EVER:
            del keys["within"]
        filled = {key: self._fill(node, key, values) for key, node in keys.items()}
        known = [key for key in _ORDER if key in filled]
        order = [*known, *(key for key in filled if key not in _ORDER)]
        name = _text(filled["name"])
        return Member(name, self.name, tuple((key, filled[key]) for key in order))

    def _refuse_lists(self, keys: Keys) -> None:
        stated = {key: keys[key] for key in MEASURED if key in keys}
        for key, node in _read_selector(keys).items():
            if isinstance(node, yaml.MappingNode):
                stated[key] = node
        for key, node in stated.items():
            if not isinstance(node, yaml.ScalarNode):
                raise FamilyError(
                    node,
                    f"several values here make several indicators: write {{{key}}} in the name",
                )

    def _list_defaults(self, keys: Keys, values: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
        measure = _text(keys.get("measure")) or _find_measure(keys)
        return {
            "measure": measure,
            "family": self._find_family(values),
            "direction": "open",
            "reason": _make_reason(measure, values),
            "source": NO_SOURCE,
        }

    def _find_family(self, values: Mapping[str, tuple[str, ...]]) -> str:
        """Return the kind at the top of the tree that takes the first kind in."""
        if "kind" not in values:
            return "facts" if "fact" in values else "states" if "state" in values else "records"
        kinds, at = self.words.kinds, values["kind"][0]
        while at in kinds and (above := kinds[at].parent) is not None:
            at = above
        return at

    def _fill(self, node: yaml.Node, key: str, values: Mapping[str, tuple[str, ...]]) -> yaml.Node:
        """Return a node with its placeholders replaced: in words by words, else by values."""
        spoken = key in _SPOKEN

        def replace(match: re.Match[str]) -> str:
            axis, form = match[1], match[2] or ""
            if axis not in (*SELECTED, *MEASURED):
                if key != "reason" or axis == _VALUE:
                    return match[0]
                known = suggest(axis, (_VALUE, *SELECTED, *MEASURED))
                raise FamilyError(node, f"{match[0]} is no placeholder; {known}")
            if axis not in values:
                raise FamilyError(node, f"{match[0]} has no value here; state '{axis}'")
            if not spoken:
                return values[axis][0].replace(" ", "") if key == "name" else values[axis][0]
            try:
                return " or ".join(self.words.say(axis, value, form) for value in values[axis])
            except ValueError as error:
                raise FamilyError(node, f"{match[0]}: {error}") from None

        if isinstance(node, yaml.SequenceNode):
            items = [self._fill(item, key, values) for item in node.value]
            return yaml.SequenceNode(node.tag, items, node.start_mark, flow_style=True)
        if isinstance(node, yaml.MappingNode):
            pairs = [(_plain(_text(k)), self._fill(v, key, values)) for k, v in node.value]
            return yaml.MappingNode(node.tag, pairs, node.start_mark, flow_style=True)
        text = _PLACEHOLDER.sub(replace, _text(node))
        return _at(node, text, '"' if spoken or "\n" in text else None)


def _make_reason(measure: str, values: Mapping[str, tuple[str, ...]]) -> str:
    """Return the words of an indicator that states none."""
    if measure == Measure.LAST_FACT:
        return "{fact} {value}"
    if measure == Measure.DAYS_IN_STATE:
        return "{state} {within}, days: {value}"
    subject = "{kind}" if "kind" in values else "records"
    said = "" if measure == Measure.COUNT else ", {measure}"
    return f"{subject} {{within}}{said}: {{value}}"


def _find_measure(keys: Keys) -> str:
    """Return the measure of an indicator that states none."""
    if "fact" in keys:
        return Measure.LAST_FACT
    return Measure.DAYS_IN_STATE if "state" in keys else Measure.COUNT


def _make_name(item: yaml.Node, keys: Keys) -> yaml.Node:
    """Return the name of an indicator that states none: what is measured, each part a key."""
    plain = (Measure.COUNT, Measure.LAST_FACT, Measure.DAYS_IN_STATE)
    parts = [key for key in SELECTED if key in _read_selector(keys)]
    parts += [key for key in MEASURED if key in keys and _text(keys[key]) not in plain]
    if not parts:
        raise FamilyError(item, "'name' is missing; add it")
    return _at(item, "_".join(f"{{{key}}}" for key in parts))


def _read_keys(item: yaml.MappingNode) -> Keys:
    keys: Keys = {}
    for key, value in item.value:
        name = _text(key)
        if not name:
            raise FamilyError(key, "a key must be a word")
        if name in keys:
            raise FamilyError(key, f"the key '{name}' stands twice; keep one")
        keys[name] = value
    return keys


def _read_selector(keys: Keys) -> Keys:
    """Return what ``of`` states of the keys that a family may run over."""
    of = keys.get("of")
    if not isinstance(of, yaml.MappingNode):
        return {}
    return {_text(key): value for key, value in of.value if _text(key) in SELECTED}


def _read_values(keys: Keys) -> dict[str, tuple[str, ...]]:
    stated = {key: keys[key] for key in MEASURED if key in keys} | _read_selector(keys)
    return {
        key: tuple(_text(item) for item in node.value)
        if isinstance(node, yaml.SequenceNode)
        else (_text(node),)
        for key, node in stated.items()
    }


def _list_values(keys: Keys, key: str) -> list[tuple[yaml.Node, Keys]]:
    """Return the values listed for a key, each with the keys that differ for it."""
    node = (_read_selector(keys) if key in SELECTED else keys).get(key)
    if node is None:
        where = f"'{key}' in 'of'" if key in SELECTED else f"'{key}'"
        raise FamilyError(keys["name"], f"the name holds {{{key}}}; state {where}")
    values: list[Any] = node.value if isinstance(node, yaml.CollectionNode) else [node]
    if not values:
        raise FamilyError(node, "an empty list means nothing; write at least one entry")
    if isinstance(node, yaml.MappingNode):
        return [(value, _read_differing(value, below)) for value, below in values]
    for value in values:
        if not _text(value):
            raise FamilyError(value, "write one word for each member of the family")
    return [(value, {}) for value in values]


def _read_differing(value: yaml.Node, below: yaml.Node) -> Keys:
    if not _text(value):
        raise FamilyError(value, "write one word for each member of the family")
    if isinstance(below, yaml.MappingNode):
        return _read_keys(below)
    if isinstance(below, yaml.ScalarNode) and not _text(below):
        return {}
    raise FamilyError(below, "write the keys that differ for this value (key: value), or nothing")


def _refuse_bound(differing: Keys, bound: Mapping[str, str]) -> None:
    """Refuse a difference in what the member is already named for."""
    for key, node in differing.items():
        if key in bound:
            raise FamilyError(node, f"'{key}' is settled before this by the name; remove it")


def _bind(keys: Keys, key: str, value: yaml.Node) -> Keys:
    """Return the keys with one value in place of those listed."""
    if key in MEASURED:
        return {**keys, key: value}
    of = keys["of"]
    pairs = [(one, value if _text(one) == key else below) for one, below in of.value]
    # The selector is told of at the line of the value: it is what differs between the members.
    return {**keys, "of": yaml.MappingNode(of.tag, pairs, value.start_mark, flow_style=True)}


def _find_holes(text: str) -> list[tuple[str, str]]:
    return [(key, form) for key, form in _PLACEHOLDER.findall(text) if key != _VALUE]


def _walk_texts(node: yaml.Node) -> Iterator[str]:
    if isinstance(node, yaml.ScalarNode):
        yield node.value
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _walk_texts(item)
    elif isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            yield from _walk_texts(value)


def _text(node: yaml.Node | None) -> str:
    return node.value.strip() if isinstance(node, yaml.ScalarNode) else ""


def _plain(text: str, mark: yaml.Mark | None = None) -> yaml.ScalarNode:
    """Return a scalar that is written without quotes wherever YAML allows it."""
    tag = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))
    return yaml.ScalarNode(tag, text, mark)


def _at(node: yaml.Node, text: str, style: str | None = None) -> yaml.ScalarNode:
    """Return a scalar at another node's place."""
    if style is None:
        return _plain(text, node.start_mark)
    return yaml.ScalarNode(_STR, text, node.start_mark, style=style)
