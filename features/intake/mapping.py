"""Mapping files: another system's columns to the contract's, in YAML and without any code.

A mapping names the export's files; each file makes records of one or several tables. A contract
column is filled by one of::

    case_id: subject                                  # another column, as it is
    occurred_at: {column: left_on, shift_days: -1}    # a date, moved by whole days
    area: {constant: Warrington}
    event_id: {template: "{event_id}/{category}"}     # columns of the row, or {row}
    actor: {column: role, values: {S: subject}, otherwise: reject}    # or keep, empty, a value
    kind:                                             # the first rule that holds
      rules:
        - {column: category, prefix: ["05", "S0"], then: force}
        - {column: detail, contains: DOMESTIC, then: force}
      otherwise: other_complaint

``earliest`` beside ``table`` says how early a record's dates may lie, if before 1940.
``when`` lists conditions that must all hold for a row to make the record: ``equals``,
``prefix`` and ``contains`` take one text or several (any), ``present`` takes true or false.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from features.contract.manifest import Manifest
from features.contract.moments import EARLIEST_US, find_zone, parse_date
from features.contract.rejects import Rejects, join_rejects, make_rejects
from features.contract.tables import TABLES, Table
from features.contract.yaml_file import (
    Entry,
    Found,
    Plain,
    Section,
    Several,
    Text,
    TrueFalse,
    meaning,
    read_yaml,
    suggest,
    version,
    written_as,
)
from features.errors import ConfigError, DataContractError
from features.intake.files import Piece

Bools = npt.NDArray[np.bool_]
_TESTS: Final = ("equals", "prefix", "contains", "present")
_PLACEHOLDER: Final = re.compile(r"\{([^{}]+)\}")
_ROW: Final = "row"
_FILLS: Final = ("column", "constant", "template", "rules")
KEEP, EMPTY, REJECT = "keep", "empty", "reject"


@dataclass(frozen=True)
class Condition:
    """A test of one column: ``test`` is equals, prefix, contains or present; any value will do."""

    column: str
    test: str
    values: tuple[str, ...]

    def holds(self, frame: pd.DataFrame) -> Bools:
        """Return for each row whether the condition holds; an empty cell meets only absence."""
        cells = frame[self.column]
        if self.test == "present":
            return np.asarray(cells.notna() == (self.values == ("true",)), dtype=np.bool_)
        if self.test == "equals":
            return np.asarray(cells.isin(self.values), dtype=np.bool_)
        met = np.zeros(len(frame), dtype=np.bool_)
        for value in self.values:
            if self.test == "prefix":
                found = cells.str.startswith(value)
            else:
                found = cells.str.contains(value, regex=False)
            met |= found.fillna(False).to_numpy(dtype=np.bool_)
        return met


@dataclass(frozen=True)
class ConditionEntry(Entry):
    """A condition as a file writes it: the test is the key."""

    column: Text
    equals: Several[Text] = ()
    prefix: Several[Text] = ()
    contains: Several[Text] = ()
    present: TrueFalse | None = None

    @classmethod
    def find_problems(cls, section: Section, context: Any) -> Iterator[Found]:
        """Ask for one test, no more and no fewer."""
        if sum(test in section for test in _TESTS) != 1:
            yield (), f"state 'column' and one of: {', '.join(_TESTS)}"

    def to_condition(self) -> Condition:
        """Return the condition."""
        if self.present is not None:
            return Condition(self.column, "present", (str(self.present).lower(),))
        test = next(test for test in _TESTS if getattr(self, test))
        return Condition(self.column, test, getattr(self, test))


Tested = Annotated[Condition, written_as(ConditionEntry, lambda entry, _: entry.to_condition())]


@dataclass(frozen=True)
class MappingRule(Entry, condition=ConditionEntry):
    """A value given where a condition holds."""

    condition: Tested
    then: Text


@dataclass(frozen=True)
class Fill(Entry):
    """How one contract column is filled; exactly one of the first four is stated."""

    column: Text | None = None
    constant: Text | None = None
    template: Text | None = None
    rules: tuple[MappingRule, ...] = ()
    values: Mapping[str, Text] | None = None
    otherwise: Text = KEEP
    shift_days: int = 0

    @classmethod
    def reshape(cls, section: Section) -> Section:
        """Add what becomes of a value that neither map nor rules know."""
        usual: Section = {"otherwise": REJECT if "values" in section else EMPTY}
        return usual | section

    @classmethod
    def find_problems(cls, section: Section, context: Any) -> Iterator[Found]:
        """Ask for one way to fill the column."""
        if sum(name in section for name in _FILLS) != 1:
            yield (), f"state one of: {', '.join(_FILLS)}"
        elif "column" not in section and not {"values", "shift_days"}.isdisjoint(section):
            yield (), "'values' and 'shift_days' need 'column'"

    @property
    def columns(self) -> tuple[str, ...]:
        """Source columns that it reads."""
        named = [self.column] if self.column is not None else []
        if self.template is not None:
            named += [name for name in _PLACEHOLDER.findall(self.template) if name != _ROW]
        return (*named, *(rule.condition.column for rule in self.rules))


def _name_column(data: Plain) -> Plain:
    return {"column": data, "otherwise": KEEP} if isinstance(data, str) else data


def _read_moment(text: Any, info: ValidationInfo) -> int:
    """Read a moment in the file's time zone where that stands beside it, and in UTC elsewhere."""
    return parse_date(text if isinstance(text, str) else "", info.data.get("time_zone", "UTC"))


@dataclass(frozen=True)
class RecordMapping(Entry, fills="fields", earliest_us="earliest"):
    """One record made from each row for which all conditions hold.

    ``earliest_us`` is the earliest plausible moment of its dates, microseconds UTC.
    """

    table: Annotated[Table, meaning(TABLES)]
    when: Annotated[tuple[Tested, ...], Field(default=())]
    fills: Mapping[str, Annotated[Fill, BeforeValidator(_name_column)]]
    earliest_us: Annotated[int, BeforeValidator(_read_moment)] = EARLIEST_US

    @classmethod
    def find_problems(cls, section: Section, context: Any) -> Iterator[Found]:
        """Hold the fields to the columns of the table."""
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

    @property
    def columns(self) -> frozenset[str]:
        """Source columns that it reads."""
        read = [name for fill in self.fills.values() for name in fill.columns]
        return frozenset((*read, *(condition.column for condition in self.when)))


def _check_inside(file: str) -> str:
    if Path(file).is_absolute() or ".." in Path(file).parts:
        raise ValueError("name a file inside the export's folder")
    return file


@dataclass(frozen=True)
class SourceMapping(Entry):
    """A file of the export and the records that its rows make."""

    file: Annotated[Text, AfterValidator(_check_inside)]
    records: tuple[RecordMapping, ...]


@dataclass(frozen=True)
class Mapped:
    """Rows of one contract table, and the rows whose values the mapping does not know."""

    piece: Piece
    rejects: Rejects


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
class _MappingFile(Entry, extract_at_us="extract_at"):
    version: Annotated[int, version(1)]
    time_zone: Annotated[Text, AfterValidator(_check_zone)]
    extract_at_us: Annotated[int, BeforeValidator(_read_moment)]
    sources: tuple[SourceMapping, ...]
    synthetic: TrueFalse = False

    def to_mapping(self) -> ExportMapping:
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
    CatalogueError
        With every problem found, in line order.
    """
    try:
        content = path.read_bytes()
    except OSError:
        raise ConfigError("there is no mapping file there; name a YAML file") from None
    return read_yaml(content, path.name, _MappingFile).to_mapping()


def check_columns(source: SourceMapping, names: "pd.Index[str]") -> None:
    """Check that a file has every column that its mapping reads.

    Raises
    ------
    DataContractError
        Naming the columns, which stand in the mapping file.
    """
    read = frozenset().union(*(record.columns for record in source.records))
    absent = sorted(read - set(names))
    if absent:
        raise DataContractError(
            f"{source.file}: the mapping reads columns that the file lacks: {', '.join(absent)}; "
            "correct the mapping or the export"
        )


def map_piece(record: RecordMapping, piece: Piece) -> Mapped:
    """Make the records of one table from some rows of the export.

    The rejects keep the row as it came, under its own number.
    """
    made = np.ones(len(piece.frame), dtype=np.bool_)
    for condition in record.when:
        made &= condition.holds(piece.frame)
    source = piece.frame[made].reset_index(drop=True)
    rows = piece.rows[made]
    unknown = np.zeros(len(source), dtype=np.bool_)
    found: list[Rejects] = []
    columns: dict[str, pd.Series[Any]] = {}
    for name, fill in record.fills.items():
        columns[name], strange = _fill(fill, source, rows)
        unknown |= strange
        if strange.any():
            found.append(_reject_unmapped(record, piece.file, name, rows, source, strange))
    kept = ~unknown
    frame = pd.DataFrame(columns, index=source.index)[kept].reset_index(drop=True)
    mapped = Piece(piece.file, frame, rows[kept], source=source[kept].reset_index(drop=True))
    return Mapped(mapped, join_rejects(found))


def _reject_unmapped(
    record: RecordMapping,
    file: str,
    column: str,
    rows: npt.NDArray[np.int64],
    source: pd.DataFrame,
    strange: Bools,
) -> Rejects:
    return make_rejects(
        table=record.table.name,
        file=file,
        rows=rows[strange].tolist(),
        column=column,
        code="unmapped_value",
        sources=source[strange].to_dict("records"),  # type: ignore[arg-type]
    )


def _fill(
    fill: Fill, source: pd.DataFrame, rows: npt.NDArray[np.int64]
) -> tuple["pd.Series[Any]", Bools]:
    """Return a contract column and which rows hold a value that the mapping does not know."""
    nothing = np.zeros(len(source), dtype=np.bool_)
    if fill.constant is not None:
        return pd.Series(fill.constant, index=source.index, dtype="str"), nothing
    if fill.template is not None:
        return _fill_template(fill.template, source, rows), nothing
    if fill.rules:
        return _fill_by_rules(fill, source)
    assert fill.column is not None
    given = source[fill.column]
    if fill.shift_days:
        return _shift_dates(given, fill.shift_days), nothing
    if fill.values is None:
        return given, nothing
    text = given.astype("str").str.strip()
    mapped = text.map(fill.values)
    strange = (mapped.isna() & text.notna()).to_numpy(dtype=np.bool_)
    if fill.otherwise == REJECT:
        return mapped, strange
    if fill.otherwise == KEEP:
        return mapped.where(~strange, text), nothing
    return mapped.mask(strange, None if fill.otherwise == EMPTY else fill.otherwise), nothing


def _shift_dates(given: "pd.Series[Any]", days: int) -> "pd.Series[str]":
    """Move dates by whole days; what is no date stays as it is, and the edge rejects it."""
    text = given.astype("str").str.strip()
    dates = pd.to_datetime(text, format="%Y-%m-%d", errors="coerce")
    moved = (dates + pd.Timedelta(days=days)).dt.strftime("%Y-%m-%d").astype("str")
    return text.where(dates.isna(), moved)


def _fill_template(
    template: str, source: pd.DataFrame, rows: npt.NDArray[np.int64]
) -> "pd.Series[str]":
    filled = pd.Series("", index=source.index, dtype="str")
    for number, part in enumerate(_PLACEHOLDER.split(template)):
        if number % 2 == 0:
            filled = filled + part
        elif part == _ROW:
            filled = filled + pd.Series(rows, index=source.index).astype("str")
        else:
            filled = filled + source[part].astype("str").fillna("")
    return filled


def _fill_by_rules(fill: Fill, source: pd.DataFrame) -> tuple["pd.Series[Any]", Bools]:
    filled = np.full(len(source), None, dtype=object)
    decided = np.zeros(len(source), dtype=np.bool_)
    for rule in fill.rules:
        met = rule.condition.holds(source) & ~decided
        filled[met] = rule.then
        decided |= met
    if fill.otherwise not in (EMPTY, REJECT, KEEP):
        filled[~decided] = fill.otherwise
    strange = ~decided if fill.otherwise == REJECT else np.zeros_like(decided)
    return pd.Series(filled, index=source.index, dtype="str"), strange
