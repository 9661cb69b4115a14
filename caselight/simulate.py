"""``caselight simulate``: a synthetic unit, for demonstration and tests."""

from pathlib import Path
from typing import Annotated

import typer

from caselight.reading import say
from features.errors import ConfigError


def simulate(
    cases: Annotated[int, typer.Option(min=1, help="Number of cases.")],
    out: Annotated[Path, typer.Option(help="Folder to write, empty or absent.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same unit.")] = 1,
) -> None:
    """Make a synthetic unit: every record is invented and marked so."""
    from training.simulator import simulate_unit

    if out.is_dir() and any(out.iterdir()):
        raise ConfigError("the folder of --out holds files; name an empty one")
    simulate_unit(cases, seed, out, progress=say)
    print(f"{cases:,} synthetic cases written; what they are not: docs/simulator.md")
