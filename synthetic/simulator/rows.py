"""Rows of the events table while they are being made: numbers and codes, no text.

Text is one small vocabulary, so that many cases fit in little memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int16]

NO_TEXT: Final = -1
NONE: Final = -1


class Vocabulary:
    """Words met so far and their codes, in the order in which they were met."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    @property
    def words(self) -> tuple[str, ...]:
        """Every word, at the position of its code."""
        return tuple(self._codes)

    def code(self, word: str) -> int:
        """Return the code of ``word``, giving it the next one if it is new."""
        return self._codes.setdefault(word, len(self._codes))

    def codes(self, words: Sequence[str]) -> Codes:
        """Return the codes of several words."""
        return np.array([self.code(word) for word in words], dtype=np.int16)


@dataclass(frozen=True)
class EventRows:
    """Columns of equal length ``(n_rows,)``.

    ``case`` is the case's number, ``occurred``, ``recorded`` and ``until`` are days before the
    extract (NaN: no end), ``incident`` numbers a case's incidents of several rows, ``supersedes``
    is the position of the corrected row; both are ``NONE`` where there is none. The rest are codes
    of a :class:`Vocabulary` or ``NO_TEXT``.
    """

    case: Ints
    occurred: Floats
    recorded: Floats
    until: Floats
    value: Floats
    incident: Ints
    supersedes: Ints
    kind: Codes
    view: Codes
    source: Codes
    reporter_role: Codes
    assurance: Codes
    actor: Codes
    target: Codes
    channel: Codes
    detail: Codes
    handling: Codes

    def __len__(self) -> int:
        return len(self.case)

    def take(self, chosen: Ints | Bools) -> "EventRows":
        """Return the chosen rows, by position or by mask."""
        parts = {column.name: getattr(self, column.name)[chosen] for column in fields(self)}
        return EventRows(**parts)

    def with_columns(self, **columns: npt.NDArray[np.generic] | int | float) -> "EventRows":
        """Return these rows with some columns replaced; a number fills its whole column."""
        filled = {
            name: np.full(len(self), column, dtype=getattr(self, name).dtype)
            if np.isscalar(column)
            else np.asarray(column).astype(getattr(self, name).dtype)
            for name, column in columns.items()
        }
        return replace(self, **filled)


def make_rows(
    case: Ints,
    occurred: Floats,
    recorded: Floats,
    **columns: npt.NDArray[np.generic] | int | float,
) -> EventRows:
    """Return rows whose other columns are empty unless given."""
    count = len(case)
    no_text = np.full(count, NO_TEXT, dtype=np.int16)
    nothing = np.full(count, np.nan)
    no_number = np.full(count, NONE, dtype=np.int64)
    text = {column.name: no_text for column in fields(EventRows)[7:]}
    rows = EventRows(
        case=np.asarray(case, dtype=np.int64),
        occurred=np.asarray(occurred, dtype=np.float64),
        recorded=np.asarray(recorded, dtype=np.float64),
        until=nothing,
        value=nothing,
        incident=no_number,
        supersedes=no_number,
        **text,
    )
    return rows.with_columns(**columns)


def stack_rows(blocks: Sequence[EventRows]) -> EventRows:
    """Return all blocks as one."""
    parts = {
        column.name: np.concatenate([getattr(block, column.name) for block in blocks])
        for column in fields(EventRows)
    }
    return EventRows(**parts)


def count_within(case: Ints) -> Ints:
    """Return the number, from 0, of each row within its case; rows of a case stand together."""
    place = np.arange(len(case))
    starts = np.append(True, case[1:] != case[:-1])
    return place - np.maximum.accumulate(np.where(starts, place, 0)) if len(case) else place
