"""Searches among cases, kept in the store: each is a line of the log of changes with its terms.

An address never holds what somebody looked for: it holds the key of the row that does, and the key
shows it to the same person in the same session alone.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, insert, select

from serving.errors import ServiceError
from serving.persons import Person
from serving.store.database import Store, make_key
from serving.store.opaque_keys import is_key
from serving.store.schema import case_searches

_DIGEST_BYTES: Final = 16


def name_session(number: str | None) -> str | None:
    """Return by what a session is known in the store: its own name would be no secret there."""
    if number is None:
        return None
    return hashlib.blake2b(number.encode(), digest_size=_DIGEST_BYTES).hexdigest()


def keep_search(
    store: Store,
    person: Person,
    terms: Mapping[str, str | bool],
    *,
    session: str | None = None,
    case_key: str | None = None,
) -> str:
    """Keep what somebody looked for; return its key.

    Parameters
    ----------
    store, person
        The store, and who looks.
    terms
        What they typed and chose, by name.
    session
        By what the session is known (:func:`name_session`); ``None`` of a program.
    case_key
        The case that it led straight to.
    """
    key = make_key()
    with store.writing() as writing:
        writing.connection.execute(
            insert(case_searches).values(
                search_key=key,
                case_key=case_key,
                terms=dict(terms),
                session=session,
                searched_at_us=writing.now_us,
                stored_seq=writing.take_seq(),
                **person.columns(),
            )
        )
        writing.note(case_key=case_key)
    return key


def read_search(
    connection: Connection, search_key: str, person: Person, session: str | None
) -> dict[str, str | bool]:
    """Return the terms of a search.

    Raises
    ------
    ServiceError
        If there is none of this key, or it is of another person or session (404): one answer.
    """
    query = select(case_searches).where(case_searches.c.search_key == search_key)
    found = connection.execute(query).one_or_none() if is_key(search_key) else None
    if found is None or (found.subject, found.session) != (person.subject, session):
        raise ServiceError(
            "no_such_search", "this search has ended", "search again on “All open cases”"
        )
    return dict(found.terms)
