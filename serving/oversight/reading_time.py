"""How long somebody read a case, and whether they could have read it (OWASP ASVS V11.1.2).

A program that presses a person's buttons decides within moments of opening a case. What it sends is
not recorded; the refusal stands in the access log, and under what is unusual.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import case, func, select

from serving.errors import ServiceError
from serving.oversight.audit_verification import reading_book
from serving.persons import Person
from serving.store.audit_lines import LOOKS
from serving.store.database import Store
from serving.store.schema import audit_lines

_LINES = audit_lines.c
_SECOND_US = 1_000_000


READING_ROUTES: Final = ("GET /cases/{key}", "GET /v1/cases/{key}")
"""By which a case is read, as the access log names them: on its page, or by a program that acts in
a person's session."""
_NARRATIVE_ROUTES: Final = (
    "GET /cases/{key}/narratives/{narrative_key}",
    "GET /v1/cases/{key}/narratives/{narrative_key}",
)
SESSION_HOURS: Final = 12
"""The longest that somebody stays signed in: what they read earlier belongs to another reading."""


@dataclass(frozen=True)
class CaseReading:
    """How a person read a case before they decided on it.

    Parameters
    ----------
    seconds
        From when they first opened it within the last ``SESSION_HOURS``; ``None`` where they did
        not.
    n_narratives
        Narratives that they read whole in that time.
    """

    seconds: int | None = None
    n_narratives: int = 0


def check_reading_time(
    store: Store, person: Person, case_key: str, least_seconds: float
) -> CaseReading:
    """Check that a person opened a case some time ago, and note it where they did not.

    Parameters
    ----------
    store
        The store, by whose clock it is told; the line of the access log was written before the case
        was shown.
    person, case_key
        Who decides on which case.
    least_seconds
        How long ago they opened it last, at least; no bound where 0.

    Returns
    -------
    CaseReading
        How they read it.

    Raises
    ------
    ServiceError
        If they opened it later than that, or never (422).
    """
    now_us = store.clock()
    opens = _LINES.route.in_(READING_ROUTES)
    lately = _LINES.at_us >= now_us - SESSION_HOURS * 3_600 * _SECOND_US
    opened = select(
        func.max(case((opens, _LINES.at_us))).label("last"),
        func.min(case((opens & lately, _LINES.at_us))).label("first"),
        func.count(case((~opens & lately, 1))).label("n_narratives"),
    ).where(
        _LINES.book == LOOKS,
        _LINES.case_key == case_key,
        _LINES.subject == person.subject,
        _LINES.route.in_((*READING_ROUTES, *_NARRATIVE_ROUTES)),
        _LINES.done.is_(True),
    )
    with reading_book(store, LOOKS) as connection:
        found = connection.execute(opened).one()
    seconds = None if found.first is None else max(now_us - found.first, 0) // _SECOND_US
    reading = CaseReading(seconds, int(found.n_narratives))
    if not least_seconds:
        return reading
    if found.last is not None and now_us - found.last >= least_seconds * _SECOND_US:
        return reading
    store.look(done=False)
    raise ServiceError(
        "too_soon",
        "the decision came sooner after the case was opened than anybody reads it",
        "read the case, look at what is written here, and record the decision again",
    )
