"""The figures of every group of one characteristic, and each group held against the other cases."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.contract.arrays import Float64, Int64
from models.run_figures.audit import GroupFigures
from training.audit import wording
from training.audit.characteristics import Grouping
from training.audit.disclosure import LEAST_PEOPLE, LEAST_POSITIVES, LEAST_SHOWN, Hidden
from training.audit.group_comparison import (
    Comparison,
    Figure,
    Sides,
    assess,
    compare,
    frame_figure,
    make_figure,
    too_few,
)
from training.audit.group_measures import DEFINITIONS, GroupMeasure, Needs, Quantity, Reveals, Scale
from training.audit.sums import GroupSums
from training.figures.logit import LogitFit, fit_logit, to_log_odds

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class GroupAudit:
    """What a list does for one group.

    Parameters
    ----------
    group
        Value of the characteristic, or values of the two.
    n, positives
        Cases and those with the outcome; ``None`` where they may not be shown.
    n_words, positives_words
        Why they are not shown; ``None`` where they are.
    figures
        By measure; ``None`` where there are too few, or where a figure would give a count away.
    comparisons
        By measure, against the other cases; none are made for a group under 100 people, of which
        ``verdict`` says that there are too few to tell.
    verdict
        What holds for the whole group; ``None`` where the comparisons speak.
    """

    group: str
    n: int | None
    n_words: str | None
    positives: int | None
    positives_words: str | None
    figures: Mapping[GroupMeasure, Figure | None]
    comparisons: Mapping[GroupMeasure, Comparison]
    verdict: str | None

    @property
    def rounded(self) -> GroupFigures:
        """The group as ``metrics.json`` holds it; a count that may not be shown is a sentence."""
        return GroupFigures(
            group=self.group,
            n=self.n_words if self.n is None else self.n,
            positives=self.positives_words if self.positives is None else self.positives,
            verdict=self.verdict,
            figures={
                name: None if one is None else one.rounded for name, one in self.figures.items()
            },
            comparisons={name: one.rounded for name, one in self.comparisons.items()},
        )


@dataclass(frozen=True)
class GroupRows:
    """The cases, for what is not a sum; ``probability`` is ``None`` where there is none."""

    y_true: Bools
    probability: Float64 | None
    column: Int64


@dataclass(frozen=True)
class GroupedRows:
    """The cases in the groups of one characteristic, with their sums and what stays hidden.

    The first row of ``sums`` is of the cases as they are, the others of the resamples.
    """

    rows: GroupRows
    grouping: Grouping
    sums: GroupSums
    hidden: Hidden
    primary: frozenset[GroupMeasure]


def audit_groups(found: GroupedRows) -> tuple[GroupAudit, ...]:
    """Return the audit of each group; comparisons are corrected afterwards."""
    return tuple(_audit_group(found, code) for code in range(len(found.grouping.labels)))


def _audit_group(found: GroupedRows, code: int) -> GroupAudit:
    inside = found.grouping.code == code
    others = _find_others(found.grouping, code)
    enough = min(_count_people(found.rows, inside), _count_people(found.rows, others))
    is_own_enough = _count_people(found.rows, inside) >= LEAST_PEOPLE
    measures = [name for name in GroupMeasure if _is_measured(found, name)]
    figures: dict[GroupMeasure, Figure | None] = dict.fromkeys(measures)
    if is_own_enough:
        figures = {name: _make(found, code, name, inside) for name in measures}
    comparisons = {}
    for name in measures if _is_compared(found.grouping, code) else []:
        definition = DEFINITIONS.get(name)
        if definition is not None and definition.scale is Scale.NONE:
            continue
        role = wording.PRIMARY if name in found.primary else wording.EXPLORATORY
        if enough >= LEAST_PEOPLE:
            comparisons[name] = _compare(found, code, name, role, inside, others)
        elif is_own_enough or name in found.primary:
            comparisons[name] = too_few(name, role)
    n, positives = (int(found.sums[of][0, code]) for of in (Quantity.CASES, Quantity.POSITIVES))
    return GroupAudit(
        group=found.grouping.labels[code],
        n=None if found.hidden.cases[code] else n,
        n_words=_say_hidden(bool(found.hidden.cases[code]), n),
        positives=None if found.hidden.positives[code] else positives,
        positives_words=_say_hidden(bool(found.hidden.positives[code]), positives),
        figures=figures,
        comparisons=comparisons,
        verdict=None if is_own_enough else wording.TOO_FEW,
    )


def _say_hidden(is_hidden: bool, count: int) -> str | None:
    if not is_hidden:
        return None
    return wording.FEWER if count < LEAST_SHOWN else wording.WITHHELD


def _find_others(grouping: Grouping, code: int) -> Bools:
    """Return the other cases whose value is known; for the unknown group, all others."""
    others = np.asarray(grouping.code != code)
    if grouping.is_known[code]:
        others &= grouping.is_known[grouping.code]
    return others


def _is_compared(grouping: Grouping, code: int) -> bool:
    """Whether the group is compared: in a pair only where both values are known."""
    return grouping.parts is None or bool(grouping.is_known[code])


def _count_people(rows: GroupRows, inside: Bools) -> int:
    return int(np.count_nonzero(np.bincount(rows.column[inside])))


def _is_measured(found: GroupedRows, name: GroupMeasure) -> bool:
    definition = DEFINITIONS.get(name)
    if definition is None:
        # Of pairs, observed over expected says the same, and a fit for each would take too long.
        is_asked = found.grouping.parts is None or name in found.primary
        return is_asked and found.rows.probability is not None
    return definition.top in found.sums and definition.bottom in found.sums


def _has_enough(found: GroupedRows, name: GroupMeasure, sums: Mapping[Quantity, float]) -> bool:
    definition = DEFINITIONS.get(name)
    if definition is None:
        negatives = sums[Quantity.CASES] - sums[Quantity.POSITIVES]
        return sums[Quantity.POSITIVES] >= LEAST_POSITIVES and negatives > 0
    if definition.needs is Needs.PEOPLE:
        return True
    counted = Quantity.POSITIVES if definition.needs is Needs.POSITIVES else Quantity.HAPPENED
    return sums[counted] >= LEAST_POSITIVES


def _is_revealing(found: GroupedRows, code: int, name: GroupMeasure, *, compared: bool) -> bool:
    """Whether a figure, or its comparison, would give a hidden count away."""
    definition = DEFINITIONS.get(name)
    reveals = Reveals.NOTHING if definition is None else definition.reveals
    if reveals is Reveals.POSITIVES:
        return bool(found.hidden.positives[code])
    return reveals is Reveals.CASES and bool(found.hidden.cases[code]) and not compared


def _own_sums(found: GroupedRows, code: int) -> dict[Quantity, float]:
    return {name: float(of[0, code]) for name, of in found.sums.by_quantity.items()}


def _make(found: GroupedRows, code: int, name: GroupMeasure, inside: Bools) -> Figure | None:
    if not _has_enough(found, name, _own_sums(found, code)):
        return None
    if _is_revealing(found, code, name, compared=False):
        return None
    definition = DEFINITIONS.get(name)
    if definition is None:
        probability = found.rows.probability
        assert probability is not None, "an intercept is measured only where there are estimates"
        fit = _fit_intercepts(found.rows, probability, inside)
        return None if fit is None else frame_figure(*fit.contrast(np.array([1.0])))
    top, bottom = found.sums[definition.top], found.sums[definition.bottom]
    with np.errstate(divide="ignore", invalid="ignore"):
        values = top[:, code] / (bottom[:, -1] if definition.of_all else bottom[:, code])
        if name is GroupMeasure.EXPOSURE:
            values = values / (top[:, -1] / bottom[:, -1])
    return make_figure(values[0], values[1:])


def _fit_intercepts(rows: GroupRows, probability: Float64, *sides: Bools) -> LogitFit | None:
    """Fit the calibration in the large of each side, with the log-odds as offset.

    0 is calibrated, above 0 more happens than was estimated. One fit holds all sides, since a
    person may have cases on more than one.
    """
    design = np.stack(sides, axis=1).astype(np.float64)
    kept = design.any(axis=1)
    offset = to_log_odds(probability[kept])
    return fit_logit(rows.y_true[kept], design[kept], rows.column[kept], offset)


def _compare(
    found: GroupedRows, code: int, name: GroupMeasure, role: str, inside: Bools, others: Bools
) -> Comparison:
    grouping = found.grouping
    codes = np.arange(len(grouping.labels))
    other_codes = codes[(codes != code) & (grouping.is_known | (not grouping.is_known[code]))]
    beside = {q: of[:, other_codes].sum(axis=1) for q, of in found.sums.by_quantity.items()}
    enough = _has_enough(found, name, _own_sums(found, code)) and _has_enough(
        found, name, {q: float(of[0]) for q, of in beside.items()}
    )
    if not enough or _is_revealing(found, code, name, compared=True):
        return too_few(name, role)
    definition = DEFINITIONS.get(name)
    if definition is None:
        probability = found.rows.probability
        assert probability is not None, "an intercept is measured only where there are estimates"
        fit = _fit_intercepts(found.rows, probability, inside, others)
        if fit is None:
            return too_few(name, role)
        return assess(name, Scale.DIFFERENCE, *fit.contrast(np.array([1.0, -1.0])), role)
    sides = Sides(
        top=found.sums[definition.top][:, code],
        bottom=found.sums[definition.bottom][:, code],
        other_top=beside[definition.top],
        other_bottom=beside[definition.bottom],
    )
    return compare(name, sides, role)
