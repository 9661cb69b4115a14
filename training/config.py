"""Choices in ``training/config.yaml``, read into frozen classes: what changes a run's results, and
the limits of a promotion, which change none and are no part of a run's digest.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

import yaml

from features.errors import ConfigError
from models.run_figures.run import Setting

MOST_DEPTH = 6
"""Design section 7."""
_VERSION = 2
DEFAULT_PATH = Path(__file__).with_name("config.yaml")


@dataclass(frozen=True)
class TrainingConfig:
    """Choices of one training run.

    Parameters
    ----------
    seed
        The one seed; everything random derives from it.
    least_positives
        Fewest training cases with the outcome for which a model is fitted.
    folds
        Number of folds, by person.
    most_fold_rows, held_out_share
        Above so many rows one part of the people, of this share, is held out in place of folds.
    most_rounds, early_stopping_rounds
        Limits of boosting.
    bootstrap_draws
        Resamples by person for intervals.
    logistic_penalty_c
        Inverse strength of the logistic baseline's penalty.
    most_logistic_rows
        Above so many rows it learns from a random part of them.
    most_backtest_rows
        Above about so many rows a back-test learns from, and is judged on, a random part of people.
    most_reference_rows
        Above so many rows the bundle says what is usual by a random part of them.
    refits
        Refits resampled by person, for rank bands.
    tuning_trials, tuning_minutes
        Budget of tuning, where it is asked for.
    primary_audit
        Pairs of a measure and a characteristic that the audit tests as fixed beforehand.
    lightgbm
        Parameters passed to LightGBM.
    """

    seed: int
    least_positives: int
    folds: int
    most_fold_rows: int
    held_out_share: float
    most_rounds: int
    early_stopping_rounds: int
    bootstrap_draws: int
    logistic_penalty_c: float
    most_logistic_rows: int
    most_backtest_rows: int
    most_reference_rows: int
    refits: int
    tuning_trials: int
    tuning_minutes: float
    primary_audit: tuple[tuple[str, str], ...]
    lightgbm: Mapping[str, float]

    def to_dict(self) -> dict[str, Setting]:
        """Return the whole configuration for the record of a run."""
        return asdict(self)


@dataclass(frozen=True)
class PromotionLimits:
    """What a bundle must show before it is put to use.

    Parameters
    ----------
    most_auc_loss, most_recall_loss
        Most that a candidate may lose to the bundle in use: in AUC, and in the share of outcomes
        that is found on a list.
    intercept_margin, slope_margin
        How near to 0 and to 1 the intervals of calibration intercept and slope come.
    most_list_change
        Largest share of the list's places that go to other cases.
    most_reason_change
        Largest share of the cases on either list whose first reason is another one.
    primary_audit
        Pairs of a measure and a characteristic that the audit must have judged.
    """

    most_auc_loss: float
    most_recall_loss: float
    intercept_margin: float
    slope_margin: float
    most_list_change: float
    most_reason_change: float
    primary_audit: tuple[tuple[str, str], ...]


_UNREADABLE: Final = (
    *(OSError, yaml.YAMLError, TypeError, ValueError, AttributeError, KeyError),
    RecursionError,  # nesting that exhausts the reader
)


def load_config(path: Path = DEFAULT_PATH) -> TrainingConfig:
    """Read a configuration.

    Raises
    ------
    ConfigError
        If the file cannot be read or names other choices than these.
    """
    try:
        content = _read(path)
        version = content.pop("version")
        content.pop("promotion", None)
        pairs = _read_pairs(content.pop("primary_audit"))
        config = TrainingConfig(**content, primary_audit=pairs)
    except _UNREADABLE:
        raise ConfigError(f"{path.name} is not a training configuration; start from ours") from None
    sound = isinstance(config.lightgbm, dict) and version == _VERSION
    if not sound or not 1 <= config.lightgbm.get("max_depth", 0) <= MOST_DEPTH:
        raise ConfigError(f"{path.name}: version must be {_VERSION} and lightgbm.max_depth 1 to 6")
    return config


def load_limits(path: Path = DEFAULT_PATH) -> PromotionLimits:
    """Read the limits of a promotion.

    Raises
    ------
    ConfigError
        If the file cannot be read, names other limits than these, or one is not from 0 to 1.
    """
    try:
        content = _read(path)
        found = {name: float(value) for name, value in content["promotion"].items()}
        limits = PromotionLimits(**found, primary_audit=_read_pairs(content["primary_audit"]))
    except _UNREADABLE:
        names = ", ".join(one.name for one in fields(PromotionLimits) if one.type is float)
        raise ConfigError(
            f"{path.name} holds no limits of a promotion; its section 'promotion' names {names}"
        ) from None
    if not all(0.0 <= value <= 1.0 for value in found.values()):
        raise ConfigError(f"{path.name}: each limit of a promotion is from 0 to 1")
    return limits


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def _read_pairs(pairs: Any) -> tuple[tuple[str, str], ...]:
    return tuple((str(one), str(other)) for one, other in pairs)
