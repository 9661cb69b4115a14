"""Back-tests and the written rule of choice: what competed, on what, and what was picked."""

from typing import Final

from training.report.parts import Block, Part, Section, Words, keep
from training.report.plots import draw_lines
from training.report.reading import Node, Run
from training.report.summary import CANDIDATES
from training.report.tables import (
    AUC,
    COUNT,
    IN_100,
    Style,
    Table,
    make_table,
    plain,
    say,
    show,
    show_difference,
)

_SETTING: Final = Style(3)


def describe_choice(run: Run) -> Section:
    """Return the section on back-tests and choice."""
    parts = [_tell_outcome(outcome, run.root["training"][outcome]) for outcome in run.outcomes]
    return Section(
        "choice",
        "Back-tests and choice",
        "Each earlier training date served as a test for a model of the dates before it. The "
        "written rule takes the simplest candidate whose mean AUC lies within one standard error "
        "of the best. The test origins above played no part. The picked one is what the "
        "back-tests would have taken; the bundle also keeps the rule as a yardstick.",
        keep(_tell_training(run), *parts, _tell_tuning(run), _tell_idle(run)),
    )


def _tell_training(run: Run) -> Part:
    rows = [
        [
            say(plain(outcome)),
            show(found["n"], COUNT),
            show(found["positives"], COUNT),
            show(found["base_rate"], IN_100),
            show(found["rounds"], COUNT),
        ]
        for outcome in run.outcomes
        for found in [run.root["training"][outcome]]
        if found
    ]
    columns = ["Outcome", "Training rows", "With the outcome", "With it, in 100", "Trees"]
    table = make_table(f"What the model of {run.last} learnt from", columns, rows)
    return Part("Training rows", "", (table,) if rows else ())


def _tell_outcome(outcome: str, found: Node) -> Part:
    choice = found["choice"]
    periods = choice["periods"].texts()
    candidates = [(name, one) for name, one in choice["candidates"].parts() if name in CANDIDATES]
    blocks: list[Block] = []
    if choice["words"].text:
        blocks.append(Words((_sentence(choice["words"].text),)))
    if periods and candidates:
        blocks += [_draw(outcome, periods, candidates), _tabulate(outcome, choice, candidates)]
    meaning = ""
    if found["by_folds"].is_true:
        meaning = (
            "No earlier date was mature enough: folds by person stood in for periods. They say "
            "nothing about change over time."
        )
    return Part(f"Outcome: {plain(outcome)}", meaning, tuple(blocks))


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def _draw(outcome: str, periods: list[str], candidates: list[tuple[str, Node]]) -> Block:
    lines = {
        CANDIDATES[name]: [value.number for value in one["auc"].each()] for name, one in candidates
    }
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
    complete = {name: of for name, of in lines.items() if len(of) == len(periods)}
    return draw_lines(title, says, periods, complete, x_label="back-test period", y_label="AUC")


def _tabulate(outcome: str, choice: Node, candidates: list[tuple[str, Node]]) -> Table:
    periods = choice["periods"].texts()
    rows = []
    for name, one in candidates:
        marks = [mark for mark in ("best", "picked") if choice[mark].text == name]
        said = f" ({', '.join(marks)})" if marks else ""
        rows.append(
            [
                say(f"{CANDIDATES[name]}{said}"),
                *(show(one["auc"][number], AUC) for number in range(len(periods))),
                show(one["mean_auc"], AUC),
                show_difference(one["behind_best"]),
                show(one["behind_best"]["standard_error"], AUC),
            ]
        )
    columns = ["Candidate", *periods, "Mean", "Best less this one", "Standard error"]
    return make_table(f"Back-tests, outcome: {plain(outcome)}", columns, rows)


def _tell_tuning(run: Run) -> Part:
    rows, settings = [], []
    for outcome in run.outcomes:
        tuning = run.root["training"][outcome]["tuning"]
        if not tuning:
            continue
        rows.append(
            [
                say(plain(outcome)),
                show(tuning["n_trials"], COUNT),
                show(tuning["shipped_auc"], AUC),
                show(tuning["mean_auc"], AUC),
                say(tuning["stopped"].text),
            ]
        )
        chosen = [(name, one.number) for name, one in tuning["settings"].named()]
        told = [f"{plain(name)} {value:g}" for name, value in chosen if value is not None]
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


def _tell_idle(run: Run) -> Part:
    rows, names = [], []
    for outcome in run.outcomes:
        idle = run.root["training"][outcome]["idle"]
        if not idle:
            continue
        rows.append(
            [
                say(plain(outcome)),
                show(idle["n_indicators"], COUNT),
                show_difference(idle["change"]),
                say(_sentence(idle["words"].text) if idle["words"].text else ""),
            ]
        )
        if idle["names"].texts():
            names.append(f"{plain(outcome)}: {', '.join(idle['names'].texts())}.")
    columns = ["Outcome", "Indicators", "AUC with all, less that without the idle", "In words"]
    blocks: tuple[Block, ...] = ()
    if rows:
        blocks = (
            make_table("Idle indicators", columns, rows),
            Words(tuple(names), is_list=True, is_small=True),
        )
    return Part(
        "Idle indicators",
        "Indicators that helped the trees no more than shuffled copies of themselves. That they "
        "are idle here does not show that they are idle elsewhere.",
        blocks,
    )
