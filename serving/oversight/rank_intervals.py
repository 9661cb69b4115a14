"""How much of the list's order is settled: where its cases would stand had others been learnt from.

A run that was asked for it fits its models again on people drawn anew. Most runs are not asked:
then there is nothing to show, and the page says so.
"""

from dataclasses import dataclass

from models.charts.curves import Band, BandChart, draw_bands
from models.charts.marks import Figures
from models.run_figures.screening_list import RankIntervals
from serving.oversight.run_words import format_count, format_share


@dataclass(frozen=True)
class ShownRankIntervals:
    """How far the order depends on whom was learnt from: words, a chart and its table."""

    words: str
    chart: BandChart
    table: Figures


def show_rank_intervals(found: RankIntervals | None) -> ShownRankIntervals | None:
    """Return how much of the order is settled; ``None`` where the run was not asked for it."""
    if found is None or found.capacity is None:
        return None
    listed = [
        Band(one.place, one.low, one.median, one.high)
        for one in found.places
        if one.low is not None and one.median is not None and one.high is not None
        if one.place <= found.capacity
    ]
    if not listed:
        return None
    title = "Ranks of each place's case when other people were learnt from"
    says = "; ".join(
        f"place {one.place}: middle rank {one.middle:.0f}, {one.low:.0f} to {one.high:.0f}"
        for one in listed
    )
    lines = tuple(
        (str(one.place), f"{one.middle:,.0f}", f"{one.low:,.0f} to {one.high:,.0f}")
        for one in listed
    )
    columns = ("Place", "Middle rank", "In nine of ten fits")
    return ShownRankIntervals(
        _describe(found),
        draw_bands("settled", title, f"{says}.", listed),
        Figures(title, columns, lines),
    )


def _describe(found: RankIntervals) -> str:
    words = f"The model was fitted {format_count(found.n_refits)} times more, on people drawn anew"
    stable, tied = found.share_stable, found.n_tied_listed
    if stable is not None:
        words += f": of 100 cases on the list {format_share(stable)} were on it in nearly every fit"
    if tied is not None:
        words += f", and {format_count(tied)} cannot be told from the last place"
    return f"{words}. Last places between cases that cannot be told apart go by lot."
