"""Who is a party to a case, or close to one, as far as the store knows.

It knows accounts that professional standards tied to a case, and whether an answer or a detail of
the case *is* a person's own name. A nickname, a name within a narrative or a relative's name is not
found: finding nothing assures nobody.
"""

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, func, select, union_all

from serving.persons import Person
from serving.store.lookups import is_among
from serving.store.schema import case_parties, events, facts


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
