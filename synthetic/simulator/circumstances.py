"""What surrounds the acts: restraints, steps of the police, the victim, the unit, the case."""

from typing import Any, Final

import numpy as np

from synthetic.simulator import constants as set_by
from synthetic.simulator.acts import ORDER_KINDS
from synthetic.simulator.chance import Chance
from synthetic.simulator.course import Courses, Records
from synthetic.simulator.logs import MARK_KINDS
from synthetic.simulator.rows import (
    Bools,
    Codes,
    EventRows,
    Floats,
    Ints,
    Vocabulary,
    count_within,
    make_rows,
    stack_rows,
)

STEPS: Final = ("arrest", "charge", "conviction", "nfa")
STATES: Final = ("order", "bail", "custody")
_DETAILS: Final = {"order": ORDER_KINDS, "bail": ("bail",), "custody": ("remand", "sentence")}


def record_response(courses: Courses, words: Vocabulary, chance: Chance) -> EventRows:
    """Return starts and ends of restraints, notices of release, steps, and the unit's own work."""
    marks, number = courses.marks, count_within(courses.marks["case"])

    def of(kind: str) -> tuple[Records, Ints]:
        chosen = marks["kind"] == MARK_KINDS.index(kind)
        return marks[chosen], number[chosen]

    blocks = [_step_rows(kind, *of(kind), words, chance) for kind in STEPS]
    for state in STATES:
        details = words.codes(_DETAILS[state])[of(state)[0]["detail"]]
        blocks += _spell_rows(state, *of(state), details, words, chance)
    blocks.append(_notice_rows(*of("custody"), words, chance))
    blocks.append(_work_rows(of("managed")[0], words))
    rows = stack_rows(blocks)
    departs = courses.states["departs"][courses.position(rows.case)]
    return rows.take((rows.recorded < 0.0) & (rows.occurred < departs))


def record_victim(courses: Courses, words: Vocabulary, chance: Chance) -> EventRows:
    """Return what was forced on the victim, withdrawn support and the end of follow-up."""
    cases, states = courses.cases, courses.states
    number, referral = cases["number"], cases["referral"]

    def days(share: float, low: float, high: float, purpose: str) -> Floats:
        day = referral + chance.between(low, high, purpose, number)
        return np.where(chance.happens(share, purpose, number, 1), day, np.inf)

    told = chance.happens(set_by.ASKED, "separation told", number)
    routine = days(set_by.CHANGES_ROUTINE, -40.0, 60.0, "routine")
    crisis = days(set_by.VICTIM_SUICIDALITY, 0.0, 200.0, "victim crisis")
    blocks = [
        _victim_rows(courses, day, kind, words, chance)
        for kind, day in (
            ("relocation", states["relocates"]),
            ("routine_changed", routine),
            ("support_withdrawn", states["withdraws"]),
            ("victim_suicidality", crisis),
            ("separation", np.where(told, cases["separation"], np.inf)),
        )
    ]
    for which, (kind, _) in enumerate(set_by.DEPARTURES_A_YEAR):
        day = np.where(states["departs_by"] == which, states["departs"], np.inf)
        gone = _victim_rows(courses, day, kind, words, chance)
        blocks.append(gone.with_columns(actor=words.code("unknown")))
    rows = stack_rows(blocks)
    last = np.minimum(states["departs"][courses.position(rows.case)], 0.0)
    return rows.take((rows.recorded < 0.0) & (rows.occurred <= last))


def record_lifecycle(
    courses: Courses, rows: EventRows, words: Vocabulary, chance: Chance
) -> EventRows:
    """Return openings, closures by a person after quiet, reopenings by a new record, transfers.

    A case is not closed while the unit manages it.
    """
    cases = courses.cases
    everyone, referral = cases["number"], cases["referral"]
    patience = set_by.CLOSE_AFTER_MEDIAN_DAYS * np.exp(
        set_by.CLOSE_AFTER_SIGMA * chance.normal("patience", everyone)
    )
    case = np.concatenate([everyone, rows.case])
    day = np.concatenate([referral, rows.recorded])
    order = np.lexsort((day, case))
    case, day = case[order], day[order]
    is_last = np.append(case[1:] != case[:-1], True)
    next_day = np.where(is_last, 0.0, np.append(day[1:], 0.0))
    closed_day = day + patience[courses.position(case)]
    quiet = (next_day > closed_day) & ~_is_managed(courses, case, closed_day)
    returns = quiet & ~is_last
    moved = chance.happens(set_by.TRANSFERRED, "transferred", everyone)
    moved_day = referral + chance.between(5.0, 60.0, "transfer", everyone)
    blocks = [
        _lifecycle_rows("opened", everyone, referral, words),
        _lifecycle_rows("closed", case[quiet], closed_day[quiet], words),
        _lifecycle_rows("reopened", case[returns], next_day[returns] + 0.001, words),
        _lifecycle_rows("transferred", everyone[moved], moved_day[moved], words),
    ]
    lifecycle = stack_rows(blocks)
    return lifecycle.take(lifecycle.recorded < 0.0)


def _is_managed(courses: Courses, case: Ints, day: Floats) -> Bools:
    """Return whether the unit manages each case on a day; it takes a case on once at most."""
    spells = courses.marks[courses.marks["kind"] == MARK_KINDS.index("managed")]
    start = np.full(len(courses.cases), np.inf)
    end = np.full(len(courses.cases), -np.inf)
    place = courses.position(spells["case"])
    start[place], end[place] = spells["day"], spells["until"]
    place = courses.position(case)
    managed: Bools = (day >= start[place]) & (day < end[place])
    return managed


def _step_rows(
    kind: str, steps: Records, number: Ints, words: Vocabulary, chance: Chance
) -> EventRows:
    """Return steps of one kind that police or a court took."""
    case, day = steps["case"], steps["day"]
    return make_rows(
        case,
        day,
        day + chance.exponential("step", case, number),
        kind=words.code(kind),
        source=words.code("court" if kind == "conviction" else "police"),
        assurance=words.code("fact"),
    )


def _spell_rows(
    state: str, spells: Records, number: Ints, details: Codes, words: Vocabulary, chance: Chance
) -> list[EventRows]:
    """Return the start and the end of each spell."""
    case = spells["case"]
    court: dict[str, Any] = {
        "source": words.code("court"),
        "assurance": words.code("fact"),
        "detail": details,
    }
    return [
        make_rows(
            case,
            day,
            day + mean * chance.exponential(f"spell {side}", case, number),
            kind=words.code(f"{state}_{side}"),
            **court,
        )
        for side, day, mean in (("started", spells["day"], 1.0), ("ended", spells["until"], 1.5))
    ]


def _notice_rows(custody: Records, number: Ints, words: Vocabulary, chance: Chance) -> EventRows:
    """Return notices that release is due."""
    case, until = custody["case"], custody["until"]
    sent = chance.happens(set_by.RELEASE_NOTICE, "notice", case, number)
    sent &= until - custody["day"] > set_by.NOTICE_WITHIN_DAYS
    ahead = chance.between(1.0, set_by.NOTICE_WITHIN_DAYS, "notice ahead", case, number)
    day = (until - ahead)[sent]
    return make_rows(
        case[sent],
        day,
        day + 0.1,
        kind=words.code("release_notice"),
        source=words.code("prison"),
        assurance=words.code("fact"),
    )


def _work_rows(managed: Records, words: Vocabulary) -> EventRows:
    """Return when the unit took cases on and handed them back."""
    unit = {"source": words.code("unit"), "reporter_role": words.code("screening_officer")}
    return stack_rows(
        [
            make_rows(managed["case"], day, day, kind=words.code(kind), **unit)
            for kind, day in (("taken_on", managed["day"]), ("handed_back", managed["until"]))
        ]
    )


def _victim_rows(
    courses: Courses, day: Floats, kind: str, words: Vocabulary, chance: Chance
) -> EventRows:
    """Return rows of one kind about the victim, for the cases whose day is finite."""
    place = np.flatnonzero(np.isfinite(day))
    case, day = courses.cases["number"][place], day[place]
    wait = set_by.VICTIM_TELLS_AFTER_DAYS * chance.exponential(kind, case)
    known = np.maximum(day, courses.cases["referral"][place]) + wait + 0.01
    return make_rows(
        case,
        day,
        known,
        kind=words.code(kind),
        actor=words.code("victim"),
        source=words.code("advocate"),
        reporter_role=words.code("advocate"),
    )


def _lifecycle_rows(kind: str, case: Ints, day: Floats, words: Vocabulary) -> EventRows:
    """Return rows about the case itself, by a named role."""
    return make_rows(
        case,
        day,
        day,
        kind=words.code(kind),
        source=words.code("unit"),
        reporter_role=words.code("screening_officer"),
    )
