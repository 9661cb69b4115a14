"""Doubt about ranks, and, on synthetic units alone, the list held against the known truth."""

from typing import Final

from models.charts.curves import Band, draw_bands
from models.run_figures.run import RunFigures
from models.run_figures.screening_list import RankIntervals, TruthFigures, TruthPart
from training.report.parts import Beside, Part, Section, keep, name_mark
from training.report.report_tables import (
    AUC,
    COUNT,
    IN_100,
    ONE,
    POINTS,
    RATIO,
    ReportTable,
    Style,
    make_table,
    plain,
    say,
    show,
    show_between,
)

_MOST_PLACES: Final = 60
"""Places of the list whose bands are shown one by one."""


def describe_doubt(run: RunFigures) -> Section:
    """Return the section on how far ranks can be told apart."""
    bands = run.bands or RankIntervals()
    return Section(
        "doubt",
        "Doubt about the order",
        "The model was fitted again and again on people drawn anew. A case whose rank jumps from "
        "refit to refit has no rank worth defending: last places between such cases go by lot.",
        keep(_describe_totals(bands), _describe_places(bands)),
    )


def _describe_totals(bands: RankIntervals) -> Part:
    rows = [
        [say(name), show(value, style)]
        for name, value, style in (
            ("Refits", bands.n_refits, COUNT),
            ("Places on the list", bands.capacity, COUNT),
            (
                "Listed cases on the list in nearly every refit, in 100",
                bands.share_stable,
                IN_100,
            ),
            ("Listed cases that cannot be told from the last place", bands.n_tied_listed, COUNT),
            (
                "As good as tied with the last place: lower by at most, in 100",
                bands.told_apart,
                IN_100,
            ),
            ("Cases in all that cannot be told from the last place", bands.n_tied, COUNT),
        )
        if value is not None
    ]
    table = make_table("The list over the refits", ["", "Figure"], rows)
    return Part("How much of the list is settled", "", (table,) if rows else ())


def _describe_places(bands: RankIntervals) -> Part:
    shown = [
        (one, Band(one.place, one.low, one.median, one.high))
        for one in bands.places
        if one.low is not None and one.median is not None and one.high is not None
    ][:_MOST_PLACES]
    if not shown:
        return Part("", "", ())
    title = "Ranks of each place's case over the refits"
    says = "; ".join(
        f"place {one.place}: middle rank {one.middle:.0f}, from {one.low:.0f} to {one.high:.0f}"
        for _, one in shown
    )
    is_whole = all(one.middle == round(one.middle) for _, one in shown)
    style = COUNT if is_whole else ONE
    rows = [
        [show(one.place, COUNT), show_between(one.median, one.low, one.high, style)]
        for one, _ in shown
    ]
    table = make_table(title, ["Place", "Middle rank [5th, 95th in 100]"], rows)
    chart = draw_bands(name_mark(title), title, f"{says}.", [one for _, one in shown])
    return Part(
        "Bands of ranks",
        "Each line runs over the ranks that nine in ten refits gave the case of that place.",
        (Beside(chart, table),),
    )


def describe_truth(run: RunFigures) -> Section:
    """Return the section that holds a synthetic unit's list against its known truth."""
    truth = run.truth or {}
    found = [(name, truth[name]) for name in run.outcome_names if name in truth]
    return Section(
        "truth",
        "Held against the known truth",
        "A synthetic unit knows what a real one cannot: each case's true probability. This tests "
        "the report, not the model's worth: none of it is evidence about a real unit.",
        keep(_describe_ceilings(found), _describe_parts(found), _describe_managed_truth(found)),
    )


def _describe_ceilings(found: list[tuple[str, TruthFigures]]) -> Part:
    rows = [
        [
            say(plain(name)),
            show(one.n, COUNT),
            show(one.ceiling_auc, AUC),
            show(one.auc, AUC),
            show(one.share_of_ceiling, IN_100),
            show(one.recall_of_truth_at_capacity, IN_100),
            show(one.largest_standard_error, Style(4)),
        ]
        for name, one in found
    ]
    columns = ["Outcome", "Cases", "AUC of the truth itself", "AUC of the model"]
    columns += ["Of what is possible above a coin, in 100", "True outcomes with a place, in 100"]
    columns += ["Largest error of the truth"]
    table = make_table("Ceilings: no model can pass the truth but by luck", columns, rows)
    return Part("How near the ceiling", "", (table,) if rows else ())


def _describe_parts(found: list[tuple[str, TruthFigures]]) -> Part:
    tables = tuple(_tabulate_parts(name, one.parts) for name, one in found if one.parts)
    return Part(
        "Calibration against truth",
        "The cases in ten parts by their estimate, beside the mean of their true probabilities.",
        tables,
    )


def _tabulate_parts(name: str, parts: tuple[TruthPart, ...]) -> ReportTable:
    rows = [
        [
            say(f"part {number}"),
            show(one.n, COUNT),
            show(one.mean_probability, IN_100),
            show(one.mean_truth, IN_100),
            show(one.relative_error, POINTS),
        ]
        for number, one in enumerate(parts, 1)
    ]
    columns = ["Part of the cases", "Cases", "Estimated, in 100", "True, in 100"]
    columns += ["Estimate above or below truth, in 100 of it"]
    return make_table(f"Estimate and truth, outcome: {plain(name)}", columns, rows)


def _describe_managed_truth(found: list[tuple[str, TruthFigures]]) -> Part:
    rows = [
        [
            say(plain(name)),
            show(managed.n, COUNT),
            show(managed.median_place, RATIO),
            show(managed.median_untreated_place, RATIO),
            show(managed.mean_probability, IN_100),
            show(managed.mean_untreated, IN_100),
        ]
        for name, one in found
        for managed in [one.managed]
        if managed is not None and managed.n
    ]
    columns = ["Outcome", "Managed cases", "Middle place by the estimate"]
    columns += [
        "Middle place by the truth, unmanaged",
        "Estimated, in 100",
        "True if unmanaged, in 100",
    ]
    return Part(
        "Managed cases, had nobody managed them",
        "Places run from 0, first, to 1, last. Where the estimate places managed cases further "
        "down than the truth would without management, the model has learnt the unit's own work.",
        (make_table("Managed cases by estimate and by truth", columns, rows),) if rows else (),
    )
