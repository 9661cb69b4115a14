"""Run the measurements and write each group's page beside this file."""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.audit_chain import describe_chain
from benchmarks.load import describe_load
from benchmarks.machine import describe_machine
from benchmarks.million import describe_million
from benchmarks.one_case import describe_one_case
from benchmarks.reading import describe_reading
from benchmarks.reasons import describe_reasons
from benchmarks.scaling import SIZES, UNIT_CASES, describe_scaling
from benchmarks.serving_scores import describe_scores
from benchmarks.store_imports import describe_imports
from benchmarks.store_lists import describe_lists
from benchmarks.store_pages import describe_pages
from benchmarks.store_rescoring import describe_rescoring
from benchmarks.windows import compare_windows, describe_windows
from features.engine.warming import compile_engine
from synthetic.simulator import simulate_unit

HERE = Path(__file__).parent
ALL = ("caselight", "polars", "duckdb", "pandas", "featuretools")
LARGE = ("caselight", "polars", "duckdb", "pandas")
_EXPLAINED = (
    "For 30, 90, 365 days and all history: count, sum and largest severity, number of distinct\n"
    "types, a count per type, and days since the last event. featuretools has no equal of all of\n"
    "it and is timed on counts, sums, maxima and distinct values."
)


def describe_engine() -> str:
    """Measure the engine: one case, many cases beside others, and how it grows."""
    compile_engine()
    with tempfile.TemporaryDirectory() as place:
        unit = Path(place) / "unit"
        simulate_unit(UNIT_CASES, 2018, unit, progress=lambda message: None)
        parts = ["## One case", "", describe_one_case(unit)]
        parts += ["## The 37 columns", "", _EXPLAINED, ""]
        parts += [describe_windows(20_000, compare_windows(20_000, 5, ALL))]
        parts += [describe_windows(200_000, compare_windows(200_000, 3, LARGE))]
        parts += ["## The whole stalking catalogue", "", describe_scaling(unit, SIZES)]
    return "\n".join(parts)


def describe_store() -> str:
    """Measure the store: the list, imports, scoring anew."""
    parts = [
        "## The list",
        "",
        describe_lists(),
        "## Imports",
        "",
        describe_imports(),
    ]
    return "\n".join([*parts, "## Scoring 100,000 cases anew", "", describe_rescoring()])


GROUPS: dict[str, tuple[str, str, Callable[[], str]]] = {
    "engine": ("RESULTS.md", "# The engine", describe_engine),
    "reading": ("READING.md", "# From files to a checked history", describe_reading),
    "store": ("STORE.md", "# The store and the list", describe_store),
    "serving": ("SERVING.md", "# A score over a socket", describe_scores),
    "load": ("LOAD.md", "# Under load", describe_load),
    "pages": ("PAGES.md", "# The pages of the list", describe_pages),
    "audit": ("AUDIT.md", "# The audit log", describe_chain),
    "reasons": ("REASONS.md", "# Reasons", describe_reasons),
    "million": ("MILLION.md", "# One million cases, end to end", describe_million),
}
"""What is measured together, the page it is written to, its heading, and what measures it."""


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", choices=GROUPS, action="append", help="leave the others out")
    for name in parser.parse_args().only or GROUPS:
        file, heading, describe = GROUPS[name]
        written = "Written by `make bench`; what is compared was measured side by side in one run."
        text = "\n".join([heading, "", written, "", describe_machine(), "", describe()])
        print(text, flush=True)
        (HERE / file).write_text(text.rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
