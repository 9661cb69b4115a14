"""What one room hands to another has a type: a dataclass, a model or a map of known values."""

import ast
import fnmatch
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("features", "models", "training", "serving", "synthetic", "caselight")
ANYTHING = {"typing.Any", "builtins.object", "pydantic.JsonValue"}
MAPS = {
    *(f"typing.{name}" for name in ("Dict", "DefaultDict", "OrderedDict", "Mapping")),
    *("typing.MutableMapping", "typing.ChainMap", "builtins.dict", "types.MappingProxyType"),
    *(f"collections.{name}" for name in ("defaultdict", "OrderedDict", "ChainMap", "UserDict")),
    *("collections.abc.Mapping", "collections.abc.MutableMapping"),
    *("sqlalchemy.RowMapping", "sqlalchemy.engine.RowMapping"),
}
BUILT_IN = {"dict", "object"}
# Types of libraries whose parts a library leaves open; what they hold has a type of its own.
LIBRARY_GENERICS = {
    *("numpy.typing.NDArray", "pandas.Series", "pandas.Index"),
    *("sqlalchemy.Select", "sqlalchemy.Row", "sqlalchemy.ColumnElement", "sqlalchemy.engine.Row"),
}

# What has no type of ours, and why; nothing else may be without one.
LET_THROUGH = {
    "features.contract.json_text.*": "what a JSON text held, before its reader knows what it is",
    "features.contract.yaml_file.*": "what a YAML entry held, before pydantic has checked it",
    "*.find_problems(context)": "pydantic hands a validator's context on without a type",
    "models.run_figures.codec.encode*": "any dataclass comes in, and plain values go out",
    "serving.identity.*(claims)": "what an identity provider signed, before its reader picks",
    "*.compil*.keep_compiled*": "numba gives no type to what it compiles",
    "training.compilation.compiled*": "nor to what it hands back",
    "features.compiled.texts.freeze*": "an array of any type, seen as a constant",
    "features.contract.rejects.RowAsSent": "a row before anything of it is checked, kept whole",
    "features.intake.cells.write_value(value)": "any value that JSON has",
    "*.Confirmation*.content": "an act of any kind; whoever carries it out reads it by its form",
    "serving.store.row_digests.write_row(cells)": "cells of any table, as a database gives them",
    "serving.store.frames.insert_columns(columns)": "cells of any table; its columns have types",
}
# Answers whose published schema is an open object. A place that has a type by now leaves the list.
WAITING = {
    "serving.decisions.outputs.DecisionOut.ways",
    "serving.lists.outputs.SittingOut.policy",
}


@dataclass(frozen=True)
class Module:
    """One module of the house: its dotted name and its syntax tree."""

    name: str
    room: str
    tree: ast.Module

    @functools.cached_property
    def imported(self) -> dict[str, str]:
        """What each imported name stands for, also where only a type checker imports it."""
        found = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom):
                found |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
            elif isinstance(node, ast.Import):
                for one in node.names:
                    found[one.asname or one.name.split(".")[0]] = (
                        one.name if one.asname else one.name.split(".")[0]
                    )
        return found

    @functools.cached_property
    def defined(self) -> dict[str, ast.AST]:
        """What stands at the top of the module, by name."""
        found: dict[str, ast.AST] = {}
        waiting: list[ast.AST] = list(self.tree.body)
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.If | ast.Try):
                waiting += ast.iter_child_nodes(node)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found[node.name] = node
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found[node.target.id] = node
            elif isinstance(node, ast.Assign):
                found |= {one.id: node for one in node.targets if isinstance(one, ast.Name)}
        return found

    def resolve(self, node: ast.AST) -> str:
        """Return the dotted name of what an expression names; empty where it names nothing."""
        if isinstance(node, ast.Attribute):
            owner = self.resolve(node.value)
            return f"{owner}.{node.attr}" if owner else ""
        if not isinstance(node, ast.Name):
            return ""
        if node.id in self.defined:
            return f"{self.name}.{node.id}"
        return self.imported.get(node.id, f"builtins.{node.id}" if node.id in BUILT_IN else "")


class House:
    """All modules, and what one room of theirs takes from another."""

    def __init__(self, modules: list[Module]) -> None:
        self.modules = modules
        self.by_name = {module.name: module for module in modules}
        self.places = {
            f"{module.name}.{name}": (module, node)
            for module in modules
            for name, node in module.defined.items()
        }

    def find_untyped(self) -> dict[str, set[str]]:
        """Return every public place between rooms that holds an untyped map, with what it says."""
        found: dict[str, set[str]] = {}
        for dotted in self.find_crossing():
            module, node = self.places[dotted]
            for place, annotation in list_annotations(module, dotted, node):
                if said := set(self.judge(module, annotation)):
                    found.setdefault(place, set()).update(said)
        return found

    def find_crossing(self) -> set[str]:
        """Return what a room takes from another, and what the annotations of that name in turn."""
        waiting = [dotted for module in self.modules for dotted in self.list_taken(module)]
        found: set[str] = set()
        while waiting:
            dotted = waiting.pop()
            if dotted in found or dotted not in self.places:
                continue
            found.add(dotted)
            module, node = self.places[dotted]
            for _, annotation in list_annotations(module, dotted, node):
                waiting += self.list_named(module, annotation)
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                waiting.append(self.follow(module.resolve(node.value.func)))
        return found

    def list_taken(self, module: Module) -> Iterator[str]:
        """Yield the public names of other rooms that a module imports, or reads from an import."""
        named = {*module.imported.values()}
        named |= {module.resolve(n) for n in ast.walk(module.tree) if isinstance(n, ast.Attribute)}
        for dotted in {self.follow(name) for name in named} & self.places.keys():
            if self.places[dotted][0].room != module.room and is_public(dotted):
                yield dotted

    def list_named(self, module: Module, annotation: ast.AST) -> Iterator[str]:
        """Yield the names of the house that stand in an annotation."""
        if isinstance(annotation, ast.Constant):
            if isinstance(annotation.value, str):
                yield from self.list_named(module, parse(annotation.value))
        elif isinstance(annotation, ast.Subscript):
            for part in (annotation.value, *list_parts(module, annotation)):
                yield from self.list_named(module, part)
        elif (dotted := self.follow(module.resolve(annotation))) in self.places:
            yield dotted
        else:
            for child in ast.iter_child_nodes(annotation):
                yield from self.list_named(module, child)

    def follow(self, dotted: str) -> str:
        """Return where a name is defined that a module only hands on."""
        owner, _, name = dotted.rpartition(".")
        module = self.by_name.get(owner)
        if module is None or name in module.defined or name not in module.imported:
            return dotted
        return self.follow(module.imported[name])

    def judge(
        self, module: Module, node: ast.AST, seen: frozenset[str] = frozenset()
    ) -> Iterator[str]:
        """Yield what is untyped in an annotation, aliases followed to what they stand for."""
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                yield from self.judge(module, parse(node.value), seen)
        elif isinstance(node, ast.Subscript):
            yield from self.judge_generic(module, node, seen)
        elif isinstance(node, ast.Name | ast.Attribute):
            dotted = self.follow(module.resolve(node))
            if dotted in ANYTHING | MAPS:
                yield dotted
            elif dotted in seen:
                yield f"{dotted}, which holds itself"
            elif dotted in self.places and not find_let_through(dotted):
                yield from self.judge_alias(dotted, seen | {dotted})
        else:
            for child in ast.iter_child_nodes(node):
                yield from self.judge(module, child, seen)

    def judge_generic(
        self, module: Module, node: ast.Subscript, seen: frozenset[str]
    ) -> Iterator[str]:
        """Yield what is untyped in the parts of a generic type."""
        head, parts = module.resolve(node.value), list_parts(module, node)
        if head in LIBRARY_GENERICS:
            return
        if head == "collections.abc.Callable" and module.resolve(parts[-1]) == "builtins.object":
            # What is called for what it does; its result is read by nobody.
            parts = parts[:-1]
        if head not in MAPS:
            yield from self.judge(module, node.value, seen)
        for part in parts:
            yield from self.judge(module, part, seen)

    def judge_alias(self, dotted: str, seen: frozenset[str]) -> Iterator[str]:
        """Yield what is untyped in what an alias, a new type or a type variable stands for."""
        module, node = self.places[dotted]
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            return
        parts: list[ast.AST] = [node.value]
        if isinstance(node.value, ast.Call):
            parts = [*node.value.args[1:], *(one.value for one in node.value.keywords)]
        for part in parts:
            yield from self.judge(module, part, seen)


def parse(text: str) -> ast.AST:
    """Return a quoted annotation as a syntax tree; nothing where it is no expression."""
    try:
        return ast.parse(text, mode="eval")
    except SyntaxError:
        return ast.Module([], [])


def list_parts(module: Module, node: ast.Subscript) -> list[ast.AST]:
    """Return the types in the brackets of a generic one, metadata and literals left out."""
    head = module.resolve(node.value)
    parts: list[ast.AST] = [*node.slice.elts] if isinstance(node.slice, ast.Tuple) else [node.slice]
    if head == "typing.Literal":
        return []
    return parts[:1] if head == "typing.Annotated" else parts


def is_public(dotted: str) -> bool:
    return not dotted.rpartition(".")[2].startswith("_")


def list_annotations(module: Module, dotted: str, node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield the annotations of a definition that another room may meet, each with its place."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        given = node.args
        for one in (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg):
            if one is not None and one.annotation is not None:
                yield f"{dotted}({one.arg})", one.annotation
        if node.returns is not None:
            yield f"{dotted}()", node.returns
    elif isinstance(node, ast.ClassDef):
        for base in node.bases:
            yield f"{dotted}[]", base
        for inner in node.body:
            yield from list_members(module, dotted, inner)
    elif isinstance(node, ast.AnnAssign):
        yield dotted, node.annotation
    elif isinstance(node, ast.Assign) and is_type(node.value):
        yield dotted, node.value


def list_members(module: Module, owner: str, node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield the annotations of a public field or method, and of what a method sets on itself."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        if is_public(node.name) or node.name in ("__init__", "__getitem__", "__call__"):
            yield from list_annotations(module, f"{owner}.{node.name}", node)
        for inner in ast.walk(node):
            target = inner.target if isinstance(inner, ast.AnnAssign) else None
            if isinstance(target, ast.Attribute) and is_public(target.attr):
                yield f"{owner}.{target.attr}", inner.annotation
    elif isinstance(node, ast.AnnAssign) and is_public(ast.unparse(node.target)):
        yield f"{owner}.{ast.unparse(node.target)}", node.annotation


def is_type(node: ast.AST) -> bool:
    """Return whether an assigned value may stand for a type: a name, a union, a generic."""
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.BitOr) and is_type(node.left) and is_type(node.right)
    return isinstance(node, ast.Name | ast.Attribute | ast.Subscript)


def read_house() -> House:
    """Return the modules of all packages."""
    return House(
        [
            read_module(path.relative_to(ROOT), path.read_text(encoding="utf-8"))
            for package in PACKAGES
            for path in sorted((ROOT / package).rglob("*.py"))
        ]
    )


def read_module(path: Path, text: str) -> Module:
    """Return a module by its path below the top; its room is the folder below the package."""
    name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    return Module(name, ".".join(path.parent.parts[:2]), ast.parse(text))


@functools.cache
def find_in_house() -> dict[str, set[str]]:
    """Return what is untyped between the rooms of the house."""
    return read_house().find_untyped()


def find_let_through(place: str) -> list[str]:
    """Return the patterns that let a place through."""
    return [pattern for pattern in LET_THROUGH if fnmatch.fnmatchcase(place, pattern)]


def test_no_room_hands_an_untyped_map_to_another() -> None:
    """What crosses between rooms says what it holds, but for what is let through with a reason."""
    untyped = {place for place in find_in_house() if not find_let_through(place)}
    assert untyped - WAITING == set()


def test_nothing_is_let_through_that_need_not_be() -> None:
    """Every exception still lets something through, so that the list can only shrink."""
    used = {pattern for place in find_in_house() for pattern in find_let_through(place)}
    assert used == set(LET_THROUGH)
    assert WAITING - find_in_house().keys() == set()
    assert len(LET_THROUGH) < 14


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("def give() -> dict: ...", "give()"),
        ("def give() -> dict[str, Any]: ...", "give()"),
        ("def give() -> list[dict[str, object]]: ...", "give()"),
        ("def give() -> 'dict[str, Any] | None': ...", "give()"),
        ("def give() -> t.Dict[str, t.Any]: ...", "give()"),
        ("def give() -> Optional[Mapping]: ...", "give()"),
        ("def give() -> Callable[[], MutableMapping[str, object]]: ...", "give()"),
        ("def give() -> typing.Any: ...", "give()"),
        ("def give() -> JsonValue: ...", "give()"),
        ("Json = int | list['Json'] | dict[str, 'Json']\ndef give() -> Json: ...", "give()"),
        ("def give() -> Annotated[Any, 'any']: ...", "give()"),
        ("async def give() -> builtins.dict: ...", "give()"),
        ("def give(*, row: Mapping[str, Any]) -> int: ...", "give(row)"),
        ("def give(**more: object) -> int: ...", "give(more)"),
        ("Line = dict[str, Any]\ndef give() -> Line: ...", "give()"),
        (
            "Line: TypeAlias = dict[str, Any]\nLines = list[Line]\ndef give() -> Lines: ...",
            "give()",
        ),
        ("Line = NewType('Line', dict)\ndef give() -> Line: ...", "give()"),
        ("T = TypeVar('T', bound=Mapping[str, Any])\ndef give(one: T) -> T: ...", "give()"),
        ("class _Held:\n    line: dict[str, Any]\ndef give() -> _Held: ...", "_Held.line"),
        ("class give:\n    line: Final[Mapping[str, Any]]", "give.line"),
        ("class give:\n    def tell(self) -> dict[str, Any]: ...", "give.tell()"),
        (
            "class give:\n    def __init__(self):\n        self.line: dict[str, Any] = {}",
            "give.line",
        ),
        ("class give(dict[str, Any]): ...", "give[]"),
        ("class _Base:\n    line: Any\nclass give(_Base): ...", "_Base.line"),
        ("class _Held:\n    line: dict\ngive = _Held()", "_Held.line"),
        ("class give(TypedDict):\n    line: dict[str, Any]", "give.line"),
        ("give: Final[Mapping[str, object]] = {}", "give"),
        ("give = Mapping[str, Any]", "give"),
    ],
)
@pytest.mark.parametrize(
    "taking", ["from a.low.held import give", "import a.low.held as h\nh.give"]
)
def test_every_spelling_of_an_untyped_map_is_found(text: str, place: str, taking: str) -> None:
    """An untyped map is found however it is spelt, and however the other room comes by it."""
    assert f"a.low.held.{place}" in find_in(text, taking)


@pytest.mark.parametrize(
    "text",
    [
        "def give() -> dict[str, float | None]: ...",
        "def give(column: 'pd.Series[Any]', rows: npt.NDArray[Any]) -> Select[Any]: ...",
        "def give(note: Callable[[str], object]) -> Literal['dict', 'Any']: ...",
        "def give() -> Annotated[int, 'Mapping[str, Any]']: ...",
        "@dataclass\nclass give:\n    line: Mapping[str, int]\n    _kept: dict[str, Any]",
        "class give:\n    def _tell(self) -> dict[str, Any]: ...",
        "def give() -> int: ...\ndef keep() -> dict[str, Any]: ...",
    ],
)
def test_what_is_typed_or_stays_in_its_room_is_let_be(text: str) -> None:
    """Maps of known values pass, and so does what no other room takes."""
    assert find_in(text, "from a.low.held import give") == {}


def test_a_name_that_a_package_hands_on_is_followed() -> None:
    """What another room takes by way of a package is judged where it is defined."""
    low = read_module(Path("a/low/held.py"), f"{IMPORTS}\ndef give() -> dict[str, Any]: ...")
    way = read_module(Path("a/low/__init__.py"), "from a.low.held import give")
    high = read_module(Path("a/high/taking.py"), "from a.low import give")
    assert House([low, way, high]).find_untyped().keys() == {"a.low.held.give()"}


IMPORTS = """
import builtins, typing, typing as t
import numpy.typing as npt, pandas as pd
from collections.abc import Callable, Mapping, MutableMapping
from typing import Annotated, Any, Final, Literal, NewType, Optional, TypeAlias, TypedDict, TypeVar
from pydantic import JsonValue
from sqlalchemy import Select
"""


def find_in(text: str, taking: str) -> dict[str, set[str]]:
    """Return what is found in a house of two rooms, of which the upper takes from the lower."""
    low = read_module(Path("a/low/held.py"), f"{IMPORTS}\n{text}")
    return House([low, read_module(Path("a/high/taking.py"), taking)]).find_untyped()
