"""Seals as those who oversee them see them: who sealed what, what waits, and what is overdue.

Nothing of a case is here but its key, since whoever oversees seals need not know whom a case is
about to see that one person hides many. There are few seals, so that all are read at once.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import Connection, Row, exists, select

from features.catalogue.declarations import DAY_US
from serving.access.parties import find_parties, find_party_cases
from serving.confirmations.records import Confirmation
from serving.persons import Person, describe_person, read_person
from serving.schemas import PersonOut
from serving.sealing.seal_confirmation import SealContent, read_seal_confirmations
from serving.sealing.seals import CurrentSeal, read_current_seals, read_named
from serving.standing.states import ELIGIBLE, plain_state
from serving.store.lookups import is_among
from serving.store.paging import Page, cut_page, make_bad_cursor
from serving.store.row_text import Clockface
from serving.store.schema import (
    acknowledgements,
    discharges,
    flag_raisings,
    seal_openings,
    seals,
    standings,
)

SealStand = Literal["waiting", "overdue", "confirmed", "refused", "replaced", "not_asked"]
Overdue = Literal["first_read", "wait", "review", "urgent_flag"]


@dataclass(frozen=True, kw_only=True)
class SealOpening:
    """A duty supervisor opened a sealed case for an urgent flag: who, when and why."""

    person: PersonOut
    opened_at: str
    why: str


@dataclass(frozen=True, kw_only=True)
class ReviewedSeal:
    """One seal, or one opening of a seal, of a case that goes by its key.

    Parameters
    ----------
    seal_key, key
        The seal and the case.
    sealed
        False where it opened the case for all.
    person, sealed_at, why, people
        Who did it, when and why, and whom it names by what the sign-in knows them.
    is_current
        Whether it is the case's latest.
    alone
        Whether nobody whom it names beside the sealer exists and is no party.
    locked_out
        Whom the case's seal before named and this one does not.
    stand
        What became of it with a second person.
    confirmation_key, due_at
        By what it is settled, and until when; ``None`` where nothing waits.
    settled_by, settled_why
        Who settled it, and what they said.
    openings
        Who opened the case for an urgent flag while it was sealed so.
    """

    seal_key: str
    key: str
    sealed: bool
    person: PersonOut
    subject: str
    sealed_at: str
    why: str
    people: tuple[str, ...]
    is_current: bool
    alone: bool
    locked_out: tuple[str, ...]
    stand: SealStand
    confirmation_key: str | None
    due_at: str | None
    settled_by: PersonOut | None
    settled_why: str | None
    openings: tuple[SealOpening, ...]


@dataclass(frozen=True, kw_only=True)
class Sealer:
    """How often one person sealed a case, named nobody beside them, and locked somebody out."""

    person: PersonOut
    subject: str
    n_seals: int
    n_alone: int
    n_locking_out: int


@dataclass(frozen=True, kw_only=True)
class OverdueSealed:
    """What is overdue on a sealed case, which goes by its key, and since when."""

    key: str
    what: Overdue
    since: str
    people: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SealReview:
    """A part of the seals, the latest first, who sealed how often, and what is overdue."""

    seals: tuple[ReviewedSeal, ...]
    next_cursor: str | None
    n_waiting: int
    n_overdue: int
    sealers: tuple[Sealer, ...]
    overdue: tuple[OverdueSealed, ...]


@dataclass(frozen=True)
class ReviewRequest:
    """Who looks at seals, and which part of them is wanted.

    Parameters
    ----------
    person
        Who looks; nothing is told of a case to which they are a party.
    now_us
        The moment, microseconds UTC.
    wait_days
        Days of 24 hours after which a sealed case waits too long.
    sealer
        Only seals of this person, by what the sign-in knows them; of everybody where ``None``.
    size, cursor
        How many seals, and ``next_cursor`` of the part before.
    """

    person: Person
    now_us: int
    wait_days: int
    sealer: str | None = None
    size: int = 50
    cursor: str | None = None


_DONE: Final[Mapping[str, SealStand]] = {
    "confirmed": "confirmed",
    "refused": "refused",
    "withdrawn": "replaced",
}


def list_named(connection: Connection) -> frozenset[str]:
    """Return everybody whom a seal ever named, by what the sign-in knows them."""
    keys = connection.execute(select(seals.c.seal_key)).scalars().all()
    return frozenset().union(*read_named(connection, keys).values())


def read_review(
    connection: Connection, wanted: ReviewRequest, known: frozenset[str], face: Clockface
) -> SealReview:
    """Return the seals as somebody who oversees them sees them.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    wanted
        Who looks, and which part is wanted.
    known
        Who of those ever named exists.
    face
        Shows moments.

    Raises
    ------
    ServiceError
        If the cursor is none (422).
    """
    rows = connection.execute(select(seals).order_by(seals.c.stored_seq)).all()
    hidden = find_party_cases(connection, wanted.person, {row.case_key for row in rows})
    rows = [row for row in rows if row.case_key not in hidden]
    found = list(_describe_all(connection, rows, known, face, wanted.now_us))
    found.reverse()
    page = _cut(
        [one for one in found if wanted.sealer is None or one.subject == wanted.sealer], wanted
    )
    current = [one for one in found if one.is_current and one.sealed]
    held = {one.case_key: one for one in read_current_seals(connection)}
    overdue = _find_overdue(connection, held, wanted)
    return SealReview(
        seals=page.items,
        next_cursor=page.next_cursor,
        n_waiting=sum(one.stand == "waiting" for one in current),
        n_overdue=sum(one.stand == "overdue" for one in current),
        sealers=_count(found),
        overdue=tuple(
            OverdueSealed(
                key=key, what=what, since=face.show(us), people=tuple(sorted(held[key].people))
            )
            for us, key, what in sorted(overdue)
            if key not in hidden
        ),
    )


def _cut(found: list[ReviewedSeal], wanted: ReviewRequest) -> Page[ReviewedSeal, str]:
    start = 0
    if wanted.cursor is not None:
        places = [place for place, one in enumerate(found) if one.seal_key == wanted.cursor]
        if not places:
            raise make_bad_cursor()
        start = places[0] + 1
    return cut_page(found[start:], wanted.size, lambda one: one.seal_key)


@dataclass(frozen=True)
class _Around:
    """What is known beside the rows of ``seals``: by the seal's key, or by the case's."""

    named: Mapping[str, frozenset[str]]
    parties: Mapping[str, frozenset[str]]
    asked: Mapping[str, Confirmation]
    openings: Mapping[str, Sequence[SealOpening]]
    latest: Mapping[str, str]
    known: frozenset[str]
    face: Clockface
    now_us: int


def _describe_all(
    connection: Connection,
    rows: Sequence[Row[Any]],
    known: frozenset[str],
    face: Clockface,
    now_us: int,
) -> Iterator[ReviewedSeal]:
    """Give the seals in the order in which they were stored."""
    cases = {row.case_key for row in rows}
    around = _Around(
        read_named(connection, [row.seal_key for row in rows]),
        find_parties(connection, cases),
        _read_asked(connection),
        read_openings(connection, cases, face),
        {row.case_key: row.seal_key for row in rows},
        known,
        face,
        now_us,
    )
    before: dict[str, frozenset[str]] = {}
    for row in rows:
        yield _describe(row, around, before.get(row.case_key, frozenset()))
        before[row.case_key] = around.named.get(row.seal_key, frozenset())


def _describe(row: Row[Any], around: _Around, before: frozenset[str]) -> ReviewedSeal:
    """Return a seal as it is shown; ``before`` is whom the case's seal before it named."""
    people, is_sealed = around.named.get(row.seal_key, frozenset()), bool(row.sealed)
    others = (people & around.known) - around.parties.get(row.case_key, frozenset())
    is_current = around.latest[row.case_key] == row.seal_key
    asked = around.asked.get(row.seal_key)
    settlement = None if asked is None else asked.settlement
    waiting = asked if asked is not None and settlement is None else None
    return ReviewedSeal(
        seal_key=row.seal_key,
        key=row.case_key,
        sealed=is_sealed,
        person=describe_person(read_person(row)),
        subject=row.subject,
        sealed_at=around.face.show(row.sealed_at_us),
        why=row.why,
        people=tuple(sorted(people)),
        is_current=is_current,
        alone=is_sealed and not others - {row.subject},
        locked_out=tuple(sorted(before - people)) if is_sealed else (),
        stand=_find_stand(asked, around.now_us),
        confirmation_key=waiting.key if waiting else None,
        due_at=around.face.show(waiting.due_at_us) if waiting else None,
        settled_by=describe_person(settlement.person) if settlement else None,
        settled_why=settlement.why if settlement else None,
        openings=tuple(around.openings.get(row.case_key, ())) if is_current else (),
    )


def _find_stand(confirmation: Confirmation | None, now_us: int) -> SealStand:
    if confirmation is None:
        return "not_asked"
    if confirmation.settlement is not None:
        return _DONE[confirmation.settlement.outcome]
    return "overdue" if confirmation.is_overdue(now_us) else "waiting"


def _read_asked(connection: Connection) -> dict[str, Confirmation]:
    """Return the latest that was asked of each seal, by the seal's key."""
    return {
        one.read_content(SealContent).seal_key: one for one in read_seal_confirmations(connection)
    }


def read_openings(
    connection: Connection, case_keys: Iterable[str], face: Clockface
) -> dict[str, tuple[SealOpening, ...]]:
    """Return who opened each of some cases for an urgent flag, by the case's key; the first first.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    case_keys
        The cases.
    face
        Shows moments.
    """
    query = select(seal_openings).where(
        is_among(connection, seal_openings.c.case_key, frozenset(case_keys))
    )
    found: dict[str, list[SealOpening]] = defaultdict(list)
    for row in connection.execute(query.order_by(seal_openings.c.stored_seq)):
        opening = SealOpening(
            person=describe_person(read_person(row)),
            opened_at=face.show(row.opened_at_us),
            why=row.why,
        )
        found[row.case_key].append(opening)
    return {key: tuple(openings) for key, openings in found.items()}


def _count(found: Iterable[ReviewedSeal]) -> tuple[Sealer, ...]:
    by_subject: dict[str, list[ReviewedSeal]] = defaultdict(list)
    for one in found:
        if one.sealed:
            by_subject[one.subject].append(one)
    counted = [
        Sealer(
            person=own[0].person,
            subject=subject,
            n_seals=len(own),
            n_alone=sum(one.alone for one in own),
            n_locking_out=sum(bool(one.locked_out) for one in own),
        )
        for subject, own in by_subject.items()
    ]
    return tuple(sorted(counted, key=lambda one: (-one.n_seals, one.subject)))


def _find_overdue(
    connection: Connection, held: Mapping[str, CurrentSeal], wanted: ReviewRequest
) -> list[tuple[int, str, Overdue]]:
    """Return what is overdue on sealed cases: since when (microseconds UTC), the case, and what."""
    query = select(standings).where(is_among(connection, standings.c.case_key, held))
    found = [
        (since_us, row.case_key, what)
        for row in connection.execute(query)
        for what, since_us in find_overdue(row, wanted.now_us, wanted.wait_days)
    ]
    raisings = select(flag_raisings.c.case_key, flag_raisings.c.due_at_us).where(
        flag_raisings.c.due_at_us <= wanted.now_us,
        ~exists().where(acknowledgements.c.raising_key == flag_raisings.c.raising_key),
        ~exists().where(discharges.c.raising_key == flag_raisings.c.raising_key),
        is_among(connection, flag_raisings.c.case_key, held),
    )
    urgent: list[tuple[int, str, Overdue]] = [
        (row.due_at_us, row.case_key, "urgent_flag") for row in connection.execute(raisings)
    ]
    return found + urgent


def find_overdue(row: Row[Any], now_us: int, wait_days: int) -> Iterator[tuple[Overdue, int]]:
    """Give what is overdue on a sealed case by its row of ``standings``, each with since when.

    Parameters
    ----------
    row
        The case's row.
    now_us
        The moment, microseconds UTC.
    wait_days
        Days of 24 hours after which a sealed case waits too long to be looked at.
    """
    if row.first_read_at_us is None and row.first_read_due_us <= now_us:
        yield "first_read", row.first_read_due_us
    state = plain_state(row.state)
    if state == "managed" and row.review_due_us is not None and row.review_due_us <= now_us:
        yield "review", row.review_due_us
    elif state in ELIGIBLE and row.returned_for == "review_due":
        yield "review", row.waiting_since_us
    elif state in ELIGIBLE and row.waiting_since_us + wait_days * DAY_US <= now_us:
        yield "wait", row.waiting_since_us + wait_days * DAY_US
