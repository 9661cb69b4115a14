"""``caselight figures``: every table of a run's report as data."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.errors import ArtefactError, ConfigError

if TYPE_CHECKING:
    from training.report.table_export import ExportedCell

_METRICS = "metrics.json"


class FigureFormat(StrEnum):
    """What figures are written as."""

    CSV = "csv"
    JSON = "json"


def figures(
    run: Annotated[Path, typer.Argument(help="Folder of a bundle, or its metrics.json.")],
    format_: Annotated[
        FigureFormat, typer.Option("--format", help="csv, a cell a line, or json.")
    ] = FigureFormat.CSV,
    out: Annotated[Path | None, typer.Option(help="File; printed where none is named.")] = None,
) -> None:
    """Write every table of a run's report: what each cell says, and its figure unrounded."""
    from training.report.table_export import list_cells, write_json

    path = run / _METRICS if run.is_dir() else run
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"there is no {_METRICS} there; name the folder of a bundle") from None
    try:
        cells = list_cells(content)
    except (ValueError, RecursionError):
        raise ArtefactError(f"{path.name} holds no figures; train again") from None
    text = write_json(cells) if format_ is FigureFormat.JSON else _write_csv(cells)
    if out is None:
        print(text, end="")
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8", newline="")
    print(f"{len(cells):,} cells written to {out.name}")


def _write_csv(cells: "list[ExportedCell]") -> str:
    import csv
    import io
    from dataclasses import astuple

    from serving.lists.csv_export import disarm
    from training.report.table_export import COLUMNS

    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for cell in cells:
        # Words are disarmed; a figure is written as a number, in full.
        writer.writerow(
            [one if isinstance(one, int | float) else disarm(one) for one in astuple(cell)]
        )
    return text.getvalue()
