"""How far a place in the order is settled: the model is fitted again on people drawn anew.

Each refit learns from a bootstrap sample of people (Efron 1979), with the rounds that were chosen
for the model itself and no folds. A case's band runs from the 5th to the 95th percentile of its
place over the refits. Where bands reach across the last place of a list, the places there are
between cases that cannot be told apart.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import lightgbm
import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from features.contract.arrays import Float64, Int64
from models.bundle.encoding import Encoding
from training.config import TrainingConfig
from training.fitting.bins import BoostingParameters
from training.fitting.indicator_selection import IndicatorSelection, blank
from training.fitting.models import TrainingRows, boosting_parameters
from training.fitting.processors import open_pool

Bools = npt.NDArray[np.bool_]
Progress = Callable[[str], None]
LEAST_REFITS: Final = 50
"""With fewer, the 5th and 95th percentiles rest on one or two refits."""
BAND: Final = (0.05, 0.5, 0.95)
_TELL_EVERY: Final = 10


@dataclass(frozen=True)
class RankBands:
    """Places of cases over all refits, from 1; equal scores share the mean of their places.

    Parameters
    ----------
    low, median, high
        Shape ``(n_cases,)``: 5th, 50th and 95th percentile.
    n_refits
        How many refits they rest on.
    """

    low: Float64
    median: Float64
    high: Float64
    n_refits: int

    def reach_across(self, capacity: int) -> Bools:
        """Return which cases' bands hold both a place on a list of ``capacity`` and one below."""
        return np.asarray((self.low <= capacity) & (self.high > capacity))


@dataclass(frozen=True)
class ListStability:
    """How settled the first ``capacity`` places are.

    Parameters
    ----------
    capacity
        Places on the list; all cases where there are fewer.
    share_stable
        Share of the listed cases whose whole band lies on the list; ``None`` without cases.
    tied_with_last
        Numbers of the cases, in order of place, whose bands reach across the end of the list: they
        cannot be told apart from the last place, so that these places may go by lot.
    n_tied_listed
        How many of them are on the list: the places between them.
    """

    capacity: int
    share_stable: float | None
    tied_with_last: Int64
    n_tied_listed: int


def draw_counts(person: Int64, seed: int) -> Int64:
    """Return how often each row's person is drawn: people with replacement, shape ``(n_rows,)``."""
    people, position = np.unique(person, return_inverse=True)
    drawn = np.random.default_rng(seed).integers(0, len(people), len(people))
    return np.bincount(drawn, minlength=len(people))[position].astype(np.int64)


def refit_ranks(
    fit_and_score: Callable[[Int64, int], Float64],
    person: Int64,
    n_refits: int,
    seed: int,
    progress: Progress,
) -> RankBands:
    """Refit on people drawn anew and return the bands of the cases' places.

    Parameters
    ----------
    fit_and_score
        Given how often each training row counts, shape ``(n_rows,)``, and a seed: fits, and returns
        the scores of the cases on the list, shape ``(n_cases,)``; higher is reviewed sooner. It is
        called from several threads at once.
    person
        Shape ``(n_rows,)``: the person of each training row; a person is drawn with all rows.
    n_refits
        At least ``LEAST_REFITS``.
    seed
        The same seed gives the same bands.
    progress
        Told how far it is and about how long the rest takes.

    Raises
    ------
    ValueError
        If fewer refits are asked for.
    """
    if n_refits < LEAST_REFITS:
        raise ValueError(f"bands need at least {LEAST_REFITS} refits")
    # A seed of LightGBM is a whole number of 32 bits.
    seeds = np.random.default_rng(seed).integers(0, 2**31 - 1, n_refits)
    places, begun = [], time.monotonic()

    def refit(one: int) -> Float64:
        return fit_and_score(draw_counts(person, one), one)

    with open_pool(n_refits) as pool:
        for done, score in enumerate(pool.map(refit, seeds.tolist()), 1):
            places.append(rankdata(-score, method="average"))
            if done % _TELL_EVERY == 0:
                left_min = (time.monotonic() - begun) / done * (n_refits - done) / 60
                progress(f"refitted {done} of {n_refits}, about {left_min:.1f} minutes left")
    low, median, high = np.quantile(np.array(places), BAND, axis=0)
    return RankBands(low, median, high, n_refits)


def assess_list(bands: RankBands, place: Int64, capacity: int) -> ListStability:
    """Say how settled the list is that was drawn up.

    Parameters
    ----------
    bands
        Of the cases.
    place
        Shape ``(n_cases,)``: each case's place from 1 in the order that is served.
    capacity
        Places on the list.
    """
    on_list = place <= capacity
    across = bands.reach_across(capacity)
    order = np.argsort(place, kind="stable")
    stable = bands.high[on_list] <= capacity
    return ListStability(
        capacity=min(capacity, len(place)),
        share_stable=float(stable.mean()) if len(stable) else None,
        tied_with_last=order[across[order]].astype(np.int64),
        n_tied_listed=int((across & on_list).sum()),
    )


def measure_distinguishable(stability: ListStability, priority: Float64, place: Int64) -> float:
    """Return how near to the last place's priority a case must be to be as good as tied with it.

    It is what the service's setting ``told_apart`` takes: going down from the last place, the
    relative difference of the last case of an unbroken run that refits cannot tell from it. Beyond
    the first case that they can tell apart nothing goes by lot.

    Parameters
    ----------
    stability
        Of the list.
    priority, place
        Shape ``(n_cases,)``: each case's priority and place from 1.

    Returns
    -------
    float
        Between 0 and 1; 0 where the next case is told apart, or there is none.
    """
    order = np.argsort(place, kind="stable")
    last = priority[order[stability.capacity - 1]] if len(order) else 0.0
    tied = set(stability.tied_with_last.tolist())
    nearest = 0.0
    for case in order[stability.capacity :]:
        if int(case) not in tied or last <= 0:
            break
        nearest = float((last - priority[case]) / last)
    return nearest


@dataclass(frozen=True)
class LightRefit:
    """Training rows, binned once, on which one outcome's model is fitted again and again.

    Parameters
    ----------
    data
        LightGBM's binned rows.
    parameters
        As the model itself was fitted with, on one thread.
    n_rounds
        Trees of the model itself.
    weight
        Shape ``(n_rows,)``: how much each row counts in the model itself.
    rows, encoding
        What ``data`` holds.
    """

    data: lightgbm.Dataset
    parameters: BoostingParameters
    n_rounds: int
    weight: Float64
    rows: TrainingRows
    encoding: Encoding

    def fit(
        self, counts: Int64, seed: int, selection: IndicatorSelection | None = None
    ) -> lightgbm.Booster:
        """Fit once, each row counting as often as its person was drawn.

        Parameters
        ----------
        counts
            Shape ``(n_rows,)``; rows that count 0 are left out.
        seed
            For LightGBM's own draws of rows and columns.
        selection
            What the refit rests on; everything where ``None``.
        """
        drawn = np.flatnonzero(counts)
        if selection is None or not selection.left_out:
            part = self.data.subset(drawn.tolist()).construct()
        else:
            part = lightgbm.Dataset(
                self.rows.encode(blank(self.encoding, selection), drawn),
                label=self.rows.y_true[drawn].astype(np.float64),
                feature_name=list(self.encoding.columns),
                params=dict(self.parameters),
            ).construct()
        part.set_weight(self.weight[drawn] * counts[drawn])
        settings = {**self.parameters, "seed": seed}
        return lightgbm.train(settings, part, num_boost_round=self.n_rounds)


def prepare_refits(
    rows: TrainingRows,
    encoding: Encoding,
    config: TrainingConfig,
    n_rounds: int,
    settings: Mapping[str, float] | None = None,
) -> LightRefit:
    """Bin one outcome's training rows for refits.

    Parameters
    ----------
    rows, encoding, config, settings
        As the model itself was fitted with.
    n_rounds
        Trees of the model itself.
    """
    parameters = boosting_parameters(encoding, config, len(rows.y_true)) | dict(settings or {})
    # One thread: results repeat, and a refit is too small to share out.
    parameters["num_threads"] = 1
    data = lightgbm.Dataset(
        rows.encode(encoding),
        label=rows.y_true.astype(np.float64),
        feature_name=list(encoding.columns),
        params=dict(parameters),
    )
    weight = rows.weigh(config.person_weight)
    return LightRefit(data.construct(), parameters, n_rounds, weight, rows, encoding)


def fit_light(
    rows: TrainingRows, encoding: Encoding, config: TrainingConfig, n_rounds: int, seed: int
) -> lightgbm.Booster:
    """Fit one outcome's model with given rounds on one bootstrap sample of its people."""
    refit = prepare_refits(rows, encoding, config, n_rounds)
    return refit.fit(draw_counts(rows.person, seed), seed)
