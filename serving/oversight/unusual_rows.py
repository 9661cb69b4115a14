"""What stands out among accesses, each as one row of a page: whom it is about, and which cases."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from serving.oversight.unusual_access import AccessPeriod, Limits, Looker, Unusual, find_unusual
from serving.persons import Person
from serving.store.database import Store
from serving.store.row_text import Clockface

MANY_CASES: Final = 3
"""Cases that are named in one row; the rest are counted."""
MOST_ROWS: Final = 40
_DAY_US: Final = 86_400_000_000


@dataclass(frozen=True)
class StandsOut:
    """One row.

    Parameters
    ----------
    who
        Whom it is about; ``None`` where it is about several people.
    words
        What stands out.
    keys, n_more
        Cases, by their keys, and how many more there are.
    first, last
        When the first and the last of these accesses was; empty where that is not told.
    """

    who: Person | None
    words: str
    keys: tuple[str, ...] = ()
    n_more: int = 0
    first: str = ""
    last: str = ""


@dataclass(frozen=True)
class UnusualRow:
    """What stands out over a period.

    Parameters
    ----------
    since, until
        The period, as the unit's clock shows it.
    n_looks, n_persons
        Accesses to single cases that were considered, and by how many persons.
    limits
        What counts as unusual.
    rows
        What stands out, at most ``MOST_ROWS``.
    n_more
        How many more rows there would be.
    """

    since: str
    until: str
    n_looks: int
    n_persons: int
    limits: Limits
    rows: tuple[StandsOut, ...]
    n_more: int


def read_standing(
    store: Store, face: Clockface, days: int, reader: Person | None = None
) -> UnusualRow:
    """Return what stands out among the accesses of the last days.

    Parameters
    ----------
    store
        The store; nothing in it is changed.
    face
        The unit's clock.
    days
        How many days until now.
    reader
        Who reads it; see :func:`serving.oversight.unusual_access.find_unusual`.
    """
    now_us = store.clock()
    found = find_unusual(store, AccessPeriod(now_us - days * _DAY_US, now_us + 1), reader=reader)
    rows = gather_rows(found, face)
    return UnusualRow(
        since=face.show(found.period.from_us),
        until=face.show(now_us),
        n_looks=found.n_looks,
        n_persons=found.n_persons,
        limits=found.limits,
        rows=tuple(rows[:MOST_ROWS]),
        n_more=max(len(rows) - MOST_ROWS, 0),
    )


def gather_rows(found: Unusual, face: Clockface) -> list[StandsOut]:
    """Return what stands out, rule by rule: what is rarest to be harmless comes first."""
    limits = found.limits
    by_rule: Sequence[tuple[Sequence[Looker], str]] = (
        (found.own_name, "opened a case in which an answer or a detail is their own name"),
        (
            found.refused,
            "asked for what was not theirs, or decided sooner than one reads, and was refused",
        ),
        (found.sealed, "opened cases that are sealed now"),
        (found.closed, "opened cases after these were closed"),
    )
    rows = [_describe_looks(one, words, face) for lookers, words in by_rule for one in lookers]
    rows += [
        StandsOut(
            one.person,
            f"opened {one.n_cases:,} cases; {_compare(one.n_others, one.median_of_others)}",
        )
        for one in found.busy
    ]
    rows += [
        StandsOut(
            None,
            f"{one.n_persons} people opened one case; half of the other cases were opened by "
            f"{one.median_of_others:g} or fewer",
            (one.case_key,),
        )
        for one in found.crowded
    ]
    late = f"opened cases outside {limits.first_hour}:00 to {limits.last_hour}:00 on working days"
    return rows + [_describe_looks(one, late, face) for one in found.out_of_hours]


def _compare(n_others: int, median: float) -> str:
    """Return how many cases the others of a role opened."""
    if n_others == 1:
        return f"the one other of that role opened {median:g}"
    return f"half of the {n_others} others of that role opened {median:g} or fewer"


def _describe_looks(one: Looker, words: str, face: Clockface) -> StandsOut:
    return StandsOut(
        one.person,
        f"{words}: {one.n_looks:,} time{'' if one.n_looks == 1 else 's'}",
        one.case_keys[:MANY_CASES],
        max(len(one.case_keys) - MANY_CASES, 0),
        face.show(one.first_us),
        face.show(one.last_us),
    )
