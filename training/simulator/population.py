"""Who is referred and when: the cases' hidden traits and their episodes."""

from dataclasses import dataclass

import numpy as np

from training.simulator import constants as set_by
from training.simulator.rows import Bools, Floats, Ints


@dataclass(frozen=True)
class Cases:
    """Hidden truth of each case; every array has shape ``(n_cases,)``, days end at the extract.

    Parameters
    ----------
    referral
        Day on which the unit came to know of the case; ascending.
    relation, area
        Positions in ``RELATIONS`` and ``AREAS``.
    fixation, aggression
        Traits of the subject, about 1 on average; never written anywhere.
    escalates
        Whether grave acts grow likelier during an episode.
    reporting
        Factor on the probability that an act is recorded.
    has_children
        Whether there are children in common.
    withdraws, relocates, departs
        Day on which the victim withdraws support, moves, or on which follow-up ends; infinity
        where it never happens.
    departs_by
        Position in ``DEPARTURES_A_YEAR`` of what ends follow-up.
    """

    referral: Floats
    relation: Ints
    area: Ints
    fixation: Floats
    aggression: Floats
    escalates: Bools
    reporting: Floats
    has_children: Bools
    withdraws: Floats
    relocates: Floats
    departs: Floats
    departs_by: Ints

    def __len__(self) -> int:
        return len(self.referral)

    @property
    def is_former_partner(self) -> Bools:
        """Whether the subject is a former partner."""
        former: Bools = self.relation == set_by.RELATIONS.index("former_partner")
        return former


@dataclass(frozen=True)
class Episodes:
    """Stretches of conduct, one after another within a case; shape ``(n_episodes,)``."""

    case: Ints
    start: Floats
    end: Floats


def draw_cases(n_cases: int, rng: np.random.Generator) -> Cases:
    """Return the hidden truth of ``n_cases`` cases in order of referral."""
    referral = _draw_referrals(n_cases, rng)
    relation = rng.choice(len(set_by.RELATIONS), n_cases, p=set_by.RELATION_SHARES)
    aggression = np.exp(rng.normal(0.0, set_by.AGGRESSION_SIGMA, n_cases))
    former = relation == set_by.RELATIONS.index("former_partner")
    yearly = np.array([rate for _, rate in set_by.DEPARTURES_A_YEAR])
    departs = referral[:, None] + rng.exponential(365.25 / yearly, (n_cases, len(yearly)))
    withdrawal = referral + rng.exponential(set_by.WITHDRAWS_AFTER_DAYS, n_cases)
    relocation = referral + rng.uniform(-60.0, 120.0, n_cases)
    return Cases(
        referral=referral,
        relation=relation,
        area=rng.choice(len(set_by.AREAS), n_cases, p=[share for _, share in set_by.AREAS]),
        fixation=rng.gamma(set_by.FIXATION_SHAPE, 1.0 / set_by.FIXATION_SHAPE, n_cases),
        aggression=aggression * np.array(set_by.RELATION_AGGRESSION)[relation],
        escalates=rng.random(n_cases) < set_by.ESCALATING_SHARE,
        reporting=np.exp(rng.normal(0.0, set_by.REPORTING_SIGMA, n_cases)),
        has_children=former & (rng.random(n_cases) < set_by.CHILDREN_OF_FORMER_PARTNERS),
        withdraws=np.where(rng.random(n_cases) < set_by.WITHDRAWS, withdrawal, np.inf),
        relocates=np.where(rng.random(n_cases) < set_by.RELOCATES, relocation, np.inf),
        departs=departs.min(axis=1),
        departs_by=departs.argmin(axis=1),
    )


def draw_episodes(cases: Cases, rng: np.random.Generator) -> Episodes:
    """Return each case's episodes: one in which it is referred, and returns after quiet."""
    n_cases = len(cases)
    case = np.arange(n_cases)
    length = _draw_durations(n_cases, rng)
    start = cases.referral - np.maximum(length * rng.beta(*set_by.REFERRED_AT, n_cases), 0.5)
    blocks = [(case, start, start + length)]
    end = start + length
    for _ in range(1, set_by.MOST_EPISODES):
        returns = rng.random(len(case)) < np.minimum(
            set_by.RETURN_PROBABILITY * np.sqrt(cases.fixation[case]), 0.9
        )
        case, end = case[returns], end[returns]
        quiet = set_by.RETURN_MEDIAN_DAYS * np.exp(rng.normal(0, set_by.RETURN_SIGMA, len(case)))
        start = np.maximum(end, cases.referral[case]) + quiet
        end = start + _draw_durations(len(case), rng)
        blocks.append((case, start, end))
    whole = [np.concatenate(part) for part in zip(*blocks, strict=True)]
    last_day = np.minimum(cases.departs[whole[0]], 0.0)
    lives = whole[1] < last_day
    return Episodes(whole[0][lives], whole[1][lives], np.minimum(whole[2], last_day)[lives])


def draw_separations(cases: Cases, episodes: Episodes, rng: np.random.Generator) -> Floats:
    """Return the day on which each relationship ended; infinity where there was none."""
    first = np.full(len(cases), np.inf)
    np.minimum.at(first, episodes.case, episodes.start)
    during = first + rng.random(len(cases)) * (cases.referral - first)
    before = first - rng.exponential(set_by.PARTED_BEFORE_MEAN_DAYS, len(cases))
    parted = np.where(rng.random(len(cases)) < set_by.PARTED_DURING, during, before)
    return np.where(cases.is_former_partner, parted, np.inf)


def _draw_referrals(n_cases: int, rng: np.random.Generator) -> Floats:
    """Return sorted days of referral whose density rises linearly to the extract."""
    growth = set_by.REFERRAL_GROWTH
    share = rng.random(n_cases)
    place = (np.sqrt(1.0 + share * (2.0 * growth + growth**2)) - 1.0) / growth
    day = np.floor((place - 1.0) * set_by.DAYS_OF_REFERRALS)
    office_hours = rng.uniform(8.5, 17.5, n_cases) / 24.0
    return np.sort(day + office_hours)


def _draw_durations(count: int, rng: np.random.Generator) -> Floats:
    """Return lengths of episodes in days from the mixture of short, middle and long."""
    which = rng.choice(3, count, p=set_by.DURATION_SHARES)
    short = rng.uniform(*set_by.SHORT_DAYS, count)
    spread = rng.normal(0.0, 1.0, count)
    middle = set_by.MIDDLE_MEDIAN_DAYS * np.exp(set_by.MIDDLE_SIGMA * spread)
    long = set_by.LONG_MEDIAN_DAYS * np.exp(set_by.LONG_SIGMA * spread)
    return np.select([which == 0, which == 1], [short, middle], long)
