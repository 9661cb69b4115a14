"""The same ranking under other readings of the outcome, and cases that were managed."""

from models.run_figures.ranking import (
    EstimandFigures,
    Evaluation,
    IncidenceFigures,
    OutcomeFigures,
    Rankings,
    Weighted,
)
from models.run_figures.run import RunFigures
from training.report.parts import Block, Part, Section, keep
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
    show_between,
    show_interval,
)


def describe_estimands(run: RunFigures) -> Section:
    """Return the section on what else could have been estimated, and what may be hidden."""
    return Section(
        "estimands",
        "Other readings of the outcome",
        run.estimated,
        keep(
            _describe_groups(run),
            _describe_time_open(run),
            _describe_held_out(run),
            _describe_readings(run),
            _describe_bounds(run),
            _describe_handbacks(run),
            _describe_managed(run),
        ),
    )


def _describe_groups(run: RunFigures) -> Part:
    rows = []
    for outcome in run.outcome_names:
        for group, one in run.at(outcome).by_group.items():
            rows.append([say(f"{plain(outcome)}, {plain(group)}"), *_rankings(one)])
    return Part(
        "Newly referred cases, returned cases, and the rest",
        "Nobody has looked at newly referred cases yet, so the order matters most among them. "
        "Returned cases have a new record in the last four weeks. A ranking may look good over all "
        "cases only because it tells active cases from quiet ones.",
        (make_table("Ranking within each group of cases", _RANKINGS, rows),) if rows else (),
    )


def _describe_time_open(run: RunFigures) -> Part:
    rows = [
        [say(f"{plain(outcome)}, {plain(band)}"), *_rankings(one)]
        for outcome in run.outcome_names
        for band, one in (run.at(outcome).by_time_open or {}).items()
    ]
    return Part(
        "By how long a case had been known",
        "Cases that have been open for long weigh as much as new ones in every figure above; here "
        "they stand apart.",
        (make_table("Ranking by time since the unit knew of the case", _RANKINGS, rows),)
        if rows
        else (),
    )


def _describe_held_out(run: RunFigures) -> Part:
    rows = [
        [say(plain(outcome)), *_rankings(one)] for outcome, one in (run.held_out_area or {}).items()
    ]
    return Part(
        "An area that nothing was learnt from",
        "How the ranking carries over to cases of an area whose cases were kept from learning.",
        (make_table("Ranking in the area held out", _RANKINGS, rows),) if rows else (),
    )


_RANKINGS = (
    "Of",
    "Cases",
    "With the outcome",
    "AUC of the model",
    "Rule",
    "Logistic regression",
    "Trees alone",
)


def _rankings(one: Rankings) -> list[Cell]:
    return [
        show(one.n, COUNT),
        show(one.positives, COUNT),
        *(show(auc, AUC) for auc in (one.model, one.rfs, one.logistic, one.boosted)),
    ]


def _describe_handbacks(run: RunFigures) -> Part:
    one = run.handbacks
    if one is None:
        return Part("", "", ())
    columns = ["Cases", "Number", "Grave incidents before", "Grave incidents after"]
    rows = [
        [say(name), *(show(number, COUNT) for number in numbers)]
        for name, numbers in (
            ("handed back", (one.n_handbacks, one.before, one.after)),
            (
                "never managed, at the same ages",
                (one.n_controls, one.control_before, one.control_after),
            ),
        )
    ]
    figures = [show_between(one.relative, one.low, one.high, RATIO)]
    return Part(
        "Before and after a case was handed back",
        "A case is its own control: the eight weeks before the unit handed it back, while it was "
        "managed, against the eight weeks after, beside cases never managed. Below 1, management "
        "hides risk.",
        (
            make_table("Grave incidents around hand-backs", columns, rows),
            make_table(
                "Rate while managed over the rate afterwards, beyond what time alone explains",
                ["Ratio, 95 % interval", "In words"],
                [[*figures, say(one.words)]],
            ),
        ),
    )


def _describe_readings(run: RunFigures) -> Part:
    tables = [
        _tabulate(outcome, run.at(outcome))
        for outcome in run.outcome_names
        if run.at(outcome) != OutcomeFigures()
    ]
    return Part(
        "One order, several readings",
        "The first line is the headline's reading. The others ask the same of cases that were "
        "followed to the end, of cases weighed by how likely they were to be followed, and of the "
        "outcome before something else intervened, such as being taken on or custody. Large gaps "
        "between the lines say that the answer hangs on the reading.",
        tuple(tables),
    )


def _tabulate(outcome: str, found: OutcomeFigures) -> ReportTable:
    rows = [_row("as recorded (headline)", found)]
    if found.censored:
        rows.append(_row("only cases followed to the end", found.censored))
    if found.weighted:
        rows.append(_row("weighed by how likely they were followed", found.weighted))
    if found.incidence:
        rows.append(_row("with death and leaving as competing events", found.incidence))
    rows += [_row(plain(name), one) for name, one in found.estimands.items()]
    columns = ["Reading", "Cases", "With the outcome", "Something else came first"]
    columns += ["With it, in 100", "Mean estimate, in 100", "AUC of the model"]
    censored = found.n_censored
    notes = [] if censored is None else [f"Not followed to the end: {censored:,.0f} cases."]
    return make_table(f"Readings, outcome: {plain(outcome)}", columns, rows, *notes)


_Reading = Evaluation | Weighted | IncidenceFigures | EstimandFigures


def _row(name: str, one: _Reading) -> list[Cell]:
    auc = None if isinstance(one, IncidenceFigures) else one.auc
    return [
        say(name),
        show(one.n, COUNT),
        show(None if isinstance(one, Weighted) else one.positives, COUNT),
        show(one.competing if isinstance(one, IncidenceFigures | EstimandFigures) else None, COUNT),
        show(one.base_rate, IN_100),
        show(one.mean_probability if isinstance(one, EstimandFigures) else None, IN_100),
        show_interval(auc, one.auc_ci if isinstance(one, Evaluation) else None, AUC),
    ]


def _describe_bounds(run: RunFigures) -> Part:
    rows = []
    for outcome in run.outcome_names:
        bounds = run.at(outcome).withdrawn_support
        if bounds:
            rows.append(
                [
                    say(plain(outcome)),
                    show(bounds.n, COUNT),
                    show(bounds.n_withdrawn, COUNT),
                    show(bounds.lower, IN_100),
                    show(bounds.upper, IN_100),
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


def _describe_managed(run: RunFigures) -> Part:
    rows = []
    for name, one in (run.managed or {}).items():
        rows.append(
            [
                say(plain(name)),
                show(one.n_managed, COUNT),
                show(one.n_others, COUNT),
                show(one.managed_ratio, RATIO),
                show(one.others_ratio, RATIO),
                show_between(one.relative, one.low, one.high, RATIO),
                say(one.words),
            ]
        )
    columns = ["Outcome", "Managed cases", "Other cases", "Managed: seen over estimated"]
    columns += ["Others: seen over estimated", "First over second", "In words"]
    table = make_table("Managed cases held against the others", columns, rows)
    return Part(
        "Cases that the unit had taken on",
        "Where the unit's work prevents harm, its cases look safer than they are, and a model of "
        "the past learns to rank their like too low. Between cases this is hard to see, since "
        "cases are taken on for what no record holds as well.",
        (table,) if rows else (),
    )
