"""Training choices that change results, read from ``training/config.yaml`` into a frozen class."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from features.errors import ConfigError

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

    def to_dict(self) -> dict[str, object]:
        """Return the whole configuration for the record of a run."""
        return asdict(self)


def load_config(path: Path = DEFAULT_PATH) -> TrainingConfig:
    """Read a configuration.

    Raises
    ------
    ConfigError
        If the file cannot be read or names other choices than these.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        version = content.pop("version")
        pairs = tuple((str(one), str(other)) for one, other in content.pop("primary_audit"))
        config = TrainingConfig(**content, primary_audit=pairs)
    except (OSError, yaml.YAMLError, TypeError, ValueError, AttributeError, KeyError):
        raise ConfigError(f"{path.name} is not a training configuration; start from ours") from None
    if version != _VERSION or not 1 <= config.lightgbm.get("max_depth", 0) <= MOST_DEPTH:
        raise ConfigError(f"{path.name}: version must be {_VERSION} and lightgbm.max_depth 1 to 6")
    return config
