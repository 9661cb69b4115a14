"""Every table of a report as data: what each cell says, and the figures behind it in full."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Final

from models.run_figures.codec import PlacedNumbers
from models.run_figures.run import parse_run_figures
from training.report.page import list_sections
from training.report.parts import Beside, Block
from training.report.report_tables import Cell, ReportTable

_FIGURE, _LOW, _HIGH = range(3)
"""Order of a cell's places in the metrics."""


@dataclass(frozen=True)
class ExportedCell:
    """One cell of a table.

    Parameters
    ----------
    section, part, table
        Where it stands: headings of the report, and the table's caption.
    row, column
        The first cell of its row, and the heading above it.
    text
        What the report shows, its interval in brackets.
    figure, low, high
        The figure and the ends of its interval as they are in ``metrics.json``, unrounded and in
        its units; ``None`` where there is none.
    place
        Where the figure is in ``metrics.json``, as a JSON pointer (RFC 6901); empty for words.
    """

    section: str
    part: str
    table: str
    row: str
    column: str
    text: str
    figure: float | None
    low: float | None
    high: float | None
    place: str


COLUMNS: Final = tuple(ExportedCell.__dataclass_fields__)


def list_cells(metrics: str | bytes) -> list[ExportedCell]:
    """Return every cell of every table of a run's report, in the order in which they are shown.

    Parameters
    ----------
    metrics
        The text of ``metrics.json``.

    Returns
    -------
    list of ExportedCell
        First cells of rows are not among them: they are the others' ``row``.

    Raises
    ------
    ValueError
        If it is no JSON, or no mapping.
    RecursionError
        If it is nested too deeply to be read.
    """
    numbers = PlacedNumbers(metrics)
    return [
        _export(section.title, part.title, table.caption, row[0].text, column, cell, numbers)
        for section in list_sections(parse_run_figures(metrics))
        for part in section.parts
        for table in _list_tables(part.blocks)
        for row in table.rows
        for column, cell in zip(table.columns[1:], row[1:], strict=True)
    ]


def write_json(cells: list[ExportedCell]) -> str:
    """Return cells as one JSON array of objects, an object a line."""
    lines = ",\n".join(json.dumps(asdict(cell), ensure_ascii=False) for cell in cells)
    return f"[\n{lines}\n]\n" if cells else "[]\n"


def _list_tables(blocks: tuple[Block, ...]) -> Iterator[ReportTable]:
    for block in blocks:
        if isinstance(block, ReportTable):
            yield block
        elif isinstance(block, Beside):
            yield block.table


def _export(
    section: str,
    part: str,
    table: str,
    row: str,
    column: str,
    cell: Cell,
    numbers: PlacedNumbers,
) -> ExportedCell:
    found = [numbers.find(place) for place in cell.sources]
    found += [None] * (_HIGH + 1 - len(found))
    return ExportedCell(
        section=section,
        part=part,
        table=table,
        row=row,
        column=column,
        text=f"{cell.text} [{cell.interval}]" if cell.interval else cell.text,
        figure=found[_FIGURE],
        low=found[_LOW],
        high=found[_HIGH],
        place=cell.sources[_FIGURE] if cell.sources else "",
    )
