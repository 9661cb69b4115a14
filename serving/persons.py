"""The person who asks: a name, a role and an agency, as the sign-in gave them."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from sqlalchemy import Row

from serving.errors import ServiceError, store_away
from serving.schemas import PersonOut

ROLES: Final = (
    "screener",
    "reviewer",
    "health",
    "duty",
    "data_scientist",
    "auditor",
    "administrator",
)
MACHINE: Final = "machine"
"""The role of a program that shows a token: it may what the token's scopes say, and no more."""
AGENCIES: Final = ("police", "health", "advocacy", "probation", "unit")


@dataclass(frozen=True)
class Person:
    """Who acts.

    Parameters
    ----------
    name
        The person, as the sign-in names them.
    role
        One of ``ROLES``, or ``MACHINE``.
    agency
        One of ``AGENCIES``.
    subject
        By what the sign-in knows them for good, whatever they come to be called; two persons never
        share one. Of the sign-in on this machine, which knows names alone, the name.
    areas
        Areas whose cases they may see; ``None`` for every area.
    scopes
        What a program may do; ``None`` for a person, whose role says it.
    """

    name: str
    role: str
    agency: str
    subject: str = ""
    areas: frozenset[str] | None = field(default=None, compare=False)
    scopes: frozenset[str] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not self.subject:
            object.__setattr__(self, "subject", f"local:{self.name.casefold()}")

    @property
    def in_full(self) -> str:
        """The name with the role and the agency."""
        return f"{self.name} ({self.role}, {self.agency})"

    def columns(self) -> dict[str, str]:
        """Return what the store keeps with everything that the person does."""
        return {
            "person": self.name,
            "subject": self.subject,
            "role": self.role,
            "agency": self.agency,
        }


def read_person(row: Row[Any]) -> Person:
    """Return the person of a row that has the columns of :meth:`Person.columns`."""
    return Person(row.person, row.role, row.agency, row.subject)


def describe_person(person: Person) -> PersonOut:
    """Tell a person by name, role and agency; by what the sign-in knows them is not told."""
    return PersonOut(name=person.name, role=person.role, agency=person.agency)


def need_person(request: Request) -> Person:
    """Return the person who is signed in.

    Raises
    ------
    ServiceError
        If nobody is (401), or the store does not answer whether their session holds (503).
    """
    person: Person | None = getattr(request.state, "person", None)
    if person is None and getattr(request.state, "session_unknown", False):
        raise store_away()
    if person is None:
        raise ServiceError("not_signed_in", "nobody is signed in", "sign in at /sign-in")
    return person


SignedIn = Annotated[Person, Depends(need_person)]
"""The parameter of a route that only a signed-in person may use."""
