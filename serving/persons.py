"""The person who asks: a name, a role and an agency, as the sign-in gave them."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request

from serving.problems import ServiceError

ROLES: Final = (
    "screener",
    "reviewer",
    "health",
    "duty",
    "data_scientist",
    "auditor",
    "administrator",
)
AGENCIES: Final = ("police", "health", "advocacy", "probation", "unit")


@dataclass(frozen=True)
class Person:
    """Who acts.

    Parameters
    ----------
    name
        The person, as the sign-in names them.
    role
        One of ``ROLES``.
    agency
        One of ``AGENCIES``.
    """

    name: str
    role: str
    agency: str

    def columns(self) -> dict[str, str]:
        """Return what the store keeps with everything that the person does."""
        return {"person": self.name, "role": self.role, "agency": self.agency}


def need_person(request: Request) -> Person:
    """Return the person who is signed in.

    Raises
    ------
    ServiceError
        If nobody is.
    """
    person: Person | None = getattr(request.state, "person", None)
    if person is None:
        raise ServiceError(401, "not_signed_in", "nobody is signed in", "sign in at /sign-in")
    return person


SignedIn = Annotated[Person, Depends(need_person)]
"""The parameter of a route that only a signed-in person may use."""
