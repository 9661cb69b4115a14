"""Proxies: how well the indicators tell who belongs to a group, and which of them do.

Leaving a characteristic out keeps no model from using what stands in for it. This says how much of
it the indicators carry; nothing found here is used in a model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from features.contract.arrays import Float64, Int64
from models.run_figures.audit import CharacteristicProxies, GroupProxyFigures, ProxyFigures
from training.audit import wording
from training.audit.characteristics import Values, group_cases
from training.audit.disclosure import LEAST_PEOPLE
from training.audit.group_comparison import Figure, make_figure
from training.figures.resampling import draw_people_by_person, resampled_auc

Bools = npt.NDArray[np.bool_]
FLAGGED_ABOVE: Final = 0.7
"""AUC above which indicators are said to tell a group; a choice, near that of common risk tools."""
MOST_SHOWN: Final = 10
_FOLDS: Final = 5
_DRAWS: Final = 200
_MOST_ROWS: Final = 20_000
"""Rows that suffice to tell a proxy; more only take longer."""
_PENALTY_C: Final = 0.1
_SUFFIX_MISSING: Final = " (whether it is known)"


@dataclass(frozen=True)
class Proxy:
    """One indicator that tells a group: the AUC of its value alone, in whichever direction."""

    indicator: str
    auc: float

    @property
    def figures(self) -> ProxyFigures:
        """The proxy as ``metrics.json`` holds it."""
        return ProxyFigures(self.indicator, round(self.auc, 3))


@dataclass(frozen=True)
class GroupProxies:
    """How well one group is told from the others whose value is known.

    Parameters
    ----------
    group
        Value of the characteristic.
    auc
        Of all indicators together, cross-validated by person, with its interval; ``None`` where
        there are too few to tell.
    strongest
        The indicators that tell it best by themselves, best first; all that are flagged.
    is_flagged
        Whether the indicators, together or one alone, tell the group.
    words
        The verdict.
    """

    group: str
    auc: Figure | None
    strongest: tuple[Proxy, ...]
    is_flagged: bool
    words: str

    @property
    def figures(self) -> GroupProxyFigures:
        """The group as ``metrics.json`` holds it."""
        return GroupProxyFigures(
            group=self.group,
            auc=None if self.auc is None else self.auc.rounded,
            strongest=tuple(one.figures for one in self.strongest),
            is_flagged=self.is_flagged,
            words=self.words,
        )


@dataclass(frozen=True)
class Proxies:
    """How well each group of a characteristic is told, and the AUC above which it is flagged."""

    flagged_above: float
    groups: tuple[GroupProxies, ...]

    @property
    def figures(self) -> CharacteristicProxies:
        """The groups as ``metrics.json`` holds them."""
        return CharacteristicProxies(self.flagged_above, tuple(one.figures for one in self.groups))


def find_proxies(
    values: Float64,
    columns: Sequence[str],
    characteristic: Values,
    person: npt.NDArray[np.generic],
    seed: int,
    *,
    flagged_above: float = FLAGGED_ABOVE,
) -> Proxies:
    """Find which indicators tell the groups of a characteristic.

    Parameters
    ----------
    values
        Shape ``(n, n_columns)``, missing where unknown.
    columns
        Names of the columns.
    characteristic
        Shape ``(n,)``, ``None`` where unknown; such cases are left out.
    person
        Shape ``(n,)``; the cases of a person stand in one fold.
    seed
        Settles folds, resamples and, above 20,000 cases, which of them are looked at.
    flagged_above
        AUC above which indicators are said to tell a group.
    """
    known = np.flatnonzero([value is not None for value in characteristic])
    generator = np.random.default_rng(seed)
    if len(known) > _MOST_ROWS:
        known = np.sort(generator.choice(known, _MOST_ROWS, replace=False))
    grouping = group_cases("characteristic", characteristic[known])
    people, column = np.unique(person[known], return_inverse=True)
    draws = draw_people_by_person(person[known], _DRAWS, seed)
    fold = generator.permutation(len(people)) % _FOLDS
    x, names = _encode(values[known], columns)
    ranks = rankdata(x, axis=0) if len(known) else x
    found = []
    for code, group in enumerate(grouping.labels):
        inside = grouping.code == code
        counts = [len(np.unique(column[side])) for side in (inside, ~inside)]
        if min(counts) < LEAST_PEOPLE or not x.shape[1]:
            found.append(GroupProxies(group, None, (), False, wording.TOO_FEW))
            continue
        scores = _cross_validate(x, inside, fold[column])
        resampled = resampled_auc(inside, scores, draws, column.astype(np.int64))
        auc = make_figure(float(roc_auc_score(inside, scores)), resampled)
        strongest = _find_strongest(ranks, names, inside, flagged_above)
        is_flagged = (auc is not None and auc.value > flagged_above) or (
            bool(strongest) and strongest[0].auc > flagged_above
        )
        words = wording.PROXY if is_flagged else wording.NO_PROXY
        found.append(GroupProxies(group, auc, strongest, is_flagged, words))
    return Proxies(flagged_above, tuple(found))


def _encode(values: Float64, columns: Sequence[str]) -> tuple[Float64, list[str]]:
    """Return the columns with their median where missing, then whether each is known, scaled."""
    missing = ~np.isfinite(values)
    whole = missing.all(axis=0) if len(values) else np.ones(values.shape[1], dtype=bool)
    kept = np.flatnonzero(~whole)
    given = np.where(missing, np.nan, values)[:, kept]
    filled = np.where(missing[:, kept], np.nanmedian(given, axis=0) if len(kept) else 0.0, given)
    partly = np.flatnonzero(missing.any(axis=0) & ~whole)
    x = np.concatenate([filled, ~missing[:, partly]], axis=1).astype(np.float64)
    spread = x.std(axis=0) if len(x) else np.ones(x.shape[1])
    names = [columns[int(n)] for n in kept]
    names += [columns[int(n)] + _SUFFIX_MISSING for n in partly]
    return (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0) if len(x) else x, names


def _cross_validate(x: Float64, inside: Bools, fold: Int64) -> Float64:
    """Return each case's log-odds from a logistic regression that did not see its person."""
    scores = np.zeros(len(x))
    for number in range(_FOLDS):
        held = fold == number
        if not held.any() or inside[~held].all() or not inside[~held].any():
            continue
        # Only the order is used, and it is held-out: a rough fit is as good.
        regression = LogisticRegression(C=_PENALTY_C, max_iter=1_000, tol=1e-2)
        fit = regression.fit(x[~held], inside[~held])
        scores[held] = fit.decision_function(x[held])
    return scores


def _find_strongest(
    ranks: Float64, names: Sequence[str], inside: Bools, flagged_above: float
) -> tuple[Proxy, ...]:
    n_in, n_out = int(inside.sum()), int((~inside).sum())
    wins = ranks[inside].sum(axis=0) - n_in * (n_in + 1) / 2
    auc = wins / (n_in * n_out)
    auc = np.maximum(auc, 1.0 - auc)
    order = sorted(range(len(names)), key=lambda n: (-round(float(auc[n]), 12), names[n]))
    n_shown = max(MOST_SHOWN, int((auc > flagged_above).sum()))
    return tuple(Proxy(names[n], float(auc[n])) for n in order[:n_shown])
