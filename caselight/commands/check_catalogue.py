"""``caselight check-catalogue``: every problem of a catalogue file, with its line."""

from pathlib import Path
from typing import Annotated

import typer


def check_catalogue(
    file: Annotated[Path, typer.Argument(help="Catalogue, a YAML file.")],
) -> None:
    """Check a catalogue's grammar, names and numbers; all problems are printed together."""
    from features.catalogue.file import load_catalogue

    found = load_catalogue(file)
    print(
        f"{file.name} is sound: {len(found.kinds)} kinds, {len(found.facts)} facts, "
        f"{len(found.indicators)} indicators, {len(found.outcomes)} outcomes, "
        f"{len(found.flags)} flags"
    )
    for family in found.families:
        first, *_, last = family.members
        n_members = len(family.members)
        print(f"line {family.line}: {family.name} makes {n_members} indicators, {first} to {last}")
