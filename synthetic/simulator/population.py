"""Who is referred and when: the hidden traits of each case, each drawn by itself."""

import math
from typing import Any, Final

import numpy as np
from numba import njit

from synthetic.simulator import constants as set_by
from synthetic.simulator.acts import (
    GRAVE,
    N_ACTS,
    N_MILD,
    POWER,
    RELATION_AGGRESSION,
    RELATION_CUMULATIVE,
    SERIOUS,
    WEIGHT,
)
from synthetic.simulator.chance import (
    draw_between,
    draw_exponential,
    draw_normal,
    draw_uniform,
    pick_place,
)
from synthetic.simulator.episode_durations import draw_length
from synthetic.simulator.rows import Bools, Floats, Ints

CASE: Final = np.dtype(
    [
        ("number", np.int64),
        ("chance", np.uint64),
        ("referral", np.float64),
        ("relation", np.int64),
        ("fixation", np.float64),
        ("aggression", np.float64),
        ("escalates", np.bool_),
        ("reporting", np.float64),
        ("victim_is_male", np.bool_),
        ("has_children", np.bool_),
        ("began", np.float64),
        ("component", np.int64),
        ("anchor", np.float64),
        ("separation", np.float64),
        ("cumulative", np.float64, (N_ACTS,)),
    ],
    align=True,
)
"""Hidden truth of a case; days end at the extract.

``referral`` is when the unit came to know of it, ``anchor`` the day of the act that led to it,
``began`` the start of its first episode and ``component`` how long that is likely to be;
``separation`` is infinite where there was no relationship. ``fixation``, ``aggression``,
``escalates`` and ``reporting`` (a factor on the share of acts that are recorded) are written
nowhere. ``cumulative`` holds the weights of the acts, added up among the milder and the graver.
"""
FORMER_PARTNER: Final = set_by.RELATIONS.index("former_partner")


def is_former_partner(cases: Any) -> Bools:
    """Return whether each subject is a former partner."""
    former: Bools = cases["relation"] == FORMER_PARTNER
    return former


def place_referrals(numbers: Ints, n_cases: int, jitter: Floats, hour: Floats) -> Floats:
    """Return the days of referral of cases ``numbers`` of ``n_cases``, in their order.

    The growth flattens: the clinic at share ``x`` of the time has ``first + (last - first) * (1 -
    (1 - x) ** bend)`` referrals. Each case has its own slice of the total, so that no other case
    need be drawn; ``jitter`` places it in the slice and ``hour`` in the day (both 0 to 1).
    """
    time = np.linspace(0.0, 1.0, 4 * set_by.CLINICS + 1)
    bend = set_by.REFERRAL_BEND + 1.0
    gain = set_by.REFERRALS_AT_LAST - set_by.REFERRALS_AT_FIRST
    total = set_by.REFERRALS_AT_FIRST * time + gain * (time - (1.0 - (1.0 - time) ** bend) / bend)
    place = np.interp((numbers + jitter) / n_cases, total / total[-1], time)
    day = np.floor((place - 1.0) * set_by.DAYS_OF_REFERRALS)
    return np.asarray(np.minimum(day, -1.0) + (8.5 + 9.0 * hour) / 24.0)


@njit(nogil=True)
def draw_case(case: Any, number: int, referral: float, chance: Any, world: Any) -> None:
    """Fill the hidden truth of one case; its stream goes on from ``chance``."""
    case.number = number
    case.chance = chance
    case.referral = referral
    case.relation = pick_place(case, RELATION_CUMULATIVE)
    _draw_traits(case, world.memoryless or world.follows_rule, world.quiet_harm)
    case.victim_is_male = draw_uniform(case) >= set_by.VICTIM_FEMALE
    former = case.relation == FORMER_PARTNER
    case.has_children = former and draw_uniform(case) < set_by.CHILDREN_OF_FORMER_PARTNERS
    case.component, length = draw_length(case)
    middle = _draw_middle(case)
    case.began = referral - max(length * middle * set_by.REFERRED_AT_MOST, 0.5)
    wait = min(draw_exponential(case) + 0.02, 5.0)
    case.anchor = max(referral - wait, case.began)
    case.separation = math.inf
    if former and draw_uniform(case) < set_by.PARTED_DURING:
        case.separation = draw_between(case, case.began, referral)
    elif former:
        case.separation = case.began - set_by.PARTED_BEFORE_MEAN_DAYS * draw_exponential(case)


@njit(nogil=True)
def _draw_traits(case: Any, all_same: bool, quiet_harm: bool) -> None:
    """Fill fixation, aggression, the liking for each act and how much is told."""
    fixation = 0.0
    for _ in range(set_by.FIXATION_SHAPE):
        fixation += draw_exponential(case) / set_by.FIXATION_SHAPE
    aggression = math.exp(set_by.AGGRESSION_SIGMA * draw_normal(case))
    reporting = math.exp(set_by.REPORTING_SIGMA * draw_normal(case))
    escalates = draw_uniform(case) < set_by.ESCALATING_SHARE
    case.fixation = 1.0 if all_same else fixation
    case.aggression = 1.0 if all_same else aggression * RELATION_AGGRESSION[case.relation]
    case.reporting = 1.0 if all_same else reporting
    case.escalates = escalates and not all_same
    total = 0.0
    for act in range(N_ACTS):
        if act == N_MILD:
            total = 0.0
        # Grave acts follow aggression, not liking: nobody is spared violence by taste.
        liking = 1.0 if GRAVE[act] or all_same else draw_exponential(case)
        weight = WEIGHT[act] * liking * case.aggression ** POWER[act]
        if quiet_harm and SERIOUS[act]:
            weight = set_by.QUIET_HARM_WEIGHT * WEIGHT[act]
            weight *= weigh_quiet_harm(case.aggression, case.fixation)
            if case.relation != FORMER_PARTNER:
                weight *= set_by.QUIET_HARM_OF_OTHERS
        total += weight
        case.cumulative[act] = total


@njit(nogil=True)
def weigh_quiet_harm(aggression: Any, fixation: Any) -> Any:
    """Return how much likelier serious harm is in a case, where the quiet ones do it."""
    return (aggression * (set_by.QUIET_HARM_LEAST + fixation)) ** set_by.QUIET_HARM_POWER


@njit(nogil=True)
def _draw_middle(case: Any) -> float:
    """Return the middle one of three uniform numbers, a beta of 2 and 2."""
    first, second, third = draw_uniform(case), draw_uniform(case), draw_uniform(case)
    return max(min(first, second), min(max(first, second), third))
