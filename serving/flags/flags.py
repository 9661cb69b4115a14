"""Flags: raised by records, and open until a decision names the record.

A raising is one row per case, flag and record. A flag is open while one of its records is not
discharged, whatever its window says later and whatever became of the record since: time alone takes
nothing off the list, and a correction is for a person to weigh.
"""

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sqlalchemy import ColumnElement, Connection, Row, insert, select

from features.catalogue.declarations import Catalogue, Flag
from features.engine.plan import Plan
from features.evidence.records_behind import records_of
from features.history.columns import History
from models.bundle.plans import compile_flags
from models.ranking.order import measure_flags
from serving.errors import RequestProblem, ServiceError
from serving.flags.deliveries import add_deliveries
from serving.flags.due_times import find_due
from serving.flags.named_records import read_named_records
from serving.standing.record_fates import IN_FORCE, PENDING, read_record_fates
from serving.store.database import Writing, make_key
from serving.store.lookups import is_among
from serving.store.schema import acknowledgements, discharges, flag_raisings

MINUTE_US: Final = 60_000_000
NO_RECORD: Final = ""
"""``record_id`` of a flag that holds without a record of its own; such a flag is raised once."""


@dataclass(frozen=True)
class FlagRecord:
    """One record that raised a flag and is not discharged.

    Parameters
    ----------
    raising_key
        The raising.
    record_id
        Key of the event or the fact; ``NO_RECORD`` where the flag holds without one.
    raised_at_us
        When the flag was raised by it, microseconds UTC.
    stored_seq
        The raising's place in the order of rows; larger than a decision's where it is newer.
    fate
        What became of the record since: ``in_force``, ``corrected``, ``withdrawn`` or
        ``correction_pending``.
    due_at_us
        Until when the duty role acknowledges it; ``None`` for a review flag.
    acknowledged_at_us, acknowledged_by
        When and by whom that was done; ``None`` where it was not.
    """

    raising_key: str
    record_id: str
    raised_at_us: int
    stored_seq: int
    fate: str
    due_at_us: int | None
    acknowledged_at_us: int | None
    acknowledged_by: str | None


@dataclass(frozen=True)
class StandingFlag:
    """An open flag of a case, with the records that hold it open, oldest raising first."""

    case_key: str
    flag: str
    urgent: bool
    records: tuple[FlagRecord, ...]

    @property
    def raised_at_us(self) -> int:
        """When the oldest of its records raised it, microseconds UTC."""
        return self.records[0].raised_at_us

    @property
    def is_unseen(self) -> bool:
        """Whether it is urgent and nobody on duty has acknowledged one of its records."""
        return self.urgent and any(one.acknowledged_at_us is None for one in self.records)

    @property
    def newest_seq(self) -> int:
        """Place of its newest raising in the order of rows."""
        return max(record.stored_seq for record in self.records)

    @property
    def record_corrected(self) -> bool:
        """Whether one of its records was corrected or withdrawn since."""
        return any(record.fate not in (IN_FORCE, PENDING) for record in self.records)

    @property
    def correction_pending(self) -> bool:
        """Whether a correction of one of its records waits for a second person."""
        return any(record.fate == PENDING for record in self.records)

    @property
    def record_ids(self) -> tuple[str, ...]:
        """Keys of its records."""
        return tuple(record.record_id for record in self.records if record.record_id)


def word_flag(flags: Mapping[str, Flag], name: str) -> str:
    """Return a flag's wording; of one that the catalogue no longer has, its name in words."""
    return flags[name].wording if name in flags else name.replace("_", " ").capitalize()


def raise_flags(
    writing: Writing,
    catalogue: Catalogue,
    history: History,
    case_keys: Collection[str],
    as_of_us: int,
    minutes: int,
    score_key_of: Mapping[str, str],
    plan: Plan | None = None,
) -> list[str]:
    """Raise the catalogue's flags that hold, by each record that never raised them before.

    An urgent one is due for acknowledgement from when the unit knew of its record, and gets a
    message to send, in the same transaction.
    The caller brings the cases' standings up to date.

    Parameters
    ----------
    writing
        The transaction.
    catalogue
        What is flagged.
    history
        Case histories whose identifiers are case keys.
    case_keys
        The cases, open or not; all of them in ``history``.
    as_of_us
        The moment, microseconds UTC, exclusive on both clocks.
    minutes
        Time within which the duty role acknowledges an urgent flag, from when the unit knew.
    score_key_of
        The score made at the same time, by case key, where there is one.
    plan
        The catalogue's flags as a bundle keeps them compiled; compiled here where absent.

    Returns
    -------
    list of str
        Keys of the new raisings.

    Raises
    ------
    KeyError
        If a case is not in the history.
    """
    keys = sorted(set(case_keys))
    found = _find_raised(catalogue, plan or compile_flags(catalogue), history, keys, as_of_us)
    # Looked up before a row number is taken: from then on all others who write wait.
    if not _leave_new(writing.connection, found):
        return []
    writing.take_seq(0)
    # Asked again behind the lock: another process may have raised them meanwhile.
    new = _leave_new(writing.connection, found)
    # No flag rests on a record that is kept apart: of those nothing is read here.
    named = read_named_records(writing.connection, [(one[0], one[2]) for one in new])
    known_us = {name: record.known_at_us for name, record in named.items()}
    first = writing.take_seq(len(new))
    urgent = {flag.name: flag.urgent for flag in catalogue.flags}
    rows = [
        {
            "raising_key": make_key(),
            "case_key": case_key,
            "flag": flag,
            "urgent": urgent[flag],
            "record_id": record_id,
            "raised_at_us": writing.now_us,
            "due_at_us": find_due(known_us.get((case_key, record_id)), writing.now_us, minutes)
            if urgent[flag]
            else None,
            "score_key": score_key_of.get(case_key),
            "stored_seq": first + number,
        }
        for number, (case_key, flag, record_id) in enumerate(new)
    ]
    if rows:
        writing.connection.execute(insert(flag_raisings), rows)
    add_deliveries(writing, [str(row["raising_key"]) for row in rows if row["urgent"]])
    return [str(row["raising_key"]) for row in rows]


def _find_raised(
    catalogue: Catalogue, plan: Plan, history: History, case_keys: list[str], as_of_us: int
) -> list[tuple[str, str, str]]:
    """Return every case key, flag and record for which a flag holds, urgent flags first."""
    wanted = np.array(case_keys, dtype=object)
    cases = np.searchsorted(history.case_id, wanted)
    there = cases < len(history)
    # A place may lie past the end; only one within can be compared.
    there[there] = history.case_id[cases[there]] == wanted[there]
    if not there.all():
        raise KeyError("a case is not in the history")
    holds = measure_flags(catalogue, plan, history, as_of_us, cases)
    flags = sorted(enumerate(catalogue.flags), key=lambda one: not one[1].urgent)
    return [
        (case_keys[row], flag.name, record_id)
        for column, flag in flags
        for row in np.flatnonzero(holds[:, column])
        for record_id in (
            records_of(history, catalogue, int(cases[row]), as_of_us, flag.expression, plan.rules)
            or (NO_RECORD,)
        )
    ]


def _leave_new(
    connection: Connection, found: Sequence[tuple[str, str, str]]
) -> list[tuple[str, str, str]]:
    """Return those that were never raised, each once."""
    keys = {case_key for case_key, _, _ in found}
    query = select(flag_raisings.c.case_key, flag_raisings.c.flag, flag_raisings.c.record_id)
    rows = connection.execute(query.where(is_among(connection, flag_raisings.c.case_key, keys)))
    there = {tuple(row) for row in rows} if keys else set()
    return [one for one in dict.fromkeys(found) if one not in there]


def is_standing() -> ColumnElement[bool]:
    """Return the condition that a raising was not discharged."""
    discharged = select(discharges.c.raising_key).where(
        discharges.c.raising_key == flag_raisings.c.raising_key
    )
    return ~discharged.correlate(flag_raisings).exists()


def standing_flags(
    connection: Connection, case_keys: Collection[str]
) -> dict[str, list[StandingFlag]]:
    """Return the open flags of some cases, urgent ones first, then those raised first.

    Returns
    -------
    dict
        By case key; cases without a flag are left out.
    """
    return collect_standing(connection, is_among(connection, flag_raisings.c.case_key, case_keys))


def collect_standing(
    connection: Connection, condition: ColumnElement[bool]
) -> dict[str, list[StandingFlag]]:
    """Return the open flags whose raisings meet a condition; see :func:`standing_flags`."""
    query = (
        select(flag_raisings, acknowledgements.c.acknowledged_at_us, acknowledgements.c.person)
        .outerjoin(acknowledgements, acknowledgements.c.raising_key == flag_raisings.c.raising_key)
        .where(condition, is_standing())
        .order_by(flag_raisings.c.stored_seq)
    )
    rows = connection.execute(query).all()
    fates = read_record_fates(connection, [(row.case_key, row.record_id) for row in rows])
    grouped: dict[tuple[str, str], list[Row[Any]]] = {}
    for row in rows:
        grouped.setdefault((row.case_key, row.flag), []).append(row)
    found: dict[str, list[StandingFlag]] = {}
    for (case_key, flag), raisings in sorted(
        grouped.items(), key=lambda one: (not one[1][-1].urgent, one[1][0].stored_seq)
    ):
        records = tuple(
            _describe_record(row, fates.get((case_key, row.record_id), IN_FORCE))
            for row in raisings
        )
        # By its latest raising: a later catalogue may have changed whether the flag is urgent.
        urgent = bool(raisings[-1].urgent)
        found.setdefault(case_key, []).append(StandingFlag(case_key, flag, urgent, records))
    return found


def _describe_record(row: Row[Any], fate: str) -> FlagRecord:
    return FlagRecord(
        raising_key=row.raising_key,
        record_id=row.record_id,
        raised_at_us=row.raised_at_us,
        stored_seq=row.stored_seq,
        fate=fate,
        due_at_us=row.due_at_us,
        acknowledged_at_us=row.acknowledged_at_us,
        acknowledged_by=row.person,
    )


def discharge(
    writing: Writing,
    case_key: str,
    decision_key: str,
    named: Iterable[tuple[str, str]],
    *,
    raisings: Mapping[tuple[str, str], str] | None = None,
) -> list[str]:
    """Discharge exactly the named flags and records of a case; the others stay open.

    The caller brings the case's standing up to date.

    Parameters
    ----------
    writing
        The transaction of the decision.
    case_key, decision_key
        The case, and the decision that names the records.
    named
        Flag and record; a pair named twice counts once.
    raisings
        Keys of the case's open raisings by flag and record, where the caller has read them.

    Returns
    -------
    list of str
        Keys of the raisings that are discharged now.

    Raises
    ------
    ServiceError
        If one of them is not open (422); nothing is discharged then.
    """
    pairs = list(named)
    if not pairs:
        return []
    writing.take_seq(0)  # others wait from here, so that what is open stays so
    there = _read_open(writing.connection, case_key) if raisings is None else raisings
    need_open(pairs, there)
    discharged = [there[pair] for pair in dict.fromkeys(pairs)]
    first = writing.take_seq(len(discharged))
    writing.connection.execute(
        insert(discharges),
        [
            {"raising_key": key, "decision_key": decision_key, "stored_seq": first + number}
            for number, key in enumerate(discharged)
        ],
    )
    return discharged


def need_open(named: Sequence[tuple[str, str]], there: Container[tuple[str, str]]) -> None:
    """Check that named flags and records are open.

    Parameters
    ----------
    named
        Flag and record, in the order of the request.
    there
        Those that are open.

    Raises
    ------
    ServiceError
        If one of them is not (422).
    """
    unknown = [number for number, pair in enumerate(named) if pair not in there]
    if unknown:
        raise _refuse(unknown)


def _read_open(connection: Connection, case_key: str) -> dict[tuple[str, str], str]:
    query = select(flag_raisings.c.flag, flag_raisings.c.record_id, flag_raisings.c.raising_key)
    rows = connection.execute(query.where(flag_raisings.c.case_key == case_key, is_standing()))
    return {(row.flag, row.record_id): row.raising_key for row in rows}


def _refuse(numbers: Sequence[int]) -> ServiceError:
    remedy = "name an open flag and a record that raised it, as the case shows them"
    noun = "flag is" if len(numbers) == 1 else "flags are"
    return ServiceError(
        "flag_not_standing",
        f"{len(numbers)} named {noun} not open on this case",
        "read the case again; somebody may have decided meanwhile",
        [
            RequestProblem(where=f"discharges[{n}]", code="flag_not_standing", remedy=remedy)
            for n in numbers
        ],
    )
