"""Cohorts with their indicators, and the rows that one outcome is learnt from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.catalogue.declarations import Catalogue, Outcome
from features.contract.arrays import MISSING, Float64
from features.contract.moments import format_moment
from features.engine.outcomes import Labels, horizon_ends, label_landmarks
from features.errors import ConfigError
from features.history.columns import History
from training.cohorts.history_subsets import drop_facts
from training.cohorts.landmarks import Landmarks, measure_landmarks, take_at_dates, take_at_events
from training.cohorts.outcome_rows import TrainingRows, choose_people

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Cohort:
    """Cases at moments, with their indicators.

    Parameters
    ----------
    name
        How the cohort is called in reports: its date, or the first and last date of its events.
    landmarks
        The cases and their moments.
    values
        Shape ``(n_rows, n_columns)``.
    """

    name: str
    landmarks: Landmarks
    values: Float64

    def __len__(self) -> int:
        return len(self.landmarks)

    def take(self, chosen: Bools) -> "Cohort":
        """Return the chosen rows."""
        return Cohort(self.name, self.landmarks.take(chosen), self.values[chosen])

    def sample_people(self, most_rows: int, seed: int) -> "Cohort":
        """Return the rows of a random part of the people, about ``most_rows`` where there are more.

        People are drawn, not rows, so that whoever is drawn is there at every landmark.
        """
        if len(self) <= most_rows:
            return self
        return self.take(choose_people(self.landmarks.case, most_rows, seed))


def take_cohort(history: History, catalogue: Catalogue, as_of_us: int) -> Cohort:
    """Return the catalogue's cohort at a date.

    Raises
    ------
    ConfigError
        If no case is in it.
    """
    name = format_moment(as_of_us, history.time_zone)
    return _measure(history, catalogue, name, take_at_dates(history, catalogue, [as_of_us]))


def take_cohorts(
    history: History, catalogue: Catalogue, dates_us: Sequence[int]
) -> dict[int, Cohort]:
    """Return the catalogue's cohort at each of several dates, measured together.

    Their indicators are parts of one matrix, so that :func:`join_cohorts` copies nothing.

    Raises
    ------
    ConfigError
        If no case is in one of them.
    """
    marks = take_at_dates(history, catalogue, dates_us)
    dates = sorted(set(dates_us))
    ends = np.searchsorted(marks.as_of_us, dates, side="right")
    starts = np.searchsorted(marks.as_of_us, dates, side="left")
    for date, start, end in zip(dates, starts, ends, strict=True):
        if start == end:
            raise _say_empty(format_moment(date, history.time_zone))
    values = measure_landmarks(history, catalogue, marks)
    return {
        date: Cohort(
            format_moment(date, history.time_zone),
            Landmarks(marks.case[start:end], marks.as_of_us[start:end]),
            values[start:end],
        )
        for date, start, end in zip(dates, starts, ends, strict=True)
    }


def take_event_cohort(
    history: History, catalogue: Catalogue, from_us: int, until_us: int
) -> Cohort:
    """Return the cohort at the catalogue's index events recorded in ``[from_us, until_us)``.

    Raises
    ------
    ConfigError
        If no such event is on record.
    """
    ends = [format_moment(moment, history.time_zone) for moment in (from_us, until_us)]
    marks = take_at_events(history, catalogue, from_us, until_us)
    return _measure(history, catalogue, " to ".join(ends), marks)


def _measure(history: History, catalogue: Catalogue, name: str, marks: Landmarks) -> Cohort:
    if not len(marks):
        raise _say_empty(name)
    return Cohort(name, marks, measure_landmarks(history, catalogue, marks))


def _say_empty(name: str) -> ConfigError:
    return ConfigError(
        f"no case is in the cohort at {name}; check the date and the catalogue's cohort rule"
    )


def join_cohorts(cohorts: Sequence[Cohort]) -> Cohort:
    """Return several cohorts as one."""
    if len(cohorts) == 1:
        return cohorts[0]
    marks = [cohort.landmarks for cohort in cohorts]
    return Cohort(
        name=", ".join(cohort.name for cohort in cohorts),
        landmarks=Landmarks(
            np.concatenate([one.case for one in marks]),
            np.concatenate([one.as_of_us for one in marks]),
        ),
        values=_join_values([cohort.values for cohort in cohorts]),
    )


def _join_values(parts: Sequence[Float64]) -> Float64:
    """Join matrices; without a copy where they lie one after the other in a larger one."""
    whole = parts[0].base
    if whole is not None and all(one.base is whole and one.flags.c_contiguous for one in parts):
        begins = np.array([one.__array_interface__["data"][0] for one in parts])
        if (np.diff(begins) == [one.nbytes for one in parts[:-1]]).all():
            first = (int(begins[0]) - whole.__array_interface__["data"][0]) // parts[0].strides[0]
            return np.asarray(whole[first : first + sum(len(one) for one in parts)])
    return np.concatenate(parts)


def label_cohort(
    history: History, catalogue: Catalogue, outcome: Outcome, cohort: Cohort, known_us: int
) -> Labels:
    """Label a cohort from what was recorded before ``known_us``."""
    events = drop_facts(history)
    return label_landmarks(events, catalogue, outcome, cohort.landmarks, known_us=known_us)


def training_rows(
    history: History,
    catalogue: Catalogue,
    outcome: Outcome,
    cohort: Cohort,
    known_us: int,
) -> TrainingRows:
    """Return the rows of a cohort whose outcome was known and mature at ``known_us``.

    Parameters
    ----------
    known_us
        Moment of use: labels rest on what was recorded before it, and a row counts only where its
        horizon and the catalogue's maturity had passed (design section 4).
    """
    labels = label_cohort(history, catalogue, outcome, cohort, known_us)
    ends = horizon_ends(cohort.landmarks.as_of_us, outcome.horizon, history.time_zone)
    kept = labels.known & (ends + outcome.maturity_us <= known_us)
    marks, y_true, place = cohort.landmarks, labels.y_true, None
    if not kept.all():
        marks, y_true, place = marks.take(kept), y_true[kept], np.flatnonzero(kept)
    return TrainingRows(cohort.values, y_true, marks.case, marks.as_of_us, place)


def areas_of(history: History, cohort: Cohort) -> npt.NDArray[np.object_]:
    """Return each row's area, ``None`` where it is not known."""
    names = np.array([*history.area.values, None], dtype=object)
    codes = history.area.codes[cohort.landmarks.case]
    return np.asarray(names[np.where(codes == MISSING, len(names) - 1, codes)])
