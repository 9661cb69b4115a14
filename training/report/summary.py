"""What is said first: headlines, findings, what cannot be said, and the figures at a glance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from models.charts.marks import Row, draw_rows
from models.run_figures.fitting import TrainingFigures
from models.run_figures.ranking import Difference, Evaluation
from models.run_figures.run import RunFigures
from models.run_figures.screening_list import OrderFinds
from training.evaluation.headlines import NO_MODEL, NO_SIGNAL, NOT_SHOWN
from training.report.parts import Block, Part, Section, Words, keep, name_mark
from training.report.report_tables import (
    AUC,
    COUNT,
    IN_100,
    ONE,
    Cell,
    ReportTable,
    Style,
    make_table,
    plain,
    say,
    show,
    show_between,
    show_difference,
    show_interval,
)

CANDIDATES: Final[Mapping[str, str]] = {
    "model": "the model",
    "rfs": "the rule",
    "logistic": "logistic regression",
    "boosted": "boosted trees",
    "tuned": "tuned trees",
    "both": "trees with a linear part",
}
"""What competes for an outcome, in few words."""
_BASELINES: Final = ("rfs", "logistic", "boosted")
_ORDERS: Final = ("model", "rfs", "logistic", "longest_wait")
_PAIRED: Final = ("rfs", "logistic", "longest_wait")
_SIGNED: Final = Style(1, is_signed=True)
_WARNING_WORDS: Final = (NO_SIGNAL, NOT_SHOWN, NO_MODEL)


@dataclass(frozen=True)
class Headline:
    """A headline in three parts, and whether it warns.

    Parameters
    ----------
    about
        Outcome and test origin.
    verdict
        Whether the model beats the simple rules.
    figures
        By how much.
    """

    about: str
    verdict: str
    figures: str
    is_warning: bool


def read_headlines(run: RunFigures) -> list[Headline]:
    """Return the headlines, warnings first."""
    found = []
    for line in run.headlines:
        about, _, rest = line.partition(": ")
        verdict, _, figures = rest.partition(": ")
        is_warning = any(word in line for word in _WARNING_WORDS)
        found.append(Headline(about, _begin(verdict or line), figures, is_warning))
    return sorted(found, key=lambda one: not one.is_warning)


def _begin(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


@dataclass(frozen=True)
class FindingLine:
    """A finding's sentence, and whether it warns."""

    words: str
    is_warning: bool


def read_findings(run: RunFigures) -> list[FindingLine]:
    """Return the findings, warnings first."""
    found = [FindingLine(one.words, one.is_warning) for one in run.findings if one.words]
    return sorted(found, key=lambda one: not one.is_warning)


def describe_glance(run: RunFigures) -> Section:
    """Return the section that shows every outcome on one line."""
    blocks: list[Block] = []
    table = _tabulate(run)
    if table.rows:
        blocks = [table, *_plot(run)]
    part = Part("Every outcome at its test origin", "", tuple(blocks))
    finds = _tabulate_finds(run)
    places = Part(
        "What the list's places find",
        "The list weighs all outcomes together; beside it stand the same places given by the "
        "outcome's model alone, by the simple rule, by the logistic regression, to the longest "
        "known, and by lot. Brackets of the last columns are of the paired difference on the same "
        "cases: where they hold zero, the list is not shown to find more.",
        (finds,) if finds.rows else (),
    )
    return Section(
        "glance",
        "At a glance",
        "AUC is the chance that a case with the outcome stands above one without it: 0.5 is a "
        "coin, 1 is perfect order. The model averages boosted trees and a linear part; its trees "
        "alone stand beside it. The rule counts recency, frequency and severity of what is on "
        "record. Brackets hold the 95 % interval, found by drawing people again and again. "
        "Differences compare two orders of the same cases; where their bracket holds zero, no "
        "difference is shown. The last column is what the written rule of choice takes after the "
        "back-tests alone.",
        keep(places, part),
    )


def _tabulate_finds(run: RunFigures) -> ReportTable:
    rows = []
    for outcome in run.outcome_names:
        found = run.list.finds.get(outcome)
        if found is None:
            continue
        by_order = {one.order: one for one in found.orders}
        beside = [by_order.get(name, OrderFinds(name)) for name in _ORDERS]
        own = by_order.get("list", OrderFinds("list"))
        rows.append(
            [
                say(plain(outcome)),
                show(found.positives, COUNT),
                show_interval(own.finds, own.finds_ci, ONE),
                *(show(one.finds, ONE) for one in beside),
                show(found.chance, ONE),
                *(_show_ahead(found.ahead.get(name)) for name in _PAIRED),
            ]
        )
    columns = ["Outcome", "Cases with it", "The list", "Its model alone", "The rule"]
    columns += ["Logistic regression", "Longest known", "By lot", "List less rule"]
    columns += ["List less logistic", "List less longest known"]
    return make_table(f"Found in {run.list.capacity or 0} places at {run.last}", columns, rows)


def _show_ahead(found: Difference | None) -> Cell:
    if found is None:
        return show(None, ONE)
    return show_between(found.estimate, found.low, found.high, _SIGNED)


def _tabulate(run: RunFigures) -> ReportTable:
    rows = []
    for outcome in run.outcome_names:
        for origin, found in run.outcomes.get(outcome, {}).items():
            beside = [found.baselines.get(name, Evaluation()) for name in _BASELINES]
            choice = run.training.get(outcome, TrainingFigures()).choice
            picked = choice.picked if choice else ""
            is_last = origin == run.last
            rows.append(
                [
                    say(f"{plain(outcome)}, {origin}"),
                    show(found.n, COUNT),
                    show(found.base_rate, IN_100),
                    show_interval(found.auc, found.auc_ci, AUC),
                    *(show(one.auc, AUC) for one in beside),
                    *(show_difference(found.differences.get(name)) for name in _BASELINES),
                    say(CANDIDATES.get(picked, "") if is_last else "see its own run"),
                ]
            )
    columns = ["Outcome, test origin", "Cases", "With it, in 100", "AUC of the model"]
    columns += ["AUC of the rule", "AUC of the logistic regression", "AUC of the trees alone"]
    columns += ["Model less rule", "Model less logistic", "Model less trees alone"]
    columns += ["Picked by the written rule"]
    return make_table("Outcomes, rankings and paired differences", columns, rows)


def _plot(run: RunFigures) -> list[Block]:
    rows = []
    for outcome in run.outcome_names:
        found = run.at(outcome)
        sources: dict[str, Evaluation] = {"model": found, **found.baselines}
        rows += [
            Row(
                f"{plain(outcome)}: {CANDIDATES[name]}",
                one.auc,
                AUC.write(one.auc),
                *(one.auc_ci or ()),
            )
            for name, one in sources.items()
            if name in CANDIDATES and one.auc is not None
        ]
    if not rows:
        return []
    title = f"AUC with 95 % intervals at {run.last}"
    says = f"Test origin {run.last}. {'; '.join(f'{one.label} {one.shown}' for one in rows)}."
    note = (
        "The intervals of this plot are of each order by itself. Whether two orders differ is read "
        "from the paired differences in the table, which are narrower."
    )
    chart = draw_rows(
        name_mark(title), title, says, rows, most=1.0, limit=(0.5, "0.5 is a coin"), is_dot=True
    )
    return [chart, Words((note,))]
