"""For me: reviews that are due, corrections asked for, blind views, and my cases with news."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from serving.api.for_me import read_for_me
from serving.decisions.daily_digests import choose_digest, wants_digest
from serving.decisions.own_work import name_cases
from serving.pages.rendering import render
from serving.persons import SignedIn
from serving.service import ServiceDep
from serving.store.row_text import Clockface

router = APIRouter(include_in_schema=False)


@router.get("/for-me", response_class=HTMLResponse)
def show_for_me(request: Request, service: ServiceDep, person: SignedIn) -> HTMLResponse:
    """Show what waits for the person who is signed in."""
    work = read_for_me(request, service, person)
    with service.need_store().reading() as connection:
        wanted = wants_digest(connection, person.subject)
        asked = [one.key for one in work.corrections.corrections]
        names = name_cases(connection, asked)
    face = Clockface(service.need_unit().time_zone)
    return render(
        request,
        "for_me.html",
        work=work,
        names=names,
        opened={one.key: face.show_any(one.opened_at_us) for one in work.news},
        wanted=wanted,
        is_sent=service.settings.digest_webhook_url is not None,
    )


@router.post("/for-me")
def set_digest(
    service: ServiceDep, person: SignedIn, wanted: Annotated[str, Form(max_length=3)] = ""
) -> RedirectResponse:
    """Turn the person's daily digest on or off."""
    with service.need_store().writing() as writing:
        choose_digest(writing, person, wanted=wanted == "yes")
    return RedirectResponse("/for-me", status_code=303)
