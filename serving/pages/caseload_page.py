"""The caseload: managed cases, and what changed on each since its latest decision."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from features.catalogue.declarations import Catalogue
from models.wording.sentences import format_number
from serving.api.cases import list_caseload
from serving.api.parameters import KeyCursor
from serving.decisions.drafts import NO_NUL
from serving.decisions.outputs import ManagedOut
from serving.flags.flags import word_flag
from serving.lists.new_records import News
from serving.lists.since_decision import read_news_since_decisions
from serving.pages.list_words import ListWords
from serving.pages.rendering import render
from serving.persons import SignedIn
from serving.service import ServiceDep
from serving.standing.standings import make_rules

router = APIRouter(include_in_schema=False)
_Name = Annotated[str, Query(max_length=200, pattern=NO_NUL)]
SAME: Final = 0.1
"""A priority that rose by less than this share of the larger one is no change; own judgement: below
it the doubt about either is larger than the move."""


@router.get("/caseload", response_class=HTMLResponse)
def show_caseload(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    owner: _Name = "",
    area: _Name = "",
    order: Literal["review", "changed"] = "review",
    cursor: KeyCursor = None,
) -> HTMLResponse:
    """Show managed cases, the next review first or the most changed; what changed stands first."""
    told = list_caseload(
        request, service, person, owner or None, area or None, order, limit=50, cursor=cursor
    )
    bundle = service.champion.find()
    catalogue = bundle.catalogue if bundle else None
    words = ListWords(catalogue, service.need_unit().time_zone)
    with service.need_store().reading() as connection:
        keys = [one.key for one in told.cases]
        news = read_news_since_decisions(connection, keys, make_rules(service.settings))
    rows = [_describe(one, news.get(one.key), words, catalogue) for one in told.cases]
    return render(
        request,
        "caseload.html",
        told=told,
        changed=[row for row in rows if row["is_changed"]],
        unchanged=[row for row in rows if not row["is_changed"]],
        wanted={"owner": owner, "area": area, "order": order},
        is_first=cursor is None,
    )


def _describe(
    one: ManagedOut, news: News | None, words: ListWords, catalogue: Catalogue | None
) -> dict[str, Any]:
    flags = {flag.name: flag for flag in catalogue.flags} if catalogue else {}
    rose, said = describe_move(one)
    return {
        "case": one,
        "news": words.describe_news(news, dated=True),
        "flags": [word_flag(flags, name) for name in one.new_flags],
        "move": said,
        "is_changed": bool(news or one.new_flags or rose),
    }


def describe_move(one: ManagedOut) -> tuple[bool, str]:
    """Return whether a case's priority rose since the decision, and what it was then and is now.

    No word says which way it went: a fall without anything new on record is time that has passed,
    and would reassure beside bad news. It is no change either.
    """
    then, now = one.priority_then, one.priority_now
    if one.withheld:
        return False, "shown after your view"
    if then is None or now is None:
        return False, "no score to compare"
    if not one.same_model:
        return False, "another model gave the score at the decision; the two do not compare"
    if _show(then) == _show(now):
        return False, f"{_show(now)} then and now"
    return now - then > SAME * max(then, now), f"{_show(then)} then, {_show(now)} now"


def _show(priority: float) -> str:
    return format_number(round(priority, 1) if priority >= SAME else priority)
