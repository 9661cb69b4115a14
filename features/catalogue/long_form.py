"""A catalogue written out: families as their members, and sections left out as their defaults.

The long form is a text, since a catalogue's digest is that of a text: a file with nothing to write
out is its own long form, letter for letter, and so is every long form.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, Final, NamedTuple

import yaml

from features.catalogue.declarations import (
    FORMAT_VERSION,
    MAX_INDICATORS,
    IndicatorFamily,
    Measure,
)
from features.catalogue.families import FamilyError, Member, is_short, write_members
from features.catalogue.words import SpokenValues
from features.contract.yaml_file import Plain, Section, take_plain
from features.errors import CatalogueError, Problem

DEFAULT_WORDING: Final[Mapping[str, Plain]] = {
    "advisory": "Advisory. For the order of review only; a named person decides.",
    "estimate": "What is estimated is the recorded outcome under past practice, not what happened.",
}
_DEFAULTED: Final = ("version", "name", "title", "baselines", "priority", "wording")
_BREAK: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_REST_OF_LINE: Final = re.compile(r"[ \t]*(#[^\n\r\x85\u2028\u2029]*)?")
_ITEM: Final = re.compile(r"^indicators\[(\d+)\]")
_NO_WORD: Final = re.compile(r"[^a-z0-9]+")
_SHOWN: Final = 3
"""As many members of a family are named where a problem holds for several."""


class FileLine(NamedTuple):
    """Where a line of the long form comes from.

    Parameters
    ----------
    line
        Line in the file, counted from 1.
    member
        Name of the indicator where the line was written out; empty where the file holds it.
    """

    line: int
    member: str = ""


@dataclass(frozen=True)
class LongForm:
    """A catalogue's long form.

    Parameters
    ----------
    text
        The catalogue written out.
    places
        Where each of its lines comes from.
    items
        For each of its indicators, its position among the file's items.
    families
        The families of several members.
    problems
        What is wrong with items that cannot be written out; they stand in the text as they are.
    """

    text: str
    places: tuple[FileLine, ...]
    items: tuple[int, ...]
    families: tuple[IndicatorFamily, ...]
    problems: tuple[Problem, ...] = ()

    def locate(self, problems: Sequence[Problem]) -> tuple[Problem, ...]:
        """Return problems of the long form as problems of the file, with its own.

        Each names the file's line and the members it holds for; equal ones of members are one.
        What only follows from an item that could not be written out is left out.
        """
        members: dict[Problem, list[str]] = {one: [] for one in self.problems}
        for one in problems:
            if self.problems and self._follows(one):
                continue
            place = self.places[min(max(one.line, 1), len(self.places)) - 1]
            where = _ITEM.sub(lambda found: f"indicators[{self.items[int(found[1])]}]", one.place)
            held = members.setdefault(Problem(place.line, where, one.message), [])
            held += [place.member] if place.member else []
        return tuple(
            replace(one, message=f"{_list_some(held)}: {one.message}") if held else one
            for one, held in members.items()
        )

    def _follows(self, problem: Problem) -> bool:
        """Return whether a problem may be but a consequence of an item that is not written out."""
        item = _ITEM.match(problem.place)
        unwritten = {one.place for one in self.problems}
        if item is None:
            return problem.place.startswith("baselines") or "'baselines'" in problem.message
        return f"indicators[{self.items[int(item[1])]}]" in unwritten


class _Piece(NamedTuple):
    text: str
    line: int
    member: str = ""


class _Edit(NamedTuple):
    """A part of the file that is written otherwise, and what stands there instead."""

    start: int
    end: int
    pieces: tuple[_Piece, ...] = ()


def is_long(root: yaml.Node) -> bool:
    """Return whether a file plainly has nothing to write out; most need no closer look."""
    sections = find_sections(root)
    if "words" in sections or any(key not in sections for key in _DEFAULTED):
        return not sections
    _, listed = sections.get("indicators", (root, root))
    return not any(is_short(item) for item in _list_items(listed))


def _list_items(listed: yaml.Node) -> list[yaml.Node]:
    return listed.value if isinstance(listed, yaml.SequenceNode) else []


def write_long_form(text: str, root: yaml.Node, name: str, words: SpokenValues) -> LongForm | None:
    """Write a catalogue out.

    Parameters
    ----------
    text, root
        The file, and its top node.
    name
        The file's name, of which the catalogue's default name is made.
    words
        How values are said.

    Returns
    -------
    LongForm or None
        ``None`` where the file is its own long form.

    Raises
    ------
    CatalogueError
        If there are too many indicators, or sections within brackets have something to write out.
    """
    sections = find_sections(root)
    _, listed = sections.get("indicators", (root, root))
    items = _list_items(listed)
    written, problems = _write_items(items, words, name)
    missing = _complete(take_plain(root), _list_measured(items, written), name)
    if not (written or problems or missing or "words" in sections):
        return None
    if _is_flow(root) or (written and _is_flow(listed)):
        raise _refuse(name, root, "write each section and each indicator on lines of its own")
    edits = [_replace_item(text, listed, items[n], members) for n, members in written.items()]
    edits += [_remove(text, *sections["words"])] if "words" in sections else []
    edits += [_append(text, root, missing)] if missing else []
    long, places = _join(_apply(text, sorted(edits)))
    return LongForm(
        text=long,
        places=places,
        items=tuple(n for n in range(len(items)) for _ in written.get(n, ("",))),
        families=tuple(
            IndicatorFamily(
                line=items[n].start_mark.line + 1,
                name=members[0].family_name,
                members=tuple(one.name for one in members),
            )
            for n, members in written.items()
            if len(members) > 1
        ),
        problems=problems,
    )


def find_sections(root: yaml.Node) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """Return key and value of each section by its name; none where the top is no mapping."""
    if not isinstance(root, yaml.MappingNode):
        return {}
    return {str(key.value): (key, value) for key, value in root.value}


def _write_items(
    items: Sequence[yaml.Node], words: SpokenValues, name: str
) -> tuple[dict[int, tuple[Member, ...]], tuple[Problem, ...]]:
    """Return the members of each short item, by its position, and why some have none."""
    written: dict[int, tuple[Member, ...]] = {}
    problems: list[Problem] = []
    for n, item in enumerate(items):
        if isinstance(item, yaml.MappingNode) and is_short(item):
            try:
                written[n] = write_members(item, words)
            except FamilyError as error:
                problems.append(Problem(error.line, f"indicators[{n}]", error.words))
        if sum(map(len, written.values())) > MAX_INDICATORS:
            raise _refuse(name, item, f"more than {MAX_INDICATORS:,} indicators; list fewer values")
    return written, tuple(problems)


def _list_measured(
    items: Sequence[yaml.Node], written: Mapping[int, Sequence[Member]]
) -> list[tuple[str, str]]:
    """Return name and measure of each indicator of the long form."""
    found: list[tuple[str, str]] = []
    for n, item in enumerate(items):
        if n in written:
            found += [(one.name, one.read("measure")) for one in written[n]]
        elif isinstance(plain := take_plain(item), dict):
            found.append((str(plain.get("name", "")), str(plain.get("measure", ""))))
    return found


def _complete(root: Plain, measured: Sequence[tuple[str, str]], file_name: str) -> Section:
    """Return the sections that are left out and have a default.

    A rule and a priority are needed where there is an outcome to model. Where several outcomes
    could be weighed, how much each weighs is for people to say.
    """
    stated = root if isinstance(root, dict) else {}
    stem = _NO_WORD.sub("_", PurePath(file_name).stem.lower()).strip("_")
    name = stated.get("name", stem if stem[:1].isalpha() else f"catalogue_{stem}".strip("_"))
    made: dict[str, Any] = {
        "version": str(FORMAT_VERSION),
        "name": name,
        "title": str(name).replace("_", " ").capitalize(),
    }
    outcomes = stated.get("outcomes")
    if outcomes and isinstance(outcomes, list):
        made["baselines"] = _make_rule(measured)
        made["priority"] = _make_priority(outcomes)
    made["wording"] = dict(DEFAULT_WORDING)
    return {key: value for key, value in made.items() if value and key not in stated}


def _make_rule(measured: Sequence[tuple[str, str]]) -> Section | None:
    """Return the rule of the first indicators that measure its three parts, where there are any."""

    def find(*measures: str) -> str | None:
        return next((name for name, measure in measured if measure in measures), None)

    recency, frequency = find(Measure.DAYS_SINCE_LAST), find(Measure.COUNT)
    if recency is None or frequency is None:
        return None
    return {
        "rfs": {
            "recency": recency,
            "frequency": frequency,
            "severity": find(Measure.MAX, Measure.SUM) or frequency,
            "source": "default: the first indicators of such measures",
        }
    }


def _make_priority(outcomes: Sequence[Plain]) -> Section | None:
    """Return the ladder of an outcome that stands alone."""
    only = outcomes[0]
    if len(outcomes) > 1 or not isinstance(only, dict) or "name" not in only:
        return None
    source = "default: the only outcome"
    rung: Section = {"name": only["name"], "label": only.get("label", only["name"])}
    rung |= {"outcome": only["name"], "weight": "1", "source": source}
    return {"source": source, "ladder": [rung]}


def _replace_item(
    text: str, listed: yaml.Node, item: yaml.Node, members: Sequence[Member]
) -> _Edit:
    """Write the members where the item stands, each but the first after a dash of its own."""
    dash, column = listed.start_mark.column, item.start_mark.column
    before = "\n" + " " * dash + "-".ljust(column - dash)
    pieces: list[_Piece] = []
    for member in members:
        for n, (line, at) in enumerate(member.write_lines()):
            lead = "\n" + " " * column if n else before if pieces else ""
            pieces.append(_Piece(lead + line, at, member.name))
    return _Edit(item.start_mark.index, _find_end(text, item), tuple(pieces))


def _remove(text: str, key: yaml.Node, section: yaml.Node) -> _Edit:
    """Leave a section and its lines out."""
    end = _find_end(text, section)
    ending = _BREAK.match(text, end)
    return _Edit(key.start_mark.index, ending.end() if ending else end)


def _append(text: str, root: yaml.Node, sections: Section) -> _Edit:
    """Write sections after the last one of the file."""
    end = _find_end(text, root)
    written = yaml.safe_dump(sections, sort_keys=False, allow_unicode=True, width=1_000_000_000)
    lines = written.rstrip("\n").split("\n")
    return _Edit(end, end, tuple(_Piece(f"\n{line}", 1) for line in lines))


def _find_end(text: str, node: yaml.Node) -> int:
    """Return where a node's last line ends: the parser lets blocks run on to the next token."""
    at = node
    while at.value and not (isinstance(at, yaml.ScalarNode) or _is_flow(at)):
        at = at.value[-1][1] if isinstance(at, yaml.MappingNode) else at.value[-1]
    end: int = at.end_mark.index
    while end > at.start_mark.index and text[end - 1].isspace():
        end -= 1
    rest = _REST_OF_LINE.match(text, end)
    return rest.end() if rest else end


def _is_flow(node: yaml.Node) -> bool:
    return isinstance(node, yaml.CollectionNode) and bool(node.flow_style)


def _apply(text: str, edits: Sequence[_Edit]) -> Iterator[_Piece]:
    """Yield the text in pieces, with the edits made."""
    at, line = 0, 1
    for edit in edits:
        yield _Piece(text[at : edit.start], line)
        yield from edit.pieces
        line += len(_BREAK.findall(text[at : edit.end]))
        at = edit.end
    yield _Piece(text[at:], line)


def _join(pieces: Iterator[_Piece]) -> tuple[str, tuple[FileLine, ...]]:
    """Return the whole text, and for each line the place of the last piece that writes on it."""
    texts: list[str] = []
    places: list[FileLine] = [FileLine(1)]
    for text, line, member in pieces:
        texts.append(text)
        for n, part in enumerate(_BREAK.split(text)):
            # A piece that is written out belongs to its one line of the file, a copied one to many.
            place = FileLine(line if member else line + n, member)
            if n:
                places.append(place)
            elif part:
                places[-1] = place
    return "".join(texts), tuple(places)


def _list_some(members: Sequence[str]) -> str:
    shown = ", ".join(members[:_SHOWN])
    more = len(members) - _SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown


def _refuse(name: str, node: yaml.Node, words: str) -> CatalogueError:
    return CatalogueError(name, (Problem(node.start_mark.line + 1, "file", words),))
