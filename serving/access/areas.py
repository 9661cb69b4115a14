"""Which areas there are: a case is handed to none that nobody looks after.

Where the access file gives areas to people, those are all that there are: a case of any other would
be seen by those alone who see every area. Where it gives none, or there is no such file, everybody
sees every area, and an area is one that a case of the store is in: a mistyped one is found so.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, select

from serving.identity.access_file import load_access_file
from serving.settings import Settings
from serving.standing.states import SEALED
from serving.store.schema import standings


def is_known_area(connection: Connection, settings: Settings, area: str) -> bool:
    """Return whether a case can be handed to an area.

    Parameters
    ----------
    connection
        A transaction.
    settings
        Name the access file.
    area
        The area, letter for letter.

    Raises
    ------
    CaselightError
        If the access file cannot be read.
    """
    given = frozenset(_list_given(settings))
    return area in given if given else _has_case(connection, area)


def list_areas(connection: Connection, settings: Settings) -> tuple[str, ...]:
    """Return the areas that a person can be given, in order of the alphabet.

    Parameters
    ----------
    connection
        A transaction.
    settings
        Name the access file.

    Raises
    ------
    CaselightError
        If the access file cannot be read.
    """
    given = frozenset(_list_given(settings))
    return tuple(sorted(given or _list_of_cases(connection)))


def _list_of_cases(connection: Connection) -> Iterator[str]:
    """Yield the areas that cases are in; a sealed case tells nobody of its own."""
    query = select(standings.c.area).where(
        standings.c.area.is_not(None), ~standings.c.state.startswith(SEALED, autoescape=True)
    )
    yield from connection.execute(query.distinct()).scalars()


def _list_given(settings: Settings) -> Iterator[str]:
    """Yield the areas that the access file gives to people."""
    if settings.access_file is None:
        return
    for grant in load_access_file(settings.access_file).grants:
        yield from grant.areas or ()


def _has_case(connection: Connection, area: str) -> bool:
    """Return whether a case that is not sealed is in an area: a sealed one tells nobody of it."""
    query = select(standings.c.case_key).where(
        standings.c.area == area, ~standings.c.state.startswith(SEALED, autoescape=True)
    )
    return connection.execute(query.limit(1)).first() is not None
