"""Who is a party to a case, or close to one, as far as the store knows.

It knows accounts that professional standards tied to a case, and whether an answer or a detail of
the case *is* a person's own name. A nickname, a name within a narrative or a relative's name is not
found: finding nothing assures nobody.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, insert, select, union_all

from serving.access.overseers import Overseers
from serving.persons import Person
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
        If the person is not of professional standards, or the store holds no such case (404).
    """
    if person.subject not in overseers.professional_standards:
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
