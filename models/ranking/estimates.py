"""Estimates from served log-odds: the one place where a probability to be shown is made."""

from collections.abc import Mapping

import numpy as np
from scipy.special import expit

from features.contract.arrays import Float64
from features.engine.measurement import measure
from features.history.columns import History
from features.history.subsets import take_cases
from models.bundle.folder import Bundle
from models.ranking.advice import Estimate
from models.wording.sentences import say


def measure_case(bundle: Bundle, history: History, case: int, as_of_us: int) -> Float64:
    """Return the indicators of one case, shape ``(1, n_columns)``.

    The case is taken out of the history first: what other cases hold costs no time and, since cases
    are independent, changes nothing.

    Parameters
    ----------
    bundle, history, case, as_of_us
        The model, and the case by its number in the history at a moment in microseconds UTC,
        exclusive on both clocks.

    Returns
    -------
    Float64
        Shape ``(1, n_columns)``; NaN is missing.
    """
    alone = take_cases(history, np.array([case]))
    return measure(alone, bundle.plan, as_of_us, threads=1).values


def make_estimates(bundle: Bundle, log_odds: Mapping[str, float]) -> tuple[Estimate, ...]:
    """Return the estimate of each modelled outcome: the gravest of the ladder first.

    Parameters
    ----------
    log_odds
        As served, of every outcome that the bundle models.

    Returns
    -------
    tuple of Estimate
        Outcomes of the ladder from its gravest level down, then the others in catalogue order.
    """
    gravest = {rung.outcome: -level for level, rung in enumerate(bundle.catalogue.priority.ladder)}
    ordered = sorted(bundle.catalogue.outcomes, key=lambda one: gravest.get(one.name, 1))
    return tuple(
        make_estimate(bundle, outcome.name, log_odds[outcome.name])
        for outcome in ordered
        if outcome.name in bundle.outcomes
    )


def list_without_estimate(bundle: Bundle) -> tuple[str, ...]:
    """Return the labels of the ladder's outcomes that have no model, the gravest first."""
    labels = {one.name: one.label for one in bundle.catalogue.outcomes}
    return tuple(
        labels[rung.outcome]
        for rung in reversed(bundle.catalogue.priority.ladder)
        if rung.outcome is not None and rung.outcome not in bundle.outcomes
    )


def list_sourced_shares(bundle: Bundle) -> tuple[str, ...]:
    """Say by what each outcome without a model counts in the order.

    Returns
    -------
    tuple of str
        In the order of :func:`list_without_estimate`; empty text where nothing stands in for it.
    """
    labels = {one.name: one.label for one in bundle.catalogue.outcomes}
    found: list[str] = []
    below = ""
    for rung in bundle.catalogue.priority.ladder:
        is_modelled = rung.outcome in bundle.outcomes
        if rung.outcome is not None and not is_modelled:
            told = ""
            if below and rung.share is not None:
                share = f"{100 * rung.share:g}"
                told = say("sourced_share", share=share, of=below, source=rung.source)
            found.append(told)
        if is_modelled or (rung.share is not None and below):
            below = labels.get(rung.outcome or "", rung.label)
    return tuple(reversed(found))


def make_estimate(bundle: Bundle, outcome: str, log_odds: float) -> Estimate:
    """Return the estimate of one modelled outcome at its served log-odds.

    Parameters
    ----------
    bundle
        The model.
    outcome
        Name of a modelled outcome.
    log_odds
        As served.

    Returns
    -------
    Estimate
        The probability with the average beside it, and the uncertainty of the rate among cases with
        such an estimate where the bundle's refits measured it. The Venn-Abers bounds stay in the
        report: they are narrower, since they leave out that another sample gives another model.

    Raises
    ------
    KeyError
        If the bundle has no model of the outcome.
    """
    model = bundle.outcomes[outcome]
    stated = next(entry for entry in bundle.catalogue.outcomes if entry.name == outcome)
    uncertainty = bundle.refits[outcome].uncertainty if outcome in bundle.refits else None
    low, high = (None, None) if uncertainty is None else uncertainty.interval(log_odds)
    return Estimate(
        outcome=outcome,
        label=stated.label,
        horizon=str(stated.horizon),
        probability=float(expit(log_odds)),
        average=model.average,
        base_log_odds=model.base_log_odds,
        log_odds=log_odds,
        low=low,
        high=high,
        rule_suffices=outcome in bundle.rule_suffices,
    )
