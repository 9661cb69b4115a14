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
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.contract.manifest import Manifest
from features.contract.moments import EARLIEST_US, find_zone, parse_date
from features.contract.rejects import Rejects, join_rejects, make_rejects
from features.contract.tables import TABLES, Table
from features.contract.yaml_file import Entry, read_yaml
from features.errors import CatalogueError, ConfigError, DataContractError
from features.intake.files import Piece

Bools = npt.NDArray[np.bool_]
_TESTS: Final = ("equals", "prefix", "contains", "present")
_PLACEHOLDER: Final = re.compile(r"\{([^{}]+)\}")
_ROW: Final = "row"
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
class Rule:
    """A value given where a condition holds."""

    condition: Condition
    then: str


@dataclass(frozen=True)
class Fill:
    """How one contract column is filled; exactly one of the first four is stated."""

    column: str | None = None
    constant: str | None = None
    template: str | None = None
    rules: tuple[Rule, ...] = ()
    values: Mapping[str, str] | None = None
    otherwise: str = KEEP
    shift_days: int = 0

    @property
    def columns(self) -> tuple[str, ...]:
        """Source columns that it reads."""
        named = [self.column] if self.column is not None else []
        if self.template is not None:
            named += [name for name in _PLACEHOLDER.findall(self.template) if name != _ROW]
        return (*named, *(rule.condition.column for rule in self.rules))


@dataclass(frozen=True)
class RecordMapping:
    """One record made from each row for which all conditions hold.

    ``earliest_us`` is the earliest plausible moment of its dates, microseconds UTC.
    """

    table: Table
    when: tuple[Condition, ...]
    fills: Mapping[str, Fill]
    earliest_us: int = EARLIEST_US

    @property
    def columns(self) -> frozenset[str]:
        """Source columns that it reads."""
        read = [name for fill in self.fills.values() for name in fill.columns]
        return frozenset((*read, *(condition.column for condition in self.when)))


@dataclass(frozen=True)
class SourceMapping:
    """A file of the export and the records that its rows make."""

    file: str
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
    root = read_yaml(content, path.name)
    required = ("version", "time_zone", "extract_at", "sources")
    keys = root.mapping((*required, "synthetic"), required)
    sources = tuple(_read_source(e) for e in keys["sources"].items()) if "sources" in keys else ()
    mapping = ExportMapping(_read_manifest(keys, sources), sources)
    if "version" in keys and keys["version"].number() != 1:
        keys["version"].complain("this version reads mapping files of version 1")
    if root.problems:
        raise CatalogueError(path.name, tuple(root.problems))
    return mapping


def _read_manifest(keys: Mapping[str, Entry], sources: tuple[SourceMapping, ...]) -> Manifest:
    time_zone, extract_at_us = "UTC", EARLIEST_US
    if "time_zone" in keys:
        try:
            find_zone(keys["time_zone"].text())
            time_zone = keys["time_zone"].text()
        except ConfigError as error:
            keys["time_zone"].complain(str(error))
    if "extract_at" in keys:
        extract_at_us = _read_moment(keys["extract_at"], time_zone)
    earliest = [record.earliest_us for source in sources for record in source.records]
    return Manifest(
        time_zone=time_zone,
        extract_at_us=extract_at_us,
        synthetic="synthetic" in keys and keys["synthetic"].flag(),
        earliest_us=min(earliest, default=EARLIEST_US),
    )


def _read_moment(entry: Entry, time_zone: str) -> int:
    try:
        return parse_date(entry.text(), time_zone)
    except ValueError as error:
        entry.complain(str(error))
        return EARLIEST_US


def _read_source(entry: Entry) -> SourceMapping:
    keys = entry.mapping(("file", "records"), ("file", "records"))
    file = keys["file"].text() if "file" in keys else ""
    if Path(file).is_absolute() or ".." in Path(file).parts:
        keys["file"].complain("name a file inside the export's folder")
    records = keys["records"].items() if "records" in keys else []
    return SourceMapping(file, tuple(_read_record(record) for record in records))


def _read_record(entry: Entry) -> RecordMapping:
    keys = entry.mapping(("table", "when", "fields", "earliest"), ("table", "fields"))
    table = TABLES[keys["table"].choice(tuple(TABLES))] if "table" in keys else TABLES["cases"]
    fields = keys["fields"].mapping(table.column_names) if "fields" in keys else {}
    for column in table.columns:
        if column.required and column.name not in fields and "fields" in keys:
            keys["fields"].complain(f"'{column.name}' is required in {table.name}; fill it")
    when = keys["when"].items() if "when" in keys else []
    return RecordMapping(
        table=table,
        when=tuple(_read_condition(item.mapping(("column", *_TESTS)), item) for item in when),
        fills={name: _read_fill(field) for name, field in fields.items()},
        earliest_us=_read_moment(keys["earliest"], "UTC") if "earliest" in keys else EARLIEST_US,
    )


def _read_condition(keys: Mapping[str, Entry], entry: Entry) -> Condition:
    stated = [name for name in _TESTS if name in keys]
    if "column" not in keys or len(stated) != 1:
        entry.complain(f"state 'column' and one of: {', '.join(_TESTS)}")
        return Condition("", "present", ("true",))
    test = stated[0]
    values = keys[test].texts() if test != "present" else (str(keys[test].flag()).lower(),)
    return Condition(keys["column"].text(), test, values)


def _read_fill(entry: Entry) -> Fill:
    import yaml

    if isinstance(entry.node, yaml.ScalarNode):
        return Fill(column=entry.text())
    kinds = ("column", "constant", "template", "rules")
    keys = entry.mapping((*kinds, "values", "otherwise", "shift_days"))
    if sum(name in keys for name in kinds) != 1:
        entry.complain("state one of: column, constant, template, rules")
        return Fill(constant="")
    if ("values" in keys or "shift_days" in keys) and "column" not in keys:
        entry.complain("'values' and 'shift_days' need 'column'")
    otherwise = keys["otherwise"].text() if "otherwise" in keys else None
    rules = tuple(_read_rule(item) for item in keys["rules"].items()) if "rules" in keys else ()
    values = (
        {name: value.text() for name, value in keys["values"].free_mapping().items()}
        if "values" in keys
        else None
    )
    default = REJECT if values is not None else EMPTY
    return Fill(
        column=keys["column"].text() if "column" in keys else None,
        constant=keys["constant"].text() if "constant" in keys else None,
        template=keys["template"].text() if "template" in keys else None,
        rules=rules,
        values=values,
        otherwise=otherwise or default,
        shift_days=int(keys["shift_days"].number()) if "shift_days" in keys else 0,
    )


def _read_rule(entry: Entry) -> Rule:
    keys = entry.mapping(("column", *_TESTS, "then"), ("then",))
    return Rule(_read_condition(keys, entry), keys["then"].text() if "then" in keys else "")


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
