"""What a run says of its models: training rows, choice, tuning, drift and changes of recording."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from models.run_figures.codec import OMITTED
from models.run_figures.ranking import Difference, Interval


@dataclass(frozen=True)
class CandidateFigures:
    """One candidate in the back-tests: its AUC by period, their mean, and the best less it."""

    mean_auc: float | None = None
    auc: tuple[float | None, ...] = ()
    behind_best: Difference | None = None


@dataclass(frozen=True)
class ChoiceFigures:
    """What the written rule picked, and the candidate with the highest mean."""

    picked: str = ""
    best: str = ""
    periods: tuple[str, ...] = ()
    candidates: Mapping[str, CandidateFigures] = field(default_factory=dict)
    words: str = ""


@dataclass(frozen=True)
class Tuned:
    """What a search found.

    Parameters
    ----------
    settings
        LightGBM's settings with the highest mean AUC over the periods.
    mean_auc, shipped_auc
        That mean, and that of the settings as shipped.
    n_trials
        Settings tried, earlier calls included.
    stopped
        Why it ended: ``trials``, ``minutes`` or ``interrupted``.
    """

    settings: Mapping[str, float]
    mean_auc: float
    shipped_auc: float
    n_trials: int
    stopped: str


@dataclass(frozen=True)
class LeftOutFigures:
    """An indicator that a model does not rest on, and the effect that could have been seen.

    Parameters
    ----------
    name
        Its name.
    picked_share
        Share of the half-samples that picked its records.
    odds_ratio
        Least one that a test at 0.05 would have found with a power of 0.8; ``None`` where the
        indicator never varied.
    of
        What the odds ratio is of: one record against none, or one standard deviation.
    is_too_few
        Whether only a more than small effect could have been seen: too few to tell, and not shown
        to have none.
    """

    name: str = ""
    picked_share: float | None = None
    odds_ratio: float | None = None
    of: str = ""
    is_too_few: bool = False


@dataclass(frozen=True)
class UninformativeFigures:
    """Indicators that are indistinguishable from noise, and what leaving them out costs.

    Parameters
    ----------
    names, n_indicators
        Their names in catalogue order, and how many indicators there are in all.
    change
        The AUC on rows held out by person, with all indicators less that without those left out.
    words
        What was found.
    left_out
        Those that the model does not rest on; the others among ``names`` are of sources that name
        the gravest harm.
    """

    names: tuple[str, ...] = ()
    n_indicators: int | None = None
    change: Difference | None = None
    words: str = ""
    left_out: tuple[LeftOutFigures, ...] = ()


@dataclass(frozen=True)
class DriftShift:
    """How far the recorded rate has moved since the training dates.

    Parameters
    ----------
    shift
        To be added to the served log-odds; 0 where the rule does not apply it.
    seen
        Difference in log-odds between the window just past and the training dates, at equal
        log-odds of the model; ``None`` where too little is known.
    interval
        95 % interval of ``seen``, by person.
    fluctuation
        Standard deviation, in log-odds, between earlier windows beyond chance.
    recent_rate, training_rate
        Share with the outcome within the window just past, and within the short windows at the
        training dates.
    n_recent, n_windows
        Cases in the window just past; earlier windows.
    window
        Its length in words.
    from_us, until_us
        The window just past, ``[from_us, until_us)``, microseconds UTC.
    told
        The finding in words.
    half
        Half of what stands out, as it was followed before there was a dynamic model.
    level, level_error
        Where the dynamic model expects the rate over the horizon, log-odds beyond the training
        dates, and its standard deviation; ``None`` where too little is known.
    held
        Why a fall is not followed; empty where it is, or there is none.
    """

    shift: float
    seen: float | None = None
    interval: Interval | None = None
    fluctuation: float | None = None
    recent_rate: float | None = None
    training_rate: float | None = None
    n_recent: int | None = None
    n_windows: int | None = None
    window: str = ""
    from_us: int | None = None
    until_us: int | None = None
    told: str = ""
    half: float | None = None
    level: float | None = None
    level_error: float | None = None
    held: tuple[str, ...] = ()


@dataclass(frozen=True)
class PooledFigures:
    """What came of learning a rare outcome from a more frequent one.

    Parameters
    ----------
    base
        Name of the outcome that it begins from.
    n_people
        People with the rare outcome among the training rows.
    is_served, has_own
        Whether the bundle holds the pooled model, or one of the outcome's own; neither where too
        few people had it.
    slope
        How far the model follows the other outcome's log-odds: 1 wholly, 0 not at all; ``None``
        where none was fitted.
    offset_alone
        How likely, from 0 to 1, the people held out make it that nothing but that differs.
    """

    base: str = ""
    n_people: int | None = None
    is_served: bool = False
    has_own: bool = False
    slope: float | None = None
    offset_alone: float | None = None


@dataclass(frozen=True)
class TrainingFigures:
    """What the model of one outcome learnt from.

    Parameters
    ----------
    n, positives, base_rate
        Training rows, those with the outcome, and their share.
    rounds
        Trees; ``None`` without a model.
    weight_of_trees
        Their weight beside the linear part, 0 to 1; ``None`` without a model.
    settings
        Tuned settings, where the written rule picked them.
    choice, tuning
        What the back-tests said; ``None`` where there were none, or it was not asked for.
    by_folds
        Whether folds by person stood in for periods.
    idle
        Uninformative indicators; ``None`` where it was not asked for.
    drift
        ``None`` where it was not looked at, as at index events.
    pooled
        ``None`` where the catalogue pools it from no other outcome.
    """

    n: int | None = None
    positives: int | None = None
    base_rate: float | None = None
    rounds: int | None = None
    weight_of_trees: float | None = None
    settings: Mapping[str, float] = field(default_factory=dict)
    choice: ChoiceFigures | None = None
    tuning: Tuned | None = None
    by_folds: bool = False
    idle: UninformativeFigures | None = None
    drift: DriftShift | None = None
    pooled: PooledFigures | None = field(default=None, metadata={OMITTED: True})


@dataclass(frozen=True)
class DatedBreak:
    """A change of recording practice.

    Parameters
    ----------
    date_us, date
        Start of the first month of the new practice: microseconds UTC, and as it is shown.
    family
        Kinds whose records changed: a kind with all those below it, or all records.
    ratio
        Records per case at risk after the change over those before it.
    p_value
        Corrected for the number of families (Bonferroni).
    """

    date_us: int | None = None
    family: str = ""
    ratio: float | None = None
    p_value: float | None = None
    date: str = ""


@dataclass(frozen=True)
class HandbackFigures:
    """Grave incidents in the ``weeks`` before and after hand-backs, beside cases never managed."""

    n_handbacks: int | None = None
    n_controls: int | None = None
    before: int | None = None
    after: int | None = None
    control_before: int | None = None
    control_after: int | None = None
    relative: float | None = None
    low: float | None = None
    high: float | None = None
    weeks: int | None = None
    words: str = ""


@dataclass(frozen=True)
class ManagedFigures:
    """Outcomes observed over those expected, of managed cases and of the others."""

    n_managed: int | None = None
    n_others: int | None = None
    managed_ratio: float | None = None
    others_ratio: float | None = None
    relative: float | None = None
    low: float | None = None
    high: float | None = None
    words: str = ""
