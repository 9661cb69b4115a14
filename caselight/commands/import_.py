"""``caselight import``: another system's export becomes a contract folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caselight.inputs import say

if TYPE_CHECKING:
    from features.intake.import_report import ImportReport


def import_(
    source: Annotated[Path, typer.Argument(help="Folder of the export.")],
    mapping: Annotated[Path, typer.Option(help="YAML file that says which column is what.")],
    out: Annotated[Path, typer.Option(help="Contract folder to write.")],
    accept_rejects: Annotated[
        bool,
        typer.Option(
            "--accept-rejects",
            help="Exit 0 although a file made no record or lost more than 20 % of its rows.",
        ),
    ] = False,
) -> int:
    """Turn another system's export into a contract folder; bad rows are kept apart, not lost.

    Prints a table by source: rows read, records made, rows refused by reason, and rows of which no
    record of the mapping was made. Below it stand the file of the refused rows, a remedy for each
    reason, and conditions that no row met.

    Exit 1 where a source made no record, or more than 20 % of its rows were refused: the folder is
    written all the same, so that it can be looked at. Exit 2 where nothing could be imported.
    """
    from features.intake.exports import import_source
    from features.intake.import_table import write_table

    report = import_source(source, mapping, out, progress=say)
    for line in write_table(report):
        print(line)
    print()
    _print_written(report)
    _print_rejects(report, out)
    _print_never_held(report)
    for warning in report.warnings:
        print(f"warning: {warning}")
    return _conclude(report, accept_rejects)


def _print_written(report: "ImportReport") -> None:
    written = ", ".join(f"{count:,} {table}" for table, count in report.records_written.items())
    print(f"{_count(report.rows_read, 'row')} read; written: {written}")
    print(f"{report.repeats:,} repeats ignored, {report.conflicts:,} conflicts")


def _print_rejects(report: "ImportReport", out: Path) -> None:
    if not report.rejects_file:
        return
    print(f"the refused rows, each with its remedy, are in {out / report.rejects_file}")
    for code, count, remedy in report.list_remedies():
        print(f"  {code} ({_count(count, 'row')}): {remedy}")


def _print_never_held(report: "ImportReport") -> None:
    never = [(source.file, words) for source in report.sources for words in source.never_held]
    if never:
        print("conditions and rules of the mapping that no row met")
    for file, words in never:
        print(f"  {file}: {words}")


def _conclude(report: "ImportReport", accept_rejects: bool) -> int:
    for failure in report.failures:
        say(f"caselight: {failure}")
    if not report.failures:
        return 0
    if accept_rejects:
        say("accepted by --accept-rejects")
        return 0
    say("correct the mapping or the export, or accept this with --accept-rejects")
    return 1


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
