"""Case histories in memory: sorted columns with a pointer per case.

A :class:`History` is immutable and holds only what indicators may be made from: records that the
contract accepted, with text turned into codes. It is built by :mod:`features.history.assembly`; the
engine reads it from several threads at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, overload

import numpy as np
import pyarrow as pa

from features.contract.arrays import Bools, Float64, Int32, Int64, Text

CODED_COLUMNS: Final = ("kind", "channel", "source", "view", "actor", "target", "detail")
TOLD_COLUMNS: Final = ("assurance", "reporter_role")
"""What is said of a record beside its value; no selector names them, so nothing is measured of
them."""


@dataclass(frozen=True)
class Coded:
    """A text column as codes into its sorted distinct values.

    Parameters
    ----------
    codes
        Shape ``(n,)``; ``MISSING`` for an empty cell.
    values
        Distinct values, sorted, so that codes do not depend on the order of rows or files.
    """

    codes: Int32
    values: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Identifiers:
    """Identifiers of records, left where Arrow holds them until somebody asks for some.

    Most of a history's are never asked for, and as texts of Python they take more memory than all
    its other columns. Asked for by place they are an array of texts, as NumPy's own is.

    Parameters
    ----------
    codes
        Shape ``(n,)``: which of the texts each record has.
    values
        The texts, ``large_string``, in any order.
    """

    codes: Int64
    values: pa.Array

    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, rows: int) -> str: ...

    @overload
    def __getitem__(self, rows: slice | Int64 | Bools) -> Text: ...

    def __getitem__(self, rows: int | slice | Int64 | Bools) -> str | Text:
        codes = self.codes[rows]
        if np.ndim(codes) == 0:
            return str(self.values[int(codes)].as_py())
        found: Text = self.values.take(pa.array(codes)).to_numpy(zero_copy_only=False)
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Text:
        return np.asarray(self[:], dtype=dtype)

    def __iter__(self) -> Iterator[str]:
        return iter(self.tolist())

    def tolist(self) -> list[str]:
        """Return all of them."""
        found: list[str] = self[:].tolist()
        return found


@dataclass(frozen=True)
class Events:
    """Events sorted by case, then ``(occurred_at, recorded_at, event_id)``.

    Parameters
    ----------
    pointer
        Shape ``(n_cases + 1,)``; events of case ``c`` are ``pointer[c]:pointer[c + 1]``.
    occurred_at, recorded_at
        Microseconds UTC.
    superseded_at
        First moment at which a later version of the record was recorded; a record is in force at
        ``as_of`` if ``recorded_at < as_of <= superseded_at`` (:mod:`features.history.in_force`).
    superseded_by
        Place of that version among the case's events, counted from its first; ``MISSING`` where
        none supersedes it, or where the version is not among the events of this history.
    kind, channel, source, view, actor, target, detail
        Coded columns.
    value
        Severity or harm days; NaN where unknown.
    incident
        Number of the incident within its case, for incidents of two or more events; ``MISSING`` for
        an event that is an incident by itself.
    via
        Kind of the link through which the event of another case is seen here; ``MISSING`` for the
        case's own. Only selectors that name a link take such events in.
    assurance, reporter_role
        Coded columns that are told and never measured.
    measured
        Whether indicators may use the event: not health, not for its agency alone (promise 9).
    event_id
        Keys of the records.
    """

    pointer: Int64
    occurred_at: Int64
    recorded_at: Int64
    superseded_at: Int64
    superseded_by: Int32
    kind: Coded
    channel: Coded
    source: Coded
    view: Coded
    actor: Coded
    target: Coded
    detail: Coded
    value: Float64
    incident: Int32
    via: Coded
    assurance: Coded
    reporter_role: Coded
    measured: Bools
    event_id: Identifiers

    def __len__(self) -> int:
        return len(self.occurred_at)


@dataclass(frozen=True)
class Facts:
    """Answers sorted by case, then ``(recorded_at, fact_id)``.

    ``asked`` is whether the question was put; ``value`` is the answer's code, ``MISSING`` where it
    was asked and not answered. ``superseded_at`` and ``superseded_by`` are as in :class:`Events`.
    """

    pointer: Int64
    recorded_at: Int64
    superseded_at: Int64
    superseded_by: Int32
    name: Coded
    asked: Bools
    value: Coded
    fact_id: Identifiers

    def __len__(self) -> int:
        return len(self.recorded_at)


@dataclass(frozen=True)
class History:
    """Every case's events and facts.

    Parameters
    ----------
    case_id
        Shape ``(n_cases,)``, sorted.
    case_recorded_at
        When the unit came to know of the case, microseconds UTC.
    area, referral_source
        Coded; shown and filtered by, never an indicator.
    events, facts
        The records.
    time_zone
        IANA name in which dates without a time are read and shown.
    extract_at
        Moment at which the data were drawn, microseconds UTC; nothing after it is known.
    """

    case_id: Text
    case_recorded_at: Int64
    area: Coded
    referral_source: Coded
    events: Events
    facts: Facts
    time_zone: str
    extract_at: int

    def __len__(self) -> int:
        return len(self.case_id)

    def events_of(self, case: int) -> slice:
        """Events of the case numbered ``case``."""
        return slice(int(self.events.pointer[case]), int(self.events.pointer[case + 1]))

    def facts_of(self, case: int) -> slice:
        """Facts of the case numbered ``case``."""
        return slice(int(self.facts.pointer[case]), int(self.facts.pointer[case + 1]))
