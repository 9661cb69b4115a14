"""``caselight landmines``: plant later knowledge in a copy, and see that nothing feels it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caselight.inputs import load, load_trainable, parse_dates, report_unmeasured, say

if TYPE_CHECKING:
    from training.checks.leakage import Search, Sweep


def landmines(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Contract folder.")],
    catalogue: Annotated[str, typer.Option(help="Name of a shipped catalogue, or a file.")],
    as_of: Annotated[
        str | None,
        typer.Option(help="DATE[,DATE]; three spread over the last year where none is given."),
    ] = None,
) -> None:
    """Plant later knowledge in a copy of the records; exit with 1 if a value or a label moves."""
    from caselight.commands.demo import choose_dates
    from training.checks.leakage import search_leaks

    measured = load_trainable(catalogue)
    loaded = load(directory)
    history = loaded.history
    if as_of is None:
        train_dates, test_date = choose_dates(history, measured)
        dates = [train_dates[0], train_dates[-1], test_date]
    else:
        dates = parse_dates(as_of, history, "--as-of")
    report_unmeasured(history, measured, max(dates))
    found = search_leaks(loaded.folder, history, measured, dates, progress=say)
    print(describe_search(found, history.time_zone))
    if not (found.still and found.can_fail):
        raise typer.Exit(1)


def describe_search(found: "Search", time_zone: str) -> str:
    """Return a search as a table, what moved by name, and the control last."""
    from features.contract.moments import format_moment
    from training.checks.leakage import gather

    dates = ", ".join(format_moment(one.as_of_us, time_zone) for one in found.controls)
    head = (
        f"{'kind of mine':<42}{'planted':>10}{'values':>13}{'moved':>10}{'labels':>10}{'moved':>9}"
    )
    lines = [f"As known at {dates}; labels as a model first used then would learn them.", "", head]
    for mine, sweeps in gather(found.sweeps):
        lines.append(_describe_row(str(mine), sweeps))
    for mine, sweeps in gather(found.sweeps):
        if not all(sweep.still for sweep in sweeps):
            lines.append(f"LEAK: {mine}: moved {_name_moved(sweeps)}")
    if found.still:
        lines.append("Nothing moved: no value and no label knows what was recorded later.")
    for mine, sweeps in gather(found.controls):
        lines += ["", _describe_row(str(mine), sweeps)]
    if found.can_fail:
        lines.append("The control moves values and labels, so a leak would have been seen.")
    else:
        lines.append("THE CONTROL MOVED NOTHING: the search is blind here and proves nothing.")
    return "\n".join(lines)


def _describe_row(name: str, sweeps: "Sequence[Sweep]") -> str:
    planted = sum(sweep.planted for sweep in sweeps)
    cells = sum(sweep.cells for sweep in sweeps)
    moved_cells = sum(sweep.moved_cells for sweep in sweeps)
    labels = sum(sweep.labels for sweep in sweeps)
    moved_labels = sum(sweep.moved_labels for sweep in sweeps)
    return f"{name:<42}{planted:>10,}{cells:>13,}{moved_cells:>10,}{labels:>10,}{moved_labels:>9,}"


def _name_moved(sweeps: "Sequence[Sweep]") -> str:
    names = [name for sweep in sweeps for name in sweep.moved_columns]
    names += [f"labels of {name}" for sweep in sweeps for name in sweep.moved_outcomes]
    return ", ".join(dict.fromkeys(names))
