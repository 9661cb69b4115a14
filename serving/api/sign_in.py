"""``POST /v1/sign-in``, ``POST /v1/sign-out``, ``GET /v1/me``: who acts.

Nobody is listed: the service knows of a person what their session says.
"""

from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field

from serving.persons import Person, SignedIn
from serving.problems import ErrorResponse
from serving.schemas import PersonOut, Strict
from serving.sign_in import name_person, sign_in, sign_out

router = APIRouter(prefix="/v1", tags=["sign-in"])
_REFUSALS = {status: {"model": ErrorResponse} for status in (400, 403, 413, 415, 422, 503)}


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


@router.post("/sign-in", responses=_REFUSALS)  # type: ignore[arg-type]
def begin_session(who: SignInIn, request: Request, response: Response) -> PersonOut:
    """Sign in on this machine: the answer sets the cookie of a new session."""
    person = name_person(who.name, who.role, who.agency)
    sign_in(request, response, person)
    return _tell(person)


@router.post("/sign-out", status_code=204, responses={403: {"model": ErrorResponse}})
def end_session(request: Request, response: Response) -> None:
    """End the session; its value is refused from now on."""
    sign_out(request, response)


@router.get("/me", responses={401: {"model": ErrorResponse}})
def read_me(person: SignedIn) -> PersonOut:
    """Return who is signed in."""
    return _tell(person)


def _tell(person: Person) -> PersonOut:
    return PersonOut(name=person.name, role=person.role, agency=person.agency)
