"""One figure of one group, held against the other cases."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.stats import norm

from features.contract.arrays import Float64
from models.run_figures.audit import ComparisonFigures, RoundedFigure
from training.audit import wording
from training.audit.group_measures import DEFINITIONS, Definition, GroupMeasure, Scale, describe

LEVEL: Final = 0.05
LEAST_EXPECTED: Final = 5.0
"""Expected number on either side below which a share is not compared (Cochran 1954)."""
_LEVELS: Final = (0.025, 0.975)
_Z_95: Final = 1.959964
_MOST_UNDEFINED: Final = 0.05
"""Where more resamples than this share are undefined, nothing is said."""


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % interval by person."""

    value: float
    low: float
    high: float

    @property
    def rounded(self) -> RoundedFigure:
        """The figure, rounded so that no count can be worked back from its digits."""
        return RoundedFigure(cut(self.value), cut(self.low), cut(self.high))


@dataclass(frozen=True)
class Comparison:
    """A group held against the other cases whose value is known, not against the largest group.

    Parameters
    ----------
    measure
        What is compared.
    scale
        Whether the estimate is a difference or a ratio.
    estimate, low, high
        With the 95 % interval by person; ``None`` where there are too few to tell.
    p_value, corrected_p
        Before and after the correction for the number of comparisons.
    role
        Fixed beforehand or exploratory.
    verdict
        One of :data:`training.audit.wording.VERDICTS`.
    words
        The verdict in a sentence.
    """

    measure: GroupMeasure
    scale: Scale
    estimate: float | None
    low: float | None
    high: float | None
    p_value: float | None
    corrected_p: float | None
    role: str
    verdict: str
    words: str

    @property
    def rounded(self) -> ComparisonFigures:
        """The comparison as ``metrics.json`` holds it."""
        return ComparisonFigures(
            measure=self.measure,
            scale=self.scale.value,
            estimate=None if self.estimate is None else cut(self.estimate),
            low=None if self.low is None else cut(self.low),
            high=None if self.high is None else cut(self.high),
            p_value=None if self.p_value is None else float(f"{self.p_value:.3g}"),
            corrected_p=None if self.corrected_p is None else float(f"{self.corrected_p:.3g}"),
            role=self.role,
            verdict=self.verdict,
            words=self.words,
        )


def cut(value: float) -> float:
    """Return a figure to three decimals."""
    return round(float(value), 3)


def make_figure(point: float, drawn: Float64) -> Figure | None:
    """Return a figure with the interval of its resamples; ``None`` where it is undefined."""
    known = drawn[np.isfinite(drawn)]
    if not np.isfinite(point) or not len(known):
        return None
    low, high = np.quantile(known, _LEVELS)
    return Figure(float(point), float(low), float(high))


def frame_figure(value: float, error: float) -> Figure:
    """Return a figure with the interval of its standard error."""
    return Figure(value, value - _Z_95 * error, value + _Z_95 * error)


@dataclass(frozen=True)
class Sides:
    """Sums of a group and of the other cases: the first entry as they are, then by resample.

    Each of shape ``(1 + n_draws,)``.
    """

    top: Float64
    bottom: Float64
    other_top: Float64
    other_bottom: Float64


def compare(measure: GroupMeasure, sides: Sides, role: str) -> Comparison:
    """Compare a group with the other cases; :func:`give_verdict` corrects it afterwards.

    The standard error is that of the resamples. For a share it is never taken below that of
    independent cases at the common rate: where a group has none of something, so have its
    resamples, and would seem certain of it.
    """
    definition = DEFINITIONS[measure]
    if definition.is_share and _expected(sides) < LEAST_EXPECTED:
        return too_few(measure, role)
    with np.errstate(divide="ignore", invalid="ignore"):
        one, other = sides.top / sides.bottom, sides.other_top / sides.other_bottom
        is_ratio = definition.scale is Scale.RATIO
        gap = np.log(one) - np.log(other) if is_ratio else one - other
    drawn = gap[1:][np.isfinite(gap[1:])]
    if not np.isfinite(gap[0]) or len(drawn) <= (1.0 - _MOST_UNDEFINED) * (len(gap) - 1):
        return too_few(measure, role)
    error = max(float(drawn.std()), _least_error(definition, sides))
    return assess(measure, definition.scale, float(gap[0]), error, role)


def _common_rate(sides: Sides) -> float:
    bottom = sides.bottom[0] + sides.other_bottom[0]
    return float((sides.top[0] + sides.other_top[0]) / bottom) if bottom else 0.0


def _expected(sides: Sides) -> float:
    """Return the least number expected on either side, of those counted and of the rest."""
    rate = _common_rate(sides)
    return float(min(sides.bottom[0], sides.other_bottom[0]) * min(rate, 1.0 - rate))


def _least_error(definition: Definition, sides: Sides) -> float:
    if not definition.is_share:
        return 0.0
    rate = _common_rate(sides)
    spread = rate * (1.0 - rate) * (1.0 / sides.bottom[0] + 1.0 / sides.other_bottom[0])
    return float(np.sqrt(spread))


def assess(measure: GroupMeasure, scale: Scale, gap: float, error: float, role: str) -> Comparison:
    """Return a comparison from a gap (of logarithms for a ratio) and its standard error."""
    if not error > 0.0:
        return too_few(measure, role)
    ends = np.array([gap, gap - _Z_95 * error, gap + _Z_95 * error])
    estimate, low, high = (np.exp(ends) if scale is Scale.RATIO else ends).tolist()
    return replace(
        too_few(measure, role),
        scale=scale,
        estimate=estimate,
        low=low,
        high=high,
        p_value=float(2.0 * norm.sf(abs(gap / error))),
    )


def too_few(measure: GroupMeasure, role: str) -> Comparison:
    """Return a comparison that cannot be made, which is never a pass."""
    definition = DEFINITIONS.get(measure)
    return Comparison(
        measure=measure,
        scale=Scale.DIFFERENCE if definition is None else definition.scale,
        estimate=None,
        low=None,
        high=None,
        p_value=None,
        corrected_p=None,
        role=role,
        verdict=wording.TOO_FEW,
        words=wording.TOO_FEW_CASES.format(measure=describe(measure)),
    )


def give_verdict(found: Comparison, corrected_p: float) -> Comparison:
    """Return a comparison with its corrected p value, verdict and words."""
    estimate, low, high = found.estimate, found.low, found.high
    if estimate is None or low is None or high is None:
        return found
    differs = corrected_p < LEVEL
    even = 1.0 if found.scale is Scale.RATIO else 0.0
    if differs:
        said = wording.DIFFERS_TIMES if found.scale is Scale.RATIO else wording.DIFFERS_BY
    else:
        said = wording.RULED_OUT_TIMES if found.scale is Scale.RATIO else wording.RULED_OUT_BY
    words = said.format(
        measure=describe(found.measure),
        direction=wording.HIGHER if estimate > even else wording.LOWER,
        estimate=estimate,
        low=low,
        high=high,
        bound=max(abs(low), abs(high)),
        ci=_describe_interval(found.scale, low, high),
    )
    if not differs and found.p_value is not None and found.p_value < LEVEL:
        words += wording.SEEN_ALONE
    verdict = wording.DIFFERS if differs else wording.NO_DIFFERENCE
    return replace(found, corrected_p=corrected_p, verdict=verdict, words=words)


def _describe_interval(scale: Scale, low: float, high: float) -> str:
    return f"[{low:.2f}, {high:.2f}]" if scale is Scale.RATIO else f"[{low:+.3f}, {high:+.3f}]"
