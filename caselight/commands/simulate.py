"""``caselight simulate``: a synthetic unit with known truth, for demonstration and tests."""

from pathlib import Path
from typing import Annotated

import typer

from caselight.inputs import say
from features.errors import ConfigError


def simulate(
    cases: Annotated[int, typer.Option(min=1, help="Number of cases.")],
    out: Annotated[Path, typer.Option(help="Folder to write, empty or absent.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same unit.")] = 1,
    world: Annotated[
        str, typer.Option(help="Name of a world; docs/simulator.md lists them.")
    ] = "standard",
    truth_as_of: Annotated[
        str | None,
        typer.Option(help="DATE[,DATE...] at which to write what was truly likely."),
    ] = None,
    runs: Annotated[
        int, typer.Option(min=400, help="How often each case's future is drawn for the truth.")
    ] = 400,
) -> None:
    """Make a synthetic unit: every record is invented and marked so."""
    from synthetic.simulator import simulate_unit, write_truths
    from synthetic.simulator.constants import TIME_ZONE
    from synthetic.simulator.truth import check_moment

    if out.is_dir() and any(out.iterdir()):
        raise ConfigError("the folder of --out holds files; name an empty one")
    moments_us = _read_dates(truth_as_of, TIME_ZONE) if truth_as_of else []
    for moment_us in moments_us:
        check_moment(moment_us)
    simulate_unit(cases, seed, out, progress=say, world=world)
    if moments_us:
        write_truths(out, cases, seed, moments_us, world=world, runs=runs, progress=say)
    print(f"{cases:,} synthetic cases written; what they are not: docs/simulator.md")


def _read_dates(text: str, time_zone: str) -> list[int]:
    """Return dates of the unit's zone as moments, microseconds UTC."""
    from features.contract.moments import parse_date

    try:
        dates = [parse_date(part.strip(), time_zone) for part in text.split(",")]
    except ValueError:
        raise ConfigError(
            "--truth-as-of takes dates such as 2026-01-01, parted by commas without spaces"
        ) from None
    return sorted(set(dates))
