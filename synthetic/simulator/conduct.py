"""One act: what it is under the restraints in force, whether it is recorded, what it sets off."""

import math
from typing import Any, Final

from numba import njit

from synthetic.simulator import constants as set_by
from synthetic.simulator.acts import (
    CONTACTS,
    CUSTODY_ACT,
    CUSTODY_CHANNEL,
    CUSTODY_CUMULATIVE,
    DELAY_CUMULATIVE,
    DELAY_MEAN,
    LETTER,
    MEANS,
    MEANS_CUMULATIVE,
    MILDER_ACT,
    N_ACTS,
    N_MEANS,
    N_MILD,
    NEAR_HOME,
    NOTICED,
    POST,
    SERIOUS,
    SEVERITY,
    THREAT_TO_KILL,
    THREATS,
    THROUGH_OTHERS,
    VIOLENCE,
)
from synthetic.simulator.chance import draw_between, draw_exponential, draw_uniform, pick_place
from synthetic.simulator.logs import (
    BREACH,
    PERSISTENCE,
    SERIOUS_HARM,
    count_recorded,
    write_act,
)
from synthetic.simulator.logs import VIOLENCE as VIOLENCE_BIT
from synthetic.simulator.state import MOST_RECENT

_NONE: Final = -1
_MOST_SEVERE: Final = 10.0
_RULE_WINDOW_DAYS: Final = 90.0


@njit(nogil=True)
def commit_act(case: Any, state: Any, world: Any, logs: Any, anchor: bool) -> None:
    """Let one act happen now, unless something in force prevents it."""
    act = _choose_act(case, state, world)
    if not anchor and _is_prevented(state, world, act):
        return
    state.n_acts += 1
    if not (world.memoryless or world.follows_rule):
        state.excitation += set_by.BRANCHING / set_by.BRANCHING_DELAY_DAYS
    act, channel, by_proxy = _shift_means(state, act)
    if VIOLENCE[act]:
        state.last_violence = state.day
    if THREATS[act]:
        state.last_threat = state.day
    if act == THREAT_TO_KILL and state.day < case.referral:
        state.threatened_to_kill = True
    _call_for_decision(state, world, act)
    _tally_truth(state, logs, act)
    if anchor or draw_uniform(state) < _share_noticed(case, state, world, act):
        _record(case, state, world, logs, act, channel, by_proxy, anchor)


@njit(nogil=True)
def rank_record(state: Any) -> float:
    """Return the sum of the ranks of recency, frequency and severity on record, 0 to 3."""
    while state.n_recent > 0 and state.day - state.recent[0] > _RULE_WINDOW_DAYS:
        state.n_recent -= 1
        for place in range(state.n_recent):
            state.recent[place] = state.recent[place + 1]
    recency = math.exp(-(state.day - state.last_recorded) / set_by.RULE_RECENCY_DAYS)
    frequency = state.n_recent / (state.n_recent + set_by.RULE_INCIDENTS)
    return recency + frequency + state.gravest_recorded / _MOST_SEVERE


@njit(nogil=True)
def _choose_act(case: Any, state: Any, world: Any) -> int:
    """Return the kind of act, graver where the case escalates or was lately unsettled."""
    gain = 1.0
    if world.follows_rule:
        gain = math.exp(set_by.RULE_GRAVE_GAIN * rank_record(state))
    elif not world.memoryless:
        if case.escalates:
            progress = min((state.day - state.episode_from) / set_by.ESCALATION_DAYS, 1.0)
            gain = math.exp(set_by.ESCALATION_GAIN * progress)
        if state.day < state.unsettled_until:
            gain *= set_by.TRIGGER_GRAVE_GAIN
    mild, grave = case.cumulative[N_MILD - 1], gain * case.cumulative[N_ACTS - 1]
    height = draw_uniform(state) * (mild + grave)
    first, last = 0, N_MILD
    if height >= mild:
        height = (height - mild) / gain
        first, last = N_MILD, N_ACTS
    for act in range(first, last):
        if height < case.cumulative[act]:
            return act
    return last - 1


@njit(nogil=True)
def _is_prevented(state: Any, world: Any, act: int) -> bool:
    """Return whether custody, a move of the victim or the unit keeps the act from happening."""
    plain = world.memoryless or world.follows_rule
    if VIOLENCE[act] and state.day < state.custody_until:
        return True
    if act >= N_MILD and state.day < state.managed_until and world.managed_grave < 1.0:
        return draw_uniform(state) >= world.managed_grave
    if NEAR_HOME[act] and state.day >= state.relocates and not plain:
        return draw_uniform(state) >= set_by.KEPT_AFTER_RELOCATION
    return False


@njit(nogil=True)
def _shift_means(state: Any, act: int) -> tuple[int, int, bool]:
    """Return the act, its channel and whether others do it, under the restraints in force."""
    channel = _NONE
    if N_MEANS[act] > 0:
        means = MEANS_CUMULATIVE[act, : N_MEANS[act]]
        channel = MEANS[act, pick_place(state, means)]
    if state.day < state.custody_until:
        if draw_uniform(state) < set_by.PROXY_FROM_CUSTODY:
            return act, channel, True
        way = pick_place(state, CUSTODY_CUMULATIVE)
        if not THREATS[act]:
            act = CUSTODY_ACT[way]
        return act, CUSTODY_CHANNEL[way], False
    by_proxy = draw_uniform(state) < set_by.PROXY_SHARE
    restrained = state.day < state.order_until or state.day < state.bail_until
    if restrained and CONTACTS[act]:
        height = draw_uniform(state)
        if height < set_by.SHIFT_TO_POST:
            return LETTER, POST, False
        if height < set_by.SHIFT_TO_POST + set_by.SHIFT_TO_PROXY:
            return act, THROUGH_OTHERS, True
    return act, channel, by_proxy


@njit(nogil=True)
def _call_for_decision(state: Any, world: Any, act: int) -> None:
    """Set the day of a fresh police decision where the act is grave enough to call for one."""
    if world.memoryless or world.follows_rule or SEVERITY[act] < set_by.LEAST_REPORTED_SEVERITY:
        return
    possible = 0 < state.n_decisions < set_by.DECISION_ROUNDS and state.decision_due == math.inf
    waited = state.day > state.decided + set_by.DECISION_PAUSE_DAYS
    if possible and waited and draw_uniform(state) < set_by.REPORTED_AGAIN:
        state.decision_due = state.day + draw_between(state, 0.1, 3.0)


@njit(nogil=True)
def _share_noticed(case: Any, state: Any, world: Any, act: int) -> float:
    """Return the probability that an act comes to be recorded at all."""
    if world.follows_rule:
        return 1.0
    share = NOTICED[act] * case.reporting
    if state.day >= case.referral:
        share *= set_by.NOTICED_AFTER_REFERRAL
    if state.day < state.custody_until:
        share *= set_by.NOTICED_FROM_CUSTODY
    if state.day >= state.withdraws and not world.memoryless:
        share *= set_by.KEPT_AFTER_WITHDRAWAL
    if state.day >= world.break_day and act < N_MILD:
        share *= world.milder_noticed_after
    share = min(share, set_by.MOST_NOTICED)
    if case.victim_is_male:
        share *= world.noticed_of_group
    return share


@njit(nogil=True)
def _tally_truth(state: Any, logs: Any, act: int) -> None:
    """Note which outcomes happened, recorded or not."""
    tally = logs.tally[0]
    if not tally.start <= state.day < tally.end:
        return
    bits = PERSISTENCE
    if state.day < state.order_until or state.day < state.bail_until:
        bits |= BREACH
    if VIOLENCE[act]:
        bits |= VIOLENCE_BIT
    if SERIOUS[act]:
        bits |= SERIOUS_HARM
    tally.happened |= bits


@njit(nogil=True)
def _record(
    case: Any,
    state: Any,
    world: Any,
    logs: Any,
    act: int,
    channel: int,
    by_proxy: bool,
    anchor: bool,
) -> None:
    """Write the act as the unit comes to know it, and note the recorded outcomes."""
    row = logs.row[0]
    row.case, row.number, row.day = case.number, state.n_acts, state.day
    row.act, row.channel, row.by_proxy, row.is_anchor = act, channel, by_proxy, anchor
    row.before_referral = state.day < case.referral
    row.order_kind = state.order_kind if state.day < state.order_until else _NONE
    row.on_bail = state.day < state.bail_until
    row.named = act
    if state.day >= world.break_day and draw_uniform(state) < world.classed_milder_after:
        row.named = MILDER_ACT[act]
    severity = SEVERITY[row.named] + math.floor(3.0 * draw_uniform(state)) - 1.0
    row.severity = min(max(severity, 1.0), _MOST_SEVERE)
    if world.follows_rule:
        _record_plainly(state, row)
    else:
        _record_late(case, state, row)
    count_recorded(logs, _bits_recorded(row))
    write_act(logs)


@njit(nogil=True)
def _bits_recorded(row: Any) -> int:
    """Return the outcomes that a row is a record of."""
    bits = PERSISTENCE
    if row.breach_recorded:
        bits |= BREACH
    if VIOLENCE[row.named]:
        bits |= VIOLENCE_BIT
    if SERIOUS[row.named]:
        bits |= SERIOUS_HARM
    return bits


@njit(nogil=True)
def _record_late(case: Any, state: Any, row: Any) -> None:
    """Fill in when the act was recorded, by whom, as whose, and what became of the record."""
    row.recorded = _draw_recorded(case, state)
    row.breach_recorded = False
    if row.on_bail or row.order_kind != _NONE:
        row.breach_recorded = draw_uniform(state) < set_by.BREACH_RECORDED
    row.by_unknown = draw_uniform(state) < set_by.UNKNOWN_ACTOR_SHARE and not row.is_anchor
    source = draw_uniform(state)
    row.from_health = source < set_by.HEALTH_SHARE
    row.agency_only = source > 1.0 - set_by.AGENCY_ONLY_SHARE
    row.corrected = row.retracted = math.inf
    row.moved = set_by.CORRECTION_MOVES_DAYS * draw_uniform(state)
    known = row.recorded + 0.1 + set_by.CORRECTED_AFTER_DAYS * draw_exponential(state)
    fate = draw_uniform(state)
    if fate < set_by.CORRECTED:
        row.corrected = known
    elif fate > 1.0 - set_by.RETRACTED:
        row.retracted = known


@njit(nogil=True)
def _record_plainly(state: Any, row: Any) -> None:
    """Fill in a record made at once that nothing is wrong with, and what is now on record."""
    row.recorded = state.day
    row.breach_recorded = row.by_unknown = row.from_health = row.agency_only = False
    row.corrected = row.retracted = math.inf
    state.last_recorded = state.day
    state.gravest_recorded = max(state.gravest_recorded, row.severity)
    if state.n_recent == MOST_RECENT:
        state.n_recent -= 1
        for place in range(MOST_RECENT - 1):
            state.recent[place] = state.recent[place + 1]
    state.recent[state.n_recent] = state.day
    state.n_recent += 1


@njit(nogil=True)
def _draw_recorded(case: Any, state: Any) -> float:
    """Return when the unit came to know: at or after the referral, never before the event."""
    if state.day < case.referral:
        if draw_uniform(state) < set_by.TOLD_AT_REFERRAL:
            return case.referral + 0.1 * draw_uniform(state)
        return case.referral + set_by.TOLD_LATER_MEAN_DAYS * draw_exponential(state)
    mean = DELAY_MEAN[pick_place(state, DELAY_CUMULATIVE)]
    return state.day + 0.02 + mean * draw_exponential(state)
