"""Who may open a sitting and give a first view: those who act on cases, and administrators.

Both change what everybody may see: a new list takes the place of the one before, and a first view
ends that a case is blind.
"""

from typing import Final

from serving.decisions.permissions import DECIDERS
from serving.persons import Person
from serving.problems import ServiceError

OPENERS: Final = (*DECIDERS, "administrator")


def need_opener(person: Person) -> None:
    """Check that a person may open a sitting and give a first view.

    Raises
    ------
    ServiceError
        If they may not (403).
    """
    if person.role not in OPENERS:
        raise ServiceError(
            403,
            "role_may_not",
            "this role neither opens a sitting nor gives a first view",
            f"ask somebody who is signed in as {', '.join(OPENERS)}",
        )
