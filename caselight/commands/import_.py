"""``caselight import``: another system's export becomes a contract folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caselight.inputs import say

if TYPE_CHECKING:
    from features.intake.import_report import ImportReport, SourceReport


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

    Exit 1 where a file made no record, or more than 20 % of its rows were refused: the folder is
    written all the same, so that it can be looked at.
    """
    from features.intake.exports import import_source

    report = import_source(source, mapping, out, progress=say)
    for one in report.sources:
        _print_source(one)
    print(f"{_count(report.rows_read, 'row')} read")
    for table, count in report.records_written.items():
        print(f"{count:,} records in {table}")
    print(f"{report.repeats:,} repeats ignored, {report.conflicts:,} conflicts")
    _print_rejects(report, out)
    for warning in report.warnings:
        print(f"warning: {warning}")
    return _conclude(report, accept_rejects)


def _print_source(source: "SourceReport") -> None:
    print(f"{source.file}: {_count(source.rows_read, 'row')} read")
    made = ", ".join(f"{count:,} {table}" for table, count in source.records.items())
    print(f"  made: {made}")
    reasons = ", ".join(f"{code} {count:,}" for code, count in source.reasons.items())
    print(f"  refused: {_count(source.rows_refused, 'row')}" + (f" ({reasons})" if reasons else ""))
    print(f"  taken by no record of the mapping: {_count(source.rows_not_taken, 'row')}")
    for words in source.never_held:
        print(f"  never held: {words}")


def _print_rejects(report: "ImportReport", out: Path) -> None:
    for code, count, remedy in report.list_remedies():
        print(f"{_count(count, 'row')} rejected: {code}: {remedy}")
    if report.rejects_file:
        print(f"the rejected rows, each with its remedy, are in {out / report.rejects_file}")


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
