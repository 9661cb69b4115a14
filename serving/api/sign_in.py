"""``POST /v1/sign-in``, ``POST /v1/sign-out``, ``GET /v1/me``: who acts.

Nobody is listed: the service knows of a person what their session says.
"""

from dataclasses import asdict, dataclass
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field

from serving.persons import SignedIn, describe_person
from serving.schemas import PersonOut, Strict
from serving.web.error_answers import describe_errors
from serving.web.sign_in import name_person, sign_in, sign_out

router = APIRouter(prefix="/v1", tags=["sign-in"])
_REFUSALS = describe_errors(400, 403, 413, 415, 422, 503)


class SignInIn(Strict):
    """Who somebody is."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "example": {"name": "SYN Reviewer", "role": "screener", "agency": "police"}
        },
    )

    name: str = Field(min_length=1, max_length=200)
    role: str = Field(max_length=30)
    agency: str = Field(max_length=30)
    areas: list[Annotated[str, Field(max_length=200)]] | None = Field(
        default=None,
        max_length=200,
        description="Areas whose cases they see; every area where absent.",
    )


@dataclass(frozen=True, kw_only=True)
class MeOut(PersonOut):
    """The person who asks, with what nobody else is told of them."""

    subject: Annotated[str, Field(description="What the sign-in knows you by; a seal asks for it.")]
    areas: Annotated[tuple[str, ...] | None, Field(description="Whose cases you see; null: all.")]


@router.post("/sign-in", responses=_REFUSALS)
def begin_session(who: SignInIn, request: Request, response: Response) -> PersonOut:
    """Sign in on this machine: the answer sets the cookie of a new session.

    Refused where people sign in with their organisation's account.
    """
    person = name_person(who.name, who.role, who.agency, who.areas)
    sign_in(request, response, person)
    return describe_person(person)


@router.post("/sign-out", status_code=204, responses=describe_errors(403))
def end_session(request: Request, response: Response) -> None:
    """End the session; its value is refused from now on."""
    sign_out(request, response)


@router.get("/me", responses=describe_errors(401))
def read_me(person: SignedIn) -> MeOut:
    """Return who is signed in."""
    areas = None if person.areas is None else tuple(sorted(person.areas))
    return MeOut(**asdict(describe_person(person)), subject=person.subject, areas=areas)
