"""The true probability of each outcome, by letting each case's future happen many times.

From where a case stands at ``as_of`` (its traits and state known, all that lies ahead drawn again)
it is run forward; the share of runs in which the outcome is recorded, as a label would count it, is
its probability. Nothing that trains may read this: it is what trained models are held against.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numba import njit

from features.errors import ConfigError
from synthetic.simulator import constants as set_by
from synthetic.simulator.acts import DAY_US, EXTRACT_US
from synthetic.simulator.arrow_columns import make_keys, make_moments
from synthetic.simulator.compiled import compiled
from synthetic.simulator.course import draw_courses
from synthetic.simulator.logs import OUTCOMES, make_logs
from synthetic.simulator.process import advance
from synthetic.simulator.rows import Bools, Ints
from synthetic.simulator.state import STATE, draw_future
from synthetic.simulator.worlds import Switches, find_world, to_switches
from training.known_truth import Truth

HORIZON_DAYS: Final = 90.0
MATURITY_DAYS: Final = 28.0
LEAST_RUNS: Final = 400
_CASES_A_TASK: Final = 2_000


def find_truth(
    n_cases: int,
    seed: int,
    as_of_us: int,
    *,
    world: str = "standard",
    runs: int = LEAST_RUNS,
    cases: Ints | None = None,
    threads: int = 1,
) -> Truth:
    """Return the truth of a unit's cases at a moment.

    Parameters
    ----------
    n_cases, seed, world
        The unit, as :func:`synthetic.simulator.simulate_unit` takes them.
    as_of_us
        Microseconds UTC; before the extract of the unit or at it.
    runs
        How often each future is drawn, at least 400.
    cases
        Numbers of the cases that matter, ascending; all when not given. Those not yet referred or
        no longer followed at ``as_of`` are left out.
    threads
        Threads to use; the result does not depend on it.

    Raises
    ------
    ConfigError
        If there are too few runs, the moment is past the extract, or there is no such world.
    """
    if runs < LEAST_RUNS:
        raise ConfigError(f"the number of runs must be at least {LEAST_RUNS}")
    check_moment(as_of_us)
    switches = to_switches(find_world(world))
    as_of = (as_of_us - EXTRACT_US) / DAY_US
    tasks = _split_tasks(np.arange(n_cases) if cases is None else cases)

    def run_task(numbers: Ints) -> _Counts:
        return _count_futures(numbers, n_cases, seed, as_of, switches, runs)

    with ThreadPoolExecutor(threads) as pool:
        counts = list(pool.map(run_task, tasks))
    return _make_truth(counts, as_of_us, runs)


def check_moment(as_of_us: int) -> None:
    """Refuse a moment past the extract, where no unit stands.

    Raises
    ------
    ConfigError
        If it is past the extract.
    """
    if as_of_us > EXTRACT_US:
        raise ConfigError("the truth is asked for past the unit's extract; name an earlier date")


def to_table(truth: Truth) -> pa.Table:
    """Return a truth as a table with one row for each case and outcome."""
    n_outcomes = len(truth.outcomes)
    case = np.repeat(truth.case, n_outcomes)
    return pa.table(
        {
            "case_id": make_keys("C", case),
            "as_of": make_moments(np.full(len(case), truth.as_of_us)),
            "outcome": pa.array(np.tile(np.array(truth.outcomes), len(truth.case))),
            "probability": truth.probability.ravel(),
            "untreated": truth.untreated.ravel(),
            "happens": truth.happens.ravel(),
            "standard_error": truth.standard_error.ravel(),
            "managed": np.repeat(truth.managed, n_outcomes),
        }
    )


@dataclass(frozen=True)
class _Counts:
    """Runs with each outcome: recorded, recorded when untreated, happened."""

    case: Ints
    managed: Bools
    recorded: Ints
    untreated: Ints
    happened: Ints


def _split_tasks(cases: Ints) -> list[Ints]:
    """Return the cases in groups of neighbours."""
    return [cases[first : first + _CASES_A_TASK] for first in range(0, len(cases), _CASES_A_TASK)]


def _count_futures(
    numbers: Ints, n_cases: int, seed: int, as_of: float, world: Switches, runs: int
) -> _Counts:
    """Return the counts of the followed ones among some cases."""
    # Courses are of consecutive cases; the gaps cost next to nothing.
    span = np.arange(numbers[0], numbers[-1] + 1)
    courses = draw_courses(span, n_cases, seed, world, as_of)
    chosen = np.zeros(len(span), dtype=np.bool_)
    chosen[numbers - span[0]] = True
    chosen &= (courses.cases["referral"] < as_of) & (courses.states["departs"] > as_of)
    cases, states = courses.cases[chosen], courses.states[chosen]
    counts = [np.zeros((len(cases), len(OUTCOMES)), dtype=np.int64) for _ in range(3)]
    logs = make_logs(0, 0)
    logs.tally["start"], logs.tally["end"] = as_of, as_of + HORIZON_DAYS
    logs.tally["known_by"] = max(0.0, as_of + HORIZON_DAYS + MATURITY_DAYS)
    scratch = np.zeros(1, dtype=STATE)
    compiled(count_runs)(cases, states, world, np.uint64(seed), runs, scratch, logs, *counts)
    return _Counts(cases["number"], states["managed_until"] > as_of, *counts)


def _make_truth(counts: list[_Counts], as_of_us: int, runs: int) -> Truth:
    """Return shares of runs."""
    recorded, untreated, happened = (
        np.concatenate([getattr(some, name) for some in counts]) / runs
        for name in ("recorded", "untreated", "happened")
    )
    return Truth(
        case=np.concatenate([some.case for some in counts]),
        as_of_us=as_of_us,
        outcomes=OUTCOMES,
        probability=recorded,
        untreated=untreated,
        happens=happened,
        standard_error=np.sqrt(recorded * (1.0 - recorded) / runs),
        managed=np.concatenate([some.managed for some in counts]),
        runs=runs,
    )


@njit(nogil=True)
def count_runs(
    cases: Any,
    states: Any,
    world: Any,
    seed: Any,
    runs: int,
    scratch: Any,
    logs: Any,
    recorded: Any,
    untreated: Any,
    happened: Any,
) -> None:
    """Run each case forward again and again and count the outcomes.

    The untreated runs are drawn from the same numbers, so that their difference is not chance;
    where management changes nothing they are the treated ones.
    """
    matters = world.managed_grave != 1.0
    for i in range(len(cases)):
        for run in range(1, runs + 1):
            scratch[0] = states[i]
            _run_once(cases[i], scratch[0], world, seed, run, logs)
            _add_outcomes(logs.tally[0].recorded, recorded[i])
            _add_outcomes(logs.tally[0].happened, happened[i])
            if matters:
                scratch[0] = states[i]
                _leave_untreated(scratch[0])
                _run_once(cases[i], scratch[0], world, seed, run, logs)
                _add_outcomes(logs.tally[0].recorded, untreated[i])
        if not matters:
            untreated[i, :] = recorded[i]


@njit(nogil=True)
def _run_once(case: Any, state: Any, world: Any, seed: Any, run: int, logs: Any) -> None:
    """Let one future happen, as long as a correction can still move an act into the window."""
    tally = logs.tally[0]
    tally.recorded = 0
    tally.happened = 0
    draw_future(case, state, seed, run)
    advance(case, state, tally.end + set_by.CORRECTION_MOVES_DAYS, world, logs)


@njit(nogil=True)
def _leave_untreated(state: Any) -> None:
    """Take the unit's management out of the future."""
    state.managed_until = -math.inf
    state.screening_due = math.inf


@njit(nogil=True)
def _add_outcomes(bits: int, counts: Any) -> None:
    """Count the outcomes whose bits are set."""
    for outcome in range(len(counts)):
        counts[outcome] += (bits >> outcome) & 1
