"""The audit of the list by protected characteristics, and proxies among the indicators."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class RoundedFigure:
    """A figure with its 95 % interval by person, rounded so that no count can be worked back."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ComparisonFigures:
    """A group held against the other cases.

    Parameters
    ----------
    measure, scale
        What is compared, and whether the estimate is a difference or a ratio.
    estimate, low, high
        With the 95 % interval by person; ``None`` where there are too few to tell.
    p_value, corrected_p
        Before and after the correction for the number of comparisons.
    role
        Fixed beforehand or exploratory.
    verdict, words
        What was found, in few words and in a sentence.
    """

    measure: str = ""
    scale: str = ""
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    corrected_p: float | None = None
    role: str = ""
    verdict: str = ""
    words: str = ""


@dataclass(frozen=True)
class GroupFigures:
    """What a list does for one group.

    Parameters
    ----------
    group
        Value of the characteristic, or values of the two.
    n, positives
        Cases and those with the outcome; words where they may not be shown.
    verdict
        What holds for the whole group; ``None`` where the comparisons speak.
    figures, comparisons
        By measure.
    """

    group: str = ""
    n: int | str | None = None
    positives: int | str | None = None
    verdict: str | None = None
    figures: Mapping[str, RoundedFigure | None] = field(default_factory=dict)
    comparisons: Mapping[str, ComparisonFigures] = field(default_factory=dict)


@dataclass(frozen=True)
class CharacteristicFigures:
    """The groups of one characteristic, or of two together."""

    characteristic: str = ""
    is_pair: bool = False
    groups: tuple[GroupFigures, ...] = ()


@dataclass(frozen=True)
class PrimaryFigures:
    """A comparison that was fixed beforehand; ``group`` is ``None`` where none could be made."""

    characteristic: str = ""
    measure: str = ""
    group: str | None = None
    verdict: str = ""
    words: str = ""


@dataclass(frozen=True)
class RecordedLessFigures:
    """A group with fewer records per case and a larger share of grave ones than the others."""

    characteristic: str = ""
    group: str = ""
    records_ratio: float | None = None
    grave_difference: float | None = None
    words: str = ""


@dataclass(frozen=True)
class AuditFigures:
    """The audit of one list, with what it cannot say.

    Parameters
    ----------
    capacity, n
        Places and cases.
    primary
        Comparisons fixed beforehand.
    n_exploratory
        Exploratory comparisons that were corrected together.
    correction, limits, caution
        How it is to be read.
    recorded_less
        Groups with fewer records and a graver mix.
    characteristics
        Single characteristics, then pairs.
    """

    capacity: int | None = None
    n: int | None = None
    primary: tuple[PrimaryFigures, ...] = ()
    n_exploratory: int | None = None
    correction: str = ""
    limits: str = ""
    caution: str = ""
    recorded_less: tuple[RecordedLessFigures, ...] = ()
    characteristics: tuple[CharacteristicFigures, ...] = ()


@dataclass(frozen=True)
class ProxyFigures:
    """One indicator that gives a group away: the AUC of its value alone, in either direction."""

    indicator: str = ""
    auc: float | None = None


@dataclass(frozen=True)
class GroupProxyFigures:
    """How well the indicators predict one group.

    Parameters
    ----------
    group
        Value of the characteristic.
    auc
        Of all indicators together; ``None`` where there are too few to tell.
    strongest
        The indicators that predict it best by themselves, best first.
    is_flagged
        Whether the indicators, together or one alone, give the group away.
    words
        The verdict.
    """

    group: str = ""
    auc: RoundedFigure | None = None
    strongest: tuple[ProxyFigures, ...] = ()
    is_flagged: bool = False
    words: str = ""


@dataclass(frozen=True)
class CharacteristicProxies:
    """How well each group of a characteristic is predicted, and the AUC that flags it."""

    flagged_above: float | None = None
    groups: tuple[GroupProxyFigures, ...] = ()
