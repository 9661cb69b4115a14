"""The views of every agency round the table: asked for blind, or recorded in one form.

Where they are asked for, each agency gives its view signed in and sees no other until all are in or
somebody shows them. Where one person records them all, they are on record as told to that person:
each waits for its agency to confirm it, and whether they were written down before any was read out
is kept. An agency that is not named was absent: it has no view, and none is taken for it.
"""

from typing import Annotated, Final

from pydantic import Field
from sqlalchemy import insert

from serving.access.roles import need_decider
from serving.decisions.agency_views import (
    Direction,
    Stance,
    ViewIn,
    check_references,
    store_view,
)
from serving.decisions.counted_views import DISSENT, find_open_round
from serving.decisions.drafts import Key, Words
from serving.decisions.view_notices import add_notices
from serving.errors import RequestProblem, ServiceError, invalid
from serving.persons import AGENCIES, Person
from serving.schemas import Strict
from serving.store.case_keys import need_case
from serving.store.database import Writing, make_key
from serving.store.schema import view_round_ends, view_rounds

_MOST_WHO: Final = 200


class TableViewIn(Strict):
    """An agency round the table: who was there for it, and what it thinks."""

    agency: Annotated[str, Field(description=f"One of {', '.join(AGENCIES)}.", max_length=20)]
    who: Annotated[
        str,
        Field(max_length=_MOST_WHO, pattern=r"^[^\x00]*$", description="Who was there, by name."),
    ] = ""
    stance: Annotated[Stance | None, Field(description="Left out where its view is asked for.")] = (
        None
    )
    direction: Direction | None = None
    words: Words | None = None


class RoundIn(Strict):
    """The agencies round the table on one case."""

    agencies: Annotated[list[TableViewIn], Field(min_length=1, max_length=len(AGENCIES))]
    waits: Annotated[
        bool, Field(description="Whether each gives its view signed in, hidden until all are in.")
    ] = False
    blind: Annotated[
        bool,
        Field(description="Whether each wrote its view down before any was read out."),
    ] = False
    sitting_key: Key | None = None
    decision_key: Key | None = None


def open_round(writing: Writing, case_key: str, person: Person, asked: RoundIn) -> str:
    """Record who is round the table, with the views that were given; return the round's key.

    One that waits has no views yet. Views that a person records for another agency wait for that
    agency, which is told; a round that was waiting ends, since its views were said aloud.

    Raises
    ------
    ServiceError
        If the person does not act on cases (403), there is no such case (404), a round waits
        already (409), or the request is not complete or names what is not there (422).
    """
    need_decider(person)
    need_case(writing.connection, case_key)
    _check(asked)
    check_references(
        writing.connection,
        case_key,
        ViewIn(stance="abstain", sitting_key=asked.sitting_key, decision_key=asked.decision_key),
    )
    writing.take_seq(0)  # of two who open a round at once one finds it open
    waiting = find_open_round(writing.connection, case_key)
    if waiting is not None:
        if asked.waits:
            raise ServiceError(
                "views_awaited", "views of this case are asked for already", "give yours there"
            )
        _end(writing, str(waiting.row.round_key), person)
    key = make_key()
    writing.connection.execute(
        insert(view_rounds).values(
            round_key=key,
            case_key=case_key,
            sitting_key=asked.sitting_key,
            waits=asked.waits,
            present={one.agency: one.who.strip() for one in asked.agencies},
            opened_at_us=writing.now_us,
            stored_seq=writing.take_seq(),
            **person.columns(),
        )
    )
    recorded = []
    for one in asked.agencies:
        if one.stance is None:
            continue
        view_key = store_view(writing, case_key, person, _describe(one, asked, person, key))
        if one.agency != person.agency:
            recorded.append(view_key)
    add_notices(writing, recorded)
    return key


def end_round(writing: Writing, case_key: str, round_key: str, person: Person) -> None:
    """Show the views of a round before all are in; those given later are not blind.

    Raises
    ------
    ServiceError
        If the person does not act on cases (403), or the case has no such round that waits (404).
    """
    need_decider(person)
    writing.take_seq(0)  # of two who end it at once one finds it over
    waiting = find_open_round(writing.connection, case_key)
    if waiting is None or waiting.row.round_key != round_key:
        raise ServiceError(
            "no_such_view", "no round of this case waits for views", "read the views again"
        )
    _end(writing, round_key, person)


def _end(writing: Writing, round_key: str, person: Person) -> None:
    writing.connection.execute(
        insert(view_round_ends).values(
            round_key=round_key,
            ended_at_us=writing.now_us,
            stored_seq=writing.take_seq(),
            **person.columns(),
        )
    )


def _describe(
    one: TableViewIn, asked: RoundIn, person: Person, round_key: str
) -> dict[str, object]:
    return {
        "stance": one.stance,
        "words": one.words,
        "direction": one.direction,
        "sitting_key": asked.sitting_key,
        "decision_key": asked.decision_key,
        "round_key": round_key,
        "blind": asked.blind,
        "of_agency": None if one.agency == person.agency else one.agency,
    }


def _check(asked: RoundIn) -> None:
    problems = []
    names = [one.agency for one in asked.agencies]
    for number, one in enumerate(asked.agencies):
        place = f"agencies[{number}]"
        if one.agency not in AGENCIES or names.index(one.agency) != number:
            remedy = f"name each once, of {', '.join(AGENCIES)}"
            problems.append(RequestProblem(where=place, code="unknown_agency", remedy=remedy))
        if asked.waits and one.stance is not None:
            remedy = "leave the views out: each agency gives its own"
            problems.append(RequestProblem(where=f"{place}.stance", code="waits", remedy=remedy))
        if one.stance == DISSENT and one.words is None:
            remedy = "say why the agency dissents"
            problems.append(
                RequestProblem(where=f"{place}.words", code="no_dissent_why", remedy=remedy)
            )
    if not asked.waits and all(one.stance is None for one in asked.agencies):
        remedy = "say what one agency at least thinks"
        problems.append(RequestProblem(where="agencies", code="no_stance_at_all", remedy=remedy))
    if problems:
        raise invalid(problems)
