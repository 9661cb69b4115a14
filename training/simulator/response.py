"""What police and courts do, assigned by risk, and what that changes in the subject's acts.

Decisions come in rounds: the first after the referral, later ones after a grave enough act. Each
round sees only acts that survived the earlier rounds.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from training.simulator import constants as set_by
from training.simulator.course import (
    CONTACTS,
    KINDS,
    NEAR_HOME,
    SEVERITY,
    THREATS,
    VIOLENCE,
    Incidents,
)
from training.simulator.population import Cases
from training.simulator.rows import NO_TEXT, Bools, Codes, Floats, Ints, Vocabulary


class Restraint(StrEnum):
    """A state the subject is put under; the names are those of the catalogue's states."""

    ORDER = "order"
    BAIL = "bail"
    CUSTODY = "custody"


@dataclass(frozen=True)
class Spells:
    """Times under one restraint; shape ``(n_spells,)``, ``[start, end)`` in days."""

    restraint: Restraint
    case: Ints
    start: Floats
    end: Floats
    detail: Codes


@dataclass(frozen=True)
class Steps:
    """Steps of one kind that the police or a court took; shape ``(n_steps,)``."""

    kind: str
    case: Ints
    day: Floats


@dataclass(frozen=True)
class Response:
    """Acts that still happened, and everything that was done."""

    incidents: Incidents
    spells: tuple[Spells, ...]
    steps: tuple[Steps, ...]


def respond(
    cases: Cases, incidents: Incidents, words: Vocabulary, rng: np.random.Generator
) -> Response:
    """Return what was done in each case and the acts that happened all the same."""
    incidents = _hide_by_relocation(cases, incidents, rng)
    decided = cases.referral + rng.uniform(0.1, set_by.DECISION_WITHIN_DAYS, len(cases))
    spells: list[Spells] = []
    steps: list[Steps] = []
    for _ in range(set_by.DECISION_ROUNDS):
        case = np.flatnonzero(np.isfinite(decided) & (decided < np.minimum(cases.departs, 0.0)))
        risk = _perceived_risk(cases, incidents, case, decided[case], rng)
        new_spells, new_steps = _decide(case, decided[case], risk, words, rng)
        for entry in new_spells:
            incidents = _restrain(cases, incidents, entry, words, rng)
        spells += new_spells
        steps += new_steps
        decided = _next_decisions(incidents, decided, rng)
    return Response(incidents, tuple(spells), tuple(steps))


def _hide_by_relocation(cases: Cases, incidents: Incidents, rng: np.random.Generator) -> Incidents:
    """Return the acts without most of those near a home that the victim had left."""
    moved = NEAR_HOME[incidents.act] & (incidents.day > cases.relocates[incidents.case])
    hidden = moved & (rng.random(len(incidents)) > set_by.KEPT_AFTER_RELOCATION)
    return incidents.take(~hidden | incidents.anchor)


def _perceived_risk(
    cases: Cases, incidents: Incidents, case: Ints, day: Floats, rng: np.random.Generator
) -> Floats:
    """Return the risk that deciders see, on the logit scale: partly right, partly chance."""
    limit = np.full(len(cases), -np.inf)
    limit[case] = day
    age = limit[incidents.case] - incidents.day
    recent = (age > 0) & (age <= set_by.RISK_LOOKBACK_DAYS)

    def has(acts: Bools) -> Bools:
        found = np.zeros(len(cases), dtype=bool)
        found[incidents.case[recent & acts[incidents.act]]] = True
        return found[case]

    again: Bools = day > cases.referral[case] + set_by.DECISION_WITHIN_DAYS
    risk: Floats = (
        set_by.RISK_OF_AGGRESSION * np.log(cases.aggression[case])
        + set_by.RISK_OF_VIOLENCE * has(VIOLENCE)
        + set_by.RISK_OF_THREAT * has(THREATS)
        + set_by.RISK_OF_REPEAT * again
        + rng.normal(0.0, set_by.RISK_NOISE, len(case))
    )
    return risk


def _decide(
    case: Ints, day: Floats, risk: Floats, words: Vocabulary, rng: np.random.Generator
) -> tuple[list[Spells], list[Steps]]:
    """Return spells and steps that follow from one decision per case."""
    draw = rng.random((8, len(case)))
    arrested = draw[0] < _logistic(set_by.ARREST_LOGIT + risk)
    ordered = draw[1] < _logistic(set_by.ORDER_LOGIT + risk)
    charged = arrested & (draw[2] < set_by.CHARGE_GIVEN_ARREST)
    jailed = charged & (draw[3] < set_by.CUSTODY_GIVEN_CHARGE)
    bailed = arrested & ~jailed & (draw[4] < set_by.BAIL_GIVEN_ARREST)
    convicted = charged & (draw[5] < set_by.CONVICTION_GIVEN_CHARGE)
    sentenced = convicted & (draw[6] < set_by.SENTENCE_GIVEN_CONVICTION)
    dropped = ~arrested & ~ordered & (draw[7] < set_by.NFA_OTHERWISE)
    charge_day = day + rng.uniform(0.2, 2.0, len(case))
    court_day = charge_day + rng.uniform(*set_by.CONVICTION_AFTER_DAYS, len(case))
    bans = convicted & (rng.random(len(case)) < set_by.RESTRAINING_ORDER_GIVEN_CONVICTION)
    remand = set_by.CUSTODY_MEDIAN_DAYS * np.exp(rng.normal(0, set_by.CUSTODY_SIGMA, len(case)))
    sentence = set_by.SENTENCE_MEDIAN_DAYS * np.exp(rng.normal(0, set_by.CUSTODY_SIGMA, len(case)))
    ban = rng.uniform(*set_by.RESTRAINING_ORDER_DAYS, len(case))
    bail = rng.uniform(*set_by.BAIL_DAYS, len(case))

    def spell(
        restraint: Restraint, who: Bools, start: Floats, length: Floats, detail: str
    ) -> Spells:
        code = np.full(int(who.sum()), words.code(detail), dtype=np.int16)
        return Spells(restraint, case[who], start[who], (start + length)[who], code)

    spells = [
        spell(Restraint.CUSTODY, jailed, charge_day, remand, "remand"),
        spell(Restraint.CUSTODY, sentenced, court_day, sentence, "sentence"),
        spell(Restraint.BAIL, bailed, day + 0.3, bail, "bail"),
        spell(Restraint.ORDER, bans, court_day, ban, "ro"),
        _draw_orders(case[ordered], day[ordered], words, rng),
    ]
    steps = [
        Steps("arrest", case[arrested], day[arrested]),
        Steps("charge", case[charged], charge_day[charged]),
        Steps("conviction", case[convicted], court_day[convicted]),
        Steps("nfa", case[dropped], day[dropped] + 5.0),
    ]
    return spells, steps


def _draw_orders(case: Ints, day: Floats, words: Vocabulary, rng: np.random.Generator) -> Spells:
    """Return civil orders that begin within weeks of a decision."""
    kind = rng.choice(len(set_by.ORDERS), len(case), p=[share for _, share, _ in set_by.ORDERS])
    low, high = np.array([length for _, _, length in set_by.ORDERS]).T
    length = rng.uniform(low[kind], high[kind])
    start = day + rng.uniform(0.5, 21.0, len(case))
    codes = words.codes([name for name, _, _ in set_by.ORDERS])
    return Spells(Restraint.ORDER, case, start, start + length, codes[kind])


def _restrain(
    cases: Cases,
    incidents: Incidents,
    spells: Spells,
    words: Vocabulary,
    rng: np.random.Generator,
) -> Incidents:
    """Return the acts that happen in spite of one new spell per case, some by other means."""
    start = np.full(len(cases), np.inf)
    end = np.full(len(cases), -np.inf)
    detail = np.full(len(cases), NO_TEXT, dtype=np.int16)
    start[spells.case], end[spells.case] = spells.start, spells.end
    detail[spells.case] = spells.detail
    under = (incidents.day >= start[incidents.case]) & (incidents.day < end[incidents.case])
    under &= ~incidents.anchor
    fixation = cases.fixation[incidents.case]
    if spells.restraint is Restraint.CUSTODY:
        kept = np.minimum(set_by.KEPT_IN_CUSTODY * fixation, set_by.MOST_KEPT_IN_CUSTODY)
        kept = np.where(VIOLENCE[incidents.act], 0.0, kept)
    else:
        on_bail = spells.restraint is Restraint.BAIL
        least = set_by.KEPT_ON_BAIL if on_bail else set_by.KEPT_UNDER_ORDER
        kept = 1.0 - (1.0 - least) * np.exp(-set_by.FIXATION_RESISTS * fixation)
    happens = ~under | (rng.random(len(incidents)) < kept)
    incidents, under = incidents.take(happens), under[happens]
    if spells.restraint is Restraint.CUSTODY:
        return _shift_in_custody(incidents, under, words, rng)
    incidents = _shift_under_conditions(incidents, under, words, rng)
    if spells.restraint is Restraint.BAIL:
        return replace(incidents, on_bail=incidents.on_bail | under)
    return replace(incidents, order=np.where(under, detail[incidents.case], incidents.order))


def _shift_under_conditions(
    incidents: Incidents, under: Bools, words: Vocabulary, rng: np.random.Generator
) -> Incidents:
    """Return acts under an order or bail, some moved to the post or to other people."""
    draw = rng.random(len(incidents))
    contact = under & CONTACTS[incidents.act]
    posts = contact & (draw < set_by.SHIFT_TO_POST)
    sends = contact & ~posts & (draw < set_by.SHIFT_TO_POST + set_by.SHIFT_TO_PROXY)
    act = np.where(posts, KINDS.index("letter"), incidents.act)
    channel = np.where(posts, words.code("post"), incidents.channel).astype(np.int16)
    channel = np.where(sends, words.code("through_others"), channel).astype(np.int16)
    return replace(incidents, act=act, channel=channel, proxy=(incidents.proxy & ~posts) | sends)


def _shift_in_custody(
    incidents: Incidents, under: Bools, words: Vocabulary, rng: np.random.Generator
) -> Incidents:
    """Return acts from custody: letters, telephones, other people."""
    shares = np.array([share for _, _, share in set_by.CUSTODY_MEANS])
    means = rng.choice(len(shares), len(incidents), p=shares / shares.sum())
    acts = np.array([KINDS.index(kind) for kind, _, _ in set_by.CUSTODY_MEANS])[means]
    channels = words.codes([channel for _, channel, _ in set_by.CUSTODY_MEANS])[means]
    sends = under & (rng.random(len(incidents)) < set_by.PROXY_FROM_CUSTODY)
    alone = under & ~sends
    threatens = THREATS[incidents.act]
    return replace(
        incidents,
        act=np.where(alone & ~threatens, acts, incidents.act),
        channel=np.where(alone, channels, incidents.channel).astype(np.int16),
        proxy=np.where(under, sends, incidents.proxy),
    )


def _next_decisions(incidents: Incidents, decided: Floats, rng: np.random.Generator) -> Floats:
    """Return the day of each case's next decision; infinity where nothing calls for one."""
    after = incidents.day > decided[incidents.case] + set_by.DECISION_PAUSE_DAYS
    calls = after & (SEVERITY[incidents.act] >= set_by.LEAST_REPORTED_SEVERITY)
    calls &= rng.random(len(incidents)) < set_by.REPORTED_AGAIN
    first = np.full(len(decided), np.inf)
    np.minimum.at(first, incidents.case[calls], incidents.day[calls])
    return first + rng.uniform(0.1, 3.0, len(decided))


def _logistic(value: Floats) -> Floats:
    """Return the probability of a logit."""
    return 1.0 / (1.0 + np.exp(-value))
