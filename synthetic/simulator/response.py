"""What police, courts and the unit do, assigned by risk: the confounding that a model must bear."""

import math
from typing import Any

from numba import njit

from synthetic.simulator import constants as set_by
from synthetic.simulator.acts import ORDER_CUMULATIVE, ORDER_DAYS, RESTRAINING
from synthetic.simulator.chance import (
    draw_between,
    draw_exponential,
    draw_normal,
    draw_uniform,
    pick_place,
)
from synthetic.simulator.logs import (
    ARREST,
    BAIL,
    CHARGE,
    CONVICTION,
    CUSTODY,
    MANAGED,
    NFA,
    ORDER,
    REMAND,
    SENTENCE,
    write_mark,
)
from synthetic.simulator.state import weigh_restraints


@njit(nogil=True)
def perceive_risk(case: Any, state: Any) -> float:
    """Return the risk that deciders see, on the logit scale: partly right, partly chance."""
    risk = set_by.RISK_OF_AGGRESSION * math.log(case.aggression)
    if state.day - state.last_violence <= set_by.RISK_LOOKBACK_DAYS:
        risk += set_by.RISK_OF_VIOLENCE
    if state.day - state.last_threat <= set_by.RISK_LOOKBACK_DAYS:
        risk += set_by.RISK_OF_THREAT
    if state.n_decisions > 0:
        risk += set_by.RISK_OF_REPEAT
    return risk + set_by.RISK_NOISE * draw_normal(state)


@njit(nogil=True)
def decide(case: Any, state: Any, logs: Any) -> None:
    """Take one police decision: nothing, an arrest with what follows, an order."""
    risk = perceive_risk(case, state)
    state.n_decisions += 1
    state.decided = state.day
    state.decision_due = math.inf
    arrested = draw_uniform(state) < _logistic(set_by.ARREST_LOGIT + risk)
    ordered = draw_uniform(state) < _logistic(set_by.ORDER_LOGIT + risk)
    if arrested:
        _arrest(case, state, logs)
    if ordered:
        _apply_for_order(case, state, logs)
    if not arrested and not ordered and draw_uniform(state) < set_by.NFA_OTHERWISE:
        write_mark(case, logs, NFA, state.day + 5.0, math.inf, 0)
    weigh_restraints(case, state)


@njit(nogil=True)
def _arrest(case: Any, state: Any, logs: Any) -> None:
    """Arrest: perhaps a charge with custody and a court day, otherwise perhaps bail."""
    write_mark(case, logs, ARREST, state.day, math.inf, 0)
    charged = draw_uniform(state) < set_by.CHARGE_GIVEN_ARREST
    jailed = charged and draw_uniform(state) < set_by.CUSTODY_GIVEN_CHARGE
    if charged:
        write_mark(case, logs, CHARGE, state.day, math.inf, 0)
        if draw_uniform(state) < set_by.CONVICTION_GIVEN_CHARGE:
            low, high = set_by.CONVICTION_AFTER_DAYS
            state.court_due = state.day + draw_between(state, low, high)
    if jailed:
        _take_into_custody(case, state, logs, REMAND)
    elif draw_uniform(state) < set_by.BAIL_GIVEN_ARREST:
        low, high = set_by.BAIL_DAYS
        until = state.day + draw_between(state, low, high)
        state.bail_until = max(state.bail_until, until)
        write_mark(case, logs, BAIL, state.day, until, 0)


@njit(nogil=True)
def _take_into_custody(case: Any, state: Any, logs: Any, detail: int) -> None:
    """Begin custody now."""
    median = set_by.SENTENCE_MEDIAN_DAYS if detail == SENTENCE else set_by.CUSTODY_MEDIAN_DAYS
    until = state.day + median * math.exp(set_by.CUSTODY_SIGMA * draw_normal(state))
    state.custody_until = max(state.custody_until, until)
    write_mark(case, logs, CUSTODY, state.day, until, detail)


@njit(nogil=True)
def _apply_for_order(case: Any, state: Any, logs: Any) -> None:
    """Set the day within weeks on which a civil order begins."""
    kind = pick_place(state, ORDER_CUMULATIVE)
    low, high = set_by.ORDER_AFTER_DAYS
    state.next_order_from = state.day + draw_between(state, low, high)
    length = draw_between(state, ORDER_DAYS[kind, 0], ORDER_DAYS[kind, 1])
    state.next_order_until = state.next_order_from + length
    state.next_order_kind = kind
    write_mark(case, logs, ORDER, state.next_order_from, state.next_order_until, kind)


@njit(nogil=True)
def begin_order(case: Any, state: Any) -> None:
    """Put the order that was due in force."""
    state.order_until = max(state.order_until, state.next_order_until)
    state.order_kind = state.next_order_kind
    state.next_order_from = math.inf
    weigh_restraints(case, state)


@njit(nogil=True)
def convict(case: Any, state: Any, logs: Any) -> None:
    """Convict: perhaps a sentence, perhaps a restraining order."""
    state.court_due = math.inf
    write_mark(case, logs, CONVICTION, state.day, math.inf, 0)
    if draw_uniform(state) < set_by.SENTENCE_GIVEN_CONVICTION:
        _take_into_custody(case, state, logs, SENTENCE)
    if draw_uniform(state) < set_by.RESTRAINING_ORDER_GIVEN_CONVICTION:
        low, high = set_by.RESTRAINING_ORDER_DAYS
        until = state.day + draw_between(state, low, high)
        state.order_until = max(state.order_until, until)
        state.order_kind = RESTRAINING
        write_mark(case, logs, ORDER, state.day, until, RESTRAINING)
    weigh_restraints(case, state)


@njit(nogil=True)
def screen(case: Any, state: Any, world: Any, logs: Any) -> None:
    """Decide whether the unit takes the case on, and until when."""
    state.screening_due = math.inf
    risk = world.risk_in_taking_on * perceive_risk(case, state)
    hidden = math.log(case.aggression) + math.log(case.fixation)
    logit = world.taken_on_logit + risk + world.hidden_in_taking_on * hidden
    if draw_uniform(state) >= _logistic(logit):
        return
    length = set_by.MANAGED_AT_LEAST_DAYS + set_by.MANAGED_MEAN_DAYS * draw_exponential(state)
    state.managed_until = state.day + length
    write_mark(case, logs, MANAGED, state.day, state.managed_until, 0)


@njit(nogil=True)
def _logistic(value: float) -> float:
    """Return the probability of a logit."""
    return 1.0 / (1.0 + math.exp(-value))
