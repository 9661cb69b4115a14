"""What of a case's true course reaches the unit: thinned, late, in several views, corrected."""

import numpy as np

from training.simulator import constants as set_by
from training.simulator import views
from training.simulator.course import (
    SEVERITY,
    TRIGGER_KINDS,
    Incidents,
    Triggers,
)
from training.simulator.population import Cases
from training.simulator.rows import (
    NONE,
    Bools,
    Floats,
    Ints,
    Rows,
    Vocabulary,
    make_rows,
    stack_rows,
)


def record_incidents(
    cases: Cases, incidents: Incidents, words: Vocabulary, rng: np.random.Generator
) -> Rows:
    """Return the recorded acts with their weapons, breaches and further views.

    An incident of several rows has a number of its own; an act recorded once has none.
    """
    noticed = incidents.take(_are_noticed(cases, incidents, rng))
    recorded = _draw_recorded(cases, noticed.case, noticed.day, rng)
    known = recorded < 0.0
    noticed, recorded = noticed.take(known), recorded[known]
    told_later = noticed.day < cases.referral[noticed.case]
    day_only = told_later & (rng.random(len(noticed)) < set_by.DAY_ONLY)
    main = _main_rows(noticed, recorded, words, rng)
    # Until then NaN says the moment is known; the calendar turns it into days of the unit's zone.
    main = main.with_columns(until=np.where(day_only, main.occurred, np.nan))
    position = np.arange(len(main))
    main = main.with_columns(incident=position)
    rows = stack_rows(
        [
            main,
            views.weapon_rows(main, noticed, words, rng),
            views.breach_rows(main, noticed, words, rng),
            views.account_rows(main, noticed, words, rng),
            views.classification_rows(main, noticed, words, rng),
        ]
    )
    several = np.bincount(rows.incident, minlength=len(main)) > 1
    rows = rows.with_columns(incident=np.where(several[rows.incident], rows.incident, NONE))
    return rows.take(rows.recorded < 0.0)


def record_reports(cases: Cases, acts: Rows, words: Vocabulary, rng: np.random.Generator) -> Rows:
    """Return reports: the one that led to the referral, earlier ones, and some of later acts."""
    everyone = np.arange(len(cases))
    earlier = np.repeat(everyone, rng.poisson(set_by.EARLIER_REPORTS, len(cases)))
    earlier_day = cases.referral[earlier] - rng.uniform(10.0, 200.0, len(earlier))
    later = np.flatnonzero(
        (acts.occurred > cases.referral[acts.case])
        & (acts.view == words.code("recorded"))
        & (rng.random(len(acts)) < set_by.REPORT_AGAIN_SHARE)
    )
    report = {"kind": words.code("report"), "actor": words.code("victim")}
    police = {"source": words.code("police"), "assurance": words.code("fact")}
    blocks = [
        make_rows(everyone, cases.referral - 0.01, cases.referral, **report, **police),
        make_rows(earlier, earlier_day, cases.referral[earlier], **report, **police),
        make_rows(
            acts.case[later], acts.recorded[later] - 0.005, acts.recorded[later], **report, **police
        ),
        make_rows(
            earlier,
            earlier_day + rng.uniform(2.0, 9.0, len(earlier)),
            cases.referral[earlier],
            kind=words.code("nfa"),
            **police,
        ),
    ]
    return stack_rows(blocks)


def record_triggers(
    cases: Cases, triggers: Triggers, words: Vocabulary, rng: np.random.Generator
) -> Rows:
    """Return the unsettling events that the unit heard of."""
    recorded = _draw_recorded(cases, triggers.case, triggers.day, rng)
    chosen = (rng.random(len(recorded)) < set_by.TRIGGER_NOTICED) & (recorded < 0.0)
    kinds = words.codes(TRIGGER_KINDS)[triggers.kind[chosen]]
    return make_rows(
        triggers.case[chosen],
        triggers.day[chosen],
        recorded[chosen],
        kind=kinds,
        source=words.code("advocate"),
    )


def record_warnings(cases: Cases, acts: Rows, words: Vocabulary, rng: np.random.Generator) -> Rows:
    """Return signs of crisis, in the stretch in which the case has recorded acts."""
    first, length = _recorded_stretch(cases, acts)
    yearly = np.array([rate for _, rate in set_by.WARNINGS_A_YEAR])
    kinds = words.codes([kind for kind, _ in set_by.WARNINGS_A_YEAR])
    mean = np.outer(np.minimum(length, set_by.LONGEST_CRISIS_DAYS) / 365.25, yearly)
    count = rng.poisson(mean * np.sqrt(cases.aggression)[:, None]).ravel()
    case, which = np.divmod(np.repeat(np.arange(len(count)), count), len(kinds))
    day = first[case] + rng.random(len(case)) * length[case]
    recorded = _draw_recorded(cases, case, day, rng)
    known = (recorded < 0.0) & (day < np.minimum(cases.departs[case], 0.0))
    rows = make_rows(
        case[known],
        day[known],
        recorded[known],
        kind=kinds[which[known]],
        view=words.code("recorded"),
        actor=words.code("subject"),
        source=words.draw(set_by.SOURCES, int(known.sum()), rng),
        assurance=words.code("assessment"),
    )
    threatens = rows.kind == words.code("suicide_threat")
    with_last_resort = threatens & (rng.random(len(rows)) < set_by.SUICIDE_WITH_LAST_RESORT)
    # Incident numbers of warnings start past those of acts.
    number = len(acts) + np.arange(len(rows))
    rows = rows.with_columns(incident=np.where(with_last_resort, number, NONE))
    words_of_last_resort = rows.take(with_last_resort).with_columns(
        kind=words.code("last_resort_language")
    )
    return stack_rows([rows, words_of_last_resort])


def add_corrections(
    rows: Rows, eligible: Bools, words: Vocabulary, rng: np.random.Generator
) -> Rows:
    """Return the rows followed by corrections and retractions of a few eligible ones."""
    draw = rng.random(len(rows))
    known = rows.recorded + 0.1 + rng.exponential(set_by.CORRECTED_AFTER_DAYS, len(rows))
    possible = eligible & (known < 0.0)
    corrected = np.flatnonzero(possible & (draw < set_by.CORRECTED))
    withdrawn = np.flatnonzero(possible & (draw > 1.0 - set_by.RETRACTED))
    moved = rows.occurred[corrected] - rng.uniform(0.0, 3.0, len(corrected))
    values = np.clip(rows.value[corrected] + rng.integers(-1, 2, len(corrected)), 1.0, 10.0)
    better = rows.take(corrected).with_columns(
        occurred=moved, recorded=known[corrected], value=values, supersedes=corrected, until=np.nan
    )
    gone = make_rows(
        rows.case[withdrawn],
        rows.occurred[withdrawn],
        known[withdrawn],
        kind=words.code("retracted"),
        source=words.code("police"),
        supersedes=withdrawn,
    )
    return stack_rows([rows, better, gone])


def _are_noticed(cases: Cases, incidents: Incidents, rng: np.random.Generator) -> Bools:
    """Return which acts come to be recorded at all."""
    share = np.array([act.noticed for act in set_by.ACTS])[incidents.act]
    share = share * cases.reporting[incidents.case]
    known_case = incidents.day >= cases.referral[incidents.case]
    share = np.where(known_case, share * set_by.NOTICED_AFTER_REFERRAL, share)
    withdrawn = incidents.day > cases.withdraws[incidents.case]
    share = np.where(withdrawn, share * set_by.KEPT_AFTER_WITHDRAWAL, share)
    noticed = rng.random(len(incidents)) < np.minimum(share, set_by.MOST_NOTICED)
    recorded: Bools = noticed | incidents.anchor
    return recorded


def _draw_recorded(cases: Cases, case: Ints, day: Floats, rng: np.random.Generator) -> Floats:
    """Return when the unit came to know: at or after the referral, never before the event."""
    referral = cases.referral[case]
    means = np.array([mean for _, mean in set_by.DELAYS])
    part = rng.choice(len(means), len(case), p=[share for share, _ in set_by.DELAYS])
    delay = 0.02 + rng.exponential(1.0, len(case)) * means[part]
    told_later = rng.random(len(case)) > set_by.TOLD_AT_REFERRAL
    batch = rng.random(len(case)) * 0.1
    extra = np.where(told_later, rng.exponential(set_by.TOLD_LATER_MEAN_DAYS, len(case)), batch)
    return np.where(day < referral, referral + extra, day + delay)


def _main_rows(
    incidents: Incidents, recorded: Floats, words: Vocabulary, rng: np.random.Generator
) -> Rows:
    """Return one row for each recorded act."""
    count = len(incidents)
    kinds = words.codes([act.kind for act in set_by.ACTS])
    threatens_children = kinds[incidents.act] == words.code("threat_to_children")
    target = words.draw(set_by.TARGET_SHARES, count, rng)
    target = np.where(threatens_children, words.code("child"), target)
    unknown = rng.random(count) < set_by.UNKNOWN_ACTOR_SHARE
    actor = np.where(incidents.proxy, words.code("proxy"), words.code("subject"))
    severity = np.clip(SEVERITY[incidents.act] + rng.integers(-1, 2, count), 1, 10)
    source = words.draw(set_by.SOURCES, count, rng)
    health = rng.random(count) < set_by.HEALTH_SHARE
    agency_only = rng.random(count) < set_by.AGENCY_ONLY_SHARE
    return make_rows(
        incidents.case,
        incidents.day,
        recorded,
        value=np.where(rng.random(count) < set_by.VALUE_MISSING, np.nan, severity),
        kind=kinds[incidents.act],
        view=words.code("recorded"),
        source=np.where(health, words.code("health"), source),
        assurance=words.draw(set_by.ASSURANCE_SHARES, count, rng),
        actor=np.where(unknown & ~incidents.anchor, words.code("unknown"), actor),
        target=target,
        channel=incidents.channel,
        handling=np.where(agency_only & ~health, words.code("agency_only"), words.code("unit")),
    )


def _recorded_stretch(cases: Cases, acts: Rows) -> tuple[Floats, Floats]:
    """Return the day of each case's first recorded act and the days to two weeks past its last.

    A case without one begins at infinity and lasts those two weeks.
    """
    first = np.full(len(cases), np.inf)
    last = np.full(len(cases), -np.inf)
    np.minimum.at(first, acts.case, acts.occurred)
    np.maximum.at(last, acts.case, acts.occurred)
    length = np.maximum(last - first, 0.0) + set_by.CRISIS_AFTER_LAST_ACT_DAYS
    return first, length
