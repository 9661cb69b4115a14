"""Each agency's view, beside the others': all are kept, and a dissent stands.

A view opens and closes nothing; no later decision or other agency's view changes it. An agency that
changes its mind gives another view, and both can be read. Somebody of another agency may record a
view for it: it is told the same day, confirms the view or puts its own in its place.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import Connection, insert, select

from serving.access.roles import need_decider
from serving.decisions.counted_views import (
    CHANGE_DAYS,
    DISSENT,
    CaseView,
    ViewRound,
    find_counted,
    find_open_round,
    read_case_views,
    read_rounds,
)
from serving.decisions.drafts import Key, Words
from serving.decisions.outputs import ViewOut, ViewRoundOut, ViewsOut
from serving.errors import RequestProblem, ServiceError, invalid
from serving.persons import Person
from serving.schemas import Strict
from serving.store.case_keys import need_case
from serving.store.database import Unit, Writing, make_key
from serving.store.row_text import Clockface, name_actor
from serving.store.schema import agency_views, decisions, sittings, view_confirmations

Stance = Literal["agree", "dissent", "abstain"]
Direction = Literal["more", "less", "other"]
"""What an agency that dissents would do: more or sooner, less or later, or something else."""


class ViewIn(Strict):
    """What an agency thinks of what is done, or is to be done."""

    stance: Stance
    words: Words | None = None
    sitting_key: Annotated[Key | None, Field(description="The meeting it was given in.")] = None
    decision_key: Annotated[Key | None, Field(description="The decision it speaks of.")] = None
    direction: Annotated[
        Direction | None, Field(description="What an agency that dissents would do.")
    ] = None
    replaces: Annotated[
        Key | None,
        Field(description="The view that another agency recorded, in whose place this one stands."),
    ] = None


def give_view(writing: Writing, case_key: str, person: Person, view: ViewIn) -> str:
    """Record a view of the person's agency; return its key.

    Where a round waits for the agency's view, it is given in that round.

    Raises
    ------
    ServiceError
        If the person does not act on cases (403), there is no such case (404), the view that it
        replaces can be changed no more (409), or it names what is not there (422).
    """
    need_decider(person)
    need_case(writing.connection, case_key)
    check_references(writing.connection, case_key, view)
    writing.take_seq(0)  # of two who give a view at once each knows which round is open
    given = view.model_dump()
    if view.replaces is not None:
        replaced = _need_changeable(writing, case_key, view.replaces, person)
        kept = ("sitting_key", "decision_key", "round_key")
        given |= {name: given.get(name) or getattr(replaced.row, name) for name in kept}
        return store_view(writing, case_key, person, given | {"blind": False})
    waiting = find_open_round(writing.connection, case_key)
    if waiting is not None and person.agency in waiting.row.present:
        given |= {"round_key": waiting.row.round_key, "blind": True}
        given["sitting_key"] = given["sitting_key"] or waiting.row.sitting_key
    else:
        given["blind"] = False
    return store_view(writing, case_key, person, given)


def store_view(writing: Writing, case_key: str, person: Person, given: dict[str, Any]) -> str:
    """Store a view that was checked; return its key."""
    key = make_key()
    writing.connection.execute(
        insert(agency_views).values(
            view_key=key,
            case_key=case_key,
            given_at_us=writing.now_us,
            stored_seq=writing.take_seq(),
            **given,
            **person.columns(),
        )
    )
    return key


def confirm_view(writing: Writing, case_key: str, view_key: str, person: Person) -> None:
    """Record that the person's agency confirms the view that another one recorded for it.

    Raises
    ------
    ServiceError
        If the person does not act on cases or is of another agency (403), there is no such view
        (404), or it was confirmed or changed already or is not the agency's latest (409).
    """
    need_decider(person)
    writing.take_seq(0)  # of two who confirm at once the second finds it done
    view = _need_own(writing.connection, case_key, view_key, person)
    if view.confirmed is not None:
        raise ServiceError("already_settled", "the view is confirmed", "read the views again")
    _need_latest(writing.connection, case_key, view)
    writing.connection.execute(
        insert(view_confirmations).values(
            view_key=view_key,
            confirmed_at_us=writing.now_us,
            stored_seq=writing.take_seq(),
            **person.columns(),
        )
    )


def _need_changeable(writing: Writing, case_key: str, view_key: str, person: Person) -> CaseView:
    view = _need_own(writing.connection, case_key, view_key, person)
    _need_latest(writing.connection, case_key, view)
    until_us = view.change_until_us
    if until_us is not None and until_us <= writing.now_us:
        raise ServiceError(
            "change_over",
            f"a view can be changed for {CHANGE_DAYS} days after it was recorded",
            "give a view of its own, without 'replaces'",
        )
    return view


def _need_own(connection: Connection, case_key: str, view_key: str, person: Person) -> CaseView:
    """Return a view that somebody else recorded for the person's agency."""
    views = read_case_views(connection, [case_key]).get(case_key, ())
    view = next((one for one in views if one.row.view_key == view_key), None)
    if view is None or (view.is_hidden and view.agency != person.agency):
        raise ServiceError(
            "no_such_view", "the case has no such view", "read GET /v1/cases/{key}/views"
        )
    if not view.is_recorded or view.agency != person.agency:
        raise ServiceError(
            "not_your_view",
            "only the agency for which a view was recorded confirms or changes it",
            "ask somebody of that agency, or give the view of your own",
        )
    return view


def _need_latest(connection: Connection, case_key: str, view: CaseView) -> None:
    views = read_case_views(connection, [case_key]).get(case_key, ())
    latest = [one for one in views if one.agency == view.agency][-1]
    if latest.row.view_key != view.row.view_key:
        raise ServiceError(
            "already_settled", "a later view of your agency is on record", "read the views again"
        )


def check_references(connection: Connection, case_key: str, view: ViewIn) -> None:
    """Check that the decision and the sitting that a view names are there.

    Raises
    ------
    ServiceError
        If one is not (422).
    """
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


def read_views(
    connection: Connection, case_key: str, unit: Unit, agency: str | None = None
) -> ViewsOut:
    """Return every view of a case, latest first, and the one that counts of each agency.

    Parameters
    ----------
    connection, case_key, unit
        The case, in a transaction that sees one state of the store.
    agency
        Of who asks: it sees its own views while a round waits for others'; nobody else does.
    """
    face = Clockface(unit.time_zone)
    views = read_case_views(connection, [case_key]).get(case_key, ())
    shown = [one for one in views if not one.is_hidden or one.agency == agency]
    rounds = read_rounds(connection, [case_key]).get(case_key, ())
    waiting = next((one for one in reversed(rounds) if one.is_open), None)
    return ViewsOut(
        **sum_up_views([describe_view(one, face) for one in shown]),
        open_round=None if waiting is None else describe_round(waiting, face),
        rounds=tuple(describe_round(one, face) for one in reversed(rounds)),
    )


def sum_up_views(views: Sequence[ViewOut]) -> dict[str, Any]:
    """Return what counts of some views, given from the oldest to the latest, and all of them."""
    counted = find_counted(views)
    latest = tuple(counted[name] for name in sorted(counted))
    return {
        "latest": latest,
        "dissents": sum(view.stance == DISSENT for view in latest),
        "all": tuple(reversed(views)),
    }


def describe_view(view: CaseView, face: Clockface) -> ViewOut:
    """Return a view as it is told."""
    row = view.row
    confirmed = view.confirmed
    return ViewOut(
        **(name_actor(row) | {"agency": view.agency}),
        view_key=row.view_key,
        stance=row.stance,
        words=row.words,
        given_at=face.show(row.given_at_us),
        sitting_key=row.sitting_key,
        decision_key=row.decision_key,
        direction=row.direction,
        recorded_by_agency=row.agency if view.is_recorded else None,
        confirmed_by=None if confirmed is None else confirmed.person,
        confirmed_at=None if confirmed is None else face.show(confirmed.confirmed_at_us),
        change_until=face.show_any(view.change_until_us),
        replaces=row.replaces,
        replaced_by=view.replaced_by,
        round_key=row.round_key,
        blind=row.blind,
        counts=view.counts,
    )


def describe_round(one: ViewRound, face: Clockface) -> ViewRoundOut:
    """Return a round as it is told."""
    row = one.row
    return ViewRoundOut(
        **name_actor(row),
        round_key=row.round_key,
        sitting_key=row.sitting_key,
        opened_at=face.show(row.opened_at_us),
        waits=bool(row.waits),
        present=dict(row.present),
        given=tuple(sorted(one.given)),
    )
