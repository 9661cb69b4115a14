"""The true courses of a run of cases, from the beginning to a day."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from synthetic.simulator.chance import Chance, start_stream
from synthetic.simulator.compiled import compiled
from synthetic.simulator.logs import Logs, make_logs
from synthetic.simulator.population import CASE, draw_case, place_referrals
from synthetic.simulator.process import advance
from synthetic.simulator.rows import Floats, Ints
from synthetic.simulator.state import STATE, begin
from synthetic.simulator.worlds import Switches

Records = npt.NDArray[np.void]
_ACTS_A_CASE: Final = 40
_MARKS_A_CASE: Final = 12
_LEAST_ROOM: Final = 4_096


@dataclass(frozen=True)
class Courses:
    """What is true of cases up to a day, and which acts came to be recorded.

    ``cases`` and ``states`` have shape ``(n_cases,)``, rows of ``CASE`` and ``STATE``; ``acts`` and
    ``marks`` are rows of ``ACT`` and ``MARK`` in order of case.
    """

    cases: Records
    states: Records
    acts: Records
    marks: Records

    def position(self, numbers: Ints) -> Ints:
        """Return the places in ``cases`` of case numbers."""
        return np.asarray(numbers - self.cases["number"][0])


def draw_courses(numbers: Ints, n_cases: int, seed: int, world: Switches, until: float) -> Courses:
    """Return the courses of cases ``numbers`` (consecutive) of a unit of ``n_cases``, to a day."""
    count = len(numbers)
    cases, states = np.zeros(count, dtype=CASE), np.zeros(count, dtype=STATE)
    referral = _draw_referrals(numbers, n_cases, seed)
    compiled(begin_cases)(cases, numbers, referral, np.uint64(seed), world)
    acts, marks = [], []
    logs = make_logs(_ACTS_A_CASE * count + _LEAST_ROOM, _MARKS_A_CASE * count + _LEAST_ROOM)
    done = 0
    while done < count:
        logs.count[:] = 0
        now, n_acts, n_marks = compiled(run_cases)(cases, states, done, until, world, logs)
        if now == done:
            logs = make_logs(2 * len(logs.acts), 2 * len(logs.marks))
        acts.append(logs.acts[:n_acts].copy())
        marks.append(logs.marks[:n_marks].copy())
        done = now
    return Courses(cases, states, np.concatenate(acts), np.concatenate(marks))


def _draw_referrals(numbers: Ints, n_cases: int, seed: int) -> Floats:
    chance = Chance(seed)
    jitter = chance.uniform("referral", numbers, 0)
    return place_referrals(numbers, n_cases, jitter, chance.uniform("referral", numbers, 1))


@njit(nogil=True)
def begin_cases(cases: Any, numbers: Any, referral: Any, seed: Any, world: Any) -> None:
    """Fill the hidden truth of each case."""
    for i in range(len(cases)):
        chance = start_stream(seed, numbers[i], 0)
        draw_case(cases[i], numbers[i], referral[i], chance, world)


@njit(nogil=True)
def run_cases(
    cases: Any, states: Any, first: int, until: float, world: Any, logs: Logs
) -> tuple[int, int, int]:
    """Run cases from ``first`` on until one does not fit; return its place and the rows used."""
    for i in range(first, len(cases)):
        n_acts, n_marks = logs.count[0], logs.count[1]
        begin(cases[i], states[i], world)
        advance(cases[i], states[i], until, world, logs)
        if logs.count[0] > len(logs.acts) or logs.count[1] > len(logs.marks):
            return i, n_acts, n_marks
    return len(cases), logs.count[0], logs.count[1]
