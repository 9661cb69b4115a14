"""A mapping to begin with, written from what an export's files bear out, for a person to finish.

What the files cannot settle stays as a line that the import refuses. No cell stands in a draft but
the values of the category that becomes the kind of event, and words of ours for "not known".
"""

import itertools
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from features.contract.tables import RESERVED_KINDS
from features.contract.yaml_quotes import quote_yaml
from features.intake.column_survey import ColumnSurvey, list_choices
from features.intake.file_survey import FileSurvey
from features.intake.mapping import CHOOSE

NO_KIND: Final = "incident"
"""The kind of every record where no category says more."""
_SIGN_WORDS: Final = {"\t": "tab", " ": "space"}
_WIDEST: Final = 95
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_ ]*")
_LONGEST_NAME: Final = 50
_TAKEN: Final = (*RESERVED_KINDS, "record", "records")
"""Kinds of the contract's own, and those of a starter catalogue."""
_HEAD: Final = f"""\
# A draft by `caselight init`. Lines with {CHOOSE} are refused until you have written your choice in
# their place: the files cannot settle them. Every key is described in docs/mapping.md.
version: 1
time_zone: {CHOOSE}       # of dates and of times without an offset, such as Europe/London
extract_at: {CHOOSE}      # the day on which the export was drawn, such as "2026-03-01"
sources:
"""


@dataclass(frozen=True)
class Draft:
    """A drafted mapping.

    Parameters
    ----------
    text
        The file.
    kinds
        For each kind of event that it makes, the words that the export has for it, most frequent
        first.
    n_open
        Lines that wait for a person.
    """

    text: str
    kinds: Mapping[str, str]
    n_open: int


def draft_mapping(surveys: Sequence[FileSurvey]) -> Draft:
    """Write a mapping for some files.

    Parameters
    ----------
    surveys
        What each file seems to be.

    Returns
    -------
    Draft
        The mapping, and the kinds that a catalogue then declares.
    """
    kinds: dict[str, str] = {}
    lines: list[str] = []
    for survey in surveys:
        names = _name_kinds(survey.kind)
        if not survey.is_cases:
            kinds |= {name: words for words, name in names.items()} or {NO_KIND: NO_KIND}
        lines += _write_source(survey, names, any(one.is_cases for one in surveys))
    text = _HEAD + "\n".join(lines) + "\n"
    return Draft(
        text,
        kinds or {NO_KIND: NO_KIND},
        sum(f" {CHOOSE}" in line for line in text.splitlines()[3:]),
    )


def _name_kinds(column: ColumnSurvey | None) -> dict[str, str]:
    """Return for each value of a category the name of the kind that it becomes."""
    names: dict[str, str] = {}
    for value in column.categories if column else ():
        plain = re.sub(r"_+", "_", re.sub(r"[^a-z0-9]", "_", value.lower())).strip("_")
        name = plain[:_LONGEST_NAME].strip("_")
        if not name or not name[0].isalpha() or name in _TAKEN:
            name = f"kind_{name}".strip("_")
        while name in names.values():
            name += "_2"
        names[value] = name
    return names


def _write_source(survey: FileSurvey, kinds: Mapping[str, str], has_cases: bool) -> Iterator[str]:
    """Write one file; where another one says what the cases are, its rows make none."""
    seen = f"{survey.rows:,} rows" if survey.is_whole else f"the first {survey.rows:,} rows"
    yield f"  - file: {quote(survey.file)}      # looked at: {seen}"
    for note in survey.notes:
        yield from _wrap(f"{note[0].upper()}{note[1:]}.")
    yield from _write_layout(survey)
    yield from _write_dates(survey)
    yield "    records:"
    if survey.is_cases:
        yield from _write_case(survey, "the day on which the case came to be known")
        yield from _write_unread(survey, 1)
        return
    yield from _write_event(survey, kinds)
    yield from _write_unread(survey, 2 + (len(survey.ended) == 1))
    if has_cases:
        return
    yield "      # The day on which a case came to be known is that of its first record."
    yield from _write_case(survey, "")


def _write_layout(survey: FileSurvey) -> Iterator[str]:
    if survey.is_text:
        signs = [_SIGN_WORDS.get(one) or quote_yaml(one) for one in survey.separators]
        if len(signs) == 1:
            yield f"    separator: {signs[0]}"
        else:
            known = " or ".join(signs)
            yield f"    separator: {CHOOSE}      # {known}; the lines below take it for the first"
        yield f"    encoding: {survey.layout.encoding or 'utf-8'}"
    elif survey.layout.sheet is not None:
        yield f"    sheet: {quote(survey.layout.sheet)}"
    if any(column.has_comma for column in survey.columns):
        yield '    decimal: ","'
    words = sorted({word for column in survey.columns for word in column.unknown_words})
    if words:
        shown = ", ".join(quote_yaml(word) for word in words)
        yield f"    empty_words: [{shown}]      # found in cells; taken to mean not known"


def _write_dates(survey: FileSurvey) -> Iterator[str]:
    """Write the form of the file's dates, where all of its date columns have one."""
    forms = _list_forms(survey)
    if len(forms) != 1:
        return
    (ways,) = forms
    yield f"    format: {_write_format(ways)}"
    if any("%y" in form for way in ways for form in way):
        yield f"    pivot: {CHOOSE}      # the earliest year that two digits can mean, such as 1940"


def _list_forms(survey: FileSurvey) -> set[tuple[tuple[str, ...], ...]]:
    return {one.date.choices for one in survey.dates if one.date and one.date.choices}


def _write_format(ways: Sequence[Sequence[str]]) -> str:
    written = [_write_forms(way) for way in ways]
    if len(written) == 1:
        return written[0]
    return f"{CHOOSE}      # the cells read equally well as {' or '.join(written)}"


def _write_forms(forms: Sequence[str]) -> str:
    shown = [quote_yaml(form) if "%" in form else form for form in forms]
    return shown[0] if len(shown) == 1 else f"[{', '.join(shown)}]"


def _write_event(survey: FileSurvey, kinds: Mapping[str, str]) -> Iterator[str]:
    yield "      - table: events"
    yield "        fields:"
    yield from _write_event_id(survey)
    yield from _write_field(
        survey, "case_id", survey.case_columns[:1], survey.case_columns, "the column of the case"
    )
    yield from _write_kind(survey, kinds)
    occurred = survey.occurred if len(survey.occurred) == 1 else ()
    yield from _write_field(
        survey, "occurred_at", occurred, survey.occurred, "the day on which it happened"
    )
    yield from _write_field(
        survey,
        "recorded_at",
        (),
        survey.recorded,
        "the day on which it became known to you, which is what may be used from then on",
    )
    if len(survey.ended) == 1:
        yield from _write_field(survey, "occurred_until", survey.ended, (), "")


def _write_event_id(survey: FileSurvey) -> Iterator[str]:
    """Write what names a row: a column, two together, or a line for a person."""
    if survey.is_keyed_by_case:
        case = survey.case_columns[0]
        dates = [quote_yaml(f"{{{case}}}/{{{name}}}") for name in survey.list_dates()]
        words = ", ".join(f"{{template: {one}}}" for one in dates) or '{template: "{a}/{b}"}'
        yield (
            f"          event_id: {CHOOSE}      # each case stands once in these rows, but may do "
            "so twice in the next export; what names the record within its case: a column, or "
            f"{words}"
        )
        return
    if survey.keys or not survey.pairs:
        yield from _write_field(
            survey,
            "event_id",
            survey.keys[:1],
            survey.keys,
            "no column names each row once; what names it within its case will do, and must stay "
            'the same in the next export: a column, or {template: "{a}/{b}"}',
        )
        return
    first, *others = (quote_yaml(f"{{{one}}}/{{{other}}}") for one, other in survey.pairs)
    rows = "all" if survey.is_whole else "the first"
    columns = {column.name: column for column in survey.columns}
    pair = [columns[name] for name in survey.pairs[0]]
    figures = " and ".join(f"{column.distinct:,}" for column in pair)
    found = f"in {rows} {survey.rows:,} rows ({figures} different values)"
    if any(column.date for column in pair):
        yield (
            f"          event_id: {CHOOSE}      # no column names each row once; "
            f"{{template: {first}}} does, {found}, but a day may bring two"
        )
    else:
        yield f"          event_id: {{template: {first}}}"
        yield f"          # No column names each row once; these two together do, {found}."
    if others:
        shown = ", ".join(f"{{template: {one}}}" for one in others)
        yield f"          # event_id might also be: {shown}"


def _wrap(words: str) -> list[str]:
    return [f"    # {line}" for line in textwrap.wrap(words, _WIDEST)]


def _write_unread(survey: FileSurvey, n_dates: int) -> Iterator[str]:
    """Write which columns no field takes; of the dates a person chooses, so they are counted."""
    kind = [survey.kind.name] if survey.kind else []
    pair = () if survey.keys else itertools.chain.from_iterable(survey.pairs[:1])
    key = () if survey.is_cases else (*survey.keys[:1], *pair)
    read = {*key, *survey.case_columns[:1], *survey.list_dates(), *kind, *survey.areas}
    unread = [quote(one.name) for one in survey.columns if one.name not in read]
    if unread:
        yield f"      # Read by nothing yet: {', '.join(unread)}"
    if len(survey.dates) > n_dates:
        yield "      # A date that no field takes, such as that of a closing, may be a record of"
        yield "      # its own: see 'when', 'present' in docs/mapping.md."


def _write_kind(survey: FileSurvey, kinds: Mapping[str, str]) -> Iterator[str]:
    column = survey.kind
    if column is None:
        # A category that is not called one may name people; its values are not written down.
        columns = ", ".join(quote(one.name) for one in survey.categories)
        words = f"; or a column such as {columns}" if columns else ""
        yield f"          kind: {CHOOSE}      # what happened: {{constant: {NO_KIND}}}{words}"
        return
    yield "          kind:"
    yield f"            column: {quote(column.name)}"
    yield "            values:"
    for value, name in kinds.items():
        yield f"              {quote_yaml(value)}: {name}"
    yield "            otherwise: reject"
    others = ", ".join(quote(one.name) for one in survey.kinds if one is not column)
    if others:
        yield f"          # kind might also be: {others}"


def _write_case(survey: FileSurvey, known: str) -> Iterator[str]:
    yield "      - table: cases"
    yield "        fields:"
    yield from _write_field(
        survey, "case_id", survey.case_columns[:1], survey.case_columns, "the column of the case"
    )
    if known:
        yield from _write_field(
            survey, "recorded_at", (), survey.recorded, known, more="{first_record: true}"
        )
    else:
        yield "          recorded_at: {first_record: true}"
    if len(survey.areas) == 1:
        yield f"          area: {quote(survey.areas[0])}"


def _write_field(
    survey: FileSurvey,
    name: str,
    settled: Sequence[str],
    candidates: Sequence[str],
    words: str,
    more: str = "",
) -> Iterator[str]:
    """Write one field: the column that is settled, or the line that a person has to finish."""
    if settled:
        yield f"          {name}: {_write_column(survey, settled[0])}"
        others = ", ".join(quote(one) for one in candidates if one != settled[0])
        if others:
            yield f"          # {name} might also be: {others}"
        return
    columns = ", ".join(
        [*(_write_column(survey, one) for one in candidates), *([more] if more else [])]
    )
    yield f"          {name}: {CHOOSE}      # {words}" + (f"; one of: {columns}" if columns else "")


def _write_column(survey: FileSurvey, name: str) -> str:
    """Write a column as a field takes it, with its form where the file has several."""
    column = next(one for one in survey.columns if one.name == name)
    if column.date is None or not column.date.choices or len(_list_forms(survey)) == 1:
        return quote(name)
    ways = column.date.choices
    form = _write_forms(ways[0]) if len(ways) == 1 else CHOOSE
    pivot = f", pivot: {CHOOSE}" if column.date.needs_pivot else ""
    known = "" if len(ways) == 1 else f" ({' or '.join(list_choices(column.date))})"
    return f"{{column: {quote_yaml(name)}, format: {form}{pivot}}}{known}"


def quote(text: str) -> str:
    """Return a text as YAML reads it back, in quotes where it needs them."""
    return text if _PLAIN.fullmatch(text) and text == text.strip() else quote_yaml(text)
