"""Run all measurements and write ``benchmarks/RESULTS.md``."""

import argparse
import tempfile
from pathlib import Path

from benchmarks.machine import describe_machine
from benchmarks.million import tell_million
from benchmarks.one_case import tell_one_case
from benchmarks.scaling import SIZES, UNIT_CASES, tell_scaling
from benchmarks.windows import compare_windows, tell_windows
from features.warming import compile_engine
from training.simulator import simulate_unit

RESULTS = Path(__file__).with_name("RESULTS.md")
ALL = ("caselight", "polars", "duckdb", "pandas", "featuretools")
LARGE = ("caselight", "polars", "duckdb", "pandas")
NEEDED = ("windows", "scaling", "one_case")
SECTIONS = (*NEEDED, "million")


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", choices=SECTIONS, action="append", help="leave the others out")
    chosen = parser.parse_args().only or list(SECTIONS)
    compile_engine()
    parts = [
        "# Results",
        "",
        "Written by `make bench`. Every ratio was measured side by side in one run, in one process",
        "each, median of the rounds after an untimed one; values were compared before times.",
        "",
        describe_machine(),
        "",
    ]
    with tempfile.TemporaryDirectory() as place:
        unit = Path(place) / "unit"
        simulate_unit(UNIT_CASES, 2018, unit, progress=lambda message: None)
        if "one_case" in chosen:
            parts += ["## One case", "", tell_one_case(unit)]
        if "windows" in chosen:
            parts += ["## The 37 columns", "", _EXPLAINED, ""]
            parts += [tell_windows(20_000, compare_windows(20_000, 5, ALL))]
            parts += [tell_windows(200_000, compare_windows(200_000, 3, LARGE))]
        if "scaling" in chosen:
            parts += ["## The whole stalking catalogue", "", tell_scaling(unit, SIZES)]
        if "million" in chosen:
            parts += ["## One million cases, end to end", "", tell_million()]
    text = "\n".join(parts)
    print(text)
    if set(chosen) >= set(NEEDED):
        RESULTS.write_text(text, encoding="utf-8")


_EXPLAINED = (
    "For 30, 90, 365 days and all history: count, sum and largest severity, number of distinct\n"
    "types, a count per type, and days since the last event. featuretools has no equal of all of\n"
    "it and is timed on counts, sums, maxima and distinct values."
)

if __name__ == "__main__":
    main()
