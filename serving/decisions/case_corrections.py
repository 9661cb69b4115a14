"""What stands beside the records of a case: corrections that wait, disputes, and texts withheld."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import pandas as pd
from sqlalchemy import Connection

from features.contract.arrays import NEVER
from features.contract.kept_apart import is_kept_apart
from features.intake.integrity import SUPERSEDED_AT, SUPERSEDED_BY
from serving.decisions.corrections import read_disputes
from serving.decisions.outputs import CorrectionSumOut, PendingCorrectionOut
from serving.schemas import DisputeOut, RecordOut
from serving.standing.pending_corrections import (
    SUMMED_DAYS,
    PendingCorrection,
    read_narrowed,
    read_pending,
    sum_corrections,
)
from serving.store.database import Unit
from serving.store.row_text import Clockface

CLOSED_COLUMNS: Final = ("narrative", "detail", "channel")
"""What of an event may hold words or a place. Kind, date and severity are told still."""


@dataclass(frozen=True)
class BesideRecords:
    """What is said of the records of one case by others.

    Parameters
    ----------
    case_key
        The case.
    pending
        Corrections that wait for a second person.
    narrowed
        Agencies that keep the texts of an event to themselves, by its number.
    disputes
        Who disputes a record, by its table and number.
    face
        Tells moments; absent where nothing is to be told.
    """

    case_key: str = ""
    pending: tuple[PendingCorrection, ...] = ()
    narrowed: Mapping[str, str] = field(default_factory=dict)
    disputes: Mapping[tuple[str, str], tuple[DisputeOut, ...]] = field(default_factory=dict)
    face: Clockface | None = None

    def find_closed(self, events: pd.DataFrame, agency: str | None) -> frozenset[str]:
        """Return the events whose texts are not for the people of an agency.

        Those that their own agency narrows as of now, and those that it narrowed: what was told of
        a record before it was kept apart is not told in its earlier version either.
        """
        closed = {number for number, owner in self.narrowed.items() if owner != agency}
        apart = is_kept_apart(events["source"], events["handling"]) & (events["source"] != agency)
        hidden = set(events["event_id"][apart])
        earlier = events[(events[SUPERSEDED_AT] != NEVER) & ~events["event_id"].isin(list(hidden))]
        named = dict(zip(earlier["event_id"], earlier[SUPERSEDED_BY], strict=True))
        for number in named:
            at, seen = named.get(number), {number}
            while isinstance(at, str) and at not in seen:
                seen.add(at)
                if at in hidden:
                    closed.add(number)
                    break
                at = named.get(at)
        return frozenset(closed)

    def add(self, record: RecordOut, closed: Collection[str]) -> RecordOut:
        """Return a record with what is said of it."""
        named = (record.table, record.record_id)
        is_pending = any((one.table, one.corrects) == named for one in self.pending)
        is_closed = record.table == "events" and record.record_id in closed
        disputes = self.disputes.get(named, ())
        if not (is_pending or is_closed or disputes):
            return record
        return replace(
            record, correction_pending=is_pending, texts_withheld=is_closed, disputed=disputes
        )

    def describe_pending(self) -> tuple[PendingCorrectionOut, ...]:
        """Tell the corrections that wait."""
        assert self.face is not None
        return tuple(
            PendingCorrectionOut(
                table=one.table,
                record_id=one.corrects,
                correction_id=one.record_id,
                record_agency=one.owner_agency,
                sent_by=one.asked_by,
                sent_at=self.face.show(one.asked_at_us),
                both_count=not one.is_held,
            )
            for one in self.pending
        )


NOTHING_BESIDE: Final = BesideRecords()


def read_beside(connection: Connection, case_key: str, unit: Unit) -> BesideRecords:
    """Return what is said of the records of a case by others."""
    narrowed = read_narrowed(connection, [case_key])
    disputes = read_disputes(connection, [case_key], unit)
    return BesideRecords(
        case_key=case_key,
        pending=read_pending(connection, [case_key]).get(case_key, ()),
        narrowed={number: agency for (_, number), agency in narrowed.items()},
        disputes={(table, number): some for (_, table, number), some in disputes.items()},
        face=Clockface(unit.time_zone),
    )


def describe_sum(connection: Connection, case_key: str, now_us: int) -> CorrectionSumOut:
    """Tell how many corrections of a case came lately, by anyone."""
    found = sum_corrections(connection, case_key, now_us)
    return CorrectionSumOut(
        days=SUMMED_DAYS,
        n_in_force=found.n_in_force,
        n_waiting=found.n_waiting,
        by_agency=found.by_agency,
    )
