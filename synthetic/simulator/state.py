"""Where a case stands at a moment: all that its future depends on, and nothing else.

A state is one record, so that it is copied at once and its future drawn again from there.
"""

import math
from typing import Any, Final

import numpy as np
from numba import njit

from synthetic.simulator import constants as set_by
from synthetic.simulator.acts import DEPARTURES_A_DAY
from synthetic.simulator.chance import draw_between, draw_exponential, start_stream
from synthetic.simulator.episode_durations import (
    SHORT,
    draw_length_beyond,
    draw_once_beyond,
    draw_return_beyond,
)

MOST_RECENT: Final = 24
"""Records of the last 90 days that the rule's world counts; more add nothing to their rank."""
STATE: Final = np.dtype(
    [
        ("chance", np.uint64),
        ("day", np.float64),
        ("fresh", np.float64),
        ("excitation", np.float64),
        ("kept", np.float64),
        ("component", np.int64),
        ("episode_from", np.float64),
        ("episode_until", np.float64),
        ("returns_at", np.float64),
        ("next_trigger", np.float64),
        ("unsettled_until", np.float64),
        ("anchor_due", np.float64),
        ("decision_due", np.float64),
        ("decided", np.float64),
        ("n_decisions", np.int64),
        ("court_due", np.float64),
        ("custody_until", np.float64),
        ("bail_until", np.float64),
        ("order_until", np.float64),
        ("order_kind", np.int64),
        ("next_order_from", np.float64),
        ("next_order_until", np.float64),
        ("next_order_kind", np.int64),
        ("screening_due", np.float64),
        ("managed_until", np.float64),
        ("last_violence", np.float64),
        ("last_threat", np.float64),
        ("withdraws", np.float64),
        ("relocates", np.float64),
        ("departs", np.float64),
        ("departs_by", np.int64),
        ("threatened_to_kill", np.bool_),
        ("n_acts", np.int64),
        ("last_recorded", np.float64),
        ("gravest_recorded", np.float64),
        ("n_recent", np.int64),
        ("recent", np.float64, (MOST_RECENT,)),
    ],
    align=True,
)
"""Fields that end in ``due`` or ``at`` are days on which something is bound to happen, those in
``until`` the ends of what is in force; infinity and minus infinity where there is nothing.

``fresh`` is the rate of acts that no other set off, ``excitation`` of those that were, ``kept`` the
share that restraints leave. Between episodes ``fresh`` is nil and ``episode_from`` the day on which
the last one ended.
"""


@njit(nogil=True)
def begin(case: Any, state: Any, world: Any) -> None:
    """Fill the state of a case at the start of its first episode."""
    state.chance = case.chance
    state.day = case.began
    state.excitation = 0.0
    state.returns_at = math.inf
    state.unsettled_until = -math.inf
    state.anchor_due = case.anchor
    state.decision_due = math.inf
    state.decided = -math.inf
    state.n_decisions = 0
    state.court_due = math.inf
    state.custody_until = -math.inf
    state.bail_until = -math.inf
    state.order_until = -math.inf
    state.order_kind = -1
    state.next_order_from = math.inf
    state.managed_until = -math.inf
    state.last_violence = -math.inf
    state.last_threat = -math.inf
    state.threatened_to_kill = False
    state.n_acts = 0
    state.last_recorded = -math.inf
    state.gravest_recorded = 0.0
    state.n_recent = 0
    start_episode(case, state, world, case.component, case.referral - case.began)
    if not (world.memoryless or world.follows_rule):
        state.decision_due = case.referral + draw_between(state, 0.1, set_by.DECISION_WITHIN_DAYS)
    low, high = set_by.SCREENED_AFTER_DAYS
    state.screening_due = case.referral + draw_between(state, low, high)
    state.withdraws = math.inf
    state.relocates = math.inf
    draw_victim(case, state)
    draw_departure(case, state)
    weigh_restraints(case, state)


@njit(nogil=True)
def start_episode(case: Any, state: Any, world: Any, component: int, lasts: float) -> None:
    """Begin an episode now that lasts at least so many days."""
    state.component = component
    state.episode_from = state.day
    state.returns_at = math.inf
    if world.memoryless or world.follows_rule:
        state.fresh = set_by.MEMORYLESS_ACTS_A_DAY
        state.episode_until = math.inf
        state.next_trigger = math.inf
        return
    gain = set_by.SHORT_EPISODE_GAIN if component == SHORT else 1.0
    state.fresh = set_by.BURSTS_A_DAY * case.fixation * gain
    state.episode_until = state.day + draw_length_beyond(state, component, lasts)
    draw_trigger(state)


@njit(nogil=True)
def draw_trigger(state: Any) -> None:
    """Set the day of the next event that may unsettle."""
    state.next_trigger = state.day + draw_exponential(state) * 365.25 / set_by.TRIGGERS_A_YEAR


@njit(nogil=True)
def draw_victim(case: Any, state: Any) -> None:
    """Set the days on which the victim will withdraw support and move, unless they are past."""
    since = max(state.day - case.referral, 0.0)
    if state.day <= case.referral or state.withdraws > state.day:
        mean = set_by.WITHDRAWS_AFTER_DAYS
        place = draw_once_beyond(state, set_by.WITHDRAWS, 1.0 - math.exp(-since / mean))
        state.withdraws = math.inf
        if place < 1.0:
            state.withdraws = case.referral - mean * math.log(1.0 - place)
    low, high = set_by.RELOCATES_BETWEEN_DAYS
    first = case.referral + low
    if state.day <= first or state.relocates > state.day:
        past = min(max((state.day - first) / (high - low), 0.0), 1.0)
        place = draw_once_beyond(state, set_by.RELOCATES, past)
        state.relocates = first + (high - low) * place


@njit(nogil=True)
def draw_departure(case: Any, state: Any) -> None:
    """Set the day on which follow-up will end, and by what."""
    state.departs = math.inf
    for which in range(len(DEPARTURES_A_DAY)):
        day = max(state.day, case.referral) + draw_exponential(state) / DEPARTURES_A_DAY[which]
        if day < state.departs:
            state.departs = day
            state.departs_by = which


@njit(nogil=True)
def weigh_restraints(case: Any, state: Any) -> None:
    """Set the share of acts that what is in force now leaves."""
    kept = 1.0
    resists = math.exp(-set_by.FIXATION_RESISTS * case.fixation)
    if state.day < state.order_until:
        kept *= 1.0 - (1.0 - set_by.KEPT_UNDER_ORDER) * resists
    if state.day < state.bail_until:
        kept *= 1.0 - (1.0 - set_by.KEPT_ON_BAIL) * resists
    if state.day < state.custody_until:
        kept *= min(set_by.KEPT_IN_CUSTODY * case.fixation, set_by.MOST_KEPT_IN_CUSTODY)
    state.kept = kept


@njit(nogil=True)
def draw_future(case: Any, state: Any, seed: Any, replicate: int) -> None:
    """Draw again all that is settled ahead but not yet known: what a state does not hold.

    What has been ordered (a court day, the end of custody, a decision that is due) stands.
    """
    state.chance = start_stream(seed, case.number, replicate)
    if state.day < state.episode_until and state.episode_until < math.inf:
        lasted = state.day - state.episode_from
        state.episode_until = state.episode_from + draw_length_beyond(
            state, state.component, lasted
        )
        draw_trigger(state)
    elif state.fresh == 0.0:
        ended = state.episode_from
        lasted = state.day - ended
        state.returns_at = ended + draw_return_beyond(state, case.fixation, lasted)
    draw_victim(case, state)
    draw_departure(case, state)
