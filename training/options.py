"""What a training run may be asked for besides dates and a catalogue."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.known_truth import Truth

Progress = Callable[[str], None]
Characteristics = Mapping[str, npt.NDArray[np.object_]]
"""Each case's value of each characteristic, in the order of the history; ``None``: unknown."""


@dataclass(frozen=True)
class TuningBudget:
    """How long to search.

    Parameters
    ----------
    trials
        Number of settings tried in all, earlier calls included.
    minutes
        Time after which no further one is begun, in this call.
    store
        SQLite file that keeps the search.
    """

    trials: int
    minutes: float
    store: Path


@dataclass(frozen=True)
class RunOptions:
    """Parts of a run that are left out unless asked for.

    Parameters
    ----------
    tuning
        Budget of the search for settings.
    characteristics
        Protected characteristics of people, for the audit alone: they are joined after everything
        is fitted and scored (promise 9).
    hold_out_area
        An area whose cases no model learns from, so that it can say how the rest carries over.
    across_breaks
        Whether to learn from before a change of recording practice all the same.
    breaks_us
        Known changes of recording practice, microseconds UTC, besides those found in the records.
    openings
        File that counts how often each test origin was opened.
    release
        Name under which openings are counted.
    retrospective
        Whether labels of training rows may be read at the extract instead of at the moment of use.
        Such a run says what could be learnt from the records; nothing of it may be used.
    refits
        Whether to refit for rank bands, which takes some fifty short fits.
    idle
        Whether to look for indicators that cannot be told from noise.
    synthetic
        Whether the records are invented, which the report then says in large letters.
    origins
        Folder that keeps the bundle of every test origin, each under the name of its date; only the
        last one's where absent.
    truth
        A synthetic unit's truth at the last test date, which only the report reads.
    """

    tuning: TuningBudget | None = None
    characteristics: Characteristics | None = None
    hold_out_area: str | None = None
    across_breaks: bool = False
    breaks_us: tuple[int, ...] = ()
    openings: Path | None = None
    release: str = "unreleased"
    retrospective: bool = False
    refits: bool = False
    idle: bool = True
    synthetic: bool = False
    origins: Path | None = None
    truth: Truth | None = None
