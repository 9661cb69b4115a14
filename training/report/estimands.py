"""The same ranking under other readings of the outcome, and cases that were managed."""

from training.report.parts import Block, Part, Section, keep
from training.report.reading import Node, Run
from training.report.tables import (
    AUC,
    COUNT,
    IN_100,
    RATIO,
    Cell,
    Table,
    make_table,
    plain,
    say,
    show,
    show_between,
    show_interval,
)


def describe_estimands(run: Run) -> Section:
    """Return the section on what else could have been estimated, and what may be hidden."""
    return Section(
        "estimands",
        "Other readings of the outcome",
        run.root["estimated"].text,
        keep(_tell_readings(run), _tell_bounds(run), _tell_managed(run)),
    )


def _tell_readings(run: Run) -> Part:
    tables = [_tabulate(outcome, run.at(outcome)) for outcome in run.outcomes if run.at(outcome)]
    return Part(
        "One order, several readings",
        "The first line is the headline's reading. The others ask the same of cases that were "
        "followed to the end, of cases weighed by how likely they were to be followed, and of the "
        "outcome before something else intervened, such as being taken on or custody. Large gaps "
        "between the lines say that the answer hangs on the reading.",
        tuple(tables),
    )


def _tabulate(outcome: str, found: Node) -> Table:
    rows = [_row("as recorded (headline)", found)]
    if found["censored"]:
        rows.append(_row("only cases followed to the end", found["censored"]))
    if found["weighted"]:
        rows.append(_row("weighed by how likely they were followed", found["weighted"]))
    rows += [_row(plain(name), one) for name, one in found["estimands"].parts()]
    columns = ["Reading", "Cases", "With the outcome", "Something else came first"]
    columns += ["With it, in 100", "Mean estimate, in 100", "AUC of the model"]
    censored = found["n_censored"].number
    notes = [] if censored is None else [f"Not followed to the end: {censored:,.0f} cases."]
    return make_table(f"Readings, outcome: {plain(outcome)}", columns, rows, *notes)


def _row(name: str, one: Node) -> list[Cell]:
    return [
        say(name),
        show(one["n"], COUNT),
        show(one["positives"], COUNT),
        show(one["competing"], COUNT),
        show(one["base_rate"], IN_100),
        show(one["mean_probability"], IN_100),
        show_interval(one["auc"], one["auc_ci"], AUC),
    ]


def _tell_bounds(run: Run) -> Part:
    rows = []
    for outcome in run.outcomes:
        bounds = run.at(outcome)["withdrawn_support"]
        if bounds:
            rows.append(
                [
                    say(plain(outcome)),
                    show(bounds["n"], COUNT),
                    show(bounds["n_withdrawn"], COUNT),
                    show(bounds["lower"], IN_100),
                    show(bounds["upper"], IN_100),
                ]
            )
    columns = ["Outcome", "Cases", "Support withdrawn, no outcome on record"]
    columns += ["At least, in 100", "At most, in 100"]
    table: tuple[Block, ...] = ()
    if rows:
        table = (make_table("Bounds for what withdrawn support may hide", columns, rows),)
    return Part(
        "What withdrawn support may hide",
        "When somebody withdraws support, what follows is often not told. The rate lies between "
        "the one on record and the one if all of them had had the outcome (Manski 1990).",
        table,
    )


def _tell_managed(run: Run) -> Part:
    rows = []
    for name, one in run.root["managed"].parts():
        rows.append(
            [
                say(plain(name)),
                show(one["n_managed"], COUNT),
                show(one["n_others"], COUNT),
                show(one["managed_ratio"], RATIO),
                show(one["others_ratio"], RATIO),
                show_between(one["relative"], one["low"], one["high"], RATIO),
                say(one["words"].text),
            ]
        )
    columns = ["Outcome", "Managed cases", "Other cases", "Managed: seen over estimated"]
    columns += ["Others: seen over estimated", "First over second", "In words"]
    table = make_table("Managed cases held against the others", columns, rows)
    return Part(
        "Cases that the unit had taken on",
        "Where the unit's work prevents harm, its cases look safer than they are, and a model of "
        "the past learns to rank their like too low. A last figure clearly below 1 is a sign of "
        "it.",
        (table,) if rows else (),
    )
