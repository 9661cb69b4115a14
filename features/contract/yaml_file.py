"""Reading a YAML file into frozen classes, with every problem told together, each with its line.

A class says by its fields which keys an entry has, and pydantic holds the file to it. One map from
path to line turns what pydantic finds into problems in our words. Every scalar is read as text, so
that ``NO`` stays a code and no date; the field says what the text must be.

Anchors and aliases are refused (they allow a small file to unfold into gigabytes), as are repeated
keys (of which plain YAML silently keeps the last), depth beyond need and files beyond need.
"""

import difflib
import functools
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import fields
from pathlib import Path as FilePath
from typing import Annotated, Any, ClassVar, Final, TypeAlias, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasGenerator,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainValidator,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from features.errors import CatalogueError, ConfigError, Problem

MAX_BYTES: Final = 8_000_000
MAX_DEPTH: Final = 24

T = TypeVar("T")
Plain: TypeAlias = "str | list[Plain] | dict[str, Plain]"
Section: TypeAlias = dict[str, Plain]
Path: TypeAlias = tuple[str | int, ...]
Found: TypeAlias = tuple[Path, str]
Written: TypeAlias = "str | type[Entry]"

_Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TOLD: Final = "told"
_MAPPING: Final = "write a mapping here (key: value)"
_LIST: Final = "write a list here (- item)"
_TEXT: Final = "write a text here"
_NUMBER: Final = "write a number here"
_WHOLE: Final = "write a whole number here"
_WORDS: Final[Mapping[str, str]] = {
    "dataclass_type": _MAPPING,
    "dict_type": _MAPPING,
    "enum": "write one of: {expected}",
    "finite_number": "write a finite number here",
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "frozen_set_type": _LIST,
    "greater_than_equal": "write a number of at least {ge:g}",
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_type": _WHOLE,
    "less_than_equal": "write a number of at most {le:g}",
    "missing": "'{key}' is missing; add it",
    "string_too_short": _TEXT,
    "string_type": _TEXT,
    "string_unicode": "write a text that UTF-8 can hold",
    "too_long": "{actual_length:,} entries; at most {max_length:,} are read",
    "tuple_type": _LIST,
    "value_error": "{error}",
}
"""Our words for each kind of error that pydantic gives for the fields that are used."""


class Entry:
    """A mapping in a file: its subclasses are frozen dataclasses, and their fields are its keys.

    The keyword arguments of a subclass say how a field is written where that is not its name:
    another key, ``one|other`` for either of two, ``outer.inner`` for a key of a mapping below, a
    subclass whose own keys are among these, or ``""`` for what the file does not hold.
    """

    _written: ClassVar[Mapping[str, Written]] = {}

    def __init_subclass__(cls, **written: Written) -> None:
        cls._written = {**cls._written, **written}
        config = ConfigDict(extra="forbid", alias_generator=AliasGenerator(None, cls._alias))
        setattr(cls, "__pydantic_config__", config)  # noqa: B010 (no annotation: not a field)
        check: Any = classmethod(_read_entry)
        setattr(cls, "_check", model_validator(mode="wrap")(check))  # noqa: B010

    @classmethod
    def _alias(cls, name: str) -> str | AliasChoices:
        way = cls._written.get(name, name)
        return AliasChoices(*way.split("|")) if isinstance(way, str) else name

    @classmethod
    @functools.cache
    def list_keys(cls) -> tuple[str, ...]:
        """Return the keys that may be written, in the order of the fields."""
        keys: list[str] = []
        for field in fields(cls):  # type: ignore[arg-type]  # each subclass is a dataclass
            way = cls._written.get(field.name, field.name)
            keys += way.split("|") if isinstance(way, str) else way.list_keys()
        return tuple(key for key in keys if key)

    @classmethod
    def reshape(cls, section: Section) -> Section:
        """Return the mapping as the fields lie: inner keys spread out, keys of a part gathered."""
        outer = {key.partition(".")[0] for key in cls.list_keys() if "." in key}
        parts = {name: part for name, part in cls._written.items() if isinstance(part, type)}
        shaped: Section = {}
        for key, value in section.items():
            if key in outer and isinstance(value, dict) and value:
                shaped |= {f"{key}.{inner}": below for inner, below in value.items()}
            else:
                # A key that only looks like one of the spread or gathered ones is unknown.
                shaped[f"{key}." if key in parts or "." in key else key] = value
        for name, part in parts.items():
            shaped[name] = {key: shaped.pop(key) for key in part.list_keys() if key in shaped}
        return shaped

    @classmethod
    def find_problems(cls, section: Section, context: Any) -> Iterable[Found]:
        """Return what is wrong between the keys, reported whatever else is wrong with them.

        Parameters
        ----------
        section
            The mapping as it is in the file.
        context
            What the reading was given to look names up in.

        Returns
        -------
        iterable of Found
            Each problem with its path below the mapping; none where a subclass checks nothing.
        """
        return ()


def _read_entry(
    entry: type[Entry], data: Any, handler: ModelWrapValidatorHandler[Any], info: ValidationInfo
) -> Any:
    is_mapping = isinstance(data, dict)
    found = list(entry.find_problems(data, info.context)) if is_mapping else []
    try:
        read = handler(entry.reshape(data) if is_mapping else data)
    except ValidationError as error:
        found += [(one["loc"], _describe(one, entry)) for one in error.errors(include_url=False)]
    if found:
        raise refuse(found)
    return read


def refuse(found: Iterable[Found]) -> ValidationError:
    """Return an error of several problems, each at its path below the value that is checked."""
    return ValidationError.from_exception_data(
        _TOLD,
        [
            InitErrorDetails(
                type=PydanticCustomError(_TOLD, "{words}", {"words": words}), loc=path, input=None
            )
            for path, words in found
        ],
    )


def _describe(error: ErrorDetails, entry: type[Entry]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    key = str((*error["loc"], "")[0])
    if kind == _TOLD:
        return str(context["words"])
    if kind == "unexpected_keyword_argument":
        return f"unknown key; {suggest(key, entry.list_keys())}"
    if "expected" in context:
        context["expected"] = context["expected"].replace("'", "").replace(" or ", ", ")
    return _WORDS.get(kind, "this cannot be read; see a shipped file").format(key=key, **context)


def suggest(name: str, known: Collection[str]) -> str:
    """Return what may have been meant by an unknown name."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean '{near[0]}'?" if near else f"known: {', '.join(sorted(known))}"


def one_of(known: Collection[str]) -> AfterValidator:
    """Return a check that a text is one of those known."""

    def check(text: str) -> str:
        if text not in known:
            raise ValueError(f"write one of: {', '.join(known)}")
        return text

    return AfterValidator(check)


def meaning(words: Mapping[str, object]) -> PlainValidator:
    """Return a reader of a word that gives what the word means."""

    def read(word: Any) -> object:
        if not isinstance(word, str) or word not in words:
            raise ValueError(f"write one of: {', '.join(words)}")
        return words[word]

    return PlainValidator(read)


def version(number: int) -> BeforeValidator:
    """Return a check that a file is written for a version that is read."""

    def check(text: Any) -> int:
        if text != str(number):
            raise ValueError(f"files of version {number} are read here; write {number}")
        return number

    return BeforeValidator(check)


def written_as(form: Any, build: Callable[[Any, Any], object]) -> PlainValidator:
    """Return a reader by another form than the field's own.

    Parameters
    ----------
    form
        The type that the file is held to.
    build
        Makes the field's value of the form's and the context of the reading.

    Returns
    -------
    PlainValidator
        For the annotation of the field.
    """

    def read(data: Any, info: ValidationInfo) -> object:
        found = find_adapter(form).validate_python(data, context=info.context)
        return build(found, info.context)

    return PlainValidator(read)


find_adapter: Final[Callable[[Any], TypeAdapter[Any]]] = functools.cache(TypeAdapter)
"""Return what reads a form; made when it is first needed, since making it takes a while."""


def as_list(data: Any) -> Any:
    """Return a text as the list of it alone."""
    return [data] if isinstance(data, str) else data


def _check_filled(values: tuple[T, ...]) -> tuple[T, ...]:
    if not values:
        raise ValueError("an empty list means nothing; write at least one entry")
    return values


def _lower(data: Any) -> Any:
    return data.lower() if isinstance(data, str) else data


Text = Annotated[str, StringConstraints(min_length=1)]
Filled = Annotated[tuple[T, ...], AfterValidator(_check_filled)]
Several = Annotated[Filled[T], BeforeValidator(as_list)]
"""One value, or a list of at least one."""
Number = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[Number, Field(ge=0, le=1)]
TrueFalse = Annotated[bool, meaning({"true": True, "false": False}), BeforeValidator(_lower)]


def read_content(file: FilePath, absent: str) -> bytes:
    """Return the bytes of a YAML file, unread.

    Parameters
    ----------
    file
        Where it is.
    absent
        The remedy, in words, where nothing can be read there.

    Returns
    -------
    bytes
        For :func:`read_yaml`.

    Raises
    ------
    ConfigError
        With ``absent`` as its words.
    """
    try:
        return file.read_bytes()
    except OSError:
        # The system's own words would hold the path, which may name a case.
        raise ConfigError(absent) from None


def read_yaml(
    content: bytes, name: str, form: type[T], context: Callable[[Plain], object] = lambda data: None
) -> T:
    """Read one YAML document into a class.

    Parameters
    ----------
    content
        The file's bytes, UTF-8.
    name
        The file's name for messages.
    form
        What the file is held to: a frozen dataclass that is an :class:`Entry`.
    context
        Makes, of the plain data, what the fields' checks are given to look names up in.

    Raises
    ------
    CatalogueError
        With every problem found, in line order. Alone if the file is not YAML, is too large or
        deep, or uses anchors or aliases.

    Returns
    -------
    instance of ``form``
        Frozen, every field checked.
    """
    return read_node(parse_yaml(content, name), name, form, context)


def read_node(
    node: yaml.Node,
    name: str,
    form: type[T],
    context: Callable[[Plain], object] = lambda data: None,
) -> T:
    """Read a document that :func:`parse_yaml` gave into a class, as :func:`read_yaml` does.

    Raises
    ------
    CatalogueError
        With every problem found, in line order.
    """
    lines: dict[Path, int] = {(): 1}
    problems: list[Problem] = []
    data = _take(node, (), lines, problems)
    try:
        read: T = find_adapter(form).validate_python(data, context=context(data))
    except ValidationError as error:
        for one in error.errors(include_url=False):
            path = _find(one["loc"], lines)
            problems.append(Problem(lines[path], _place(path), one["msg"]))
    if problems:
        raise CatalogueError(name, tuple(problems))
    return read


def _find(told: Path, lines: Mapping[Path, int]) -> Path:
    """Return the part of a path that is in the file: pydantic names steps of its own."""
    path: Path = ()
    for step in told:
        whole = [one for one in (step, str(step).removesuffix(".")) if (*path, one) in lines]
        for part in whole[:1] or str(step).split("."):
            path = (*path, part) if (*path, part) in lines else path
    return path


def _place(path: Path) -> str:
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return steps.strip(".") or "file"


def take_plain(node: yaml.Node) -> Plain:
    """Return a node as texts, lists and mappings, whatever is wrong with it."""
    return _take(node, (), {}, [])


def _take(node: yaml.Node, path: Path, lines: dict[Path, int], problems: list[Problem]) -> Plain:
    """Return a node as texts, lists and mappings, and note the line of each path below it."""
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            lines[(*path, number)] = item.start_mark.line + 1
        return [_take(item, (*path, n), lines, problems) for n, item in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return str(node.value).strip()
    section: Section = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        name = key.value if isinstance(key, yaml.ScalarNode) else ""
        below = (*path, name)
        if not name:
            problems.append(Problem(line, _place(path), "a key must be a word"))
        elif name in section:
            problems.append(Problem(line, _place(below), "this key stands twice; keep one"))
        else:
            lines[below] = line
            section[name] = _take(value, below, lines, problems)
    return section


def parse_yaml(content: bytes, name: str) -> yaml.Node:
    """Return the top node of a file's one document.

    Raises
    ------
    CatalogueError
        If the file is not YAML, is empty, too large or deep, or uses anchors or aliases.
    """
    if len(content) > MAX_BYTES:
        raise _refuse_file(name, 0, f"the file is larger than {MAX_BYTES:,} bytes; shorten it")
    try:
        text = content.decode("utf-8-sig")
        _check_events(text, name)
        node = yaml.compose(text, Loader=_Loader)
    except UnicodeDecodeError:
        raise _refuse_file(name, 0, "the file is not UTF-8; save it as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise _refuse_file(name, line, "this is not YAML; check indentation and quotes") from None
    except yaml.YAMLError:
        raise _refuse_file(name, 0, "this is not YAML; check for control characters") from None
    if node is None:
        raise _refuse_file(name, 1, "the file is empty; start from a shipped one")
    return node


def _check_events(text: str, name: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if getattr(event, "anchor", None) is not None:
            raise _refuse_file(name, line, "anchors and aliases are not read; write the value out")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise _refuse_file(name, line, f"nested deeper than {MAX_DEPTH} levels; flatten it")


def _refuse_file(name: str, line: int, message: str) -> CatalogueError:
    return CatalogueError(name, (Problem(line, "file", message),))
