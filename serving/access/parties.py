"""Who is a party to a case, or close to one, as far as the store knows.

It knows accounts that professional standards tied to a case, and whether an answer or a detail of
the case *is* a person's own name. A nickname, a name within a narrative or a relative's name is not
found: finding nothing assures nobody.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, exists, func, insert, select, union_all

from serving.access.overseers import Overseers
from serving.persons import Person, read_person
from serving.store.case_keys import make_unknown, need_case
from serving.store.database import Writing, make_key
from serving.store.lookups import is_among
from serving.store.schema import case_parties, events, facts


@dataclass(frozen=True)
class PartyTie:
    """An account, by what the sign-in knows it, whether it is tied to a case, and why."""

    party: str
    tied: bool
    why: str


@dataclass(frozen=True)
class KnownTie:
    """A tie that holds.

    Parameters
    ----------
    case_key, party, why
        The case, the account by what the sign-in knows it, and why it was tied.
    person, at_us
        Who tied it, and when (microseconds UTC).
    stored_seq
        Its place in the order of rows.
    """

    case_key: str
    party: str
    why: str
    person: Person
    at_us: int
    stored_seq: int


def tie_party(
    writing: Writing, case_key: str, person: Person, tie: PartyTie, overseers: Overseers
) -> None:
    """Tie an account to a case, or undo that: the case is not there for a party to it.

    Parameters
    ----------
    writing
        The open transaction; the audit log has a line that names the case.
    case_key
        The case, sealed or not.
    person
        One of professional standards; nobody else learns of a tie.
    tie
        Which account, whether it is tied from now on, and why.
    overseers
        Whom the deployment names.

    Raises
    ------
    ServiceError
        If the person is not of professional standards or is a party to the case themselves, so that
        another of them settles it, or the store holds no such case (404).
    """
    if not may_tie(writing.connection, person, case_key, overseers):
        raise make_unknown()
    need_case(writing.connection, case_key)
    writing.connection.execute(
        insert(case_parties).values(
            tie_key=make_key(),
            case_key=case_key,
            party=tie.party,
            tied=tie.tied,
            why=tie.why,
            tied_at_us=writing.now_us,
            stored_seq=writing.take_seq(),
            **person.columns(),
        )
    )
    writing.note(case_key=case_key)


def is_of_standards(person: Person, overseers: Overseers) -> bool:
    """Return whether the deployment names a person for professional standards."""
    return person.subject in overseers.professional_standards


def may_tie(connection: Connection, person: Person, case_key: str, overseers: Overseers) -> bool:
    """Return whether a person ties accounts to a case: one of professional standards, no party."""
    return is_of_standards(person, overseers) and not find_party_cases(
        connection, person, [case_key]
    )


def read_ties(
    connection: Connection, person: Person, *, size: int, before: int | None = None
) -> tuple[KnownTie, ...]:
    """Return the ties that hold, the latest first, but for cases to which a person is a party.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    person
        Who reads them.
    size
        How many at most.
    before
        Only those with a lower place in the order of rows.
    """
    later = case_parties.alias("later")
    overtaken = exists().where(
        later.c.case_key == case_parties.c.case_key,
        later.c.party == case_parties.c.party,
        later.c.stored_seq > case_parties.c.stored_seq,
    )
    query = (
        select(case_parties)
        .where(case_parties.c.tied, ~overtaken)
        .order_by(case_parties.c.stored_seq.desc())
    )
    rows = connection.execute(query).all()
    own = find_party_cases(connection, person, {row.case_key for row in rows})
    told = [row for row in rows if row.case_key not in own]
    if before is not None:
        told = [row for row in told if row.stored_seq < before]
    return tuple(
        KnownTie(
            row.case_key,
            row.party,
            row.why,
            read_person(row),
            int(row.tied_at_us),
            int(row.stored_seq),
        )
        for row in told[:size]
    )


def find_parties(connection: Connection, case_keys: Collection[str]) -> dict[str, frozenset[str]]:
    """Return the accounts that are tied to each of some cases now, by the case's key."""
    query = (
        select(case_parties.c.case_key, case_parties.c.party, case_parties.c.tied)
        .where(is_among(connection, case_parties.c.case_key, case_keys))
        .order_by(case_parties.c.stored_seq)
    )
    latest = {(row.case_key, row.party): row.tied for row in connection.execute(query)}
    found: dict[str, set[str]] = defaultdict(set)
    for (case_key, party), tied in latest.items():
        if tied:
            found[case_key].add(party)
    return {key: frozenset(parties) for key, parties in found.items()}


def find_party_cases(
    connection: Connection, person: Person, case_keys: Collection[str]
) -> frozenset[str]:
    """Return those of some cases to which a person is a party, or that hold their own name."""
    tied = {
        key
        for key, parties in find_parties(connection, case_keys).items()
        if person.subject in parties
    }
    return frozenset(tied) | _find_own_name(connection, person.name, case_keys)


def _find_own_name(connection: Connection, name: str, case_keys: Collection[str]) -> frozenset[str]:
    def names(table: ColumnElement[str], key: ColumnElement[str]) -> ColumnElement[bool]:
        return is_among(connection, key, case_keys) & func.lower(func.trim(table)).in_(spellings)

    # SQLite lowers the letters A to Z alone, PostgreSQL every letter.
    spellings = {name.lower(), "".join(one.lower() if one.isascii() else one for one in name)}
    query = union_all(
        select(facts.c.case_key).where(names(facts.c.value, facts.c.case_key)),
        select(events.c.case_key).where(names(events.c.detail, events.c.case_key)),
    )
    return frozenset(connection.execute(query).scalars())
