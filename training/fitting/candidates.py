"""What competes for an outcome: rule, logistic regression, boosted trees, and the trees with their
linear part.

They stand from the simplest to the least simple, which is the order in which the written rule of
:mod:`training.fitting.choice` prefers them.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum

from features.catalogue.declarations import Catalogue
from features.contract.arrays import Float64
from models.bundle.boosted_trees import OutcomeModel
from models.bundle.encoding import Encoding
from training.config import TrainingConfig
from training.fitting.indicator_selection import SelectionRule
from training.fitting.models import TrainingRows, fit_held_out, fit_logistic, fit_rfs

Score = Callable[[Float64], Float64]
"""From an indicator matrix to a score, shape ``(n_rows,)``; higher is reviewed sooner."""
BACKTEST_HELD_OUT_SHARE = 0.2
"""Part of a back-test's training people that decides the number of rounds."""


class Candidate(StrEnum):
    """What may be chosen, simplest first; the values are the names used in ``metrics.json``."""

    RULE = "rfs"
    LOGISTIC = "logistic"
    BOOSTED = "boosted"
    TUNED = "tuned"
    BOTH = "both"


WORDS: Mapping[Candidate, str] = {
    Candidate.RULE: "the rule of recency, frequency and severity",
    Candidate.LOGISTIC: "the logistic regression",
    Candidate.BOOSTED: "the boosted trees with the settings as shipped",
    Candidate.TUNED: "the boosted trees with tuned settings",
    Candidate.BOTH: "the boosted trees as shipped with a linear part",
}


def fit_candidate(
    candidate: Candidate,
    outcome: str,
    rows: TrainingRows,
    catalogue: Catalogue,
    encoding: Encoding,
    config: TrainingConfig,
    settings: Mapping[str, float] | None = None,
) -> Score:
    """Fit one candidate on a back-test's training rows.

    Parameters
    ----------
    settings
        Settings of LightGBM for :attr:`Candidate.TUNED`.
    """
    if candidate is Candidate.RULE:
        assert catalogue.rfs is not None, "a catalogue with outcomes has a rule"
        return fit_rfs(rows, catalogue.rfs, catalogue.columns).raw
    if candidate is Candidate.LOGISTIC:
        return fit_logistic(rows, config).probability
    fitted = fit_held_out(
        outcome,
        rows,
        encoding,
        config,
        settings if candidate is Candidate.TUNED else None,
        share=BACKTEST_HELD_OUT_SHARE,
        trees_alone=candidate is not Candidate.BOTH,
    )
    return _score_by(fitted.model, encoding)


def fit_both(
    outcome: str,
    rows: TrainingRows,
    encoding: Encoding,
    config: TrainingConfig,
    settings: Mapping[str, float],
    rule: SelectionRule | None = None,
) -> dict[Candidate, Score]:
    """Fit the trees as shipped once, and return them alone and with their linear part.

    Parameters
    ----------
    settings
        What replaces settings of LightGBM: larger steps, where nothing was tuned.
    rule
        As :func:`training.fitting.models.fit_outcome` takes it.
    """
    fitted = fit_held_out(
        outcome, rows, encoding, config, settings, share=BACKTEST_HELD_OUT_SHARE, rule=rule
    )
    return {
        Candidate.BOOSTED: _score_by(fitted.trees, encoding),
        Candidate.BOTH: _score_by(fitted.model, encoding),
    }


def _score_by(model: OutcomeModel, encoding: Encoding) -> Score:
    return lambda values: model.log_odds(encoding.encode(values))
