"""Who may decide, move cases and send records: those who act on cases, and administrators.

Those who look at cases for another purpose, an auditor or a data scientist, change none.
"""

from collections.abc import Sequence
from typing import Final

from serving.persons import Person
from serving.problems import ServiceError

DECIDERS: Final = ("screener", "reviewer", "health", "duty")
HEALTH: Final = "health"
ADMINISTRATOR: Final = "administrator"
MOVERS: Final = (*DECIDERS, ADMINISTRATOR)
SENDERS: Final = (*DECIDERS, ADMINISTRATOR)
"""Those who decide, the duty role among them, and who runs the imports."""


def need_decider(person: Person) -> None:
    """Check that a person acts on cases.

    Raises
    ------
    ServiceError
        If they do not (403).
    """
    if person.role not in DECIDERS:
        raise ServiceError(
            403,
            "not_a_decider",
            "this role does not act on cases",
            f"ask somebody who is signed in as {', '.join(DECIDERS)}",
        )


def need_mover(person: Person) -> None:
    """Check that a person may merge, split and transfer cases.

    Raises
    ------
    ServiceError
        If they may not (403).
    """
    _need(person, MOVERS, "this role does not merge, split or transfer cases")


def need_sender(person: Person) -> None:
    """Check that a person may send records.

    Raises
    ------
    ServiceError
        If they may not (403).
    """
    _need(person, SENDERS, "this role does not send records")


def may_turn_cases(person: Person) -> bool:
    """Return whether records that a person sends may say that a case was opened or closed."""
    return person.role == ADMINISTRATOR


def _need(person: Person, roles: Sequence[str], what: str) -> None:
    if person.role not in roles:
        remedy = f"ask somebody who is signed in as {', '.join(roles)}"
        raise ServiceError(403, "role_may_not", what, remedy)
