"""Reading a YAML file entry by entry, with line numbers and every problem reported together.

Anchors and aliases are refused (they allow a small file to unfold into gigabytes), as are repeated
keys (of which plain YAML silently keeps the last), depth beyond need and files beyond need.
"""

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

import yaml

from features.errors import CatalogueError, Problem

MAX_BYTES: Final = 8_000_000
MAX_DEPTH: Final = 24

_Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Entry:
    """One value in the file, where it stands, and the shared list that takes its problems."""

    node: yaml.Node
    place: str
    line: int
    problems: list[Problem]

    def complain(self, message: str) -> None:
        """Note a problem here and go on."""
        self.problems.append(Problem(self.line, self.place, message))

    def mapping(self, known: Collection[str], required: Iterable[str] = ()) -> dict[str, "Entry"]:
        """Return the entries of a mapping whose keys are ``known``; complain of all else."""
        entries = self.free_mapping()
        for name in [name for name in entries if name not in known]:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(sorted(known))}"
            entries.pop(name).complain(f"unknown key; {hint}")
        if isinstance(self.node, yaml.MappingNode):
            for name in required:
                if name not in entries:
                    self.complain(f"'{name}' is missing; add it")
        return entries

    def free_mapping(self) -> dict[str, "Entry"]:
        """Return the entries of a mapping whose keys the author chooses."""
        if not isinstance(self.node, yaml.MappingNode):
            self.complain("write a mapping here (key: value)")
            return {}
        entries: dict[str, Entry] = {}
        for key, value in self.node.value:
            line = key.start_mark.line + 1
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            place = f"{self.place}.{name}".strip(".")
            if not name:
                self.problems.append(Problem(line, self.place, "a key must be a word"))
            elif name in entries:
                self.problems.append(Problem(line, place, "this key stands twice; keep one"))
            else:
                entries[name] = Entry(value, place, line, self.problems)
        return entries

    def items(self) -> list["Entry"]:
        """Return the entries of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            self.complain("write a list here (- item)")
            return []
        return [
            Entry(node, f"{self.place}[{number}]", node.start_mark.line + 1, self.problems)
            for number, node in enumerate(self.node.value)
        ]

    def text(self) -> str:
        """Return a non-empty text; complain and return '' otherwise."""
        if isinstance(self.node, yaml.ScalarNode) and self.node.value.strip():
            return str(self.node.value).strip()
        self.complain("write a text here")
        return ""

    def texts(self) -> tuple[str, ...]:
        """Return one text, or the texts of a list."""
        if isinstance(self.node, yaml.SequenceNode):
            if not self.node.value:
                self.complain("an empty list means nothing; remove the key or fill the list")
            return tuple(item.text() for item in self.items())
        return (self.text(),)

    def number(self, *, least: float | None = None, most: float | None = None) -> float:
        """Return a finite number within inclusive limits; complain and return 0 otherwise."""
        try:
            value = float(self.text())
        except ValueError:
            self.complain("write a number here")
            return 0.0
        if not abs(value) < float("inf"):
            self.complain("write a finite number here")
        elif least is not None and value < least:
            self.complain(f"write a number of at least {least:g}")
        elif most is not None and value > most:
            self.complain(f"write a number of at most {most:g}")
        return value

    def flag(self) -> bool:
        """Return ``true`` or ``false``; complain and return ``False`` otherwise."""
        text = self.text().lower()
        if text not in ("true", "false"):
            self.complain("write true or false")
        return text == "true"

    def choice(self, known: Collection[str]) -> str:
        """Return one of ``known``; complain and return the first otherwise."""
        text = self.text()
        if text in known:
            return text
        self.complain(f"write one of: {', '.join(known)}")
        return next(iter(known))


def read_yaml(content: bytes, name: str) -> Entry:
    """Parse one YAML document without building any Python object but text.

    Parameters
    ----------
    content
        The file's bytes, UTF-8.
    name
        The file's name for messages.

    Raises
    ------
    CatalogueError
        If the file is not YAML, is too large or deep, or uses anchors or aliases.
    """
    if len(content) > MAX_BYTES:
        raise _refuse(name, 0, f"the file is larger than {MAX_BYTES:,} bytes; split or shorten it")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refuse(name, 0, "the file is not UTF-8; save it as UTF-8") from None
    try:
        _check_events(text, name)
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise _refuse(name, line, "this is not YAML; check indentation and quotes") from None
    except yaml.YAMLError:
        raise _refuse(name, 0, "this is not YAML; check for control characters") from None
    if node is None:
        raise _refuse(name, 1, "the file is empty; start from a shipped one")
    return Entry(node, "", 1, [])


def _check_events(text: str, name: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if getattr(event, "anchor", None) is not None:
            raise _refuse(name, line, "anchors and aliases are not read; write the value out")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise _refuse(name, line, f"nested deeper than {MAX_DEPTH} levels; flatten it")


def _refuse(name: str, line: int, message: str) -> CatalogueError:
    return CatalogueError(name, (Problem(line, "file", message),))
