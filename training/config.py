"""Choices in ``training/config.yaml``, read into frozen classes: what changes a run's results, and
the limits of a promotion, which change none and are no part of a run's digest.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, PlainValidator

from features.contract.yaml_file import Entry, Share, Text, read_content, read_yaml, version
from features.errors import CatalogueError, ConfigError
from models.run_figures.run import Setting

MOST_DEPTH = 6
"""Design section 7."""
DEFAULT_PATH = Path(__file__).with_name("config.yaml")


def _read_number(text: Any) -> float:
    """Keep a whole number whole: LightGBM and the record of a run tell 10 from 10.0."""
    try:
        number = int(text) if text.lstrip("-").isdigit() else float(text)
    except (AttributeError, ValueError):
        raise ValueError("write a number here") from None
    if not math.isfinite(number):
        raise ValueError("write a finite number here")
    return number


def _check_depth(parameters: Mapping[str, float]) -> Mapping[str, float]:
    if not 1 <= parameters.get("max_depth", 0) <= MOST_DEPTH:
        raise ValueError(f"max_depth must be stated and from 1 to {MOST_DEPTH}")
    return parameters


_LINEAR_PENALTY_C: Final = 0.005
_BACKTEST_LEARNING_RATE: Final = 0.1
_PERSON_WEIGHT: Final = 0.0
_MOST_BACKTEST_PERIODS: Final = 4
_FEW_PEOPLE: Final = 0
_THEME_REFITS: Final = 20
_SELECTION_PAIRS: Final = 0
_SELECTION_PICKS: Final = 0.25
_SELECTION_SHARE: Final = 0.51
Number = Annotated[float, PlainValidator(_read_number)]
Pairs = tuple[tuple[Text, Text], ...]


@dataclass(frozen=True)
class TrainingConfig(Entry):
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
    linear_penalty_c
        Inverse strength of the penalty of the linear part beside the trees; 0.005 where it is not
        stated, as in files from before there was one.
    person_weight
        How far rows of one person count less in a fit, the more there are: 0 not at all, 1 so that
        every person counts alike. 0 where it is not stated.
    most_logistic_rows
        Above so many rows both learn from a random part of them.
    most_backtest_rows
        Above about so many rows a back-test learns from, and is judged on, a random part of people.
    most_backtest_periods
        Most training dates that serve as back-test periods, the latest and earlier ones evenly
        apart; 4 where it is not stated.
    backtest_learning_rate
        LightGBM's step in back-tests, which pick among kinds of models and serve nobody; 0.1 where
        it is not stated. Those of a search for settings have the steps that are searched.
    most_reference_rows
        Above so many rows the bundle says what is usual by a random part of them.
    refits
        Refits resampled by person, for rank bands.
    theme_refits
        The same for reasons, kept in the bundle; 20 where it is not stated.
    selection_pairs
        Pairs of half-samples by which indicators are told from noise
        (:mod:`training.fitting.indicator_selection`); 0, so that every fit rests on all of them,
        where it is not stated.
    selection_picks
        Share of the records measured that each half-sample picks.
    selection_share
        Share of the half-samples that must have picked what is kept; above a half.
    tuning_trials, tuning_minutes
        Budget of tuning, where it is asked for.
    primary_audit
        Pairs of a measure and a characteristic that the audit tests as fixed beforehand.
    lightgbm
        Parameters passed to LightGBM.
    few_people
        Below so many people with the outcome among the training rows the two that follow hold; 0,
        so that they never do, where it is not stated.
    few_people_lightgbm
        Parameters in place of those of ``lightgbm``.
    few_people_penalty_c
        In place of ``linear_penalty_c``.
    """

    seed: int
    least_positives: int
    folds: int
    most_fold_rows: int
    held_out_share: Number
    most_rounds: int
    early_stopping_rounds: int
    bootstrap_draws: int
    logistic_penalty_c: Number
    linear_penalty_c: Annotated[Number, Field(default=_LINEAR_PENALTY_C)]
    person_weight: Annotated[Number, Field(default=_PERSON_WEIGHT)]
    most_logistic_rows: int
    most_backtest_rows: int
    most_backtest_periods: Annotated[int, Field(default=_MOST_BACKTEST_PERIODS)]
    backtest_learning_rate: Annotated[Number, Field(default=_BACKTEST_LEARNING_RATE)]
    most_reference_rows: int
    refits: int
    theme_refits: Annotated[int, Field(default=_THEME_REFITS, ge=0)]
    selection_pairs: Annotated[int, Field(default=_SELECTION_PAIRS, ge=0)]
    selection_picks: Annotated[Number, Field(default=_SELECTION_PICKS, gt=0, le=1)]
    selection_share: Annotated[Number, Field(default=_SELECTION_SHARE, gt=0.5, le=1)]
    tuning_trials: int
    tuning_minutes: Number
    primary_audit: Pairs
    lightgbm: Annotated[Mapping[str, Number], AfterValidator(_check_depth)]
    few_people: Annotated[int, Field(default=_FEW_PEOPLE)]
    few_people_lightgbm: Annotated[Mapping[str, Number], Field(default_factory=dict)]
    few_people_penalty_c: Annotated[Number, Field(default=_LINEAR_PENALTY_C)]

    def fit_to(self, n_people: int) -> "TrainingConfig":
        """Return the choices for an outcome that so many people had among the training rows.

        People, not rows: many rows of one person tell hardly more than one.
        """
        if n_people >= self.few_people:
            return self
        return replace(
            self,
            lightgbm=_check_depth({**self.lightgbm, **self.few_people_lightgbm}),
            linear_penalty_c=self.few_people_penalty_c,
        )

    def to_dict(self) -> dict[str, Setting]:
        """Return the whole configuration for the record of a run."""
        return asdict(self)


@dataclass(frozen=True)
class PromotionLimits(Entry, primary_audit=""):
    """What a bundle must show before it is promoted.

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

    most_auc_loss: Share
    most_recall_loss: Share
    intercept_margin: Share
    slope_margin: Share
    most_list_change: Share
    most_reason_change: Share
    primary_audit: Annotated[Pairs, Field(default=())]


@dataclass(frozen=True)
class _ConfigFile(Entry, training=TrainingConfig):
    version: Annotated[int, version(2)]
    training: TrainingConfig
    promotion: PromotionLimits | None = None


def load_config(path: Path = DEFAULT_PATH) -> TrainingConfig:
    """Read a configuration.

    Raises
    ------
    ConfigError
        If the file cannot be read or names other choices than these; every problem is told, with
        its line.
    """
    return _read(path).training


def load_limits(path: Path = DEFAULT_PATH) -> PromotionLimits:
    """Read the limits of a promotion.

    Raises
    ------
    ConfigError
        If the file cannot be read, names other limits than these, or one is not from 0 to 1; every
        problem is told, with its line.
    """
    file = _read(path)
    if file.promotion is None:
        raise ConfigError(
            f"{path.name} holds no limits of a promotion; add a section 'promotion' that names "
            f"{', '.join(PromotionLimits.list_keys())}"
        )
    return replace(file.promotion, primary_audit=file.training.primary_audit)


def _read(path: Path) -> _ConfigFile:
    content = read_content(path, f"{path.name} cannot be read; start from ours")
    try:
        return read_yaml(content, path.name, _ConfigFile)
    except CatalogueError as error:
        raise ConfigError(str(error)) from None
