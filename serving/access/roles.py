"""Who may act on cases, move them, send records, open sittings and acknowledge.

Those who look at cases for another purpose, an auditor or a data scientist, change none. These are
the rules of the domain, kept by whatever stores something; which role may call which route is one
table (:mod:`serving.access.route_rules`), which rests on them.
"""

from collections.abc import Sequence
from typing import Final

from serving.errors import ErrorCode, ServiceError
from serving.persons import MACHINE, Person

DECIDERS: Final = ("screener", "reviewer", "health", "duty")
HEALTH: Final = "health"
ADMINISTRATOR: Final = "administrator"
MOVERS: Final = (*DECIDERS, ADMINISTRATOR)
SENDERS: Final = (*DECIDERS, ADMINISTRATOR, MACHINE)
"""Those who decide, the duty role among them, who runs the imports, and programs that may."""
OPENERS: Final = (*DECIDERS, ADMINISTRATOR)
"""Who opens a sitting and gives a first view. Both change what everybody may see: a new list takes
the place of the one before, and a first view ends that a case is blind."""


def need_decider(person: Person) -> None:
    """Check that a person acts on cases.

    Raises
    ------
    ServiceError
        If they do not (403).
    """
    _need(person, DECIDERS, "not_a_decider", "this role does not act on cases")


def need_mover(person: Person) -> None:
    """Check that a person may merge, split and transfer cases; see :func:`need_decider`."""
    _need(person, MOVERS, "role_may_not", "this role does not merge, split or transfer cases")


def need_sender(person: Person) -> None:
    """Check that a person may send records; see :func:`need_decider`."""
    _need(person, SENDERS, "role_may_not", "this role does not send records")


def need_opener(person: Person) -> None:
    """Check that a person may open a sitting and give a first view; see :func:`need_decider`."""
    _need(
        person,
        OPENERS,
        "role_may_not",
        "this role neither opens a sitting nor gives a first view",
    )


def may_turn_cases(person: Person) -> bool:
    """Return whether records that a person sends may say that a case was opened or closed."""
    return person.role == ADMINISTRATOR


def _need(person: Person, roles: Sequence[str], code: ErrorCode, what: str) -> None:
    if person.role not in roles:
        remedy = f"ask somebody who is signed in as {', '.join(roles)}"
        raise ServiceError(code, what, remedy)
