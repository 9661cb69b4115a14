"""The course of one case, act by act: the same code makes its history and its possible futures.

A self-exciting process (Hawkes 1971) drawn by thinning (Ogata 1981): between two events nothing
raises the rate, so the rate now bounds the rate until the next. Its memory is exponential, and so
a small state is all that the future depends on.
"""

import math
from typing import Any, Final

from numba import njit

from synthetic.simulator import constants as set_by
from synthetic.simulator.acts import TRIGGER_KINDS
from synthetic.simulator.chance import draw_exponential, draw_uniform
from synthetic.simulator.conduct import commit_act, rank_record
from synthetic.simulator.episode_durations import draw_length, draw_return_beyond
from synthetic.simulator.logs import TRIGGER, write_mark
from synthetic.simulator.population import FORMER_PARTNER
from synthetic.simulator.response import begin_order, convict, decide, screen
from synthetic.simulator.state import draw_trigger, start_episode, weigh_restraints

_ALL_OUTCOMES: Final = 15
_CHILDREN: Final = TRIGGER_KINDS.index("child_contact_decision")
_PARTNER: Final = TRIGGER_KINDS.index("new_relationship_known")
_FORGOTTEN: Final = 1e-9
"""An excitation of so little a day is none."""


@njit(nogil=True)
def advance(case: Any, state: Any, until: float, world: Any, logs: Any) -> None:
    """Let a case run to a day, exclusive, or to the end of its follow-up.

    Stops early once every outcome has been recorded, which only a tally with a window can hold.
    """
    until = min(until, state.departs)
    change = _next_change(state)
    while logs.tally[0].recorded != _ALL_OUTCOMES:
        bound = _rate(state, world)
        wait = draw_exponential(state) / bound if bound > 0.0 else math.inf
        day = min(state.day + wait, change, until)
        _pass_time(state, day)
        if day == until:
            return
        if day == change:
            _change(case, state, world, logs)
            change = _next_change(state)
        elif draw_uniform(state) * bound < _rate(state, world):
            commit_act(case, state, world, logs, False)
            change = min(change, state.decision_due)


@njit(nogil=True)
def _rate(state: Any, world: Any) -> float:
    """Return the acts a day that happen now."""
    if world.follows_rule:
        return set_by.RULE_ACTS_A_DAY * math.exp(set_by.RULE_GAIN * rank_record(state))
    return state.kept * (state.fresh + state.excitation)


@njit(nogil=True)
def _pass_time(state: Any, day: float) -> None:
    """Move on to a day; what excites fades."""
    if state.excitation > 0.0:
        state.excitation *= math.exp((state.day - day) / set_by.BRANCHING_DELAY_DAYS)
        if state.excitation < _FORGOTTEN:
            state.excitation = 0.0
    state.day = day


@njit(nogil=True)
def _next_change(state: Any) -> float:
    """Return the next day on which something other than an act is bound to happen."""
    day = min(state.episode_until, state.returns_at, state.next_trigger, state.anchor_due)
    day = min(day, state.decision_due, state.court_due, state.next_order_from, state.screening_due)
    for end in (state.custody_until, state.bail_until, state.order_until):
        if end > state.day:
            day = min(day, end)
    return day


@njit(nogil=True)
def _change(case: Any, state: Any, world: Any, logs: Any) -> None:
    """Let happen what is due today."""
    day = state.day
    if day == state.anchor_due:
        state.anchor_due = math.inf
        commit_act(case, state, world, logs, True)
    elif day == state.episode_until:
        _end_episode(case, state)
    elif day == state.returns_at:
        component, _ = draw_length(state)
        start_episode(case, state, world, component, 0.0)
        commit_act(case, state, world, logs, False)
    elif day == state.next_trigger:
        _unsettle(case, state, logs)
    elif day == state.decision_due:
        decide(case, state, logs)
    elif day == state.court_due:
        convict(case, state, logs)
    elif day == state.next_order_from:
        begin_order(case, state)
    elif day == state.screening_due:
        screen(case, state, world, logs)
    else:
        weigh_restraints(case, state)


@njit(nogil=True)
def _end_episode(case: Any, state: Any) -> None:
    """End the episode; perhaps another follows after quiet."""
    state.episode_until = math.inf
    state.next_trigger = math.inf
    state.fresh = 0.0
    state.episode_from = state.day
    state.returns_at = state.day + draw_return_beyond(state, case.fixation, 0.0)


@njit(nogil=True)
def _unsettle(case: Any, state: Any, logs: Any) -> None:
    """Let an unsettling event happen, if it is one that this case can have."""
    kind = int(draw_uniform(state) * len(TRIGGER_KINDS))
    draw_trigger(state)
    if kind == _CHILDREN and not case.has_children:
        return
    if kind == _PARTNER and case.relation != FORMER_PARTNER:
        return
    state.excitation += set_by.TRIGGER_ACTS / set_by.BRANCHING_DELAY_DAYS
    state.unsettled_until = state.day + set_by.TRIGGER_GRAVE_DAYS
    write_mark(case, logs, TRIGGER, state.day, math.inf, kind)
