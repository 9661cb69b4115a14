"""Reading and checking a catalogue file: all problems together, each with its line."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Final

import yaml

from features.catalogue.declarations import Catalogue, Kind, find_state
from features.catalogue.long_form import find_sections, is_long, write_long_form
from features.catalogue.words import SpokenValues, read_words
from features.contract.links import need_inside
from features.contract.yaml_file import (
    Found,
    Plain,
    Section,
    parse_yaml,
    read_content,
    read_node,
    read_yaml,
    take_plain,
)
from features.contract.yaml_file import Path as YamlPath
from features.errors import CatalogueError

SHIPPED: Final = Path(__file__).resolve().parents[2] / "catalogues"


def load_catalogue(name_or_path: str | Path) -> Catalogue:
    """Load a shipped catalogue by name, or any catalogue by its path.

    Raises
    ------
    ConfigError
        If there is no such file.
    DataContractError
        If it is a link that leads out of its folder.
    CatalogueError
        If it does not pass its check.
    """
    path = Path(name_or_path)
    shipped = SHIPPED / f"{name_or_path}.yaml"
    if not path.suffix and shipped.is_file():
        path = shipped
    need_inside(path.parent, path)
    names = ", ".join(sorted(file.stem for file in SHIPPED.glob("*.yaml")))
    absent = f"there is no catalogue file there; name a YAML file or one of: {names}"
    return parse_catalogue(read_content(path, absent), path.name)


def parse_catalogue(content: bytes, name: str, *, of_bundle: bool = False) -> Catalogue:
    """Read a catalogue from its bytes, families and defaults written out first.

    Parameters
    ----------
    content
        The YAML file, UTF-8.
    name
        The file's name for messages.
    of_bundle
        Whether a model was trained with it: it is then read as it is, and a word that no record
        can match is no problem.

    Raises
    ------
    CatalogueError
        With every problem found, in line order.

    Returns
    -------
    Catalogue
        With its text, and the SHA-256 of that text as its digest.
    """
    root, text = parse_yaml(content, name), content.decode("utf-8-sig")
    read_context = partial(read_vocabulary, folds_words=not of_bundle)
    long = None
    if not is_long(root):
        long = write_long_form(text, root, name, _read_words(root, name))
    if long is None:
        catalogue = read_node(root, name, Catalogue, read_context)
        return replace(catalogue, digest=_hash(text), text=text)
    try:
        catalogue = read_yaml(long.text.encode(), name, Catalogue, read_context)
    except CatalogueError as error:
        raise CatalogueError(name, long.locate(error.problems)) from None
    if long.problems:
        raise CatalogueError(name, long.problems)
    return replace(catalogue, digest=_hash(long.text), text=long.text, families=long.families)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read_words(root: yaml.Node, name: str) -> SpokenValues:
    """Return how values are said: what the file states of it, its kinds and its questions."""
    vocabulary = read_vocabulary(take_plain(root))
    _, section = find_sections(root).get("words", (root, None))
    return SpokenValues(
        stated={} if section is None else read_words(section, name, vocabulary),
        kinds=vocabulary.kinds,
        questions=vocabulary.questions,
    )


@dataclass(frozen=True)
class FieldVocabulary:
    """Names that a catalogue declares, read before its entries are checked.

    A name counts as declared whatever else is wrong with its entry, so that one mistake is told
    once. ``tree`` holds each kind by its path in the file; a kind that stands twice is there twice.
    ``folds_words`` says whether a selector's word must stand in the one spelling of records.
    """

    tree: tuple[tuple[YamlPath, Kind], ...]
    questions: Mapping[str, str]
    names: Mapping[str, tuple[tuple[YamlPath, str], ...]]
    folds_words: bool = True

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        """Kinds by name, in catalogue order; where one stands twice, its first place."""
        kinds: dict[str, Kind] = {}
        for _, kind in self.tree:
            kinds.setdefault(kind.name, kind)
        return kinds

    @property
    def facts(self) -> frozenset[str]:
        """Names of the facts."""
        return frozenset(self.questions)

    @cached_property
    def states(self) -> frozenset[str]:
        """States that some kind starts."""
        return frozenset(kind.starts for kind in self.kinds.values() if kind.starts)

    @cached_property
    def indicators(self) -> frozenset[str]:
        """Names of the indicators."""
        return self._names_in("indicators")

    @cached_property
    def outcomes(self) -> frozenset[str]:
        """Names of the outcomes."""
        return self._names_in("outcomes")

    @cached_property
    def harms(self) -> frozenset[str]:
        """Names of outcomes and of levels of harm."""
        return self.outcomes | self._names_in("ladder")

    def _names_in(self, section: str) -> frozenset[str]:
        return frozenset(name for _, name in self.names[section])

    def widen(self, name: str) -> tuple[str, ...]:
        """Return a kind and all kinds below it, in catalogue order; a reserved one alone."""
        return tuple(kind for kind in self.kinds if name in self._line(kind)) or (name,)

    def _line(self, name: str) -> Iterator[str]:
        at: str | None = name
        while at is not None:
            yield at
            at = self.kinds[at].parent

    def find_problems(self) -> Iterator[Found]:
        """Return what is wrong between the entries: names that stand twice, states without start.

        Yields
        ------
        Found
            The path of the entry, and the problem in words.
        """
        seen: set[str] = set()
        for path, kind in self.tree:
            if kind.name in seen:
                yield path, f"kind '{kind.name}' stands twice in the tree; a kind has one place"
            seen.add(kind.name)
        for section in ("indicators", "outcomes", "estimands"):
            seen = set()
            for path, name in self.names[section]:
                if name in seen:
                    yield path, f"the name '{name}' stands twice; names are unique"
                seen.add(name)
        yield from self._find_state_problems()

    def _find_state_problems(self) -> Iterator[Found]:
        for name in self.kinds:
            if all(find_state(self.kinds, name, edge) for edge in ("starts", "ends")):
                yield (
                    ("kinds",),
                    f"kind '{name}' both starts and ends a state, here or above it; "
                    "record the two as two kinds",
                )
        ended = {kind.ends for kind in self.kinds.values() if kind.ends}
        for state in sorted(ended - self.states):
            yield (
                ("kinds",),
                f"state '{state}' is ended by a kind and started by none; add 'starts'",
            )


def read_vocabulary(data: Plain, *, folds_words: bool = True) -> FieldVocabulary:
    """Take the declared names from a catalogue's plain data, whatever is wrong with it."""
    root = _section(data)
    ladder = _section(root.get("priority", {})).get("ladder", [])
    lists = {name: root.get(name, []) for name in ("indicators", "outcomes", "estimands")}
    return FieldVocabulary(
        tree=tuple(_walk_kinds(root.get("kinds", {}), ("kinds",))),
        questions={
            name: question if isinstance(question := _section(fact).get("question"), str) else name
            for name, fact in _section(root.get("facts", {})).items()
        },
        names={name: tuple(_walk_names(items, name)) for name, items in lists.items()}
        | {"ladder": tuple(_walk_names(ladder, "ladder"))},
        folds_words=folds_words,
    )


def _section(data: Plain) -> Section:
    return data if isinstance(data, dict) else {}


def _walk_kinds(
    data: Plain, path: YamlPath, parent: str | None = None
) -> Iterator[tuple[YamlPath, Kind]]:
    for name, below in _section(data).items():
        entry = _section(below)
        texts = {key: value for key, value in entry.items() if isinstance(value, str)}
        yield (
            (*path, name),
            Kind(
                name=name,
                label=texts.get("label", ""),
                parent=parent,
                starts=texts.get("starts"),
                ends=texts.get("ends"),
                source=texts.get("source", ""),
                many=texts.get("many", ""),
                told_until=texts.get("told_until"),
            ),
        )
        yield from _walk_kinds(entry.get("children", {}), (*path, name, "children"), name)


def _walk_names(items: Plain, section: str) -> Iterator[tuple[YamlPath, str]]:
    for number, item in enumerate(items if isinstance(items, list) else []):
        name = _section(item).get("name")
        if isinstance(name, str):
            yield (section, number), name
