"""Where one more threat, breach or assault on record would lower a score.

A score that falls because something grave was recorded is one no reviewer accepts. Monotone
constraints keep counts from doing so; gaps, shares, slopes, first uses and recency, whose direction
is open, may still do it. This is asked twice:

- of a fitted model (:func:`report_monotonicity`): real open cases are measured again with one event
  added, and each fall is attributed to the indicator that makes it;
- of a catalogue alone (:mod:`training.checks.reversals`): can an added event move an indicator
  against its direction, or move one whose direction is open and which a model may therefore use
  either way?

The event is added to the case itself; what is recorded of linked cases stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from features.contract.arrays import Float64, Int64
from features.history.assembly import assemble_history
from features.intake.contract_folder import ContractFolder
from models.bundle.boosted_trees import OutcomeModel
from models.bundle.encoding import Encoding
from models.bundle.folder import Bundle
from models.ranking.order import cohort_cases, order_cases
from training.checks.additions import (
    LEAST_FALL,
    Variants,
    addition_of,
    are_same,
    describe_change,
    keep_known,
    plan_additions,
    vary,
    widen_kinds,
)

TOGETHER: Final = "(several together)"
"""Named where a fall is made by several indicators and by none of them alone."""
_CASES_AT_ONCE: Final = 25
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Attribution:
    """An indicator that lowers a score when an event of one kind is added.

    Parameters
    ----------
    indicator
        Its name, or ``TOGETHER``.
    times
        How many falls it has the largest share in.
    largest_fall
        The largest of these falls, log-odds.
    example
        That fall in words.
    """

    indicator: str
    times: int
    largest_fall: float
    example: str


@dataclass(frozen=True)
class ScoreFall:
    """What adding one event of a kind did to one score.

    Parameters
    ----------
    outcome
        The outcome whose log-odds are meant; ``None`` for the priority, which orders the list.
    kind
        Kind of the added event.
    tried, lowered
        Number of variants, and of those with a lower score.
    largest_fall
        In log-odds; for the priority, as a share of what it was.
    example
        The largest fall in words; empty where there is none.
    guilty
        Responsible indicators by number of falls, under the older word that the report's JSON has;
        none are named for the priority, which falls only where an outcome does.
    """

    outcome: str | None
    kind: str
    tried: int
    lowered: int
    largest_fall: float
    example: str
    guilty: tuple[Attribution, ...] = ()

    @property
    def share(self) -> float:
        """Share of the variants with a lower score."""
        return self.lowered / self.tried if self.tried else 0.0


@dataclass(frozen=True)
class MonotonicityReport:
    """What one more event did to the scores of a bundle.

    Parameters
    ----------
    bundle_id
        The model.
    as_of_us
        The moment, microseconds UTC.
    n_cases, n_variants
        How many open cases were taken, and how many variants of them.
    outcomes, order
        One finding per outcome and kind, and one per kind for the priority.
    """

    bundle_id: str
    as_of_us: int
    n_cases: int
    n_variants: int
    outcomes: tuple[ScoreFall, ...]
    order: tuple[ScoreFall, ...]

    @property
    def falls(self) -> tuple[ScoreFall, ...]:
        """Findings in which anything fell."""
        return tuple(found for found in (*self.outcomes, *self.order) if found.lowered)


def report_monotonicity(
    bundle: Bundle,
    folder: ContractFolder,
    as_of_us: int,
    kinds: Sequence[str],
    *,
    most_cases: int = 200,
    seed: int = 0,
) -> MonotonicityReport:
    """Add one event to real open cases in many ways and find the scores that fall.

    Parameters
    ----------
    bundle
        The model.
    folder
        The case histories.
    as_of_us
        The moment, microseconds UTC.
    kinds
        Kinds to add; each is tried as itself and as every kind below it.
    most_cases
        How many open cases of the cohort to take, at random.
    seed
        Settles which cases, and which incident gets a further view.

    Raises
    ------
    ConfigError
        If the catalogue has no such kind.
    """
    tried = widen_kinds(bundle.catalogue, kinds)
    history = assemble_history(folder)
    cases = cohort_cases(history, bundle.catalogue, as_of_us, bundle.rules)
    random = np.random.default_rng(seed)
    if len(cases) > most_cases:
        cases = np.sort(random.choice(cases, most_cases, replace=False))
    known = keep_known(folder, as_of_us)
    tally = _Tally(bundle, tried)
    held = known.frame("events")
    events = dict(iter(held.groupby("case_id", sort=False)))
    for at in range(0, len(cases), _CASES_AT_ONCE):
        names = [str(name) for name in history.case_id[cases[at : at + _CASES_AT_ONCE]]]
        additions = [
            plan_additions(
                events.get(name, held[:0]),
                bundle.catalogue,
                tried,
                as_of_us,
                at + n,
                random,
            )
            for n, name in enumerate(names)
        ]
        tally.take(vary(known, names, additions), as_of_us)
    return tally.close(as_of_us, len(cases))


@dataclass
class _Count:
    """A running count of the falls of one score under one kind."""

    tried: int = 0
    lowered: int = 0
    largest: float = 0.0
    example: str = ""

    def note(self, fall: float, example: str) -> None:
        self.lowered += 1
        if fall > self.largest:
            self.largest, self.example = fall, example


class _Tally:
    """Falls, counted chunk by chunk."""

    def __init__(self, bundle: Bundle, kinds: Sequence[str]) -> None:
        self.bundle = bundle
        self.kinds = tuple(kinds)
        self.outcomes = {(name, kind): _Count() for name in bundle.outcomes for kind in kinds}
        self.order = {kind: _Count() for kind in kinds}
        self.responsible: dict[tuple[str, str, str], _Count] = {}
        self.n_variants = 0

    def take(self, variants: Variants, as_of_us: int) -> None:
        """Score the variants and count what fell."""
        standing = order_cases(self.bundle, variants.history, as_of_us, variants.case)
        place = np.empty(len(variants.history), dtype=np.int64)
        place[standing.case] = np.arange(len(standing.case))
        rows = place[variants.case]
        values, priority = standing.values[rows], standing.priority[rows]
        changed = np.array([one is not None for one in variants.added])
        self.n_variants += int(changed.sum())
        for one in variants.added:
            if one is not None:
                self.order[one.kind].tried += 1
                for outcome in self.bundle.outcomes:
                    self.outcomes[outcome, one.kind].tried += 1
        before = priority[variants.base]
        # A priority of 0 cannot fall, and must not be divided by.
        share = (before - priority) / np.maximum(np.abs(before), np.finfo(np.float64).tiny)
        for row in np.flatnonzero(changed & (share > LEAST_FALL)):
            one = addition_of(variants, int(row))
            told = f"{one.describe()}: priority {before[row]:.6g} -> {priority[row]:.6g}"
            self.order[one.kind].note(float(share[row]), told)
        for outcome, log_odds in standing.log_odds.items():
            fall = log_odds[rows][variants.base] - log_odds[rows]
            lowered = np.flatnonzero(changed & (fall > LEAST_FALL))
            if len(lowered):
                self._blame(outcome, variants, values, lowered, fall[lowered])

    def _blame(
        self, outcome: str, variants: Variants, values: Float64, rows: Int64, fall: Float64
    ) -> None:
        old, new = values[variants.base[rows]], values[rows]
        found = attribute_falls(self.bundle, outcome, old, new)
        columns = self.bundle.catalogue.columns
        for place, (row, number) in enumerate(zip(rows, found, strict=True)):
            one, name, told = addition_of(variants, row), TOGETHER, ""
            if number >= 0:
                indicator = self.bundle.catalogue.indicators[number]
                column = columns.index(indicator.name)
                name = indicator.name
                told = f": {name} {describe_change(old[place, column], new[place, column])}"
            told = one.describe() + told
            self.outcomes[outcome, one.kind].note(float(fall[place]), told)
            count = self.responsible.setdefault((outcome, one.kind, name), _Count())
            count.note(float(fall[place]), told)

    def close(self, as_of_us: int, n_cases: int) -> MonotonicityReport:
        """Return the report."""
        return MonotonicityReport(
            bundle_id=self.bundle.id,
            as_of_us=as_of_us,
            n_cases=n_cases,
            n_variants=self.n_variants,
            outcomes=tuple(
                _finding(outcome, kind, count, self._list_responsible(outcome, kind))
                for (outcome, kind), count in self.outcomes.items()
            ),
            order=tuple(_finding(None, kind, count) for kind, count in self.order.items()),
        )

    def _list_responsible(self, outcome: str, kind: str) -> tuple[Attribution, ...]:
        found = [
            Attribution(name, count.lowered, count.largest, count.example)
            for (of, under, name), count in self.responsible.items()
            if (of, under) == (outcome, kind)
        ]
        return tuple(sorted(found, key=lambda one: (-one.times, one.indicator)))


def _finding(
    outcome: str | None, kind: str, count: _Count, found: tuple[Attribution, ...] = ()
) -> ScoreFall:
    return ScoreFall(outcome, kind, count.tried, count.lowered, count.largest, count.example, found)


def attribute_falls(bundle: Bundle, outcome: str, old: Float64, new: Float64) -> Int64:
    """Return, for each row, the indicator with the largest share in its fall.

    An indicator's share is what the score regains when that indicator's old value is put back into
    the new row, computed by the model itself. Where several stand in for each other, so that none
    regains anything alone, it is what the score loses when only that indicator's new value is put
    into the old row.

    Parameters
    ----------
    bundle, outcome
        The model.
    old, new
        Indicators before and after, shape ``(n_rows, n_columns)``; every row's score falls.

    Returns
    -------
    Int64
        Positions in the catalogue's indicators; -1 where none alone has a share.
    """
    model, encoding = bundle.outcomes[outcome], bundle.encoding
    x_old, x_new = encoding.encode(old), encoding.encode(new)
    regained = _shares(model, encoding, x_new, x_old)
    found = np.where(regained.max(axis=1) > LEAST_FALL, regained.argmax(axis=1), -1)
    rest = np.flatnonzero(found < 0)
    if len(rest):
        lost = -_shares(model, encoding, x_old[rest], x_new[rest])
        found[rest] = np.where(lost.max(axis=1) > LEAST_FALL, lost.argmax(axis=1), -1)
    return found.astype(np.int64)


def _shares(model: OutcomeModel, encoding: Encoding, into: Float64, put: Float64) -> Float64:
    """Return what each indicator's values from ``put`` add to the log-odds of ``into``, shape
    ``(n_rows, n_indicators)``.
    """
    shares = np.zeros((len(into), int(encoding.indicator.max(initial=-1)) + 1))
    differs = ~are_same(into, put)
    stands = model.log_odds(into)
    for number in np.unique(encoding.indicator):
        columns = np.flatnonzero(encoding.indicator == number)
        rows = np.flatnonzero(differs[:, columns].any(axis=1))
        if len(rows):
            x = into[rows]
            x[:, columns] = put[np.ix_(rows, columns)]
            shares[rows, number] = model.log_odds(x) - stands[rows]
    return shares
