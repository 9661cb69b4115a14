"""What a whole file of an unknown export seems to be: its layout, keys, dates and categories."""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from features.contract.rejects import REMEDIES
from features.errors import DataContractError
from features.intake.cells import write_cells
from features.intake.column_survey import (
    IDENTIFIER,
    NAMES_SOMEBODY,
    ColumnSurvey,
    name_fits,
    survey_column,
)
from features.intake.files import Layout, Piece, find_layout, read_pieces
from features.intake.mapped_rows import SCIENTIFIC
from features.intake.mapping import ROW
from features.intake.sheet_survey import find_lost_zeros, tell_of_sheet
from features.intake.source_rows import blank
from features.intake.text_layout import find_encoding, find_separators
from features.intake.workbook import list_sheets

MOST_PIECES: Final = 5
"""Pieces of a file that are looked at; what is said of it holds for these rows."""
MOST_KEY_PARTS: Final = 10
"""Columns of which pairs are looked at where no single one names each row."""
LONGEST_KEY_PART: Final = 40
MOST_PAIRS: Final = 3
FEWEST_OF_A_CASE: Final = 0.01
"""A column of fewer different values than this share of the rows names no case, unless its name
says so."""
_FIRST_ROWS: Final = 20_000
"""A pair that repeats within these rows is not looked at in the others."""
_TEXT_SUFFIXES: Final = (".csv", ".csv.gz", ".txt", ".tsv")
_WORKBOOK_SUFFIXES: Final = (".xlsx", ".xlsm")
_CASE: Final = r"case|subject|nominal|person|victim|offender|suspect|client|individual"
_RECORD: Final = r"event|incident|record|crime|offence|report|log|entry|occurrence"
_OCCURRED: Final = r"occur|incident|offence|event|commit|happen|start|from|began"
_RECORDED: Final = r"record|creat|enter|input|log|receiv|report|known|updat|regist|added"
_ENDED: Final = r"end|until|finish|expir|_to$|^to_"
_BORN: Final = r"birth|dob|born"
_KIND: Final = r"kind|type|categor|offence|crime|class|incident|reason|nature"
_AREA: Final = r"area|district|beat|region|borough|division|sector|ward"


@dataclass(frozen=True)
class FileSurvey:
    """What one file seems to be.

    Parameters
    ----------
    file
        Its name.
    layout
        How it is cut into cells.
    is_text
        Whether it is text, so that the layout says something.
    rows
        Rows that were looked at.
    is_whole
        Whether they are all of them.
    columns
        Its columns in order.
    case_columns
        Columns that may name the case, likeliest first.
    is_one_row_a_case
        Whether the likeliest names each case once.
    pairs
        Where no column names each row once: pairs of columns that do so together, likeliest first.
    separators
        What may part the cells of a text; several where the rows do not settle it.
    notes
        What a person should know of the file before its rows are used. No cell is quoted.
    """

    file: str
    layout: Layout
    is_text: bool
    rows: int
    is_whole: bool
    columns: tuple[ColumnSurvey, ...]
    case_columns: tuple[str, ...] = ()
    is_one_row_a_case: bool = False
    pairs: tuple[tuple[str, str], ...] = ()
    separators: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The file, with its sheet where it is one of a workbook."""
        return self.file if self.layout.sheet is None else f"{self.file}[{self.layout.sheet}]"

    @property
    def dates(self) -> list[ColumnSurvey]:
        """Columns of dates that are no dates of birth."""
        return [one for one in self.columns if one.date and not name_fits(one.name, _BORN)]

    @property
    def keys(self) -> list[str]:
        """Columns that name each row once, those that sound like a record's key first and that of
        the case last.
        """
        found = [
            one.name
            for one in self.columns
            if not (one.date or one.has_fraction)
            and one.filled == one.distinct == self.rows
            and one.name
        ]
        named = _prefer(found, _RECORD, IDENTIFIER)
        return sorted(named, key=lambda name: name in self.case_columns[:1])

    @property
    def is_keyed_by_case(self) -> bool:
        """Whether what names each row is the case: so far each has one record, and may have more
        in the next export.
        """
        return self.keys[:1] == list(self.case_columns[:1]) != []

    def list_dates(self, *hints: str) -> list[str]:
        """Return the columns of dates, those whose name fits a hint first."""
        return _prefer([one.name for one in self.dates], *hints)

    @property
    def occurred(self) -> tuple[str, ...]:
        """Columns that by their name say when something happened, or all that may."""
        recorded = [name for name in self.list_dates() if name_fits(name, _RECORDED)]
        others = [name for name in self.list_dates() if name not in (*recorded, *self.ended)]
        named = [name for name in others if name_fits(name, _OCCURRED)]
        return tuple(named or others or recorded)

    @property
    def recorded(self) -> tuple[str, ...]:
        """Columns that may say when something became known, likeliest first."""
        return tuple(self.list_dates(_RECORDED))

    @property
    def ended(self) -> tuple[str, ...]:
        """Columns that by their name say when something ended."""
        return tuple(name for name in self.list_dates() if name_fits(name, _ENDED))

    @property
    def kind(self) -> ColumnSurvey | None:
        """The category that by its name says what happened; of several, one that is filled in every
        row, and of those that with most values.
        """
        return max(
            self.kinds, key=lambda one: (one.filled == self.rows, one.distinct), default=None
        )

    @property
    def kinds(self) -> list[ColumnSurvey]:
        """Categories that by their name say what happened."""
        return [one for one in self.categories if name_fits(one.name, _KIND)]

    @property
    def is_cases(self) -> bool:
        """Whether each row is a case, and nothing says what happened."""
        return self.is_one_row_a_case and self.kind is None

    @property
    def categories(self) -> list[ColumnSurvey]:
        """Columns of few and frequent values that do not say where."""
        return [one for one in self.columns if one.categories and one.name not in self.areas]

    @property
    def areas(self) -> tuple[str, ...]:
        """Categories that by their name say where."""
        return tuple(
            one.name for one in self.columns if one.categories and name_fits(one.name, _AREA)
        )


def survey_files(paths: Sequence[Path]) -> list[FileSurvey]:
    """Look at the files of an export.

    Parameters
    ----------
    paths
        Files of one folder.

    Returns
    -------
    list of FileSurvey
        In the order of the paths; of a workbook one for each sheet that can be seen and has rows.

    Raises
    ------
    DataContractError
        If a file cannot be read as a whole, or holds no rows.
    """
    surveys = [survey for path in paths for survey in _survey_sheets(path)]
    shared = {
        name
        for one, other in itertools.combinations(surveys, 2)
        for name in {column.name for column in one.columns}
        & {column.name for column in other.columns}
    }
    return [_find_case(survey, shared) for survey in surveys]


def _survey_sheets(path: Path) -> Iterator[FileSurvey]:
    """Survey a file, or each sheet of a workbook; a sheet beside others may be a page of notes."""
    if not path.name.lower().endswith(_WORKBOOK_SUFFIXES):
        yield (
            _survey_text(path)
            if path.name.lower().endswith(_TEXT_SUFFIXES)
            else _survey(path, find_layout(path))
        )
        return
    sheets = list_sheets(path, path.name)
    if len(sheets) < 2:  # noqa: PLR2004
        yield _survey_sheet(path, None)
        return
    surveys, passed = [], []
    for sheet in sheets:
        try:
            surveys.append(_survey_sheet(path, sheet))
        except DataContractError as error:
            why = str(error).removeprefix(f"{path.name}: ")
            passed.append(f"sheet {sheet!r} is left out: {why}")
    if not surveys:
        raise DataContractError(f"{path.name}: no sheet can be used; {'; '.join(passed)}")
    yield replace(surveys[0], notes=(*passed, *surveys[0].notes))
    yield from surveys[1:]


def _survey_text(path: Path) -> FileSurvey:
    """Survey a text file; where its rows do not settle what parts cells, by the likeliest sign."""
    find_layout(path, Layout(separator=","))  # what is no text at all is told first
    encoding = find_encoding(path, path.name, None)
    separators = find_separators(path, path.name, encoding)
    layout = find_layout(path, Layout(separators[0], encoding))
    return replace(_survey(path, layout), is_text=True, separators=tuple(separators))


def _survey_sheet(path: Path, sheet: str | None) -> FileSurvey:
    survey = _survey(path, find_layout(path, Layout(sheet=sheet)))
    zeros = find_lost_zeros(path, path.name, sheet)
    lost = [
        f"{name}: {told}; zeros in front may be lost, so compare with the system it came from"
        for name, told in zeros.items()
        if name_fits(name, f"{IDENTIFIER}|{_CASE}|{_RECORD}|{NAMES_SOMEBODY}|code")
    ]
    told = tell_of_sheet(path, path.name, sheet)
    return replace(survey, notes=(*told, *survey.notes, *lost))


def _survey(path: Path, layout: Layout) -> FileSurvey:
    pieces = list(itertools.islice(read_pieces(path, layout), MOST_PIECES + 1))
    seen = pieces[:MOST_PIECES]
    rows = sum(piece.table.num_rows for piece in seen)
    bad = Counter(row.code for piece in seen for row in piece.bad)
    if not rows:
        why = "; ".join(f"{code}: {REMEDIES[code]}" for code in sorted(bad))
        raise DataContractError(
            f"{path.name}: no row could be read; {why or 'there is nothing to look at'}"
        )
    texts = dict(_write_columns(path.name, seen))
    columns = tuple(
        survey_column(name, _whole(seen[0].table[name]), text) for name, text in texts.items()
    )
    return FileSurvey(
        file=path.name,
        layout=layout,
        is_text=False,
        rows=rows,
        is_whole=len(pieces) <= MOST_PIECES,
        columns=columns,
        pairs=tuple(itertools.islice(_find_pairs(columns, texts, rows), MOST_PAIRS)),
        notes=(
            *(
                f"{count:,} row{'' if count == 1 else 's'} that import will refuse, {code}: "
                f"{REMEDIES[code]}"
                for code, count in sorted(bad.items())
            ),
            *_find_shortened(texts),
        ),
    )


def _find_shortened(texts: Mapping[str, pa.LargeStringArray]) -> Iterator[str]:
    """Say which columns of identifiers a spreadsheet has shortened before it saved them."""
    for name, text in texts.items():
        if not name_fits(name, f"{IDENTIFIER}|{_CASE}|{_RECORD}"):
            continue
        count = pc.sum(pc.match_substring_regex(text, SCIENTIFIC)).as_py() or 0
        if count:
            yield (
                f"{name}: {count:,} in scientific notation, which import refuses in an identifier; "
                f"{REMEDIES['long_number']}"
            )


def _find_pairs(
    columns: Sequence[ColumnSurvey], texts: Mapping[str, pa.LargeStringArray], rows: int
) -> Iterator[tuple[str, str]]:
    """Yield the pairs of columns that name each row once, where no column does so alone."""
    if rows < 2 or any(one.distinct == one.filled == rows and not one.date for one in columns):  # noqa: PLR2004
        return
    parts = {one.name: one for one in columns if _may_be_part_of_key(one, texts[one.name], rows)}
    undated = [name for name in parts if not parts[name].date]
    dated = [name for name in parts if parts[name].date]
    ordered = [
        *_prefer(undated, IDENTIFIER, f"{_CASE}|{_RECORD}"),
        *_prefer(dated, _OCCURRED),
    ][:MOST_KEY_PARTS]
    pairs = itertools.combinations(ordered, 2)
    for one, other in sorted(pairs, key=lambda pair: parts[pair[1]].date is not None):
        if all(parts[name].date or parts[name].categories for name in (one, other)):
            continue  # a day and a district may differ in every row by chance
        if parts[one].distinct * parts[other].distinct < rows:
            continue
        if _is_key(texts[one][:_FIRST_ROWS], texts[other][:_FIRST_ROWS]) and _is_key(
            texts[one], texts[other]
        ):
            yield one, other


def _may_be_part_of_key(column: ColumnSurvey, text: pa.LargeStringArray, rows: int) -> bool:
    """Say whether a column may stand in a key: filled, short, no measure, and nobody's name."""
    return (
        column.filled == rows
        and column.distinct > 1
        and not column.has_fraction
        and not name_fits(column.name, NAMES_SOMEBODY)
        and not set("{}") & set(column.name)
        and column.name != ROW
        and pc.max(pc.utf8_length(text)).as_py() <= LONGEST_KEY_PART
    )


def _is_key(one: pa.LargeStringArray, other: pa.LargeStringArray) -> bool:
    joined = pc.binary_join_element_wise(one, other, pa.scalar("/", pa.large_string()))
    return bool(pc.count_distinct(joined).as_py() == len(joined))


def _write_columns(file: str, pieces: Sequence[Piece]) -> Iterator[tuple[str, pa.LargeStringArray]]:
    for name in pieces[0].table.column_names:
        parts = [piece.table[name] for piece in pieces]
        text = pa.concat_arrays(
            [_whole(blank(_whole(write_cells(part, place=f"{file}, {name}")))) for part in parts]
        )
        yield name, text


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _find_case(survey: FileSurvey, shared: set[str]) -> FileSurvey:
    """Return the survey with the columns that may name a case: filled, no date, no category."""
    found = {
        one.name: one
        for one in survey.columns
        if one.filled == survey.rows
        and one.distinct > 1
        and not (one.date or one.categories or one.has_fraction)
    }
    repeated = [
        name
        for name, one in found.items()
        if FEWEST_OF_A_CASE * survey.rows <= one.distinct < survey.rows
    ]
    named = [name for name in found if name in shared or name_fits(name, _CASE)]
    ordered = _prefer([*dict.fromkeys([*named, *repeated])], _CASE, IDENTIFIER)
    unique = [name for name in ordered if found[name].distinct == survey.rows]
    is_one_row_a_case = ordered[:1] == unique[:1] != []
    return replace(
        survey,
        case_columns=tuple(unique if is_one_row_a_case else ordered),
        is_one_row_a_case=is_one_row_a_case,
    )


def _prefer(names: Sequence[str], *hints: str) -> list[str]:
    """Return names in order, those first that fit most of the hints, the first hint most."""
    return sorted(names, key=lambda name: [not name_fits(name, hint) for hint in hints])
