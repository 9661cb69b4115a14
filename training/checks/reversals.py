"""Which indicators of a catalogue an added event can move against their direction."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from features.catalogue.declarations import (
    Catalogue,
    Measure,
)
from features.contract.arrays import Float64
from features.contract.moments import parse_date
from features.engine.measurement import compile_plan, measure
from features.history.reading_rules import CURRENT_RULES, ReadingRules
from models.bundle.encoding import Encoding, make_encoding
from training.checks.additions import (
    LEAST_FALL,
    Variants,
    addition_of,
    are_same,
    describe_change,
    vary,
    widen_kinds,
)
from training.checks.random_histories import RANDOM_AS_OF, RANDOM_ZONE, RandomHistories

_HISTORIES_AT_ONCE: Final = 400
_WAYS: Final = ("up", "down", "appears", "vanishes")


class ColumnMovement(StrEnum):
    """How an added event moves a column that a model sees."""

    AGAINST = "against its direction"
    OPEN = "open direction"


@dataclass(frozen=True)
class Reversal:
    """An indicator through which an added event may lower a score.

    Parameters
    ----------
    indicator
        Its name.
    kind
        Kind of the added event.
    movement
        Against the indicator's direction, or at all where the direction is open.
    up, down, appears, vanishes
        In how many tries the value rose, fell, came to be known or ceased to be known.
    example
        One such movement in words.
    """

    indicator: str
    kind: str
    movement: ColumnMovement
    up: int
    down: int
    appears: int
    vanishes: int
    example: str


def find_reversals(
    catalogue: Catalogue,
    kinds: Sequence[str],
    *,
    histories_per_indicator: int = 12,
    additions_per_kind: int = 3,
    seed: int = 0,
    rules: ReadingRules = CURRENT_RULES,
) -> tuple[Reversal, ...]:
    """Find indicators through which an added event may lower some model's score.

    Random histories are made for each indicator in turn, from the kinds, states, channels, targets
    and details that its selectors look at; each gets one more event in several ways, at random
    moments, as a new incident and as a further view of one on record.

    Parameters
    ----------
    catalogue
        The catalogue.
    kinds
        Kinds to add; each is tried as itself and as every kind below it.
    histories_per_indicator, additions_per_kind
        How many random histories, and additions to each of them.
    seed
        Settles both.
    rules
        How records are read.

    Returns
    -------
    tuple of Reversal
        In the order of the catalogue's indicators, then of the kinds. Empty where no added event
        can lower a score of any model that keeps the constraints.

    Raises
    ------
    ConfigError
        If the catalogue has no such kind.
    """
    tried = widen_kinds(catalogue, kinds)
    random = np.random.default_rng(seed)
    as_of_us = parse_date(RANDOM_AS_OF, RANDOM_ZONE)
    scatter = RandomHistories(catalogue, tried, as_of_us, random)
    encoding, plan = make_encoding(catalogue), compile_plan(catalogue, rules)
    focuses = [i for i in catalogue.indicators if i.expression.measure is not Measure.LAST_FACT]
    focuses *= histories_per_indicator
    moves = _Moves(catalogue, encoding)
    for at in range(0, len(focuses), _HISTORIES_AT_ONCE):
        some = focuses[at : at + _HISTORIES_AT_ONCE]
        folder = scatter.make_folder(some)
        rows = dict(iter(folder.frame("events").groupby("case_id", sort=False)))
        names = [str(name) for name in rows]
        additions = [
            [
                scatter.draw_addition(focus, rows[name], kind)
                for kind in tried
                for _ in range(additions_per_kind)
            ]
            for focus, name in zip(some, names, strict=True)
        ]
        variants = vary(folder, names, additions)
        values = measure(variants.history, plan, as_of_us, variants.case).values
        moves.take(variants, values)
    return moves.close(tried)


class _Moves:
    """Movements of encoded columns, counted chunk by chunk."""

    def __init__(self, catalogue: Catalogue, encoding: Encoding) -> None:
        self.catalogue = catalogue
        self.encoding = encoding
        self.counts: dict[tuple[int, str], dict[str, int]] = {}
        self.examples: dict[tuple[int, str], str] = {}

    def take(self, variants: Variants, values: Float64) -> None:
        """Compare every variant with its unchanged copy."""
        x = self.encoding.encode(values)
        old = x[variants.base]
        changed = np.array([one is not None for one in variants.added])
        constraint = self.encoding.constraint
        step = (x - old) * constraint
        # Of large values as a share of them: their rounding is larger too.
        slack = LEAST_FALL * np.maximum(1.0, np.abs(old))
        wrong = np.where(constraint == 0, ~are_same(x, old), step < -slack)
        for row, column in zip(*np.nonzero(wrong & changed[:, None]), strict=True):
            one = addition_of(variants, int(row))
            key = (int(self.encoding.indicator[column]), one.kind)
            way = _way(old[row, column], x[row, column])
            ways = self.counts.setdefault(key, dict.fromkeys(_WAYS, 0))
            ways[way] += 1
            name = self.encoding.columns[column]
            told = f"{one.describe()}: {name} {describe_change(old[row, column], x[row, column])}"
            self.examples.setdefault(key, told)

    def close(self, kinds: Sequence[str]) -> tuple[Reversal, ...]:
        """Return the indicators that moved, in catalogue order."""
        ordered = sorted(self.counts, key=lambda key: (key[0], kinds.index(key[1])))
        return tuple(
            Reversal(
                indicator=self.catalogue.indicators[number].name,
                kind=kind,
                movement=self._movement(number),
                **self.counts[number, kind],
                example=self.examples[number, kind],
            )
            for number, kind in ordered
        )

    def _movement(self, number: int) -> ColumnMovement:
        constrained = self.encoding.constraint[self.encoding.indicator == number].any()
        return ColumnMovement.AGAINST if constrained else ColumnMovement.OPEN


def _way(before: float, after: float) -> str:
    if np.isnan(before):
        return "appears"
    if np.isnan(after):
        return "vanishes"
    return "up" if after > before else "down"
