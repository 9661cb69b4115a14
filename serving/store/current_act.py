"""What somebody is doing now, known to whatever is stored or shown while they do it.

An act is set once, where a request or a command begins, and read where the audit line is written:
no function between them has to hand it on, and so none can forget it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Literal

from serving.persons import Person

Operation = Literal[
    "collection", "alteration", "consultation", "disclosure", "combination", "erasure"
]
"""The operations of which a log is kept (Data Protection Act 2018 section 62)."""

SERVICE: Final = Person("Caselight", "administrator", "unit", subject="service:caselight")
"""Who acts where nobody asked: the service's own work at night, on import and on promotion."""


@dataclass(frozen=True)
class Act:
    """Who does what, and to which case.

    Parameters
    ----------
    person
        Who.
    operation
        Which of the operations of which a log is kept.
    route
        Method and route template of the request, or the command; never an address.
    case_key
        The case that it is about; ``None`` where it is about none or about several.
    recipient
        To whom data are disclosed, where they are.
    purpose
        What for, in the person's own words, where they said it.
    request_id
        What ties the line to the log of requests.
    """

    person: Person
    operation: Operation
    route: str
    case_key: str | None = None
    recipient: str | None = None
    purpose: str | None = None
    request_id: str | None = None


_OWN_WORK: Final = Act(SERVICE, "alteration", "own work")
_now: ContextVar[Act] = ContextVar("act", default=_OWN_WORK)


def current_act() -> Act:
    """Return what is being done now; the service's own work where nobody asked for anything."""
    return _now.get()


def begin_act(act: Act) -> None:
    """Say what is being done from here on, in this task and in what it starts."""
    _now.set(act)


@contextmanager
def acting(act: Act) -> Iterator[None]:
    """Say what is being done within a block."""
    token = _now.set(act)
    try:
        yield
    finally:
        _now.reset(token)
