"""Who may be given a case: the people of the latest decisions, so that a name is chosen and not
typed in two spellings.
"""

from typing import Final

from sqlalchemy import Connection, select

from serving.access.case_sight import Sight
from serving.store.schema import decisions

_MOST_DECISIONS: Final = 500
"""The latest decisions that are read; a bound on the work, whatever the store's size."""
_MOST_OWNERS: Final = 100


def read_owners(connection: Connection, sight: Sight) -> tuple[str, ...]:
    """Return who was given a case or decided on one lately, in order of the alphabet.

    Parameters
    ----------
    connection
        A transaction.
    sight
        Of whose decisions: those on cases that the person who asks may see.
    """
    query = (
        select(decisions.c.owner, decisions.c.person)
        .where(sight.of_key(connection, decisions.c.case_key))
        .order_by(decisions.c.stored_seq.desc())
        .limit(_MOST_DECISIONS)
    )
    named = (name for row in connection.execute(query) for name in row if name)
    latest = list(dict.fromkeys(named))[:_MOST_OWNERS]
    return tuple(sorted(latest, key=str.casefold))
