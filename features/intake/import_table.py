"""What an import did as one table of plain text: a block of lines for each source."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Final

from features.intake.import_report import ImportReport, SourceReport

WIDTH: Final = 100
"""Columns of a terminal that the table keeps to."""
_HEADS: Final = ("source", "rows read", "records made", "rows refused", "no record")
_NUMBERS: Final = (1, 4)
_GAP: Final = "  "
_LEAST_SOURCE: Final = 12


def write_table(report: ImportReport) -> list[str]:
    """Write the table of an import.

    Each source has its rows read; the records that it made, by table; the rows refused, and below
    their number each reason with its own (a row may have several); and the rows of which no record
    of the mapping was made because no condition held.

    Parameters
    ----------
    report
        What the import did.

    Returns
    -------
    list of str
        Lines of at most ``WIDTH`` letters; the last block is the total where there are several
        sources.
    """
    blocks = [_list_cells(source) for source in report.sources]
    if len(report.sources) > 1:
        blocks.append(_list_cells(_add_up(report)))
    widths = [
        max(len(head), *(len(line) for block in blocks for line in block[place]), 0)
        for place, head in enumerate(_HEADS)
    ]
    others = sum(widths[1:]) + len(_GAP) * (len(widths) - 1)
    widths[0] = min(widths[0], max(_LEAST_SOURCE, WIDTH - others))
    lines = [_write_line(_HEADS, widths), _GAP.join("-" * width for width in widths)]
    for block in blocks:
        name = textwrap.wrap(block[0][0], widths[0], break_on_hyphens=False)
        rows = zip_longest(name, *block[1:], fillvalue="")
        lines += [_write_line(row, widths) for row in rows]
    return lines


def _list_cells(source: SourceReport) -> list[list[str]]:
    """Return for each column of the table the lines of a source's cell."""
    return [
        [source.file],
        [f"{source.rows_read:,}"],
        list(_write_counts(source.records)) or ["0"],
        [f"{source.rows_refused:,}", *(f"  {one}" for one in _write_counts(source.reasons))],
        [f"{source.rows_not_taken:,}"],
    ]


def _write_counts(counts: Mapping[str, int]) -> Iterator[str]:
    """Yield numbers under each other with the words behind them."""
    width = max((len(f"{count:,}") for count in counts.values()), default=0)
    for words, count in counts.items():
        yield f"{count:>{width},} {words}"


def _add_up(report: ImportReport) -> SourceReport:
    made: dict[str, int] = {}
    for source in report.sources:
        for table, count in source.records.items():
            made[table] = made.get(table, 0) + count
    return SourceReport(
        file="all sources",
        rows_read=report.rows_read,
        records=made,
        rows_refused=sum(source.rows_refused for source in report.sources),
        reasons=report.rejects,
        rows_not_taken=sum(source.rows_not_taken for source in report.sources),
        never_held=(),
    )


def _write_line(cells: Sequence[str], widths: Sequence[int]) -> str:
    placed = (
        f"{cell:>{width}}" if place in _NUMBERS else f"{cell:<{width}}"
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return _GAP.join(placed).rstrip()
