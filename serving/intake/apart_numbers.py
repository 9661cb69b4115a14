"""Numbers of records that an agency keeps to itself: each agency has numbers of its own for them.

Two records of one case cannot have one number. Were those kept apart numbered among the others,
whoever sends a new record under a guessed number would be told of a conflict, and by it that there
is such a record (ADR 27). So one that is kept apart is stored as ``AGENCY//NUMBER``, where no other
agency can send anything. The agency goes on using its own number for it: repeats and corrections
find the stored one by it.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, select

from features.contract.arrays import Int64
from features.contract.kept_apart import is_kept_apart
from features.contract.rejects import Rejects, join_rejects, make_rejects
from features.contract.tables import EVENTS
from features.intake.normalisation import FILE, ROW
from serving.intake.mandates import Sender
from serving.store.lookups import list_pairs, look_up_each
from serving.store.schema import events

SEPARATOR: Final = "//"
RESERVED: Final = "reserved_number"
_NUMBERED: Final = re.compile(r"[a-z0-9_]+//")

_Cells = Mapping[str, str | None]
_Pair = tuple[str, str]
_Read = Callable[[Collection[_Pair]], dict[_Pair, str | None]]
_COLUMNS: Final = ("case_id", EVENTS.id_column, "source", "handling", "supersedes")


def refuse_reserved(rows: pa.Table, sender: Sender) -> tuple[pa.Table, Rejects]:
    """Leave out events under a number that only records which another keeps apart have.

    Parameters
    ----------
    rows
        Normalised events.
    sender
        Who sends them.

    Returns
    -------
    tuple of pyarrow.Table and Rejects
        The others, and what was left out; alike whether or not the number is in use.
    """
    looks_so = pc.match_substring(rows.column(EVENTS.id_column), SEPARATOR)
    places = [
        int(place)
        for place in np.flatnonzero(looks_so.to_numpy(zero_copy_only=False))
        if _is_reserved(rows.slice(place, 1).select(_COLUMNS).to_pylist()[0], sender)
    ]
    if not places:
        return rows, join_rejects([])
    keep = np.ones(rows.num_rows, dtype=np.bool_)
    keep[places] = False
    left = rows.take(pa.array(places))
    rejects = make_rejects(
        table=EVENTS.name,
        file=left.column(FILE).to_pylist(),
        rows=left.column(ROW).to_pylist(),
        column=EVENTS.id_column,
        code=RESERVED,
        sources=[{}] * len(places),
    )
    return rows.filter(pa.array(keep)), rejects


def number_apart(connection: Connection, rows: pa.Table, sender: Sender) -> pa.Table:
    """Give events that an agency keeps to itself numbers that no other agency can use.

    Parameters
    ----------
    connection
        A transaction that holds the head of the order of rows.
    rows
        Normalised events, with case keys.
    sender
        Who sends them; a record that states no source is of their agency.

    Returns
    -------
    pyarrow.Table
        The same rows. A record kept apart whose number its own agency has used for another, in the
        same case, keeps that number: it is a repeat of that one, or contradicts it.
    """
    source, handling = (rows.column(name).to_pandas() for name in ("source", "handling"))
    stating = rows.column("supersedes").is_valid().to_numpy(zero_copy_only=False)
    concerned = np.flatnonzero(is_kept_apart(source, handling).to_numpy(dtype=bool) | stating)
    if not len(concerned):
        return rows
    some = rows.select(_COLUMNS).take(pa.array(concerned)).to_pylist()
    numbers = _Numbers(some, sender.person.agency, _reader(connection))
    return _put(
        _put(rows, EVENTS.id_column, concerned, [numbers.of(row) for row in some]),
        "supersedes",
        concerned,
        [numbers.corrected_by(row) for row in some],
    )


class _Numbers:
    """Which number each of some events has in the store.

    Parameters
    ----------
    rows
        Events that are kept apart or correct a record.
    sent_by
        The agency of who sends them.
    read
        Gives the source of each stored event of some pairs of case key and number.
    """

    def __init__(
        self,
        rows: Collection[_Cells],
        sent_by: str,
        read: _Read,
    ) -> None:
        self._sent_by = sent_by
        asked: set[_Pair] = set()
        for row in rows:
            for number in (row[EVENTS.id_column], row["supersedes"]):
                if number is not None:
                    asked |= {(str(row["case_id"]), one) for one in self._both(row, number)}
        self._stored = read(asked)
        self._sent = {
            (str(row["case_id"]), self.of(row))
            for row in rows
            if is_kept_apart(row["source"], row["handling"])
        }

    def of(self, row: _Cells) -> str:
        """Return the number under which an event is stored."""
        number = str(row[EVENTS.id_column])
        if not is_kept_apart(row["source"], row["handling"]) or self._has_own(row, number):
            return number
        return self._own(row, number)

    def corrected_by(self, row: _Cells) -> str | None:
        """Return the stored number of the record that an event corrects."""
        number = row["supersedes"]
        if number is None or self._has_own(row, number):
            return number
        own = self._own(row, number)
        pair = (str(row["case_id"]), own)
        return own if pair in self._stored or pair in self._sent else number

    def _has_own(self, row: _Cells, number: str) -> bool:
        """Return whether the agency's own record of a number is stored under it as it came."""
        pair = (str(row["case_id"]), number)
        return pair in self._stored and self._stored[pair] == self._agency(row)

    def _agency(self, row: _Cells) -> str:
        return row["source"] or self._sent_by

    def _own(self, row: _Cells, number: str) -> str:
        start = f"{self._agency(row)}{SEPARATOR}"
        return number if number.startswith(start) else start + number

    def _both(self, row: _Cells, number: str) -> tuple[str, str]:
        return number, self._own(row, number)


def _reader(connection: Connection) -> _Read:
    def read(pairs: Collection[_Pair]) -> dict[_Pair, str | None]:
        wanted = list_pairs(connection, sorted(pairs))
        query = select(events.c.case_key, events.c.event_id, events.c.source).where(
            events.c.case_key == wanted.c.case_key, events.c.event_id == wanted.c.id
        )
        found = connection.execute(look_up_each(connection, wanted, query))
        return {(row.case_key, row.event_id): row.source for row in found}

    return read


def _is_reserved(row: _Cells, sender: Sender) -> bool:
    number = str(row[EVENTS.id_column])
    own = f"{row['source'] or sender.person.agency}{SEPARATOR}"
    is_own = is_kept_apart(row["source"], row["handling"]) and number.startswith(own)
    return _NUMBERED.match(number) is not None and not is_own


def _put(rows: pa.Table, column: str, places: Int64, cells: list[str | None]) -> pa.Table:
    """Return rows with other cells in some places of a column."""
    whole = rows.column(column).combine_chunks()
    mask = np.zeros(rows.num_rows, dtype=np.bool_)
    mask[places] = True
    put = pc.replace_with_mask(whole, pa.array(mask), pa.array(cells, whole.type))
    return rows.set_column(rows.column_names.index(column), column, put)
