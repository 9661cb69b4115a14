"""Narratives: how much of one is told beside its record, and the whole of it, part by part.

One may have a million characters, and a case hundreds of them; with all of them every answer about
the case would be as large as the case, and so would the memory that it takes.
"""

import base64
import hashlib
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, func, or_, select

from serving.store.record_conditions import find_corrected, is_for_all, is_waiting
from serving.store.schema import KEY_LENGTH, events, withheld_corrections

NARRATIVE_CHARACTERS: Final = 4_000
"""Of one narrative beside its record: more than a page of print."""
CASE_CHARACTERS: Final = 1_000_000
"""Of all narratives of a case in one answer, the latest records first."""
PART_CHARACTERS: Final = 100_000
"""Of one narrative at its own address."""


@dataclass(frozen=True)
class NarrativePart:
    """Part of a narrative: its text, where it begins, and how long the whole is, in characters."""

    text: str
    start: int
    size: int

    @property
    def next_start(self) -> int | None:
        """Where the next part begins; ``None`` after the last."""
        end = self.start + len(self.text)
        return end if self.text and end < self.size else None


def name_narrative(record_id: str) -> str:
    """Return the key of a record's narrative in addresses, which must hold no record's number."""
    digest = hashlib.sha256(record_id.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode("ascii")[:KEY_LENGTH]


def read_narrative(
    connection: Connection, case_key: str, narrative_key: str, agency: str | None, start: int
) -> NarrativePart | None:
    """Return part of a narrative of a case.

    Parameters
    ----------
    connection
        A transaction on the store.
    case_key, narrative_key
        The case, and the key by :func:`name_narrative`.
    agency
        Agency of the person who asks: what another keeps to itself is not there for them.
    start
        The first character that is read, from 0.

    Returns
    -------
    NarrativePart or None
        At most ``PART_CHARACTERS``; ``None`` where the case shows no such narrative.
    """
    shown: ColumnElement[bool] = is_for_all()
    if agency is not None:
        shown = or_(shown, events.c.source == agency)
    query = select(events.c.event_id).where(events.c.case_key == case_key, shown)
    ids = connection.execute(query.where(events.c.narrative.is_not(None))).scalars()
    found = next((one for one in ids if name_narrative(one) == narrative_key), None)
    if found is None or _is_closed(connection, case_key, found, agency):
        return None
    row = connection.execute(
        select(
            func.substr(events.c.narrative, start + 1, PART_CHARACTERS).label("text"),
            func.length(events.c.narrative).label("size"),
        ).where(events.c.case_key == case_key, events.c.event_id == found)
    ).one()
    return NarrativePart(row.text, start, int(row.size))


def _is_closed(connection: Connection, case_key: str, event_id: str, agency: str | None) -> bool:
    """Return whether another agency keeps a record's texts to itself, as of now or by a correction
    of it, however many came between.
    """
    none = withheld_corrections.c
    query = select(none.withheld_key).where(
        none.case_key == case_key, none.corrects == event_id, none.narrows, is_waiting()
    )
    if agency is not None:
        query = query.where(none.owner_agency != agency)
    if connection.execute(query).first() is not None:
        return True
    corrected = find_corrected(events).label("corrected")
    later = select(
        events.c.event_id, corrected, is_for_all().label("for_all"), events.c.source
    ).where(events.c.case_key == case_key, events.c.supersedes.is_not(None))
    rows = connection.execute(later).all()
    seen, named = set[str](), {event_id}
    while named:
        seen |= named
        some = [row for row in rows if row.corrected in named]
        if any(not row.for_all and row.source != agency for row in some):
            return True
        named = {row.event_id for row in some} - seen
    return False
