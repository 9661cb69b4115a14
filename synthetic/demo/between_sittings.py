"""What the example unit does between sittings: urgent flags, first reads, and its own caseload."""

from collections.abc import Iterable, Sequence
from typing import Final

from features.contract.moments import to_datetime
from serving.access.case_sight import find_sight
from serving.flags.duty import DutyItem, acknowledge, read_queue
from serving.flags.first_reads import UnreadCase, read_unread, record_first_read
from serving.scoring.rescoring import score_cases
from serving.sealing.directory import Directory
from serving.sealing.seals import seal_case
from serving.store.row_text import Clockface
from synthetic.demo import words
from synthetic.demo.people import DETECTIVE, DUTY, PSYCHOLOGIST, SCREENER
from synthetic.demo.plans import plan_decision
from synthetic.demo.seen_cases import SeenCase
from synthetic.demo.team import Team

_MOST_ACKNOWLEDGING_MINUTES: Final = 15
_SETTLED_OF: Final = 8
"""Of so many cases that wait without a flag, one is decided on between sittings, the oldest."""
_ENDS_AT: Final = 16
"""The hour at which people go home."""
_DAY_MINUTES: Final = 24 * 60


def acknowledge_flags(team: Team, *, leave: int) -> None:
    """Let the duty officer acknowledge urgent flags, but for the newest ``leave``."""
    waiting = sorted(
        (one for one in _read_queue(team) if one.acknowledgement is None),
        key=lambda one: (one.due_at_us, one.case_id, one.flag, one.record or ""),
    )
    seen = waiting[: max(len(waiting) - leave, 0)]
    for item in seen:
        team.clock.pass_minutes(min(1.0, _MOST_ACKNOWLEDGING_MINUTES / len(seen)))
        draw = team.chance.on(f"{item.case_id}", f"duty {item.flag} {item.record or ''}")
        note = draw.pick(words.ON_DUTY)
        if item.due_at_us <= team.clock():
            note = words.SEEN_LATE
        with team.writing(DUTY, item.key) as writing:
            acknowledge(writing, item.raising_key, DUTY, note)


def _read_queue(team: Team) -> list[DutyItem]:
    found: list[DutyItem] = []
    cursor: str | None = None
    face = Clockface(team.unit.time_zone)
    with team.store.reading() as connection:
        sight = find_sight(connection, DUTY)
        while True:
            part = read_queue(connection, team.clock(), {}, face, cursor=cursor, sight=sight)
            found += part.items
            cursor = part.next_cursor
            if cursor is None:
                return found


def read_new_cases(team: Team, *, leave: int) -> None:
    """Let the screener read new cases first, but for the newest ``leave``."""
    unread = sorted(_read_unread(team), key=lambda one: (one.due_at_us, one.case_id))
    for item in unread[: max(len(unread) - leave, 0)]:
        team.clock.pass_minutes(1)
        team.look(SCREENER, item.key)
        with team.writing(SCREENER, item.key) as writing:
            record_first_read(writing, item.key, SCREENER, None, team.rules)


def _read_unread(team: Team) -> list[UnreadCase]:
    found: list[UnreadCase] = []
    cursor: str | None = None
    face = Clockface(team.unit.time_zone)
    with team.store.reading() as connection:
        sight = find_sight(connection, SCREENER)
        while True:
            part = read_unread(connection, team.clock(), face, cursor=cursor, sight=sight)
            found += part.items
            cursor = part.next_cursor
            if cursor is None:
                return found


def decide_each(team: Team, cases: Iterable[SeenCase], occasion: str) -> None:
    """Decide on cases one after the other, without a sitting, in the hours in which people work."""
    for case in cases:
        plan = plan_decision(case, team.chance.on(case.case_id, occasion))
        team.decide(case, plan)
        now = to_datetime(team.clock(), team.unit.time_zone)
        if now.hour >= _ENDS_AT:  # on with it at nine the next day
            minutes = now.hour * 60 + now.minute
            team.clock.pass_minutes(_DAY_MINUTES + 9 * 60 - minutes)


def follow_up(team: Team, occasion: str, *, leave: int) -> None:
    """Let owners see to what came back to them, and others to flags and the longest waits.

    Parameters
    ----------
    team
        The people.
    occasion
        Which week, for chance.
    leave
        How many of each kind are left for the sitting.
    """
    cases = team.read_cases()
    owned = [one for one in cases if one.state == "returned" and one.owner is not None]
    others = [one for one in cases if one.state != "managed" and one.owner is None]
    flagged = [one for one in others if one.is_flagged]
    calm = sorted(
        (one for one in others if not one.is_flagged),
        key=lambda one: (one.arrived_at_us, one.case_id),
    )
    chosen = [
        *_leave_last(owned, leave),
        *_leave_last(flagged, leave),
        *calm[: len(calm) // _SETTLED_OF],
    ]
    decide_each(team, chosen, occasion)


def _leave_last(cases: Sequence[SeenCase], leave: int) -> Sequence[SeenCase]:
    return cases[: max(len(cases) - leave, 0)]


def see_to_flags(team: Team, occasion: str, *, most: int) -> None:
    """Let owners see to the newest review flags of their own cases, before the sitting begins."""
    found = [
        one
        for one in team.read_cases()
        if one.returned_for == "flag" and one.owner is not None and not one.n_urgent
    ]
    decide_each(team, found[:most], occasion)


def seal_one(team: Team, until_us: int) -> None:
    """Seal one case that has no flag, for its owner and one more person.

    It is taken on by one of the two, and not due before ``until_us``, microseconds UTC.
    """
    owners = {DETECTIVE.name, PSYCHOLOGIST.name}
    found = [
        one
        for one in team.read_cases()
        if one.state == "managed" and not one.is_flagged and one.owner in owners
    ]
    later = [one for one in found if (one.review_due_us or 0) > until_us]
    if not later:
        return
    case = team.chance.on("", "seal").pick(later)
    people = frozenset({DETECTIVE.subject, PSYCHOLOGIST.subject})
    with team.writing(DETECTIVE, case.key) as writing:
        linked = seal_case(
            writing, case.key, DETECTIVE, people, words.SEALED, Directory(people), team.rules
        )
    if linked:
        bundle = team.service.need_bundle()
        score_cases(team.store, bundle, linked, team.unit, "import", team.rules)
