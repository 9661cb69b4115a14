"""What a whole file of an unknown export seems to be: its layout, keys, dates and categories."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pyarrow as pa

from features.errors import DataContractError
from features.intake.cells import write_cells
from features.intake.column_survey import IDENTIFIER, ColumnSurvey, name_fits, survey_column
from features.intake.files import Layout, Piece, find_layout, read_pieces
from features.intake.source_rows import blank

MOST_PIECES: Final = 5
"""Pieces of a file that are looked at; what is said of it holds for these rows."""
_CASE: Final = r"case|subject|nominal|person|victim|offender|suspect|client|individual"
_RECORD: Final = r"event|incident|record|crime|offence|report|log|entry|occurrence"
_OCCURRED: Final = r"occur|incident|offence|event|commit|happen|start|from|began"
_RECORDED: Final = r"record|creat|enter|input|log|receiv|report|known|updat|regist|added"
_ENDED: Final = r"end|until|finish|_to$|^to_"
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
    """

    file: str
    layout: Layout
    is_text: bool
    rows: int
    is_whole: bool
    columns: tuple[ColumnSurvey, ...]
    case_columns: tuple[str, ...] = ()
    is_one_row_a_case: bool = False

    @property
    def dates(self) -> list[ColumnSurvey]:
        """Columns of dates that are no dates of birth."""
        return [one for one in self.columns if one.date and not name_fits(one.name, _BORN)]

    @property
    def keys(self) -> list[str]:
        """Columns that name each row once, those that sound like a record's key first."""
        found = [
            one.name
            for one in self.columns
            if not one.date and one.filled == one.distinct == self.rows and one.name
        ]
        return _prefer(found, _RECORD, IDENTIFIER)

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
        In the order of the paths.

    Raises
    ------
    DataContractError
        If a file cannot be read as a whole, or holds no rows.
    """
    surveys = [_survey_file(path) for path in paths]
    shared = {
        name
        for one, other in itertools.combinations(surveys, 2)
        for name in {column.name for column in one.columns}
        & {column.name for column in other.columns}
    }
    return [_find_case(survey, shared) for survey in surveys]


def _survey_file(path: Path) -> FileSurvey:
    layout = find_layout(path)
    pieces = list(itertools.islice(read_pieces(path, layout), MOST_PIECES + 1))
    seen = pieces[:MOST_PIECES]
    rows = sum(piece.table.num_rows for piece in seen)
    if not rows:
        raise DataContractError(f"{path.name}: no row could be read; there is nothing to look at")
    return FileSurvey(
        file=path.name,
        layout=layout,
        is_text=path.name.lower().endswith((".csv", ".csv.gz", ".txt", ".tsv")),
        rows=rows,
        is_whole=len(pieces) <= MOST_PIECES,
        columns=tuple(_survey_columns(path.name, seen)),
    )


def _survey_columns(file: str, pieces: Sequence[Piece]) -> Iterator[ColumnSurvey]:
    for name in pieces[0].table.column_names:
        parts = [piece.table[name] for piece in pieces]
        text = pa.concat_arrays(
            [_whole(blank(_whole(write_cells(part, place=f"{file}, {name}")))) for part in parts]
        )
        yield survey_column(name, _whole(parts[0]), text)


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _find_case(survey: FileSurvey, shared: set[str]) -> FileSurvey:
    """Return the survey with the columns that may name a case: filled, no date, no category."""
    found = {
        one.name: one
        for one in survey.columns
        if one.filled == survey.rows and one.distinct > 1 and not one.date and not one.categories
    }
    repeated = [name for name, one in found.items() if one.distinct < survey.rows]
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
