"""Urgent flags of sealed cases: notices to a duty supervisor, who opens the case at once.

Those whom a seal names may be asleep, away, or the very people who hide the case. Each urgent flag
of a sealed case therefore also goes to the duty supervisors, whom the deployment names and no
sealer: as a notice that names no party and no case. A supervisor opens the case with a reason, and
those named and professional standards are told. What nobody acknowledged in time goes to the person
of professional standards who is on call; so does what no supervisor may open. Where that person is
named in the seal, sealed the case or is a party, it goes to the others of professional standards.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, exists, insert, select

from features.catalogue.declarations import Flag
from serving.access.overseers import Overseers
from serving.access.parties import find_parties, find_party_cases
from serving.errors import ServiceError
from serving.flags.deliveries import OPENED, add_deliveries
from serving.flags.flags import is_standing, word_flag
from serving.persons import Person
from serving.sealing.seals import read_current_seals
from serving.store.database import Writing, make_key
from serving.store.lookups import is_among
from serving.store.opaque_keys import is_key
from serving.store.row_text import Clockface
from serving.store.schema import acknowledgements, flag_raisings, seal_openings


@dataclass(frozen=True)
class SealedFlagNotice:
    """That an urgent flag of a sealed case waits: nothing of the case or of a person in it.

    Parameters
    ----------
    raising_key
        The raising; by it the case is opened.
    flag, wording
        The flag.
    raised_at, due_at
        When it was raised, and until when it is to be acknowledged; in the unit's zone.
    overdue
        Whether nobody has acknowledged it in time.
    escalated
        Whether it is before the person of professional standards who is on call.
    """

    raising_key: str
    flag: str
    wording: str
    raised_at: str
    due_at: str
    overdue: bool
    escalated: bool


@dataclass(frozen=True)
class _Waiting:
    """An urgent flag of a sealed case that nobody has acknowledged.

    Parameters
    ----------
    raising_key, case_key, flag, raised_at_us, due_at_us
        The raising.
    supervisors
        Who may open the case at once.
    called
        Who may once it is escalated.
    """

    raising_key: str
    case_key: str
    flag: str
    raised_at_us: int
    due_at_us: int
    supervisors: frozenset[str]
    called: frozenset[str]

    def is_escalated(self, now_us: int) -> bool:
        return self.due_at_us <= now_us or not self.supervisors

    def is_for(self, person: Person, now_us: int) -> bool:
        is_called = person.subject in self.called and self.is_escalated(now_us)
        return person.subject in self.supervisors or is_called


def read_notices(
    connection: Connection,
    person: Person,
    overseers: Overseers,
    now_us: int,
    flags: Mapping[str, Flag],
    face: Clockface,
) -> tuple[SealedFlagNotice, ...]:
    """Return the urgent flags of sealed cases that wait for a person, those due first.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    person
        A duty supervisor, or one of professional standards; nothing waits for anybody else, nor for
        somebody whom the seal names, who sees the case anyway, or a party.
    overseers
        Whom the deployment names.
    now_us
        The moment, microseconds UTC.
    flags
        The catalogue's flags by name.
    face
        Shows moments.
    """
    return tuple(
        SealedFlagNotice(
            raising_key=one.raising_key,
            flag=one.flag,
            wording=word_flag(flags, one.flag),
            raised_at=face.show(one.raised_at_us),
            due_at=face.show(one.due_at_us),
            overdue=one.due_at_us <= now_us,
            escalated=one.is_escalated(now_us),
        )
        for one in _find_for(connection, person, overseers, now_us)
    )


def open_sealed_case(
    writing: Writing, raising_key: str, person: Person, why: str, overseers: Overseers
) -> str:
    """Open a sealed case for one of its urgent flags; return the case's key.

    The person sees the case until a decision has dealt with the flag. Those whom the seal names and
    professional standards are told; the audit log has a line that names the case.

    Raises
    ------
    ServiceError
        If no such flag waits for this person (404).
    """
    writing.take_seq(0)  # of two who open it at once each is on record
    found = _find_for(writing.connection, person, overseers, writing.now_us)
    wanted = next((one for one in found if one.raising_key == raising_key), None)
    if not is_key(raising_key) or wanted is None:
        raise ServiceError(
            "no_such_flag", "no urgent flag waits under this key", "start from GET /v1/sealed-flags"
        )
    case_key = wanted.case_key
    writing.connection.execute(
        insert(seal_openings).values(
            opening_key=make_key(),
            raising_key=raising_key,
            case_key=case_key,
            why=why,
            opened_at_us=writing.now_us,
            stored_seq=writing.take_seq(),
            **person.columns(),
        )
    )
    add_deliveries(writing, [raising_key], audience=OPENED)
    writing.note(case_key=case_key)
    return case_key


def _find_for(
    connection: Connection, person: Person, overseers: Overseers, now_us: int
) -> list[_Waiting]:
    if person.subject not in overseers.duty_supervisors | overseers.professional_standards:
        return []
    found = [one for one in _read_waiting(connection, overseers) if one.is_for(person, now_us)]
    party = find_party_cases(connection, person, {one.case_key for one in found})
    return [one for one in found if one.case_key not in party]


def _read_waiting(connection: Connection, overseers: Overseers) -> list[_Waiting]:
    seals = {one.case_key: one for one in read_current_seals(connection)}
    parties = find_parties(connection, seals)
    found = []
    for row in _read_raisings(connection, list(seals)):
        seal = seals[row.case_key]
        # No party, and nobody of the sealer's choice: those named see the case anyway.
        left_out = seal.people | parties.get(row.case_key, frozenset()) | {seal.person.subject}
        on_call = frozenset({overseers.on_call} if overseers.on_call else ()) - left_out
        found.append(
            _Waiting(
                row.raising_key,
                row.case_key,
                row.flag,
                row.raised_at_us,
                row.due_at_us,
                supervisors=overseers.duty_supervisors - left_out,
                called=on_call or overseers.professional_standards - left_out,
            )
        )
    return found


def _read_raisings(connection: Connection, case_keys: Sequence[str]) -> Sequence[Row[Any]]:
    acknowledged = exists().where(acknowledgements.c.raising_key == flag_raisings.c.raising_key)
    query = select(flag_raisings).where(
        flag_raisings.c.due_at_us.is_not(None),
        is_standing(),
        ~acknowledged,
        is_among(connection, flag_raisings.c.case_key, case_keys),
    )
    ordered = query.order_by(flag_raisings.c.due_at_us, flag_raisings.c.raising_key)
    return connection.execute(ordered).all()
