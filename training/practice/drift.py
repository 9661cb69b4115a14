"""Recalibration when the recorded rate has moved, from what was known when the model is first used.

The latest outcomes over the full horizon are as old as the horizon. Outcomes over a shorter window
are known sooner: those of the window just past are held against the same short window at the
training dates. Every window is read as it was known equally long after its end, so that late
recording does not look like a fall.

A window that stands out is not yet a change that lasts. Where it stands out beyond chance, the
estimates follow the level that a dynamic model reads out of all windows
(:mod:`training.practice.intercept`); half of what stands out, and all of it, are told beside. A
fall is followed only where nothing else may explain it (:mod:`training.practice.falls`): estimates
that are too low cost more than estimates that are too high.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from features.catalogue.declarations import DAY_US, Catalogue, Horizon, Outcome
from features.contract.arrays import Float64, Int64
from features.contract.moments import format_moment
from features.engine.outcomes import bound_withdrawals, horizon_end, label_cases
from features.errors import LeakageError
from features.history.columns import History
from models.run_figures.fitting import DriftShift
from training.cohorts.drift_windows import WindowCases
from training.cohorts.history_subsets import drop_facts
from training.cohorts.landmarks import Landmarks
from training.figures.calibration import Z_95
from training.figures.logit import LogitFit, fit_logit
from training.practice.falls import CHANGED_RECORDING, list_doubts
from training.practice.intercept import follow_level

Bools = npt.NDArray[np.bool_]
LASTING_SHARE: Final = 0.5
"""How much of what stands out lasts, by the rule that was followed before there was a dynamic
model, and which is told beside it. On three outcomes of the Chicago histories at
seven origins whose outcomes were complete before 2012, the shift that would have been right was
0.42 times the one seen; between 0.3 and 0.5 the choice makes no difference."""
SETTLING_US: Final = 730 * DAY_US
"""How long after a change of recording no fall is followed: the longest of the usual windows over
which records are counted. Own judgement."""
LEAST_WINDOWS: Final = 3
"""Fewest earlier windows from which ordinary differences can be told at all."""
LEAST_POSITIVES: Final = 20
"""Fewest outcomes in the window just past: as for every figure of calibration."""
_MOST_WINDOWS: Final = 20
_NO_WINDOW: Final = "the outcomes of too few windows are known; no shift"
_TOO_FEW: Final = "too few outcomes in the window just past; no shift"
_NO_FIT: Final = "the windows cannot be compared; no shift"
_WITHIN: Final = "the rate has not moved beyond what windows ordinarily differ by; no shift"
_MOVED: Final = "the recorded rate has moved; probabilities follow its level"
_HELD: Final = (
    "the recorded rate has fallen and probabilities stay at the higher rate, since other causes "
    "are not ruled out: "
)


@dataclass(frozen=True)
class Window:
    """The cases of one short window.

    Parameters
    ----------
    start_us
        Start of the window, microseconds UTC; the cases are those of the cohort then.
    y_true
        Shape ``(n,)``: recorded within the window, as known a stated time after its end.
    person
        Shape ``(n,)``.
    log_odds
        Shape ``(n,)``: the model's log-odds at the start, which take the mix of cases into account;
        zeros compare bare rates.
    n_hidden
        Of how many support was withdrawn within the window with nothing recorded, so that nobody
        may have told; ``None`` where the catalogue knows no such thing.
    """

    start_us: int
    y_true: Bools
    person: Int64
    log_odds: Float64
    n_hidden: int | None = None


def estimate_shift(
    history: History,
    catalogue: Catalogue,
    outcome: Outcome,
    train_dates: Sequence[int],
    used_at_us: int,
    *,
    score: Callable[[Float64], Float64] | None = None,
    window: Horizon | None = None,
    cases: WindowCases | None = None,
    breaks_us: Callable[[], Sequence[int]] = lambda: (),
) -> DriftShift:
    """Estimate how far the recorded rate has moved, from what was known at ``used_at_us``.

    Parameters
    ----------
    history, catalogue, outcome
        The case histories and the outcome that was trained on.
    train_dates
        Moments of the training cohorts, microseconds UTC.
    used_at_us
        Moment at which the model is first used; only records from before it are read.
    score
        From an indicator matrix to the model's log-odds, shape ``(n,)``. With it, windows are
        compared at equal log-odds: what the model already follows is not corrected twice.
    window
        Length of the short window; half the horizon where ``None``. A whole year keeps seasons
        equal.
    cases
        The cases at the windows' starts, where other outcomes ask about the same moments.
    breaks_us
        When recording changed, as known at ``used_at_us``; asked for where the rate has fallen.

    Raises
    ------
    LeakageError
        If the short window of a training date was not complete at ``used_at_us``.
    """
    short = dataclasses.replace(outcome, horizon=window or halve(outcome.horizon))
    starts = _window_starts(history, short, min(train_dates), used_at_us)
    for date in train_dates:
        if _known_at(history, short, date) > used_at_us:
            raise LeakageError(
                f"training date {format_moment(date, history.time_zone)}: its outcomes over "
                f"{short.horizon} are not known when the model is first used; leave it out"
            )

    known = cases or WindowCases(history, catalogue)
    events = drop_facts(history)

    def take(start_us: int) -> Window:
        return _take_window(events, catalogue, short, start_us, known, score)

    windows = {start: take(start) for start in sorted({*train_dates, *starts})}
    recent = take(_step_back(history, short, used_at_us - short.maturity_us))
    return compare_windows(
        recent,
        training=[windows[date] for date in sorted(set(train_dates))],
        earlier=[windows[start] for start in starts],
        length=str(short.horizon),
        until_us=used_at_us - short.maturity_us,
        n_ahead=_count_windows(outcome.horizon, short.horizon),
        breaks_us=breaks_us,
    )


def _count_windows(whole: Horizon, short: Horizon) -> int:
    """Return how many short windows a horizon holds, at least one."""
    if whole.months and short.months:
        return max(1, round(whole.months / short.months))
    return max(1, round(whole.days / max(short.days, 1)))


def halve(horizon: Horizon) -> Horizon:
    """Return half a horizon, at least one day or month."""
    if horizon.months:
        return Horizon(months=max(1, horizon.months // 2))
    return Horizon(days=max(1, horizon.days // 2))


def _step_back(history: History, short: Outcome, moment_us: int) -> int:
    """Return the start of the latest window of whole days that ends by a moment."""
    back = Horizon(days=-short.horizon.days, months=-short.horizon.months)
    start = horizon_end(moment_us, back, history.time_zone)
    # A month that lacks the day ends earlier going back than going forth.
    while horizon_end(start, short.horizon, history.time_zone) > moment_us:
        start -= DAY_US
    return start


def _window_starts(
    history: History, short: Outcome, first_us: int, used_at_us: int
) -> tuple[int, ...]:
    """Return the starts of the windows before the one just past, back to a first moment."""
    start = _step_back(history, short, used_at_us - short.maturity_us)
    starts: list[int] = []
    while len(starts) < _MOST_WINDOWS:
        start = _step_back(history, short, start)
        if start < first_us:
            break
        starts.append(start)
    return tuple(reversed(starts))


def _known_at(history: History, short: Outcome, start_us: int) -> int:
    """Return when a window is read: as long after its end as the one just past is."""
    return horizon_end(start_us, short.horizon, history.time_zone) + short.maturity_us


def _take_window(
    history: History,
    catalogue: Catalogue,
    short: Outcome,
    start_us: int,
    cases: WindowCases,
    score: Callable[[Float64], Float64] | None,
) -> Window:
    case = cases.cases(start_us)
    known_us = _known_at(history, short, start_us)
    labels = label_cases(history, catalogue, short, start_us, case, known_us=known_us)
    kept = labels.known
    log_odds = np.zeros(int(kept.sum()))
    if score is not None and kept.any():
        log_odds = score(cases.values(start_us)[kept])
    marks = Landmarks(case, np.full(len(case), start_us))
    bounds = bound_withdrawals(history, catalogue, short, marks, known_us)
    hidden = None if bounds is None else bounds.n_withdrawn
    return Window(start_us, labels.y_true[kept], case[kept], log_odds, hidden)


def compare_windows(
    recent: Window,
    *,
    training: Sequence[Window],
    earlier: Sequence[Window],
    length: str,
    until_us: int,
    n_ahead: int = 2,
    breaks_us: Callable[[], Sequence[int]] = lambda: (),
) -> DriftShift:
    """Compare the window just past with those at the training dates.

    One logistic fit gives each window an intercept, at a common slope on the model's log-odds;
    ``seen`` is the recent intercept less the mean of the training dates', weighted by cases. With
    ``v`` its squared error by person and ``f`` the squared fluctuation between earlier windows,
    ``half`` is ``LASTING_SHARE * seen * max(0, 1 - (v + f) / seen**2)`` (a positive-part
    James-Stein estimate), and 0 where the 95 % interval of ``seen`` holds 0. The shift is the
    level of all windows, carried on over the horizon, and 0 where ``half`` is.

    Parameters
    ----------
    recent
        The window just past.
    training
        The windows at the training dates.
    earlier
        Windows of the same length, one after the other, before the recent one.
    length
        Length of the windows in words.
    until_us
        End of the recent window.
    n_ahead
        How many such windows the horizon holds.
    breaks_us
        As :func:`estimate_shift` takes it.
    """
    y_training = np.concatenate([one.y_true for one in training])
    blank = DriftShift(
        shift=0.0,
        recent_rate=float(recent.y_true.mean()) if len(recent.y_true) else None,
        training_rate=float(y_training.mean()) if len(y_training) else None,
        n_recent=len(recent.y_true),
        n_windows=len(earlier),
        window=length,
        from_us=recent.start_us,
        until_us=until_us,
        told=_NO_WINDOW,
    )
    if len(earlier) < LEAST_WINDOWS:
        return blank
    if min(recent.y_true.sum(), (~recent.y_true).sum()) < LEAST_POSITIVES:
        return dataclasses.replace(blank, told=_TOO_FEW)
    windows = {one.start_us: one for one in [*training, *earlier, recent]}
    fit = _fit_windows(list(windows.values()))
    if fit is None:
        return dataclasses.replace(blank, told=_NO_FIT)
    place = {start: number for number, start in enumerate(windows)}
    size = len(fit.coefficients)
    against = np.zeros(size)
    for one in training:
        against[place[one.start_us]] += len(one.y_true) / len(y_training)
    seen, error = fit.contrast(np.eye(size)[place[recent.start_us]] - against)
    fluctuation = _fluctuation(fit, np.array([place[one.start_us] for one in earlier]))
    interval = (seen - Z_95 * error, seen + Z_95 * error)
    found = dataclasses.replace(
        blank,
        seen=seen,
        interval=interval,
        fluctuation=fluctuation,
        half=_shrink(seen, error, fluctuation),
        told=_WITHIN,
    )
    in_time = [place[one.start_us] for one in [*earlier, recent]]
    level = follow_level(
        fit.coefficients[in_time] - float(against @ fit.coefficients),
        np.diag(fit.covariance)[in_time],
        n_ahead,
    )
    found = dataclasses.replace(found, level=level.ahead, level_error=level.error)
    # Within chance, or within what windows ordinarily differ by, nothing has moved.
    if not found.half or level.ahead * seen <= 0:
        return found
    if level.ahead > 0:
        return dataclasses.replace(found, shift=level.ahead, told=_MOVED)
    return _hold_fall(found, fit, place, recent, training, breaks_us())


def _hold_fall(
    found: DriftShift,
    fit: LogitFit,
    place: Mapping[int, int],
    recent: Window,
    training: Sequence[Window],
    breaks_us: Sequence[int],
) -> DriftShift:
    """Follow a fall as far as it lies after the last change of recording, if nothing explains it.

    Windows that began before the last change are of another practice: what fell across it is not
    known to have fallen. Nor is what falls soon after it: cases are described by records of both
    practices until counts over two years are of the new one alone.
    """
    last_us = max((one for one in breaks_us if one < found.until_us), default=None)  # type: ignore[operator]
    kept = [one for one in training if last_us is None or one.start_us >= last_us]
    reasons = list_doubts(
        recent.log_odds,
        [one.log_odds for one in training],
        (recent.n_hidden, len(recent.y_true)),
        [(one.n_hidden, len(one.y_true)) for one in training],
    )
    since = _contrast_since(fit, place, recent, kept)
    has_settled = last_us is None or recent.start_us - last_us >= SETTLING_US
    if since is None or since[1] >= 0 or not has_settled:
        reasons = (CHANGED_RECORDING, *reasons)
    if reasons:
        return dataclasses.replace(found, held=reasons, told=_HELD + "; ".join(reasons))
    assert found.level is not None
    assert found.seen is not None
    assert since is not None
    across = min(found.seen - since[0], 0.0)
    shift = min(found.level - across, 0.0)
    return dataclasses.replace(found, shift=shift, told=_MOVED if shift else _WITHIN)


def _contrast_since(
    fit: LogitFit, place: Mapping[int, int], recent: Window, training: Sequence[Window]
) -> tuple[float, float] | None:
    """Return the recent window less some training ones, and the upper end of its interval."""
    if not training:
        return None
    size = len(fit.coefficients)
    weights = np.eye(size)[place[recent.start_us]]
    n_rows = sum(len(one.y_true) for one in training)
    for one in training:
        weights[place[one.start_us]] -= len(one.y_true) / n_rows
    seen, error = fit.contrast(weights)
    return seen, seen + Z_95 * error


def _shrink(seen: float, error: float, fluctuation: float) -> float:
    # Nothing where its interval contains zero, and else half of what stands out (decision 11).
    if abs(seen) <= Z_95 * error:
        return 0.0
    return LASTING_SHARE * seen * max(0.0, 1 - (error**2 + fluctuation**2) / seen**2)


def _fit_windows(windows: Sequence[Window]) -> LogitFit | None:
    """Fit an intercept for each window, and a common slope where the log-odds differ."""
    sizes = [len(one.y_true) for one in windows]
    number = np.repeat(np.arange(len(windows)), sizes)
    columns = (number[:, None] == np.arange(len(windows))).astype(np.float64)
    log_odds = np.concatenate([one.log_odds for one in windows])
    # Without differences the slope's column would repeat those of the windows.
    if np.ptp(log_odds) > 0:
        columns = np.column_stack([columns, log_odds])
    return fit_logit(
        np.concatenate([one.y_true for one in windows]),
        columns,
        np.concatenate([one.person for one in windows]),
        np.zeros(len(number)),
    )


def _fluctuation(fit: LogitFit, at: Int64) -> float:
    """Return the standard deviation of windows' intercepts, less what chance would give them."""
    size = len(at)
    centre = np.eye(size) - 1 / size
    chance = float(np.trace(centre @ fit.covariance[np.ix_(at, at)] @ centre)) / (size - 1)
    return math.sqrt(max(0.0, float(np.var(fit.coefficients[at], ddof=1)) - chance))
