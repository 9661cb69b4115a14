"""The example unit's weeks from first to last, in the order in which things happen.

Twice a week the records of the days before come in. On Mondays the team meets; between the
meetings the duty officer sees to urgent flags, new cases are read, and owners see to what came
back to them. The last day ends in the middle of its sitting, so that whoever looks can go on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from features.catalogue.declarations import DAY_US
from features.contract.moments import to_datetime
from serving.service import Service
from synthetic.demo.between_sittings import (
    acknowledge_flags,
    decide_each,
    follow_up,
    read_new_cases,
    seal_one,
    see_to_flags,
)
from synthetic.demo.cuts import RecordedSpan, Records, write_cut
from synthetic.demo.held_sittings import begin_sitting, doubt_record, hold_sitting
from synthetic.demo.team import Team
from synthetic.demo.weeks import FRIDAY, MONDAY, SITTINGS, THURSDAY, TUESDAY, Weeks

SEED: Final = 2018
ENDS_AT: Final = "09:30"
"""The hour of the last day at which the example stops and the visitor's time begins."""
_KNOWN_LONG_DAYS: Final = 14
"""At the beginning the unit goes through the cases that it has known so long."""
_SEEN_TO_BEFORE: Final = 5
_LEFT_TO_ACKNOWLEDGE: Final = 2
_LEFT_TO_READ: Final = 2
_LEFT_TO_SITTING: Final = 2
_DECIDED_TODAY: Final = 3
_WITH_DISSENT: Final = (2, 4)
_SEALED_IN: Final = 2
_DOUBTED_IN: Final = 3
_STRANGERS: Final = 4
_STRANGERS_IN: Final = (3, THURSDAY)


@dataclass(frozen=True)
class Example:
    """What the weeks are lived with.

    Parameters
    ----------
    team
        The people.
    weeks
        Which day is which.
    records
        The synthetic unit's records.
    folder
        Where the parts that are imported are kept.
    say
        Told what happens.
    """

    team: Team
    weeks: Weeks
    records: Records
    folder: Path
    say: Callable[[str], None]

    def take_in(self, week: int, weekday: int) -> None:
        """Import what was recorded since the import before, and not later."""
        moments = list_imports(self.weeks)
        now_us = self.weeks.at(week, weekday, _IMPORTED_AT)
        before_us = {after: one for one, after in pairwise(moments)}.get(now_us)
        extract_us = self.records.manifest.extract_at_us
        span = RecordedSpan(
            before_us=min(now_us, extract_us),
            from_us=before_us,
            referred_from_us=self.weeks.referred_from_us,
            with_turns=before_us is None,
            n_strangers=_STRANGERS if (week, weekday) == _STRANGERS_IN else 0,
        )
        day = to_datetime(now_us, self.weeks.time_zone).date().isoformat()
        write_cut(self.records, self.folder / day, span)
        self.team.clock.go_to(now_us)
        self.team.take_in(self.folder / day)


_IMPORTED_AT: Final = "08:40"


def list_imports(weeks: Weeks) -> list[int]:
    """Return the moments of all imports, in order, microseconds UTC."""
    days = [(week, day) for week in range(SITTINGS) for day in (MONDAY, THURSDAY)]
    return [weeks.at(week, day, _IMPORTED_AT) for week, day in (*days, (SITTINGS, MONDAY))]


def live_through(
    service: Service, records: Records, folder: Path, say: Callable[[str], None], seed: int = SEED
) -> None:
    """Let the example unit work through its weeks, in an empty synthetic store.

    Parameters
    ----------
    service
        The service over that store, with a model in use.
    records
        The synthetic unit's records.
    folder
        Where the parts that are imported are kept.
    say
        Told what happens.
    seed
        Of what people decide.
    """
    manifest = records.manifest
    weeks = Weeks.until(manifest.extract_at_us, manifest.time_zone)
    team = Team.at(service, weeks.begins_us, seed)
    example = Example(team, weeks, records, folder, say)
    _take_over(example)
    for week in range(1, SITTINGS):
        _describe_week(example, week, "a sitting, and the days after it")
        _meet(example, week)
        _go_on(example, week)
    _describe_week(example, SITTINGS, "today's sitting")
    _begin_today(example)


def find_now(weeks: Weeks) -> int:
    """Return the moment at which the example stops, microseconds UTC."""
    return weeks.at(SITTINGS, MONDAY, ENDS_AT)


def _describe_week(example: Example, week: int, what: str) -> None:
    day = to_datetime(example.weeks.at(week, MONDAY), example.weeks.time_zone)
    example.say(f"the example unit, {day.day} {day:%B}: {what}")


def _take_over(example: Example) -> None:
    """Take in what is on record, and go through the cases that the unit has known for long."""
    team, weeks = example.team, example.weeks
    _describe_week(example, 0, "its cases are gone through")
    example.take_in(0, MONDAY)
    acknowledge_flags(team, leave=_LEFT_TO_ACKNOWLEDGE)
    team.clock.go_to(weeks.at(0, MONDAY, "09:30"))
    long_ago = team.clock() - _KNOWN_LONG_DAYS * DAY_US
    known = [case for case in team.read_cases() if case.arrived_at_us <= long_ago]
    decide_each(team, known, "at the beginning")
    read_new_cases(team, leave=0)
    _go_on(example, 0)


def _meet(example: Example, week: int) -> None:
    """Hold a Monday's sitting."""
    team, weeks = example.team, example.weeks
    example.take_in(week, MONDAY)
    acknowledge_flags(team, leave=_LEFT_TO_ACKNOWLEDGE)
    see_to_flags(team, f"before {week}", most=_SEEN_TO_BEFORE)
    team.clock.go_to(weeks.at(week, MONDAY, "09:15"))
    hold_sitting(team, week, dissents=week in _WITH_DISSENT)
    team.clock.go_to(weeks.at(week, TUESDAY, "09:00"))
    read_new_cases(team, leave=0)
    if week == _SEALED_IN:
        seal_one(team, find_now(weeks))
    if week == _DOUBTED_IN:
        for case in team.read_cases()[:1]:
            doubt_record(team, case.key, answered=True)


def _go_on(example: Example, week: int) -> None:
    """Do a week's work after its Monday."""
    team, weeks = example.team, example.weeks
    example.take_in(week, THURSDAY)
    acknowledge_flags(team, leave=_LEFT_TO_ACKNOWLEDGE)
    team.clock.go_to(weeks.at(week, THURSDAY, "10:00"))
    follow_up(team, f"between {week}", leave=_LEFT_TO_SITTING)
    team.clock.go_to(weeks.at(week, FRIDAY, "09:00"))
    read_new_cases(team, leave=_LEFT_TO_READ)


def _begin_today(example: Example) -> None:
    """Begin the last sitting and leave it to whoever looks."""
    team, weeks = example.team, example.weeks
    example.take_in(SITTINGS, MONDAY)
    acknowledge_flags(team, leave=_LEFT_TO_ACKNOWLEDGE)
    see_to_flags(team, "before today's", most=_SEEN_TO_BEFORE)
    team.clock.go_to(weeks.at(SITTINGS, MONDAY, "09:15"))
    begin_sitting(team, SITTINGS, n_decided=_DECIDED_TODAY)
