"""Which theme each indicator and each kind of event belongs to.

A catalogue that names no themes has one for each family of indicators, so that what an earlier
version wrote is told in the same way.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.catalogue.declarations import Catalogue, Theme
from features.contract.arrays import Float64, Int64

SUBJECT_AND_PROXY: Final = ("subject", "proxy")
_REST: Final = "further"
_REST_LABEL: Final = "Further indicators"


@dataclass(frozen=True, eq=False)
class ThemeMap:
    """The themes of a catalogue with what belongs to each.

    Parameters
    ----------
    themes
        In catalogue order.
    of_indicator
        Shape ``(n_indicators,)``: position of each indicator's theme.
    of_kind
        Position of the theme that each kind tells; kinds that tell none are not there.
    acts
        Kinds that are acts: indicators count them of the subject and proxies alone.
    gravity
        Position of each serious kind, the gravest first.
    """

    themes: tuple[Theme, ...]
    of_indicator: Int64
    of_kind: Mapping[str, int]
    acts: frozenset[str]
    gravity: Mapping[str, int]

    def add_up(self, by_indicator: Float64) -> Float64:
        """Return each theme's exact sum of its members' contributions.

        Parameters
        ----------
        by_indicator
            Shape ``(n_rows, n_indicators)``, log-odds.

        Returns
        -------
        Float64
            Shape ``(n_rows, n_themes)``.
        """
        sums = np.zeros((len(self.themes), len(by_indicator)))
        # One indicator after another, as the sum of a row depends on nothing beside it.
        np.add.at(sums, self.of_indicator, by_indicator.T)
        return sums.T

    def members(self, theme: int) -> Int64:
        """Return the positions of a theme's indicators, ascending."""
        return np.flatnonzero(self.of_indicator == theme)


def map_themes(catalogue: Catalogue) -> ThemeMap:
    """Return the themes of a catalogue with what belongs to each.

    Parameters
    ----------
    catalogue
        With themes, or without; then each family of indicators is one.

    Returns
    -------
    ThemeMap
        In which each indicator has one theme.
    """
    themes = catalogue.themes or _themes_of_families(catalogue)
    by_name = {name: n for n, theme in enumerate(themes) for name in theme.indicators}
    by_family = {name: n for n, theme in enumerate(themes) for name in theme.families}
    rest = len(themes)
    of_indicator = np.array(
        [by_name.get(one.name, by_family.get(one.family, rest)) for one in catalogue.indicators],
        dtype=np.int64,
    )
    if (of_indicator == rest).any():
        themes = (*themes, Theme(name=_REST, label=_REST_LABEL))
    serious = () if catalogue.serious is None else catalogue.serious.kinds
    return ThemeMap(
        themes=themes,
        of_indicator=of_indicator,
        of_kind=dict(_place_kinds(catalogue, themes)),
        acts=_find_acts(catalogue),
        gravity={kind: n for n, kind in enumerate(serious)},
    )


def _themes_of_families(catalogue: Catalogue) -> tuple[Theme, ...]:
    """Return a theme for each family; a kind tells that of the indicator which means it closest."""
    families = dict.fromkeys(one.family for one in catalogue.indicators)
    closest: dict[str, tuple[int, str]] = {}
    for one in catalogue.indicators:
        meant = () if one.expression.of is None else one.expression.of.kind
        for kind in meant:
            closest[kind] = min(
                closest.get(kind, (len(meant), one.family)),
                (len(meant), one.family),
                key=lambda found: found[0],
            )
    return tuple(
        Theme(
            name=family,
            label=family.replace("_", " ").capitalize(),
            families=(family,),
            kinds=tuple(kind for kind, (_, of) in closest.items() if of == family),
        )
        for family in families
    )


def _place_kinds(catalogue: Catalogue, themes: tuple[Theme, ...]) -> Iterator[tuple[str, int]]:
    """Yield each kind with the theme that names it, or the nearest kind above it."""
    named = {kind: n for n, theme in enumerate(themes) for kind in theme.kinds}
    for kind in catalogue.kinds:
        at: str | None = kind
        while at is not None and at not in named:
            at = catalogue.kinds[at].parent
        if at is not None:
            yield kind, named[at]


def _find_acts(catalogue: Catalogue) -> frozenset[str]:
    selectors = [one.expression.of for one in catalogue.indicators]
    selectors += [one.expression.of for one in catalogue.flags]
    selectors += [one.of for one in catalogue.outcomes]
    return frozenset(
        kind
        for one in selectors
        if one is not None and one.actor == SUBJECT_AND_PROXY
        for kind in one.kind
    )
