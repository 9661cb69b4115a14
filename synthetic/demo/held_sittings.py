"""A sitting of the example unit: the list is gone through, and most of it is decided."""

from collections.abc import Sequence
from typing import Any, Final

from serving.decisions.agency_views import ViewIn, give_view
from serving.decisions.corrections import AnswerIn, CorrectionIn, answer_correction, ask_correction
from serving.decisions.drafts import NO_FURTHER_ACTION
from serving.lists.blind_review import record_first_view
from serving.lists.listed import read_rows
from serving.lists.outputs import ListedOut
from serving.lists.sittings import Sitting
from serving.standing.record_agencies import read_record_agencies
from synthetic.demo import words
from synthetic.demo.people import ADVOCATE, DETECTIVE, PROBATION, PSYCHOLOGIST, SCREENER
from synthetic.demo.plans import judge_score, plan_decision, view_first
from synthetic.demo.seen_cases import SeenCase, find_record
from synthetic.demo.team import Team

_LEFT: Final = 0.07
"""Share of a list for which the time does not suffice."""
_ANSWERERS: Final = {one.agency: one for one in (SCREENER, PSYCHOLOGIST, PROBATION)}
"""Who answers for the records of an agency."""


def hold_sitting(team: Team, week: int, *, dissents: bool) -> None:
    """Open a sitting, give first views of its blind cases, and decide on most of its list.

    Parameters
    ----------
    team
        The people.
    week
        Which week, for chance.
    dissents
        Whether one agency does not agree with what is decided on one case.
    """
    sitting = team.open_list(SCREENER)
    rows = _read_rows(team, sitting)
    for person in (SCREENER, DETECTIVE, ADVOCATE):
        team.look(person, *(row.key for row in rows))
    cases = _read_cases(team, rows)
    for row in rows:
        if row.withheld:
            _view(team, sitting, cases[row.key], week)
    waiting = dissents
    for row in _read_rows(team, sitting):
        case = cases[row.key]
        if team.chance.on(case.case_id, f"left {week}").happens(_LEFT):
            continue
        waiting &= not _decide(team, sitting, row, case, f"sitting {week}", dissents=waiting)


def begin_sitting(team: Team, week: int, *, n_decided: int) -> None:
    """Open a sitting and decide on some cases of its list; somebody doubts a record of one.

    Blind cases and those with an urgent flag are left to whoever looks.
    """
    sitting = team.open_list(SCREENER)
    rows = _read_rows(team, sitting)
    cases = _read_cases(team, rows)
    calm = [row for row in rows if not row.withheld and not cases[row.key].n_urgent]
    shown = calm[:n_decided]
    for row in shown:
        _decide(team, sitting, row, cases[row.key], f"sitting {week}", dissents=False)
    for row in shown[:1]:
        doubt_record(team, cases[row.key].key)


def doubt_record(team: Team, case_key: str, *, answered: bool = False) -> None:
    """Let the advocate doubt the latest record of another agency, and that agency answer or not."""
    with team.store.reading() as connection:
        record = find_record(connection, case_key, _ANSWERERS)
        if record is None:
            return
        agency = read_record_agencies(connection, "events", [(case_key, record)])[case_key, record]
    with team.writing(ADVOCATE, case_key) as writing:
        asked = CorrectionIn(table="events", record_id=record, why=words.DOUBTED)
        key = ask_correction(writing, case_key, ADVOCATE, asked)
    if not answered:
        return
    answerer = _ANSWERERS[agency]
    team.clock.pass_minutes(20)
    with team.writing(answerer, case_key) as writing:
        given = AnswerIn(answer="refused", note=words.DOUBT_ANSWERED)
        answer_correction(writing, key, answerer, given, team.unit)


def _read_rows(team: Team, sitting: Sitting) -> list[ListedOut]:
    with team.store.reading() as connection:
        return read_rows(connection, sitting, team.unit)


def _read_cases(team: Team, rows: Sequence[ListedOut]) -> dict[str, SeenCase]:
    return {case.key: case for case in team.read_cases([row.key for row in rows])}


def _view(team: Team, sitting: Sitting, case: SeenCase, week: int) -> None:
    """Give a first view of a blind case."""
    team.look(DETECTIVE, case.key)
    team.clock.pass_minutes(1)
    view = view_first(case, team.chance.on(case.case_id, f"view {week}"))
    with team.writing(DETECTIVE, case.key) as writing:
        record_first_view(writing, sitting.key, case.key, DETECTIVE, view)


def _decide(
    team: Team, sitting: Sitting, row: ListedOut, case: SeenCase, occasion: str, *, dissents: bool
) -> bool:
    """Decide on a case of the list; return whether an agency dissented."""
    draw = team.chance.on(case.case_id, occasion)
    plan = plan_decision(case, draw)
    judged = judge_score(row, team.chance.on(case.case_id, f"score at {occasion}"))
    decision = team.decide(case, plan, judged, sitting)
    said: dict[str, Any] = {"sitting_key": sitting.key, "decision_key": decision}
    with team.writing(ADVOCATE, case.key) as writing:
        if dissents and NO_FURTHER_ACTION not in plan.ways:
            given = ViewIn(stance="dissent", words=words.DISSENT, **said)
            give_view(writing, case.key, ADVOCATE, given)
            return True
        if draw.happens(0.3):
            given = ViewIn(stance="agree", words=draw.pick(words.AGREED), **said)
            give_view(writing, case.key, ADVOCATE, given)
    if draw.happens(0.1):
        with team.writing(PSYCHOLOGIST, case.key) as writing:
            give_view(writing, case.key, PSYCHOLOGIST, ViewIn(stance="abstain", **said))
    return False
