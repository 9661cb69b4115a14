"""Mapping files: another system's columns to the contract's, in YAML and without any code.

A mapping names the export's files; each file makes records of one or several tables, and each
column of the contract is filled by one of the ways of :class:`Fill`. The grammar is described in
``docs/mapping.md``, whose examples are tests. How rows are made is in
:mod:`features.intake.mapped_rows`.
"""

import codecs
import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from features.contract.links import need_inside
from features.contract.manifest import Manifest
from features.contract.moments import EARLIEST_US, find_zone, parse_date
from features.contract.tables import CASES, TABLES, Form, Table
from features.contract.yaml_file import (
    Entry,
    Found,
    Plain,
    Section,
    Several,
    Text,
    TrueFalse,
    meaning,
    one_of,
    read_yaml,
    suggest,
    version,
)
from features.errors import CatalogueError, ConfigError
from features.intake.conditions import ConditionEntry, Tested
from features.intake.mapped_date_formats import EXCEL_EPOCHS, ISO, DateFormat, to_pattern

KEEP, EMPTY, REJECT = "keep", "empty", "reject"
CHOOSE: Final = "CHOOSE"
"""Stands in a drafted mapping for what the export cannot settle; no such file is used."""
ROW: Final = "row"
PLACEHOLDER: Final = re.compile(r"\{([^{}]+)\}")
_FILLS: Final = ("column", "constant", "template", "rules", "first_record")
_OF_A_COLUMN: Final = ("values", "shift_days", "format", "pivot", "empty_words")
_SEPARATOR_WORDS: Final = {"tab": "\t", "space": " "}
_TO_CHOOSE: Final = (
    f"{CHOOSE} stands for what only a person can settle; write your choice in its place"
)
_FIRST_YEAR, _LAST_YEAR = 1850, 2100


class _Chosen(Entry):
    """An entry that refuses a line which a draft left to a person."""

    @classmethod
    def find_problems(cls, section: Section, context: Any) -> Iterator[Found]:
        """Refuse what has not been chosen."""
        for key, value in section.items():
            values = value if isinstance(value, list) else [value]
            if any(isinstance(one, str) and one.startswith(CHOOSE) for one in values):
                yield (key,), _TO_CHOOSE


def _check_format(form: str) -> str:
    if form not in (ISO, *EXCEL_EPOCHS):
        to_pattern(form)
    return form


def _refuse_nothing(text: Any) -> Any:
    if text == "":
        raise ValueError("write a text here; a word that means an empty cell goes to 'empty_words'")
    return text


DateForm = Annotated[Text, AfterValidator(_check_format)]
Pivot = Annotated[int, Field(ge=_FIRST_YEAR, le=_LAST_YEAR)]


@dataclass(frozen=True)
class MappingRule(Entry, condition=ConditionEntry):
    """A value given where a condition holds."""

    condition: Tested
    then: Text


@dataclass(frozen=True)
class Fill(_Chosen):
    """How one contract column is filled; exactly one of the first five is stated."""

    column: Text | None = None
    constant: Text | None = None
    template: Text | None = None
    rules: tuple[MappingRule, ...] = ()
    first_record: TrueFalse = False
    values: Mapping[str, Annotated[Text, BeforeValidator(_refuse_nothing)]] | None = None
    otherwise: Text = KEEP
    shift_days: int = 0
    format: Several[DateForm] = ()
    pivot: Pivot | None = None
    empty_words: Several[Text] = ()

    @classmethod
    def reshape(cls, section: Section) -> Section:
        """Add what becomes of a value that neither map nor rules know."""
        usual: Section = {"otherwise": REJECT if "values" in section else EMPTY}
        return usual | section

    @classmethod
    def find_problems(cls, section: Section, context: Any) -> Iterator[Found]:
        """Ask for one way to fill the column, and for nothing beside it that does nothing."""
        yield from super().find_problems(section, context)
        if sum(name in section for name in _FILLS) != 1:
            yield (), f"state one of: {', '.join(_FILLS)}"
        elif "column" not in section and (idle := [k for k in _OF_A_COLUMN if k in section]):
            yield (idle[0],), f"'{idle[0]}' needs 'column'"
        elif "values" in section and (
            idle := [k for k in ("shift_days", "format") if k in section]
        ):
            yield (idle[0],), f"'{idle[0]}' has no use beside 'values'; state the values wanted"
        otherwise = section.get("otherwise")
        if isinstance(otherwise, str):
            yield from _check_otherwise(otherwise, section)

    @property
    def columns(self) -> tuple[str, ...]:
        """Source columns that it reads."""
        named = [self.column] if self.column is not None else []
        if self.template is not None:
            named += [name for name in PLACEHOLDER.findall(self.template) if name != ROW]
        return (*named, *(rule.condition.column for rule in self.rules))


def _check_otherwise(word: str, section: Section) -> Iterator[Found]:
    """Refuse a word that is meant for one of ours: it would become a value of the column."""
    if word == KEEP and "rules" in section:
        yield ("otherwise",), f"'{KEEP}' needs 'column'; write {EMPTY}, {REJECT} or a value"
    if word in (KEEP, EMPTY, REJECT):
        return
    for ours in (KEEP, EMPTY, REJECT):
        alike = difflib.SequenceMatcher(None, word.lower(), ours).ratio()
        if abs(len(word) - len(ours)) <= 1 and alike >= _ALIKE:
            yield ("otherwise",), f"'{word}' would be written as a value; did you mean '{ours}'?"


_ALIKE: Final = 0.8
"""From this likeness on a word is taken for a mistyped one of ours: 'rejekt', not 'rejected'."""


def _name_column(data: Plain) -> Plain:
    return {"column": data, "otherwise": KEEP} if isinstance(data, str) else data


def _read_moment(text: Any, info: ValidationInfo) -> int:
    """Read a moment in the file's time zone where that stands beside it, and in UTC elsewhere."""
    return parse_date(text if isinstance(text, str) else "", info.data.get("time_zone", "UTC"))


def _read_separator(text: Any) -> Any:
    return _SEPARATOR_WORDS.get(text, text) if isinstance(text, str) else text


def _check_separator(text: str) -> str:
    if len(text) != 1 or text.isalnum() or text in "\"'\r\n":
        raise ValueError("write one sign such as ; or |, or the word tab")
    return text


@dataclass(frozen=True)
class Split(_Chosen):
    """A column whose cells hold several values, and what parts them: one record for each."""

    column: Text
    at: Text


@dataclass(frozen=True)
class RecordMapping(_Chosen, fills="fields", earliest_us="earliest"):
    """One record made from each row for which all conditions hold.

    ``earliest_us`` is the earliest plausible moment of its dates, microseconds UTC.
    """

    table: Annotated[Table, meaning(TABLES)]
    when: Annotated[tuple[Tested, ...], Field(default=())]
    fills: Mapping[str, Annotated[Fill, BeforeValidator(_name_column)]]
    earliest_us: Annotated[int, BeforeValidator(_read_moment)] = EARLIEST_US
    split: Split | None = None

    @classmethod
    def find_problems(cls, section: Section, context: Any) -> Iterator[Found]:
        """Hold the fields to the columns of the table."""
        yield from super().find_problems(section, context)
        name, fields = section.get("table"), section.get("fields")
        table = TABLES.get(name) if isinstance(name, str) else None
        if table is None or not isinstance(fields, dict):
            return
        for field in fields:
            if field not in table.column_names:
                yield ("fields", field), f"unknown key; {suggest(field, table.column_names)}"
        for column in table.columns:
            if column.required and column.name not in fields:
                yield ("fields",), f"'{column.name}' is required in {table.name}; fill it"
        for field, fill in fields.items():
            yield from _check_fill(table, field, fill)

    @property
    def columns(self) -> frozenset[str]:
        """Source columns that it reads."""
        read = [name for fill in self.fills.values() for name in fill.columns]
        read += [self.split.column] if self.split is not None else []
        return frozenset((*read, *(condition.column for condition in self.when)))

    @property
    def takes_first_record(self) -> bool:
        """Whether the day a case came to be known is that of its first record."""
        return any(fill.first_record for fill in self.fills.values())


def _check_fill(table: Table, field: str, fill: Plain) -> Iterator[Found]:
    """Refuse what can be said of some columns of the contract alone."""
    if not isinstance(fill, dict):
        return
    form = next((column.form for column in table.columns if column.name == field), None)
    if "first_record" in fill and (table is not CASES or field != "recorded_at"):
        yield ("fields", field, "first_record"), "only recorded_at of cases is filled so"
    is_date = form in (Form.OCCURRED, Form.RECORDED)
    for key in ("format", "pivot", "shift_days"):
        if key in fill and form is not None and not is_date:
            yield ("fields", field, key), f"'{key}' is for dates; {field} is none"


def _check_inside(file: str) -> str:
    if Path(file).is_absolute() or ".." in Path(file).parts:
        raise ValueError("name a file inside the export's folder")
    return file


def _check_encoding(name: str) -> str:
    try:
        codecs.lookup(name)
    except LookupError:
        raise ValueError("no encoding has this name; write one such as utf-8 or cp1252") from None
    return name


@dataclass(frozen=True)
class SourceMapping(_Chosen):
    """A file of the export and the records that its rows make.

    ``separator``, ``encoding`` and ``sheet`` say how the file is cut into cells, and are found out
    where they are absent. ``format``, ``pivot`` and ``empty_words`` hold for every column of the
    file, unless a field states its own; ``decimal`` is the sign before a number's fraction.
    """

    file: Annotated[Text, AfterValidator(_check_inside)]
    records: tuple[RecordMapping, ...]
    separator: (
        Annotated[Text, AfterValidator(_check_separator), BeforeValidator(_read_separator)] | None
    ) = None
    encoding: Annotated[Text, AfterValidator(_check_encoding)] | None = None
    sheet: Text | None = None
    decimal: Annotated[Text, one_of((".", ","))] = "."
    empty_words: Several[Text] = ()
    format: Several[DateForm] = ()
    pivot: Pivot | None = None

    @classmethod
    def find_problems(cls, section: Section, context: Any) -> Iterator[Found]:
        """Ask for the century of years of two digits."""
        yield from super().find_problems(section, context)
        if "pivot" not in section:
            for path, entry in _list_formats(section):
                if _has_short_year(entry.get("format")) and "pivot" not in entry:
                    yield (
                        (*path, "format"),
                        "%y needs 'pivot': the earliest year that two digits can mean, such as "
                        "1940",
                    )

    @property
    def tables(self) -> tuple[str, ...]:
        """Tables of the contract that its rows make."""
        return tuple(dict.fromkeys(record.table.name for record in self.records))

    def list_formats(self, fill: Fill) -> tuple[DateFormat, ...]:
        """Return the forms in which a field's dates are read; none means ISO 8601."""
        pivot = self.pivot if fill.pivot is None else fill.pivot
        return tuple(DateFormat(form, pivot) for form in fill.format or self.format)


def _has_short_year(data: Any) -> bool:
    forms = data if isinstance(data, list) else [data]
    return any(isinstance(form, str) and "%y" in form for form in forms)


def _list_formats(section: Section) -> Iterator[tuple[tuple[str | int, ...], Section]]:
    """Yield a file's entry and those of its fields, which are where dates get their form."""
    yield (), section
    records = section.get("records")
    for number, record in enumerate(records if isinstance(records, list) else []):
        fields = record.get("fields") if isinstance(record, dict) else None
        for name, fill in (fields if isinstance(fields, dict) else {}).items():
            if isinstance(fill, dict):
                yield ("records", number, "fields", name), fill


@dataclass(frozen=True)
class ExportMapping:
    """A checked mapping file."""

    manifest: Manifest
    sources: tuple[SourceMapping, ...]


def _check_zone(name: str) -> str:
    try:
        find_zone(name)
    except ConfigError as error:
        raise ValueError(str(error)) from None
    return name


@dataclass(frozen=True)
class MappingFile(_Chosen, extract_at_us="extract_at"):
    """What a mapping file holds; the zone is that of dates and of times without an offset."""

    version: Annotated[int, version(1)]
    time_zone: Annotated[Text, AfterValidator(_check_zone)]
    extract_at_us: Annotated[int, BeforeValidator(_read_moment)]
    sources: tuple[SourceMapping, ...]
    synthetic: TrueFalse = False

    @classmethod
    def find_problems(cls, section: Section, context: Any) -> Iterator[Found]:
        """Ask for one entry a file, or a sheet of it."""
        yield from super().find_problems(section, context)
        sources, seen = section.get("sources"), set()
        for number, source in enumerate(sources if isinstance(sources, list) else []):
            if isinstance(source, dict):
                key = (str(source.get("file")), str(source.get("sheet")))
                if key in seen:
                    yield ("sources", number), "this file stands twice; put its records together"
                seen.add(key)

    def to_mapping(self) -> ExportMapping:
        """Return the mapping with the manifest of the folder that it makes."""
        earliest = [record.earliest_us for source in self.sources for record in source.records]
        manifest = Manifest(
            time_zone=self.time_zone,
            extract_at_us=self.extract_at_us,
            synthetic=self.synthetic,
            earliest_us=min(earliest, default=EARLIEST_US),
        )
        return ExportMapping(manifest, self.sources)


def load_mapping(path: Path) -> ExportMapping:
    """Read a mapping file.

    Raises
    ------
    ConfigError
        If there is no such file.
    DataContractError
        If it is a link that leads out of its folder.
    CatalogueError
        With every problem found, in line order.
    """
    need_inside(path.parent, path)
    try:
        content = path.read_bytes()
    except OSError:
        raise ConfigError("there is no mapping file there; name a YAML file") from None
    try:
        return read_yaml(content, path.name, MappingFile).to_mapping()
    except CatalogueError as error:
        raise _drop_what_follows(error) from None


def _drop_what_follows(error: CatalogueError) -> CatalogueError:
    """Return the problems without those that a line still to be chosen brings with it."""
    open_places = {
        (one.line, one.place.split(".format")[0]) for one in error.problems if CHOOSE in one.message
    }
    kept = tuple(
        one
        for one in error.problems
        if CHOOSE in one.message
        or not any(one.line == line and one.place.startswith(place) for line, place in open_places)
    )
    return CatalogueError(error.name, kept)
