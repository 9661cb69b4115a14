"""What surrounds the acts: restraints, steps of the police, the victim, the case's own life."""

import numpy as np

from training.simulator import constants as set_by
from training.simulator.population import Cases
from training.simulator.response import Response, Restraint, Spells
from training.simulator.rows import Floats, Ints, Rows, Vocabulary, make_rows, stack_rows


def record_response(
    cases: Cases, response: Response, words: Vocabulary, rng: np.random.Generator
) -> Rows:
    """Return starts and ends of restraints, notices of release and steps of the police."""
    blocks = [_spell_rows(spells, words, rng) for spells in response.spells]
    for steps in response.steps:
        known = steps.day + rng.exponential(1.0, len(steps.day))
        source = "court" if steps.kind == "conviction" else "police"
        blocks.append(
            make_rows(
                steps.case,
                steps.day,
                known,
                kind=words.code(steps.kind),
                source=words.code(source),
                assurance=words.code("fact"),
            )
        )
    rows = stack_rows(blocks)
    return rows.take((rows.recorded < 0.0) & (rows.occurred < cases.departs[rows.case]))


def record_victim(
    cases: Cases, separation: Floats, words: Vocabulary, rng: np.random.Generator
) -> Rows:
    """Return what was forced on the victim, withdrawn support and the end of follow-up."""
    routine = cases.referral + rng.uniform(-40.0, 60.0, len(cases))
    routine = np.where(rng.random(len(cases)) < set_by.CHANGES_ROUTINE, routine, np.inf)
    crisis = cases.referral + rng.uniform(0.0, 200.0, len(cases))
    crisis = np.where(rng.random(len(cases)) < set_by.VICTIM_SUICIDALITY, crisis, np.inf)
    parted = np.where(rng.random(len(cases)) < set_by.ASKED, separation, np.inf)
    blocks = [
        _victim_rows(cases, day, kind, words, rng)
        for kind, day in (
            ("relocation", cases.relocates),
            ("routine_changed", routine),
            ("support_withdrawn", cases.withdraws),
            ("victim_suicidality", crisis),
            ("separation", parted),
        )
    ]
    for number, (kind, _) in enumerate(set_by.DEPARTURES_A_YEAR):
        day = np.where(cases.departs_by == number, cases.departs, np.inf)
        blocks.append(
            _victim_rows(cases, day, kind, words, rng).with_columns(actor=words.code("unknown"))
        )
    rows = stack_rows(blocks)
    gone = np.minimum(cases.departs[rows.case], 0.0)
    return rows.take((rows.recorded < 0.0) & (rows.occurred <= gone))


def record_lifecycle(cases: Cases, rows: Rows, words: Vocabulary, rng: np.random.Generator) -> Rows:
    """Return openings, closures by a person after quiet, reopenings by a new record, transfers."""
    n_cases = len(cases)
    everyone = np.arange(n_cases)
    patience = set_by.CLOSE_AFTER_MEDIAN_DAYS * np.exp(
        rng.normal(0.0, set_by.CLOSE_AFTER_SIGMA, n_cases)
    )
    case = np.concatenate([everyone, rows.case])
    day = np.concatenate([cases.referral, rows.recorded])
    order = np.lexsort((day, case))
    case, day = case[order], day[order]
    is_last = np.append(case[1:] != case[:-1], True)
    next_day = np.where(is_last, 0.0, np.append(day[1:], 0.0))
    quiet = next_day - day > patience[case]
    returns = quiet & ~is_last
    moved = rng.random(n_cases) < set_by.TRANSFERRED
    moved_day = cases.referral + rng.uniform(5.0, 60.0, n_cases)
    blocks = [
        _lifecycle_rows("opened", everyone, cases.referral, words),
        _lifecycle_rows("closed", case[quiet], (day + patience[case])[quiet], words),
        _lifecycle_rows("reopened", case[returns], next_day[returns] + 0.001, words),
        _lifecycle_rows("transferred", everyone[moved], moved_day[moved], words),
    ]
    lifecycle = stack_rows(blocks)
    return lifecycle.take(lifecycle.recorded < 0.0)


def _spell_rows(spells: Spells, words: Vocabulary, rng: np.random.Generator) -> Rows:
    """Return the start and the end of each spell, and notices of release."""
    count = len(spells.case)
    name = spells.restraint.value
    source = {"source": words.code("court"), "assurance": words.code("fact")}
    started = spells.start + rng.exponential(1.0, count)
    ended = spells.end + rng.exponential(1.5, count)
    blocks = [
        make_rows(
            spells.case,
            day,
            known,
            kind=words.code(f"{name}_{side}"),
            detail=spells.detail,
            **source,
        )
        for side, day, known in (("started", spells.start, started), ("ended", spells.end, ended))
    ]
    if spells.restraint is Restraint.CUSTODY:
        long_enough = spells.end - spells.start > set_by.NOTICE_WITHIN_DAYS
        notified = long_enough & (rng.random(count) < set_by.RELEASE_NOTICE)
        day = (spells.end - rng.uniform(1.0, set_by.NOTICE_WITHIN_DAYS, count))[notified]
        blocks.append(
            make_rows(
                spells.case[notified],
                day,
                day + 0.1,
                kind=words.code("release_notice"),
                source=words.code("prison"),
                assurance=words.code("fact"),
            )
        )
    return stack_rows(blocks)


def _victim_rows(
    cases: Cases, day: Floats, kind: str, words: Vocabulary, rng: np.random.Generator
) -> Rows:
    """Return rows of one kind about the victim, for the cases whose day is finite."""
    case: Ints = np.flatnonzero(np.isfinite(day))
    day = day[case]
    known = np.maximum(day, cases.referral[case]) + rng.exponential(4.0, len(case)) + 0.01
    return make_rows(
        case,
        day,
        known,
        kind=words.code(kind),
        actor=words.code("victim"),
        source=words.code("advocate"),
        reporter_role=words.code("advocate"),
    )


def _lifecycle_rows(kind: str, case: Ints, day: Floats, words: Vocabulary) -> Rows:
    """Return rows about the case itself, by a named role."""
    return make_rows(
        case,
        day,
        day,
        kind=words.code(kind),
        source=words.code("unit"),
        reporter_role=words.code("screening_officer"),
    )
