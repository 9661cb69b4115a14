"""What a column of an unknown export seems to hold: dates and their forms, a key, a category.

Only what every cell bears out is called settled. Where a file reads equally well in two ways, both
are handed on, and a person says which is meant.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from features.intake.mapped_date_formats import EXCEL_EPOCHS, ISO, DateFormat, read_dates
from features.intake.source_rows import blank, fold

UNKNOWN_WORDS: Final = (
    "n/k",
    "nk",
    "not known",
    "unknown",
    "n/a",
    "not recorded",
    "null",
    "?",
    "-",
)
"""Words that are taken for an empty cell where a column holds them."""
MOST_CATEGORIES: Final = 40
LEAST_ROWS_OF_A_CATEGORY: Final = 3
_DAY_FORMS: Final = tuple(
    f"{first}{sign}{second}{sign}{third}"
    for sign in ("/", "-", ".")
    for first, second, third in (
        ("%d", "%m", "%Y"),
        ("%m", "%d", "%Y"),
        ("%Y", "%m", "%d"),
        ("%d", "%m", "%y"),
        ("%m", "%d", "%y"),
    )
) + tuple(f"%d{sign}%b{sign}{year}" for sign in (" ", "-", "/") for year in ("%Y", "%y"))
_TIMES: Final = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_FALLBACK_PIVOT: Final = 1940
"""Any pivot will do to find out whether a column holds years of two digits at all."""
_NEARLY_ALL: Final = 0.99
_CLEARLY_LESS: Final = 0.95
_FEWEST_DATES: Final = 3
_SERIALS: Final = (20_000, 60_000)
"""Serial dates from 1954 to 2064; a number is taken for one only under a name that says so."""
_NUMBER: Final = r"^[+-]?\d+(?:[.,]\d+)*$"
_COMMA: Final = r"^[+-]?\d+(?:\.\d{3})*,\d+$"
_FRACTION: Final = r"[.,]"
NAMES_SOMEBODY: Final = (
    r"name|address|post_?code|phone|mobile|e_?mail|birth|dob|passport|officer|staff|author"
)
"""What a column is called that says who somebody is, or how they are reached."""
IDENTIFIER: Final = r"(?:^|_)(?:id|ref|reference|no|number|num|nr|urn|key|uid|guid)(?:$|_)"
"""What a column of keys is called."""
_PEOPLE: Final = (
    r"name|address|post_?code|phone|mobile|e_?mail|birth|dob|officer|nhs|passport|victim|suspect|"
    r"offender|subject|person|nominal|witness|caller|reporter|staff|user|author|client|(?:^|_)by(?:$|_)"
)
"""What a column that may name somebody is called."""
_CODED: Final = r"code|kind|type|categor|class"
_LIKE_A_PERSON: Final = r"@|\d{4}"
_LIKE_A_KEY: Final = r"\D{0,4}\d+"
_THREE_DIGITS: Final = r"\d.*\d.*\d"
_SAMPLE: Final = 200


@dataclass(frozen=True)
class DateSurvey:
    """How a column's dates may be read.

    Parameters
    ----------
    choices
        Each way as the forms that are tried in order; empty where cells are ISO 8601 or typed. More
        than one way where the cells bear out several.
    needs_pivot
        Whether years have two digits.
    share
        Share of the different cells that are read.
    """

    choices: tuple[tuple[str, ...], ...]
    needs_pivot: bool
    share: float


@dataclass(frozen=True)
class ColumnSurvey:
    """What one column seems to hold.

    Parameters
    ----------
    name
        Its name.
    filled, distinct
        Cells that are not empty, and how many different ones.
    date
        How its dates may be read; ``None`` where it holds none.
    is_number, has_comma, has_fraction
        Whether every cell is a number, whether one has a decimal comma, and whether one has a point
        or a comma at all, so that it measures something and names nothing.
    unknown_words
        Those of our words for "not known" that it holds.
    categories
        Its values with their rows, most frequent first; empty where it is no category, or where a
        value might name a person.
    """

    name: str
    filled: int
    distinct: int
    date: DateSurvey | None
    is_number: bool
    has_comma: bool
    has_fraction: bool
    unknown_words: tuple[str, ...]
    categories: Mapping[str, int]


def survey_column(name: str, cells: pa.Array, text: pa.LargeStringArray) -> ColumnSurvey:
    """Look at one column.

    Parameters
    ----------
    name
        Its name.
    cells
        The cells in the file's own type.
    text
        The same as text; null where empty.

    Returns
    -------
    ColumnSurvey
        What it seems to hold.
    """
    counts = {
        str(one["values"]): int(one["counts"])
        for one in pc.value_counts(text.drop_null()).to_pylist()
    }
    words = tuple(sorted(value for value in counts if fold(value) in UNKNOWN_WORDS))
    known = blank(text.drop_null(), UNKNOWN_WORDS).drop_null()
    is_typed_date = pa.types.is_date(cells.type) or pa.types.is_timestamp(cells.type)
    date = DateSurvey((), False, 1.0) if is_typed_date else _survey_dates(name, known)
    is_number = bool(len(known)) and _share(known, _NUMBER) == 1.0
    return ColumnSurvey(
        name=name,
        filled=len(known),
        distinct=len(counts) - len(words),
        date=date,
        is_number=is_number,
        has_comma=is_number and _share(known, _COMMA) > 0,
        has_fraction=is_number and _share(known, _FRACTION) > 0,
        unknown_words=words,
        categories={} if date else _find_categories(name, counts, words),
    )


def _share(text: pa.LargeStringArray, pattern: str) -> float:
    return float(pc.mean(pc.match_substring_regex(text, pattern).cast(pa.int8())).as_py() or 0)


def _find_categories(
    name: str, counts: Mapping[str, int], unknown: Sequence[str]
) -> dict[str, int]:
    """Return the values of a category, and none of a column that could name somebody."""
    values = {value: count for value, count in counts.items() if value not in unknown}
    if not 1 < len(values) <= MOST_CATEGORIES or name_fits(name, f"{IDENTIFIER}|{_PEOPLE}"):
        return {}
    if sum(values.values()) < LEAST_ROWS_OF_A_CATEGORY * len(values):
        return {}
    if any(re.search(_LIKE_A_PERSON, value) for value in values):
        return {}
    if not name_fits(name, _CODED) and all(re.fullmatch(_LIKE_A_KEY, value) for value in values):
        return {}
    return dict(sorted(values.items(), key=lambda one: (-one[1], one[0])))


def _survey_dates(name: str, cells: pa.LargeStringArray) -> DateSurvey | None:
    """Return how dates are read; the share is of different cells, each of which counts once."""
    cells = pc.unique(cells)
    if not len(cells) or _share(cells, _THREE_DIGITS) < _NEARLY_ALL:
        return None
    if _read_share(cells, (ISO,)) >= _NEARLY_ALL:
        return DateSurvey((), False, _read_share(cells, (ISO,)))
    if _may_be_serial(name, cells):
        return DateSurvey(tuple((form,) for form in EXCEL_EPOCHS), False, 1.0)
    found = sorted(_list_ways(cells), key=lambda one: -one[0])
    if not found or found[0][0] < _NEARLY_ALL or len(cells) < _FEWEST_DATES:
        return None
    best = found[0][0]
    # One cell that only one way can read settles it, unless even that way fails at some cells.
    rivals = [
        ways for share, ways in found if share == best or (best < 1 and share > _CLEARLY_LESS)
    ]
    return DateSurvey(tuple(rivals), any("%y" in form for form in rivals[0]), best)


def _may_be_serial(name: str, cells: pa.LargeStringArray) -> bool:
    if not name_fits(name, r"date|day|time|_at$|_on$|when"):
        return False
    if _share(cells, r"^\d{5}(?:\.\d+)?$") < 1:
        return False
    low, high = pc.min_max(pc.cast(cells, pa.float64())).as_py().values()
    return bool(_SERIALS[0] <= low and high <= _SERIALS[1])


def _list_ways(cells: pa.LargeStringArray) -> Iterator[tuple[float, tuple[str, ...]]]:
    """Yield each form of days with the times that go with it, and the share of cells it reads."""
    sample = cells[:_SAMPLE]
    for day in _DAY_FORMS:
        if not any(_read_share(sample, (day + time,)) for time in _TIMES):
            continue
        if "%y" in day and _read_share(cells, (day.replace("%y", "%Y"),)) > 0:
            continue
        forms = tuple(day + time for time in _TIMES if _read_share(cells, (day + time,)) > 0)
        if forms:
            yield _read_share(cells, forms), forms


def _read_share(cells: pa.LargeStringArray, forms: Sequence[str]) -> float:
    wanted = tuple(DateFormat(form, _FALLBACK_PIVOT) for form in forms)
    _, strange = read_dates(cells, wanted)
    return 1 - float(pc.mean(strange.cast(pa.int8())).as_py())


def name_fits(name: str, hint: str) -> bool:
    """Return whether a column's name holds a word of a hint; case and blanks do not matter."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    return re.search(hint, re.sub(r"[\W_]+", "_", spaced).lower()) is not None


def list_choices(date: DateSurvey) -> list[str]:
    """Return every form that a person may have to choose between, in the order found."""
    return list(dict.fromkeys(itertools.chain.from_iterable(date.choices)))
