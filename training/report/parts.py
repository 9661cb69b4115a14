"""What a page is made of: sections of parts, parts of words, tables and charts."""

import hashlib
from dataclasses import dataclass

from models.charts.curves import BandChart, CurveChart
from models.charts.marks import HoldsChart, RowChart
from training.report.report_tables import ReportTable

Chart = RowChart | HoldsChart | CurveChart | BandChart


@dataclass(frozen=True)
class Words:
    """Sentences, as paragraphs or as the items of a list; in small letters where they only add."""

    items: tuple[str, ...]
    is_list: bool = False
    is_small: bool = False


@dataclass(frozen=True)
class Beside:
    """A chart with the table of its figures beside it, or under it where there is no room."""

    chart: Chart
    table: ReportTable


Block = Words | ReportTable | Chart | Beside


@dataclass(frozen=True)
class Part:
    """A heading, what it means and how to read it, and what is shown."""

    title: str
    meaning: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Section:
    """A numbered section of the page.

    Parameters
    ----------
    key
        Its anchor.
    title, meaning
        Its heading; what it is and how to read it.
    parts
        Without a part the section is left out.
    """

    key: str
    title: str
    meaning: str
    parts: tuple[Part, ...]


def name_mark(title: str) -> str:
    """Return a name for a chart's marks that no other title has, whatever letters it holds."""
    return f"chart-{hashlib.sha256(title.encode()).hexdigest()[:10]}"


def kind_of(block: Block) -> str:
    """Return the name under which the template shows a block."""
    return type(block).__name__.lower()


def keep(*parts: Part | None) -> tuple[Part, ...]:
    """Return the parts that show something."""
    return tuple(part for part in parts if part is not None and part.blocks)
