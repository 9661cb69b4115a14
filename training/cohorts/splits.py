"""Which dates a model may learn from, which it is tested on, and what lies between.

A model used at a moment learns only from dates whose outcomes were known and mature by then
(promise 3); here dates that would break that are refused before anything is measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.catalogue.declarations import DAY_US, Catalogue, Outcome
from features.contract.moments import format_moment
from features.engine.outcomes import horizon_end
from features.errors import ConfigError, LeakageError
from features.history.columns import History
from training.cohorts.landmarks import Landmarks

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Origin:
    """A moment of use, and the training dates whose outcomes were mature by then.

    Parameters
    ----------
    used_at_us
        When the model is used and then tested, microseconds UTC.
    train_dates_us
        What it may learn from, ascending, never empty.
    """

    used_at_us: int
    train_dates_us: tuple[int, ...]


@dataclass(frozen=True)
class AreaSplit:
    """Which rows are of other areas (to learn from) and of one area (to test on).

    Shape ``(n,)`` each; a row whose area is not known is kept to learn from.
    """

    kept: Bools
    held_out: Bools


def ripe_at(history: History, outcome: Outcome, date_us: int) -> int:
    """Return the first moment at which a model may learn an outcome of cases at a date.

    ``as_of + horizon + maturity`` (design section 4), microseconds UTC.
    """
    return horizon_end(date_us, outcome.horizon, history.time_zone) + outcome.maturity_us


def roll_origins(
    history: History,
    catalogue: Catalogue,
    train_dates: Sequence[int],
    test_dates: Sequence[int],
) -> tuple[Origin, ...]:
    """Return each test date with the training dates whose every outcome was mature by then.

    Parameters
    ----------
    history, catalogue
        Case histories and their outcomes.
    train_dates, test_dates
        Moments, microseconds UTC, in any order; repeats count once.

    Returns
    -------
    tuple of Origin
        In order of the test dates.

    Raises
    ------
    LeakageError
        If a training date is mature for no test date: learning from it would be looking ahead.
    ConfigError
        If a list is empty, a test date has no mature training date, or the extract ends before a
        test date's outcomes could be on record.
    """
    _check_named(train_dates, test_dates)
    _check_extract(history, catalogue, test_dates)
    for date in sorted(set(train_dates)):
        _check_ripe(history, catalogue, date, max(test_dates), "last")
    origins = []
    for used_at in sorted(set(test_dates)):
        mature = _mature_dates(history, catalogue, train_dates, used_at)
        if not mature:
            raise ConfigError(
                f"--test-as-of {_show(history, used_at)}: no training date's outcomes are mature "
                "by then; name an earlier training date or leave that test date out"
            )
        origins.append(Origin(used_at, mature))
    return tuple(origins)


def backtest_origins(
    history: History, catalogue: Catalogue, train_dates: Sequence[int], used_at: int
) -> tuple[Origin, ...]:
    """Return the origins among the training dates themselves, for tuning and choice.

    Each is a training date by which the outcomes of earlier ones were mature. What is learnt there
    is read as known at that date; what it is judged by is read as known at ``used_at``, by which
    its own outcomes must be mature.

    Parameters
    ----------
    history, catalogue
        Case histories and their outcomes.
    train_dates
        Moments, microseconds UTC.
    used_at
        When the model will first be used.

    Returns
    -------
    tuple of Origin
        In order of time; empty where no date has mature earlier ones.
    """
    found = []
    for date in _mature_dates(history, catalogue, train_dates, used_at):
        mature = _mature_dates(history, catalogue, train_dates, date)
        if mature:
            found.append(Origin(date, mature))
    return tuple(found)


def check_dates(
    history: History, catalogue: Catalogue, train_dates: Sequence[int], test_dates: Sequence[int]
) -> None:
    """Refuse dates that leak or cannot be evaluated, where one model serves every test date.

    Raises
    ------
    LeakageError
        If ``as_of + horizon + maturity`` of a training date lies after the first test date.
    ConfigError
        If ``as_of + horizon`` of a test date lies after the extract, or a list is empty.
    """
    _check_named(train_dates, test_dates)
    for date in train_dates:
        _check_ripe(history, catalogue, date, min(test_dates), "first")
    _check_extract(history, catalogue, test_dates)


def hold_out_area(history: History, landmarks: Landmarks, area: str) -> AreaSplit:
    """Split rows into those of one area and the others, to see how the rest carries over.

    Raises
    ------
    ConfigError
        If no case is of that area.
    """
    if area not in history.area.values:
        raise ConfigError("no case is of the area to be held out; name one of the unit's areas")
    code = history.area.values.index(area)
    held_out = np.asarray(history.area.codes[landmarks.case] == code)
    return AreaSplit(kept=~held_out, held_out=held_out)


def check_breaks(
    train_dates: Sequence[int],
    used_at: int,
    breaks: Sequence[int],
    *,
    time_zone: str,
    lookback_days: float = 0.0,
    across: bool = False,
) -> None:
    """Refuse training dates from before a change of recording practice.

    A date before a change has its horizon before the change or across it, so that its outcomes were
    recorded by other rules than those of the moment of use. With ``lookback_days`` its indicators
    may not reach back across the change either.

    Parameters
    ----------
    train_dates, used_at, breaks
        Moments, microseconds UTC; changes at or after ``used_at`` are not known then and are
        passed over.
    time_zone
        IANA name in which dates are told.
    lookback_days
        How far before a training date records must have been made by the new practice.
    across
        Whether to learn from before a change all the same.

    Raises
    ------
    ConfigError
        If a training date does not lie far enough after the last change.
    """
    known = [one for one in breaks if one < used_at]
    if across or not known:
        return
    earliest = max(known) + round(lookback_days * DAY_US)
    refused = sorted(date for date in set(train_dates) if date < earliest)
    if not refused:
        return
    named = ", ".join(format_moment(date, time_zone) for date in refused)
    raise ConfigError(
        f"--train-as-of {named}: recording practice changed at "
        f"{format_moment(max(known), time_zone)}, and outcomes or indicators of those dates rest "
        f"on the practice before; train at {format_moment(earliest, time_zone)} or later, or ask "
        "to learn across the change"
    )


def _mature_dates(
    history: History, catalogue: Catalogue, dates: Sequence[int], used_at: int
) -> tuple[int, ...]:
    return tuple(
        date
        for date in sorted(set(dates))
        if all(ripe_at(history, outcome, date) <= used_at for outcome in catalogue.outcomes)
    )


def _check_named(train_dates: Sequence[int], test_dates: Sequence[int]) -> None:
    if not train_dates or not test_dates:
        raise ConfigError("name at least one training date and one test date")


def _check_ripe(
    history: History, catalogue: Catalogue, date: int, used_at: int, which: str
) -> None:
    for outcome in catalogue.outcomes:
        ripe = ripe_at(history, outcome, date)
        if ripe > used_at:
            raise LeakageError(
                f"--train-as-of {_show(history, date)}: outcome '{outcome.name}' is not known "
                f"until {_show(history, ripe)}, after the {which} test date "
                f"{_show(history, used_at)}; leave that training date out or test later"
            )


def _check_extract(history: History, catalogue: Catalogue, test_dates: Sequence[int]) -> None:
    for outcome in catalogue.outcomes:
        for date in test_dates:
            end = horizon_end(date, outcome.horizon, history.time_zone)
            if end > history.extract_at:
                raise ConfigError(
                    f"--test-as-of {_show(history, date)}: outcome '{outcome.name}' needs records "
                    f"up to {_show(history, end)}, but the extract ends at "
                    f"{_show(history, history.extract_at)}; name an earlier test date"
                )


def _show(history: History, moment_us: int) -> str:
    return format_moment(moment_us, history.time_zone)
