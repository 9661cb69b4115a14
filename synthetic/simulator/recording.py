"""What of a case's true course reaches the unit: late, in several views, corrected."""

import numpy as np

from synthetic.simulator import constants as set_by
from synthetic.simulator import views
from synthetic.simulator.acts import CHANNELS, KINDS, TRIGGER_KINDS
from synthetic.simulator.chance import Chance
from synthetic.simulator.course import Courses, Records
from synthetic.simulator.logs import MARK_KINDS
from synthetic.simulator.population import is_former_partner, weigh_quiet_harm
from synthetic.simulator.rows import (
    NO_TEXT,
    NONE,
    Codes,
    EventRows,
    Floats,
    Ints,
    Vocabulary,
    count_within,
    make_rows,
    stack_rows,
)


def record_acts(acts: Records, words: Vocabulary, chance: Chance, *, plain: bool) -> EventRows:
    """Return the recorded acts with weapons, breaches, further views and what became of them.

    An incident of several rows has the act's number; an act recorded once has none. Corrections
    and retractions stand last and point to rows before them. ``plain``: one view, nothing missing.
    """
    acts = acts[acts["recorded"] < 0.0]
    main = _main_rows(acts, words, chance, plain)
    everyone = np.arange(len(acts))
    blocks = [(main, everyone), views.weapon_rows(main, acts, words, chance)]
    if not plain:
        blocks += [
            views.breach_rows(main, acts, words),
            views.account_rows(main, acts, words, chance),
            views.classification_rows(main, acts, words, chance),
        ]
    rows = stack_rows([block for block, _ in blocks])
    origin = np.concatenate([place for _, place in blocks])
    known = rows.recorded < 0.0
    rows, origin = rows.take(known), origin[known]
    several = np.bincount(origin, minlength=len(acts)) > 1
    rows = rows.with_columns(incident=np.where(several[origin], acts["number"][origin], NONE))
    return _correct(rows, acts[origin], words, chance)


def record_reports(
    courses: Courses, acts: EventRows, words: Vocabulary, chance: Chance
) -> EventRows:
    """Return reports: the one that led to the referral, earlier ones, and some of later acts."""
    cases = courses.cases
    everyone = cases["number"]
    count = chance.poisson(set_by.EARLIER_REPORTS, "earlier reports", everyone)
    earlier = np.repeat(everyone, count)
    known = cases["referral"][courses.position(earlier)]
    number = count_within(earlier)
    earlier_day = known - chance.between(10.0, 200.0, "earlier report", earlier, number)
    closed_day = earlier_day + chance.between(2.0, 9.0, "nfa", earlier, number)
    later = np.flatnonzero(
        (acts.occurred > cases["referral"][courses.position(acts.case)])
        & (acts.view == words.code("recorded"))
        & (acts.supersedes == NONE)
        & (acts.kind != words.code("weapon_mentioned"))
    )
    told = chance.happens(
        set_by.REPORT_AGAIN_SHARE, "report", acts.case[later], _minutes(acts.occurred[later])
    )
    later = later[told]
    report = {"kind": words.code("report"), "actor": words.code("victim")}
    police = {"source": words.code("police"), "assurance": words.code("fact")}
    referral = cases["referral"]
    recorded = acts.recorded[later]
    return stack_rows(
        [
            make_rows(everyone, referral - 0.01, referral, **report, **police),
            make_rows(earlier, earlier_day, known, **report, **police),
            make_rows(acts.case[later], recorded - 0.005, recorded, **report, **police),
            make_rows(earlier, closed_day, known, kind=words.code("nfa"), **police),
        ]
    )


def record_triggers(courses: Courses, words: Vocabulary, chance: Chance) -> EventRows:
    """Return the unsettling events that the unit heard of."""
    number = count_within(courses.marks["case"])
    chosen = courses.marks["kind"] == MARK_KINDS.index("trigger")
    marks, number = courses.marks[chosen], number[chosen]
    case, day = marks["case"], marks["day"]
    recorded = draw_recorded(courses, case, day, number, chance)
    heard = chance.happens(set_by.TRIGGER_NOTICED, "trigger noticed", case, number)
    heard &= recorded < 0.0
    kinds = words.codes(TRIGGER_KINDS)[marks["detail"][heard]]
    return make_rows(
        case[heard], day[heard], recorded[heard], kind=kinds, source=words.code("advocate")
    )


def record_warnings(
    courses: Courses, words: Vocabulary, chance: Chance, *, quiet_harm: bool
) -> EventRows:
    """Return signs of crisis that come to light after recorded acts.

    ``quiet_harm``: those of serious harm come to light where it is likely in such a world.
    """
    acts = courses.acts
    acts = acts[acts["recorded"] < 0.0]
    place = courses.position(acts["case"])
    blocks = []
    for which, (kind, share) in enumerate(set_by.WARNINGS_AN_ACT):
        likely = share * np.sqrt(courses.cases["aggression"][place])
        if quiet_harm and kind in set_by.QUIET_SIGNS:
            likely = share * _weigh_quiet_signs(courses)[place]
        shown = chance.happens(likely, kind, acts["case"], acts["number"])
        case, number = acts["case"][shown], acts["number"][shown]
        wait = set_by.CRISIS_AFTER_ACT_DAYS * chance.exponential("crisis", case, number)
        day = acts["day"][shown] + wait
        recorded = draw_recorded(courses, case, day, number + 1_000_000 * (which + 1), chance)
        known = (recorded < 0.0) & (day < courses.states["departs"][courses.position(case)])
        blocks.append(_warning_rows(kind, case, day, recorded, number, words, chance).take(known))
    rows = stack_rows(blocks)
    threatens = rows.kind == words.code("suicide_threat")
    both = threatens & chance.happens(
        set_by.SUICIDE_WITH_LAST_RESORT, "both", rows.case, _minutes(rows.occurred)
    )
    rows = rows.with_columns(incident=np.where(both, rows.incident, NONE))
    last_words = rows.take(both).with_columns(kind=words.code("last_resort_language"))
    return stack_rows([rows, last_words])


def _weigh_quiet_signs(courses: Courses) -> Floats:
    """Return how often last words and plans come to light in each case where harm is quiet."""
    cases = courses.cases
    quiet = weigh_quiet_harm.py_func(cases["aggression"], cases["fixation"])
    return np.asarray(np.where(is_former_partner(cases), set_by.QUIET_SIGNS_GAIN * quiet, 1.0))


def draw_recorded(
    courses: Courses, case: Ints, day: Floats, number: Ints, chance: Chance
) -> Floats:
    """Return when the unit came to know: at or after the referral, never before the event."""
    referral = courses.cases["referral"][courses.position(case)]
    means = np.array([mean for _, mean in set_by.DELAYS])
    part = chance.pick([share for share, _ in set_by.DELAYS], "delay part", case, number)
    wait = chance.exponential("delay", case, number)
    told_at_once = chance.happens(set_by.TOLD_AT_REFERRAL, "told at once", case, number)
    batch = 0.1 * chance.uniform("batch", case, number)
    extra = np.where(told_at_once, batch, set_by.TOLD_LATER_MEAN_DAYS * wait)
    return np.where(day < referral, referral + extra, day + 0.02 + wait * means[part])


def draw_words(
    shares: tuple[tuple[str, float], ...],
    purpose: str,
    case: Ints,
    number: Ints | int,
    words: Vocabulary,
    chance: Chance,
) -> Codes:
    """Return the codes of words drawn by share."""
    place = chance.pick([share for _, share in shares], purpose, case, number)
    return words.codes([name for name, _ in shares])[place]


def _main_rows(acts: Records, words: Vocabulary, chance: Chance, plain: bool) -> EventRows:
    """Return one row for each recorded act.

    Until the calendar makes days of them, ``until`` is the moment itself for acts that are known to
    the day alone.
    """
    case, number = acts["case"], acts["number"]
    target = draw_words(set_by.TARGET_SHARES, "target", case, number, words, chance)
    kinds = words.codes(KINDS)[acts["named"]]
    target = np.where(kinds == words.code("threat_to_children"), words.code("child"), target)
    actor = np.where(acts["by_proxy"], words.code("proxy"), words.code("subject"))
    source = draw_words(set_by.SOURCES, "source", case, number, words, chance)
    missing = chance.happens(set_by.VALUE_MISSING, "value missing", case, number) & (not plain)
    day_only = acts["before_referral"] & chance.happens(set_by.DAY_ONLY, "day only", case, number)
    agency_only = acts["agency_only"] & ~acts["from_health"]
    channels = np.append(words.codes(CHANNELS), NO_TEXT)
    return make_rows(
        case,
        acts["day"],
        acts["recorded"],
        until=np.where(day_only, acts["day"], np.nan),
        value=np.where(missing, np.nan, acts["severity"]),
        kind=kinds,
        view=words.code("recorded"),
        source=np.where(acts["from_health"], words.code("health"), source),
        assurance=draw_words(set_by.ASSURANCE_SHARES, "assurance", case, number, words, chance),
        actor=np.where(acts["by_unknown"], words.code("unknown"), actor),
        target=target,
        channel=channels[acts["channel"]],
        handling=np.where(agency_only, words.code("agency_only"), words.code("unit")),
    )


def _correct(rows: EventRows, acts: Records, words: Vocabulary, chance: Chance) -> EventRows:
    """Return the rows followed by corrections and retractions; ``acts`` has each row's act."""
    fixed = np.maximum(acts["corrected"], rows.recorded + 0.01)
    gone = np.maximum(acts["retracted"], rows.recorded + 0.01)
    corrected, retracted = np.flatnonzero(fixed < 0.0), np.flatnonzero(gone < 0.0)
    case, number = rows.case[corrected], acts["number"][corrected]
    change = chance.integers(-1, 2, "corrected value", case, number)
    better = rows.take(corrected).with_columns(
        occurred=rows.occurred[corrected] - acts["moved"][corrected],
        recorded=fixed[corrected],
        value=np.clip(rows.value[corrected] + change, 1.0, 10.0),
        supersedes=corrected,
        until=np.nan,
    )
    withdrawn = make_rows(
        rows.case[retracted],
        rows.occurred[retracted],
        gone[retracted],
        kind=words.code("retracted"),
        source=rows.source[retracted],  # an agency withdraws its own records
        supersedes=retracted,
    )
    return stack_rows([rows, better, withdrawn])


def _warning_rows(
    kind: str,
    case: Ints,
    day: Floats,
    recorded: Floats,
    number: Ints,
    words: Vocabulary,
    chance: Chance,
) -> EventRows:
    """Return rows of one kind of sign, numbered past the incidents of acts."""
    return make_rows(
        case,
        day,
        recorded,
        incident=set_by.FIRST_WARNING + number,
        kind=words.code(kind),
        view=words.code("recorded"),
        actor=words.code("subject"),
        source=draw_words(set_by.SOURCES, "warning source", case, number, words, chance),
        assurance=words.code("assessment"),
    )


def _minutes(days: Floats) -> Ints:
    """Return a whole number that tells a case's records apart."""
    return np.asarray(np.floor(days * 1_440.0)).astype(np.int64)
