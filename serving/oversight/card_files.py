"""The model card and the transparency record as files that people complete.

What a person writes stands between two marks. A file that is written again, for another version of
the model, keeps it; what belonged to a field that is no more is kept at the end.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from serving.oversight.card import CardEntry, CardValue, write_card
from serving.oversight.transparency_fields import RecordSection, list_fields

TO_WRITE: Final = "To be written by a person."
_BLOCK: Final = re.compile(
    r"<!-- written by a person: (?P<field>[^>]+?) -->\n(?P<text>.*?)\n<!-- end: (?P=field) -->",
    re.DOTALL,
)
_KEPT: Final = "## Kept from an earlier version"


@dataclass(frozen=True)
class CardFile:
    """A file for people to complete.

    Parameters
    ----------
    text
        Markdown.
    n_open
        How many fields a person has still to write.
    """

    text: str
    n_open: int


def write_card_file(told: CardValue, before: str = "") -> CardFile:
    """Return the model card (Mitchell and others 2019).

    Parameters
    ----------
    told
        The bundle, its figures and the settings.
    before
        The file as it is, whose written parts are kept; empty where there is none.

    Returns
    -------
    CardFile
        With a place for what the unit adds under each heading.
    """
    parts = [
        _Part(entry.heading, entry.heading, _say(entry), by_person=False)
        for entry in write_card(told)
    ]
    parts.append(_Part("What the unit adds", "unit", (), by_person=True))
    return _write("Model card", [("", parts)], before)


def write_record_file(told: CardValue, before: str = "") -> CardFile:
    """Return the algorithmic transparency record, tiers 1 and 2.

    Parameters
    ----------
    told, before
        As of :func:`write_card_file`.

    Returns
    -------
    CardFile
        Every field of the template by its number and name.
    """
    sections = [(section.title, _list_parts(section)) for section in list_fields(told)]
    return _write("Algorithmic transparency record", sections, before)


@dataclass(frozen=True)
class _Part:
    heading: str
    field: str
    said: tuple[str, ...]
    by_person: bool


def _list_parts(section: RecordSection) -> "list[_Part]":
    return [
        _Part(f"{one.number} {one.name}", one.number, one.said, by_person=one.by_person)
        for one in section.fields
    ]


def _say(entry: CardEntry) -> tuple[str, ...]:
    return entry.said + tuple(f"To be filled in: {one}." for one in entry.to_fill)


def _write(title: str, sections: "Iterable[tuple[str, list[_Part]]]", before: str) -> CardFile:
    kept = read_written(before)
    lines, n_open, used = [f"# {title}", ""], 0, set()
    for section, parts in sections:
        if section:
            lines += [f"## {section}", ""]
        for part in parts:
            lines += [f"### {part.heading}" if section else f"## {part.heading}", ""]
            for sentence in part.said:
                lines += [sentence, ""]
            if part.by_person or part.field in kept:
                used.add(part.field)
                n_open += part.field not in kept
                lines += _mark(part.field, kept.get(part.field, TO_WRITE))
    left = {field: text for field, text in kept.items() if field not in used}
    if left:
        lines += [_KEPT, ""]
        for field, text in left.items():
            lines += _mark(field, text)
    return CardFile("\n".join(lines).rstrip() + "\n", n_open)


def _mark(field: str, text: str) -> list[str]:
    return [f"<!-- written by a person: {field} -->", text, f"<!-- end: {field} -->", ""]


def read_written(text: str) -> Mapping[str, str]:
    """Return what people wrote into a file, by field.

    Parameters
    ----------
    text
        The file; empty where there is none.

    Returns
    -------
    Mapping
        Without the fields that nobody wrote yet.
    """
    found = {match["field"]: match["text"] for match in _BLOCK.finditer(text)}
    return {field: words for field, words in found.items() if words.strip() not in ("", TO_WRITE)}
