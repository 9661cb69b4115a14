"""Each agency's view, beside the others': all are kept, and a dissent stands.

A view opens and closes nothing; no later decision or other agency's view changes it. An agency that
changes its mind gives another view, and both can be read.
"""

from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import Field
from sqlalchemy import Connection, insert, select

from serving.access.roles import need_decider
from serving.decisions.drafts import Key, Words
from serving.decisions.outputs import ViewOut, ViewsOut
from serving.errors import RequestProblem, invalid
from serving.persons import Person
from serving.schemas import Strict
from serving.store.case_keys import need_case
from serving.store.database import Unit, Writing, make_key
from serving.store.lookups import is_among
from serving.store.row_text import Clockface, name_actor
from serving.store.schema import agency_views, decisions, sittings


class ViewIn(Strict):
    """What an agency thinks of what is done, or is to be done."""

    stance: Literal["agree", "dissent", "abstain"]
    words: Words | None = None
    sitting_key: Annotated[Key | None, Field(description="The meeting it was given in.")] = None
    decision_key: Annotated[Key | None, Field(description="The decision it speaks of.")] = None


def give_view(writing: Writing, case_key: str, person: Person, view: ViewIn) -> str:
    """Record a view of the person's agency; return its key.

    Raises
    ------
    ServiceError
        If the person does not act on cases (403), there is no such case (404), or the view names
        what is not there (422).
    """
    need_decider(person)
    need_case(writing.connection, case_key)
    _check_references(writing.connection, case_key, view)
    key = make_key()
    writing.connection.execute(
        insert(agency_views).values(
            view_key=key,
            case_key=case_key,
            given_at_us=writing.now_us,
            stored_seq=writing.take_seq(),
            **view.model_dump(),
            **person.columns(),
        )
    )
    return key


def _check_references(connection: Connection, case_key: str, view: ViewIn) -> None:
    problems = []
    decision = select(decisions.c.decision_key).where(
        decisions.c.decision_key == view.decision_key, decisions.c.case_key == case_key
    )
    if view.decision_key is not None and connection.execute(decision).one_or_none() is None:
        remedy = "name one of this case"
        problems.append(
            RequestProblem(where="decision_key", code="not_of_this_case", remedy=remedy)
        )
    sitting = select(sittings.c.sitting_key).where(sittings.c.sitting_key == view.sitting_key)
    if view.sitting_key is not None and connection.execute(sitting).one_or_none() is None:
        remedy = "name a sitting, or none"
        problems.append(RequestProblem(where="sitting_key", code="unknown", remedy=remedy))
    if problems:
        raise invalid(problems)


def read_dissents(connection: Connection, case_keys: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return, by case, the agencies whose latest view dissents; cases without one are left out."""
    views = agency_views.c
    query = (
        select(views.case_key, views.agency, views.stance)
        .where(is_among(connection, views.case_key, case_keys))
        .order_by(views.stored_seq)
    )
    latest = {(row.case_key, row.agency): row.stance for row in connection.execute(query)}
    found: dict[str, list[str]] = {}
    for (case_key, agency), stance in sorted(latest.items()):
        if stance == "dissent":
            found.setdefault(case_key, []).append(agency)
    return {case_key: tuple(agencies) for case_key, agencies in found.items()}


def read_views(connection: Connection, case_key: str, unit: Unit) -> ViewsOut:
    """Return every view of a case, latest first, and the latest of each agency."""
    query = (
        select(agency_views)
        .where(agency_views.c.case_key == case_key)
        .order_by(agency_views.c.stored_seq.desc())
    )
    face = Clockface(unit.time_zone)
    views = tuple(
        ViewOut(
            **name_actor(row),
            view_key=row.view_key,
            stance=row.stance,
            words=row.words,
            given_at=face.show(row.given_at_us),
            sitting_key=row.sitting_key,
            decision_key=row.decision_key,
        )
        for row in connection.execute(query)
    )
    latest: dict[str, ViewOut] = {}
    for view in views:
        latest.setdefault(view.agency, view)
    shown = tuple(sorted(latest.values(), key=lambda view: view.agency))
    dissents = sum(view.stance == "dissent" for view in shown)
    return ViewsOut(latest=shown, dissents=dissents, all=views)
