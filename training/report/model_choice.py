"""Back-tests and the written rule of choice: what competed, on what, and what was picked."""

import math
from collections.abc import Sequence
from typing import Final

from models.charts.curves import Curve, draw_curves
from models.run_figures.fitting import (
    CandidateFigures,
    ChoiceFigures,
    LeftOutFigures,
    PooledFigures,
    TrainingFigures,
)
from models.run_figures.ranking import Evaluation
from models.run_figures.run import RunFigures
from training.report.parts import Block, Part, Section, Words, keep, name_mark
from training.report.provenance import IS_SETTING
from training.report.report_tables import (
    AUC,
    COUNT,
    IN_100,
    RATIO,
    Cell,
    ReportTable,
    make_table,
    plain,
    say,
    show,
    show_difference,
    show_interval,
)
from training.report.summary import CANDIDATES

_COIN: Final = 0.5
_Candidates = list[tuple[str, CandidateFigures]]


def describe_choice(run: RunFigures) -> Section:
    """Return the section on back-tests and choice."""
    parts = [
        _describe_outcome(outcome, run.training.get(outcome, TrainingFigures()))
        for outcome in run.outcome_names
    ]
    return Section(
        "choice",
        "Back-tests and choice",
        "Each earlier training date served as a test for a model of the dates before it. The "
        "written rule takes the simplest candidate whose mean AUC lies within one standard error "
        "of the best. The test origins above played no part. The picked one is what the "
        "back-tests would have taken; the bundle also keeps the rule as a yardstick.",
        keep(
            _describe_training(run),
            _describe_pooled(run),
            *parts,
            _describe_tuning(run),
            _describe_idle(run),
        ),
    )


def _describe_training(run: RunFigures) -> Part:
    rows = [
        [
            say(plain(outcome)),
            show(found.n, COUNT),
            show(found.positives, COUNT),
            show(found.base_rate, IN_100),
            show(found.rounds, COUNT),
            show(found.weight_of_trees, RATIO),
        ]
        for outcome in run.outcome_names
        for found in [run.training.get(outcome)]
        if found is not None
    ]
    columns = ["Outcome", "Training rows", "With the outcome", "With it, in 100", "Trees"]
    columns += ["Weight of the trees"]
    table = make_table(f"What the model of {run.last} learnt from", columns, rows)
    meaning = (
        "The model is an average in log-odds of boosted trees and a linear part. The trees' "
        "weight, 0 to 1, was learnt on people whom neither part had seen; at 1 the trees stand "
        "alone."
    )
    return Part("Training rows", meaning, (table,) if rows else ())


def _describe_pooled(run: RunFigures) -> Part:
    rows = []
    for outcome in run.outcome_names:
        found = run.training.get(outcome, TrainingFigures()).pooled
        if found is None:
            continue
        at = run.at(outcome).pooled or {}
        pooled, base = (at.get(name, Evaluation()) for name in ("pooled", "pooled_from"))
        rows.append(
            [
                say(f"{plain(outcome)}, from {plain(found.base)}"),
                show(found.n_people, COUNT),
                say(_say_served(found)),
                show(found.slope, RATIO),
                show(found.offset_alone, RATIO),
                show_interval(pooled.auc, pooled.auc_ci, AUC),
                show_interval(base.auc, base.auc_ci, AUC),
            ]
        )
    columns = ["Outcome", "People with it", "What is served", "Slope on the other outcome"]
    columns += ["Likely that nothing else differs", "AUC of the pooled model"]
    columns += ["AUC of the other outcome's order"]
    return Part(
        "Rare outcomes",
        "Where too few people had an outcome, a model of its own learns chance. A pooled model "
        "begins from that of another outcome and learns only what the sources say differs. While "
        "too few people had the outcome it stands in this report alone.",
        (make_table(f"Pooled models at {run.last}", columns, rows),) if rows else (),
    )


def _say_served(found: PooledFigures) -> str:
    if found.is_served:
        return "the pooled model"
    if found.has_own:
        return "a model of its own, which was better on people held out"
    return "the catalogue's sourced share; too few people had it"


def _describe_outcome(outcome: str, found: TrainingFigures) -> Part:
    choice = found.choice or ChoiceFigures()
    periods = choice.periods
    candidates = [(name, one) for name, one in choice.candidates.items() if name in CANDIDATES]
    blocks: list[Block] = []
    if choice.words:
        blocks.append(Words((_sentence(choice.words),)))
    if periods and candidates:
        blocks += [_draw(outcome, periods, candidates), _tabulate(outcome, choice, candidates)]
    meaning = ""
    if found.by_folds:
        meaning = (
            "No earlier date was mature enough: folds by person stood in for periods. They say "
            "nothing about change over time."
        )
    return Part(f"Outcome: {plain(outcome)}", meaning, tuple(blocks))


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def _draw(outcome: str, periods: Sequence[str], candidates: _Candidates) -> Block:
    lines = {CANDIDATES[name]: list(one.auc) for name, one in candidates}
    says = " ".join(
        f"{name}: "
        + ", ".join(
            f"{value:.3f} at {period}"
            for period, value in zip(periods, values, strict=False)
            if value is not None
        )
        + "."
        for name, values in lines.items()
    )
    title = f"AUC in each back-test period, outcome: {plain(outcome)}"
    curves = [
        Curve(
            name,
            tuple((float(at), value) for at, value in enumerate(values) if value is not None),
        )
        for name, values in lines.items()
        if len(values) == len(periods)
    ]
    lowest = min((value for one in curves for _, value in one.points), default=_COIN)
    return draw_curves(
        name_mark(title),
        title,
        says,
        curves,
        words=("back-test period", "AUC"),
        names=periods,
        least=min(_COIN, math.floor(10 * lowest) / 10),
    )


def _tabulate(outcome: str, choice: ChoiceFigures, candidates: _Candidates) -> ReportTable:
    periods = choice.periods
    rows = []
    for name, one in candidates:
        marks = [
            mark
            for mark, marked in (("best", choice.best), ("picked", choice.picked))
            if marked == name
        ]
        said = f" ({', '.join(marks)})" if marks else ""
        rows.append(
            [
                say(f"{CANDIDATES[name]}{said}"),
                *(
                    show(one.auc[number] if number < len(one.auc) else None, AUC)
                    for number in range(len(periods))
                ),
                show(one.mean_auc, AUC),
                show_difference(one.behind_best),
                show(one.behind_best.standard_error if one.behind_best else None, AUC),
            ]
        )
    columns = ["Candidate", *periods, "Mean", "Best less this one", "Standard error"]
    return make_table(f"Back-tests, outcome: {plain(outcome)}", columns, rows)


def _describe_tuning(run: RunFigures) -> Part:
    rows, settings = [], []
    for outcome in run.outcome_names:
        tuning = run.training.get(outcome, TrainingFigures()).tuning
        if tuning is None:
            continue
        rows.append(
            [
                say(plain(outcome)),
                show(tuning.n_trials, COUNT),
                show(tuning.shipped_auc, AUC),
                show(tuning.mean_auc, AUC),
                say(tuning.stopped),
            ]
        )
        told = [
            f"{plain(name)} {value:g}"
            for name, value in tuning.settings.items()
            if IS_SETTING.fullmatch(name)
        ]
        settings.append(f"{plain(outcome)}: {', '.join(told)}.")
    columns = ["Outcome", "Settings tried", "AUC as shipped", "AUC as tuned", "Ended by"]
    blocks: tuple[Block, ...] = ()
    if rows:
        table = make_table("Tuning on back-test periods", columns, rows)
        blocks = (table, Words(tuple(settings), is_list=True, is_small=True))
    return Part(
        "Tuning",
        "Settings of the trees, searched on the back-test periods alone. The best of many looks "
        "better than it is; the test origin shows what remains.",
        blocks,
    )


def _describe_idle(run: RunFigures) -> Part:
    rows: list[list[Cell]] = []
    left_out: list[Block] = []
    for outcome in run.outcome_names:
        idle = run.training.get(outcome, TrainingFigures()).idle
        if idle is None:
            continue
        rows.append(
            [
                say(plain(outcome)),
                show(idle.n_indicators, COUNT),
                show_difference(idle.change),
                say(_sentence(idle.words) if idle.words else ""),
            ]
        )
        if idle.left_out:
            left_out.append(_tell_left_out(outcome, idle.left_out))
        out = {one.name for one in idle.left_out}
        kept = [name for name in idle.names if name not in out]
        if kept:
            said = (
                f"{plain(outcome)}, kept though not told from noise, since their sources name the "
                f"gravest harm: {', '.join(kept)}."
            )
            left_out.append(Words((said,), is_small=True))
    columns = [
        "Outcome",
        "Indicators",
        "AUC with all, less that without those left out",
        "In words",
    ]
    blocks: tuple[Block, ...] = ()
    if rows:
        blocks = (make_table("Uninformative indicators", columns, rows), *left_out)
    return Part(
        "Uninformative indicators",
        "Indicators that random halves of the people did not pick again and again. The score does "
        "not rest on those left out; their records stay in evidence, flags and the sentences of a "
        "case. Each is told with the effect that could have been seen (test at 0.05, power 0.8, "
        "beside what is kept): where that is large there are too few to tell, which is not the "
        "same as no effect. Elsewhere they may well be informative.",
        blocks,
    )


def _tell_left_out(outcome: str, left_out: Sequence[LeftOutFigures]) -> ReportTable:
    rows = [
        [
            say(one.name),
            say("too few to tell" if one.is_too_few else "no effect"),
            show(one.odds_ratio, RATIO),
            say(one.of),
            show(one.picked_share, IN_100),
        ]
        for one in sorted(left_out, key=lambda one: not one.is_too_few)
    ]
    columns = ["Indicator", "Verdict", "Odds ratio that could have been seen", "Of", "Picked by"]
    return make_table(f"Left out of the score, outcome: {plain(outcome)}", columns, rows)
