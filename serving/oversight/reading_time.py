"""Whether a decision is on a case that somebody could have read (OWASP ASVS V11.1.2).

A program that presses a person's buttons decides within moments of opening a case. What it sends is
not recorded; the refusal stands in the access log, and under what is unusual.
"""

from typing import Final

from sqlalchemy import func, select

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


def check_reading_time(store: Store, person: Person, case_key: str, least_seconds: float) -> None:
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

    Raises
    ------
    ServiceError
        If they opened it later than that, or never (422).
    """
    if not least_seconds:
        return
    opened = select(func.max(_LINES.at_us)).where(
        _LINES.book == LOOKS,
        _LINES.case_key == case_key,
        _LINES.subject == person.subject,
        _LINES.route.in_(READING_ROUTES),
        _LINES.done.is_(True),
    )
    with reading_book(store, LOOKS) as connection:
        opened_us = connection.execute(opened).scalar()
    if opened_us is not None and store.clock() - opened_us >= least_seconds * _SECOND_US:
        return
    store.look(done=False)
    raise ServiceError(
        "too_soon",
        "the decision came sooner after the case was opened than anybody reads it",
        "read the case, look at what is written here, and record the decision again",
    )
