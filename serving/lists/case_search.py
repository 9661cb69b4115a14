"""Finding a case by its number, whole or as it begins, among the cases that a person may see.

Closed cases are found as well. A sealed one is found by nobody: it is told to those whom it names
on a page of its own.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select

from serving.access.case_sight import Sight
from serving.lists.case_terms import matches_number
from serving.store.schema import case_keys, standings

MOST_FOUND: Final = 20


@dataclass(frozen=True)
class FoundCase:
    """A case whose number matches.

    Parameters
    ----------
    key
        Its opaque key.
    case_id, area, state
        Its number, its area if one is recorded, and where it stands.
    """

    key: str
    case_id: str
    area: str | None
    state: str


@dataclass(frozen=True)
class FoundCases:
    """What a search found.

    Parameters
    ----------
    cases
        In the order of their numbers; where one has the very number that was asked for, that alone.
    more
        Whether there are further ones.
    """

    cases: tuple[FoundCase, ...]
    more: bool = False


def find_cases(connection: Connection, number: str, sight: Sight) -> FoundCases:
    """Return the cases in sight whose number is, or begins or ends with, what was typed.

    People remember the end of a number. Capital and small letters are alike. Nothing is found for
    an empty text.
    """
    typed = number.strip().lower()
    if not typed:
        return FoundCases(())
    query = (
        select(case_keys.c.case_key, case_keys.c.case_id, standings.c.area, standings.c.state)
        .join(standings, standings.c.case_key == case_keys.c.case_key)
        .where(matches_number(typed), *sight.of_lists())
        # The order of an index, so that a short beginning is not sorted whole.
        .order_by(case_keys.c.case_id)
        .limit(MOST_FOUND + 1)
    )
    cases = tuple(FoundCase(*row) for row in connection.execute(query))
    same = tuple(one for one in cases if one.case_id.lower() == typed)
    if len(same) == 1:
        return FoundCases(same)
    return FoundCases(cases[:MOST_FOUND], more=len(cases) > MOST_FOUND)
