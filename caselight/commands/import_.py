"""``caselight import``: another system's export becomes a contract folder."""

from pathlib import Path
from typing import Annotated

import typer

from caselight.inputs import say


def import_(
    source: Annotated[Path, typer.Argument(help="Folder of the export.")],
    mapping: Annotated[Path, typer.Option(help="YAML file that says which column is what.")],
    out: Annotated[Path, typer.Option(help="Contract folder to write.")],
) -> None:
    """Turn another system's export into a contract folder; bad rows are kept apart, not lost."""
    from features.intake.exports import import_source

    report = import_source(source, mapping, out, progress=say)
    print(f"{report.rows_read:,} rows read")
    for table, count in report.records_written.items():
        print(f"{count:,} records in {table}")
    print(f"{report.repeats:,} repeats ignored, {report.conflicts:,} conflicts")
    for code, count in sorted(report.rejects.items()):
        print(f"{count:,} rejected: {code}")
    for warning in report.warnings:
        print(f"warning: {warning}")
