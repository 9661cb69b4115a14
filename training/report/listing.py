"""The list: what its places find, whom it misses, what weights settle, how many places it takes."""

from collections.abc import Mapping, Sequence
from typing import Final

from models.charts.curves import Curve, CurveChart, draw_curves
from models.charts.marks import Row, draw_rows
from models.run_figures.ranking import CapacityFigures, GroupAtCapacity
from models.run_figures.run import RunFigures
from models.run_figures.screening_list import (
    CapacityPlan,
    CustodyPrecaution,
    ListFigures,
    MissedFigures,
    PlannerFigures,
)
from training.report.lengths import show_lengths
from training.report.parts import Beside, Block, Part, Section, Words, keep, name_mark
from training.report.report_tables import (
    COUNT,
    IN_100,
    ONE,
    Cell,
    ReportTable,
    Style,
    count,
    make_table,
    plain,
    say,
    show,
    show_interval,
)
from training.report.summary import CANDIDATES

_GROUPS: Final = ("newly_referred", "returned", "all")
"""Order of the groups: nobody has looked at the first yet."""
_NOTE_WAIT: Final = (
    "A wait without a figure is longer than can be told: more cases than that never got a place."
)
_NOTE_OPEN: Final = (
    "Not yet known: cases with the outcome that still wait, and whose time had not run out when "
    "the play ended."
)
_MOSTLY_OPEN: Final = (
    "WARNING: the play is too short against the horizon. At some capacities most cases with the "
    "outcome that got no place were still within their time when it ended: “missed” is too low and "
    "“found, in 100 settled” too high."
)
_BORDERS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
"""Borders of the bands of ranks, in lists of the stated capacity."""


def describe_list(run: RunFigures) -> Section:
    """Return the section on the list as a whole."""
    found = run.list
    parts = keep(
        _describe_capacity(run, found),
        _describe_rivals(run),
        show_lengths(run),
        _describe_missed(found),
        _describe_weights(found),
        _describe_custody(found),
        _describe_planner(found),
    )
    capacity = found.capacity
    places = f"{capacity:,.0f} places" if capacity is not None else "its places"
    return Section(
        "list",
        "The list",
        f"What a week's list of {places} would have found at {run.last}. The order is that of the "
        "whole list, all outcomes weighed together.",
        parts,
    )


def _describe_capacity(run: RunFigures, found: ListFigures) -> Part:
    tables = [
        _tabulate_groups(f"Outcome: {plain(outcome)}", found.at_capacity[outcome])
        for outcome in run.outcome_names
        if outcome in found.at_capacity
    ]
    return Part(
        "What the places find, newly referred cases first",
        "Precision: of 100 places, how many go to a case with the outcome. Recall: of 100 cases "
        "with the outcome, how many get a place. Both are given on a list of the group alone and "
        "on the list of all cases. A list far shorter than the number of cases with the outcome "
        "finds few of them however good its order: read precision there, and the planner below.",
        tuple(tables),
    )


def _sort_groups(figures: CapacityFigures) -> list[GroupAtCapacity]:
    order = {name: number for number, name in enumerate(_GROUPS)}
    return sorted(figures.groups, key=lambda one: order.get(one.group, -1))


def _tabulate_groups(caption: str, figures: CapacityFigures) -> ReportTable:
    rows = [
        [
            say(plain(one.group)),
            show(one.n, COUNT),
            show(one.positives, COUNT),
            show_interval(one.precision_at_capacity, one.precision_at_capacity_ci, IN_100),
            show_interval(one.recall_at_capacity, one.recall_at_capacity_ci, IN_100),
            show(one.places_in_whole, ONE),
            show_interval(one.precision_in_whole, one.precision_in_whole_ci, IN_100),
            show_interval(one.recall_in_whole, one.recall_in_whole_ci, IN_100),
            show(one.median_rank_in_whole, COUNT),
        ]
        for one in _sort_groups(figures)
    ]
    columns = ["Group", "Cases", "With the outcome", "Own list: precision, in 100"]
    columns += ["Own list: recall, in 100", "Places on the list of all"]
    columns += ["List of all: precision, in 100", "List of all: recall, in 100"]
    columns += ["Middle rank of those with it"]
    return make_table(caption, columns, rows)


def _describe_rivals(run: RunFigures) -> Part:
    rows: list[list[Cell]] = []
    for outcome in run.outcome_names:
        rivals = run.at(outcome).at_capacity or {}
        for name, figures in rivals.items():
            whole, new = figures.of("all"), figures.of(_GROUPS[0]) or GroupAtCapacity()
            if name not in CANDIDATES or whole is None:
                continue
            row = [say(f"{plain(outcome)}: {CANDIDATES[name]}")]
            for one in (new, whole):
                row += [
                    show_interval(one.precision_at_capacity, one.precision_at_capacity_ci, IN_100),
                    show_interval(one.recall_at_capacity, one.recall_at_capacity_ci, IN_100),
                ]
            rows.append(row)
    columns = ["Order by", "Newly referred: precision, in 100", "Newly referred: recall, in 100"]
    columns += ["All: precision, in 100", "All: recall, in 100"]
    table = make_table("The same places filled by the model and by the simple rules", columns, rows)
    return Part(
        "Would a simple rule fill the places as well?",
        "Here the places go by one outcome alone, by each of these orders. An AUC looks at the "
        "whole order, a list only at its top: the two need not agree. Where the brackets of two "
        "orders overlap widely, the places do not tell them apart.",
        (table,) if rows else (),
    )


def _describe_missed(found: ListFigures) -> Part:
    gravest, missed = found.gravest or "", found.missed
    of_gravest = missed.get(gravest, MissedFigures())
    blocks: list[Block] = []
    if of_gravest.ranks:
        blocks.append(_show_ranks(gravest, of_gravest.ranks, found.capacity or 1))
    elif gravest and of_gravest.n == 0:
        blocks.append(Words((f"No case with {plain(gravest)} lay outside the list.",)))
    rows = [
        [say(plain(name)), show(one.n, COUNT), show(one.of, COUNT)] for name, one in missed.items()
    ]
    if rows:
        columns = ["Outcome", "Cases with it outside the list", "Of cases whose outcome is known"]
        blocks.append(make_table("Cases outside the list, by outcome", columns, rows))
    return Part(
        "Missed cases",
        "Cases that had the outcome and no place. Those just below the list would be reached in "
        "the next weeks; those far down show what the order does not see.",
        tuple(blocks),
    )


def _show_ranks(outcome: str, ranks: tuple[int, ...], capacity: int) -> Beside:
    known = sorted(ranks)
    bands = cut_ranks(known, max(capacity, 1))
    names = [f"{low:,} to {high:,}" for low, high, _ in bands]
    sizes = [size for _, _, size in bands]
    middle = known[(len(known) - 1) // 2]
    says = (
        f"{len(known):,} missed cases with {plain(outcome)}; half of them rank {middle:,} or "
        "higher. "
        + ", ".join(f"rank {name}: {size:,}" for name, size in zip(names, sizes, strict=True))
    )
    title = f"Ranks of missed cases, outcome: {plain(outcome)}"
    bars = [Row(f"rank {name}", size, f"{size:,}") for name, size in zip(names, sizes, strict=True)]
    chart = draw_rows(name_mark(title), title, says, bars, unit="missed cases")
    rows = [[say(name), count(size)] for name, size in zip(names, sizes, strict=True)]
    note = f"Each band is twice as wide as the one before. Lowest rank: {known[-1]:,}."
    return Beside(chart, make_table(title, ["Rank", "Missed cases"], rows, note))


def cut_ranks(ranks: list[int], capacity: int) -> list[tuple[int, int, int]]:
    """Return bands of ranks, each twice as wide as the one before, and how many lie in each.

    Parameters
    ----------
    ranks
        Ranks of missed cases; each beyond ``capacity``.
    capacity
        Places on the list: the first band is the next week's list.

    Returns
    -------
    list
        First rank, last rank (inclusive) and count, up to the band of the largest rank.
    """
    found = []
    low = capacity + 1
    for border in _BORDERS[1:]:
        high = border * capacity
        found.append((low, high, sum(low <= rank <= high for rank in ranks)))
        low = high + 1
        if not ranks or high >= max(ranks):
            return found
    return [*found, (low, max(ranks), sum(rank >= low for rank in ranks))]


def _describe_weights(found: ListFigures) -> Part:
    rows = [
        [
            say(f"{plain(one.rung)}, times {one.factor:g}"),
            show(one.weight, Style(1)),
            show(one.n_leaving, COUNT),
            show(one.lowest_new_place, COUNT),
            show(one.rank_correlation, Style(3)),
        ]
        for one in found.weights
    ]
    columns = ["Level of harm and change", "Stated weight", "Leave the list"]
    columns += ["Lowest new place of a listed case", "Correlation of the two orders"]
    return Part(
        "Weights halved and doubled",
        "The weights of the levels of harm are stated policy, not findings. This shows what they "
        "settle: how many of those on the list would leave it under another weight.",
        (make_table("Each weight changed in turn", columns, rows),) if rows else (),
    )


def _describe_custody(found: ListFigures) -> Part:
    custody = found.custody or CustodyPrecaution()
    rows = [
        [say("Cases moved up by the precaution"), show(custody.n_raised, COUNT)],
        [say("Of these, onto the list"), show(custody.n_onto_list, COUNT)],
    ]
    return Part(
        "Custody is not safety",
        "A case whose subject is in custody is ordered by the larger of two priorities: as "
        "recorded, and as if custody had ended. It is a precaution, not a prediction.",
        (make_table("What the precaution moves", ["", "Cases"], rows),) if found.custody else (),
    )


def _describe_planner(found: ListFigures) -> Part:
    plan = found.planner or PlannerFigures()
    plans = plan.capacities
    never = plan.never_weeks or 0
    if not plans:
        return Part("", "", ())
    rows = [
        [
            show(one.capacity, COUNT),
            show(one.finds, COUNT),
            show(one.misses, COUNT),
            show(one.open, COUNT),
            show(one.share_found, IN_100),
            show(one.median_wait_weeks, COUNT),
            show(one.p90_wait_weeks, COUNT),
            show(one.longest_wait_weeks, COUNT),
            show(one.never, COUNT),
            show(one.waiting_at_end, COUNT),
        ]
        for one in plans
    ]
    columns = ["Places a week", "Found", "Missed", "Not yet known", "Found, in 100 settled"]
    columns += ["Middle wait, weeks", "Nine in ten wait at most, weeks", "Longest wait, weeks"]
    columns += [f"Not seen within {never:.0f} weeks", "Waiting at the end"]
    is_open = any((one.open or 0) > (one.misses or 0) for one in plans)
    warned: list[Block] = [Words((_MOSTLY_OPEN,))] if is_open else []
    table = make_table("The planner's figures", columns, rows, _NOTE_WAIT, _NOTE_OPEN)
    words = Words(
        tuple(f"{_places(one)}: {one.words}." for one in plans), is_list=True, is_small=True
    )
    weeks, horizon = plan.weeks or 0, plan.horizon_weeks or 0
    return Part(
        "How many places a week?",
        f"The queue is played for {weeks:.0f} weeks with cases that arrive as they did in the last "
        "four before the test origin, from an empty queue. Found: a case with the gravest outcome "
        f"gets its place within {horizon:.0f} weeks. What a look then prevents is not modelled.",
        (*warned, *_draw_plan(plans), table, words),
    )


def _places(one: CapacityPlan) -> str:
    return f"{one.capacity} places"


def _draw_plan(plans: Sequence[CapacityPlan]) -> tuple[CurveChart, CurveChart]:
    says = " ".join(
        f"{_places(one)}: {one.finds or 0:,} found, {one.misses or 0:,} missed, longest wait "
        f"{one.longest_wait_weeks or 0} weeks."
        for one in plans
    )
    counts = {"found": "finds", "missed": "misses"}
    waits = {
        "middle wait": "median_wait_weeks",
        "nine in ten wait at most": "p90_wait_weeks",
        "longest wait": "longest_wait_weeks",
    }
    return (
        _draw_by_places("Found and missed by places a week", says, plans, counts, "cases"),
        _draw_by_places("Waits by places a week", says, plans, waits, "weeks"),
    )


def _draw_by_places(
    title: str, says: str, plans: Sequence[CapacityPlan], fields: Mapping[str, str], unit: str
) -> CurveChart:
    """Draw figures of each plan over its places; a wait without a figure is left out."""
    curves = [
        Curve(
            words,
            tuple(
                (float(one.capacity), float(value))
                for one in plans
                for value in [getattr(one, name)]
                if value is not None
            ),
        )
        for words, name in fields.items()
    ]
    return draw_curves(name_mark(title), title, says, curves, words=("places a week", unit))
