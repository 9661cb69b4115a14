"""A search for leaks by planting: records from after a moment, which nothing at it may feel.

At each moment a copy of the folder's history is mined: records are added that lie after the moment
on one clock or both, in the ways in which later knowledge comes into real histories. They pass the
same edge and the same checks as a file's rows. Indicators, cohorts and training labels are then
read again; one value that differs is a leak (promise 3). A control plants records known just
before the moment, and there values must differ, or the search itself is blind.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.catalogue.declarations import Catalogue, Outcome
from features.contract.arrays import Float64, Int64
from features.contract.moments import format_moment
from features.engine.measurement import compile_plan, measure
from features.engine.outcomes import Bools, Labels, label_cases
from features.engine.plan import Plan
from features.errors import ConfigError
from features.history.columns import History
from features.intake.contract_folder import ContractFolder
from models.ranking.order import cohort_cases
from training.checks.planted_records import Mine, Site, choose_site, plant

Progress = Callable[[str], None]
_COHORT_COLUMNS: Final = ("(in the cohort)", "(in the training cohort)")
EARNEST: Final = tuple(mine for mine in Mine if mine is not Mine.CONTROL)


def measure_all(history: History, plan: Plan, as_of_us: int) -> Float64:
    """Measure every case as known at a moment."""
    return measure(history, plan, as_of_us).values


def label_known(
    history: History,
    catalogue: Catalogue,
    outcome: Outcome,
    as_of_us: int,
    cases: Int64,
    known_us: int,
) -> Labels:
    """Label cases as training does, from what was recorded before ``known_us``."""
    return label_cases(history, catalogue, outcome, as_of_us, cases, known_us=known_us)


@dataclass(frozen=True)
class Reading:
    """How values and labels are read; a test passes one that leaks, to see it found."""

    measure: Callable[[History, Plan, int], Float64] = measure_all
    label: Callable[[History, Catalogue, Outcome, int, Int64, int], Labels] = label_known


@dataclass(frozen=True)
class Sweep:
    """What one kind of mine did at one moment.

    Parameters
    ----------
    mine, as_of_us
        What was planted, and the moment at which everything is read, microseconds UTC.
    planted
        Records that passed every check and stand in the mined history.
    cells, moved_cells
        Values compared (every indicator column and both cohorts, every case), and those that
        differ.
    moved_columns
        Names of the columns that differ anywhere.
    labels, moved_labels
        Training labels compared, and those that differ.
    moved_outcomes
        Names of the outcomes whose labels differ anywhere.
    """

    mine: Mine
    as_of_us: int
    planted: int
    cells: int
    moved_cells: int
    moved_columns: tuple[str, ...]
    labels: int
    moved_labels: int
    moved_outcomes: tuple[str, ...]

    @property
    def still(self) -> bool:
        """Whether nothing moved."""
        return not self.moved_cells and not self.moved_labels

    @property
    def seen(self) -> bool:
        """Whether values moved, and labels where there are any: what a control must do."""
        return bool(self.moved_cells) and bool(self.moved_labels or not self.labels)


@dataclass(frozen=True)
class Search:
    """All sweeps of a search, and one control for each moment."""

    sweeps: tuple[Sweep, ...]
    controls: tuple[Sweep, ...]

    @property
    def still(self) -> bool:
        """Whether no mine moved anything."""
        return all(sweep.still for sweep in self.sweeps)

    @property
    def can_fail(self) -> bool:
        """Whether every control moved something."""
        return bool(self.controls) and all(control.seen for control in self.controls)


@dataclass(frozen=True)
class _Seen:
    """What was read of a history at a site."""

    values: Float64
    cohorts: Bools
    labels: Mapping[str, Bools]


def search_leaks(
    folder: ContractFolder,
    history: History,
    catalogue: Catalogue,
    dates: Sequence[int],
    *,
    mines: Sequence[Mine] = EARNEST,
    reading: Reading | None = None,
    progress: Progress = lambda message: None,
) -> Search:
    """Mine a folder's history at each moment and compare everything read before and after.

    Parameters
    ----------
    folder, history
        Sound records and the history assembled from them; neither is changed.
    catalogue
        What is measured and labelled.
    dates
        Moments, microseconds UTC. Each is taken as the one at which a model is first used: labels
        are those of the latest training date that was ripe then.
    mines
        What to plant, one kind at a time.
    reading
        How values and labels are read.
    progress
        Told each moment.

    Raises
    ------
    ConfigError
        If a moment lies after the extract: nothing could be recorded after it.
    """
    if any(date > history.extract_at for date in dates):
        raise ConfigError("--as-of must not lie after the folder's extract; name an earlier date")
    plan, read = compile_plan(catalogue), reading or Reading()
    sweeps: list[Sweep] = []
    controls: list[Sweep] = []
    for date in dates:
        progress(f"planting at {format_moment(date, history.time_zone)}")
        site = choose_site(folder, history, catalogue, date)
        trained = cohort_cases(history, catalogue, site.train_us)
        before = _see(site, history, plan, trained, read)
        for mine in (*mines, Mine.CONTROL):
            mined, planted = plant(site, mine)
            after = _see(site, mined, plan, trained, read)
            found = controls if mine is Mine.CONTROL else sweeps
            found.append(_compare(site, mine, planted, plan.columns, before, after))
    return Search(tuple(sweeps), tuple(controls))


def _see(site: Site, history: History, plan: Plan, trained: Int64, read: Reading) -> _Seen:
    cohorts = np.zeros((len(history), len(_COHORT_COLUMNS)), dtype=np.bool_)
    for place, moment in enumerate((site.as_of_us, site.train_us)):
        cohorts[cohort_cases(history, site.catalogue, moment), place] = True
    labels = {}
    for outcome in site.catalogue.outcomes:
        found = read.label(history, site.catalogue, outcome, site.train_us, trained, site.as_of_us)
        told = (found.y_true, found.known, found.y_followed, found.followed)
        labels[outcome.name] = np.stack(told)
    return _Seen(read.measure(history, plan, site.as_of_us), cohorts, labels)


def _compare(
    site: Site, mine: Mine, planted: int, columns: tuple[str, ...], before: _Seen, after: _Seen
) -> Sweep:
    # Missing before and after is no movement, though NaN differs from itself.
    same = (before.values == after.values) | (np.isnan(before.values) & np.isnan(after.values))
    moved = np.concatenate([~same, before.cohorts != after.cohorts], axis=1)
    labels = {
        name: (known != after.labels[name]).any(axis=0) for name, known in before.labels.items()
    }
    names = (*columns, *_COHORT_COLUMNS)
    return Sweep(
        mine=mine,
        as_of_us=site.as_of_us,
        planted=planted,
        cells=moved.size,
        moved_cells=int(moved.sum()),
        moved_columns=tuple(names[place] for place in np.flatnonzero(moved.any(axis=0))),
        labels=sum(len(one) for one in labels.values()),
        moved_labels=sum(int(one.sum()) for one in labels.values()),
        moved_outcomes=tuple(name for name, one in labels.items() if one.any()),
    )


def gather(sweeps: Sequence[Sweep]) -> Iterator[tuple[Mine, tuple[Sweep, ...]]]:
    """Yield each kind of mine with its sweeps, in the order planted."""
    for mine in dict.fromkeys(sweep.mine for sweep in sweeps):
        yield mine, tuple(sweep for sweep in sweeps if sweep.mine is mine)
