"""How every contender is timed: the same way, in its own process, after one untimed round.

A contender gives two functions: ``load(events, queries)`` and ``compute(loaded)``. What ``compute``
returns is written, outside all timing, as the frame that the others' is compared with.
"""

import json
import resource
import sys
import time


def contend(load, compute, finish) -> None:
    """Time a contender; arguments: events, queries, result, rounds.

    Prints one JSON object: seconds of each round from file to frame (``whole``) and from what was
    loaded to the frame (``compute``), and the peak of the process's memory in MiB.
    """
    events, queries, result, rounds = sys.argv[1:5]
    whole, computed = [], []
    for number in range(int(rounds) + 1):
        start = time.perf_counter()
        loaded = load(events, queries)
        middle = time.perf_counter()
        found = compute(loaded)
        end = time.perf_counter()
        if number:
            whole.append(end - start)
            computed.append(end - middle)
        elif result != "-":
            finish(found).to_parquet(result)
        del loaded, found
    peak = read_peak_mib()
    print(json.dumps({"whole": whole, "compute": computed, "peak_mib": peak}))


def time_rounds(read) -> None:
    """Time a reader of a folder; arguments: folder, what is asked for, rounds.

    Prints one JSON object: seconds of each round, and the peak of the process's memory in MiB.
    """
    folder, what, rounds = sys.argv[1:4]
    seconds = []
    for number in range(int(rounds) + 1):
        start = time.perf_counter()
        found = read(folder, what)
        if number:
            seconds.append(time.perf_counter() - start)
        del found
    peak = read_peak_mib()
    print(json.dumps({"seconds": seconds, "peak_mib": peak}))


def read_peak_mib() -> float:
    """Return this process's own peak in MiB.

    Linux's ``ru_maxrss`` begins with the peak of the process that started this one, which holds the
    inputs: the peak of its own memory is asked for where the system tells it.
    """
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def tidy(frame):
    """Return a pandas frame in one order of rows, empty counts as zero."""
    frame = frame.sort_values(["case_id", "as_of"], ignore_index=True)
    numbers = [name for name in frame.columns if name not in ("case_id", "as_of", "days_since")]
    frame[numbers] = frame[numbers].astype("float64").fillna(0.0)
    frame["days_since"] = frame["days_since"].astype("float64")
    return frame[["case_id", "as_of", *sorted([*numbers, "days_since"])]]
