"""Probabilities: whether they hold, overall and by part; drift; whether acting on them pays."""

from typing import Final

from models.charts.curves import Curve, draw_curves
from models.charts.marks import Point, draw_holds
from models.run_figures.ranking import (
    CurvePoint,
    DecisionCurve,
    Evaluation,
    NetBenefit,
    Reliability,
)
from models.run_figures.run import RunFigures
from training.report.parts import Beside, Block, Part, Section, keep, name_mark
from training.report.report_tables import (
    COUNT,
    IN_100,
    RATIO,
    Cell,
    ReportTable,
    Style,
    make_table,
    plain,
    say,
    show,
    show_between,
    show_interval,
)
from training.report.summary import CANDIDATES

_BRIER: Final = Style(4)
_LOG_ODDS: Final = Style(2, is_signed=True)
_THRESHOLD: Final = Style(0, scale=100.0)
_BASELINES: Final = ("rfs", "logistic", "boosted")
_ACTS: Final = {**CANDIDATES, "all": "acting on all", "none": "acting on none"}
_STRATA: Final = {
    "all": "all cases",
    "period": "by period",
    "origin": "by period",
    "area": "by area",
    "group": "by group of cases",
    "known": "how long the file is known",
    "records": "how much it holds",
    "questions": "what was asked",
    "values": "what it is like",
}


def describe_calibration(run: RunFigures) -> Section:
    """Return the section on whether probabilities hold."""
    return Section(
        "calibration",
        "Calibration",
        "Whether, of cases with an estimate of 20 in 100, about 20 in 100 have the outcome. "
        "Intercept: 0 is right, below 0 the estimates are too high. Slope: 1 is right, below 1 "
        "high estimates are too high and low ones too low. The Brier score is the mean squared "
        "error: lower is better, and it should lie under that of giving every case the same rate.",
        keep(
            _describe_overall(run),
            _describe_curves(run),
            _describe_strata(run),
            _describe_drift(run),
        ),
    )


def _describe_overall(run: RunFigures) -> Part:
    rows = []
    for outcome in run.outcome_names:
        for origin, found in run.outcomes.get(outcome, {}).items():
            beside = [found.baselines.get(name, Evaluation()) for name in _BASELINES]
            rows.append(
                [
                    say(f"{plain(outcome)}, {origin}"),
                    show(found.calibration_intercept, _LOG_ODDS),
                    show(found.calibration_slope, RATIO),
                    show(found.brier, _BRIER),
                    show(found.brier_constant, _BRIER),
                    *(show(one.brier, _BRIER) for one in beside),
                ]
            )
    columns = ["Outcome, test origin", "Intercept", "Slope", "Brier score", "Same rate for all"]
    columns += ["Brier score of the rule", "Brier score of the logistic regression"]
    columns += ["Brier score of the trees alone"]
    table = make_table("Calibration of the model by outcome and period", columns, rows)
    return Part("By outcome and period", "", (table,) if rows else ())


def _describe_curves(run: RunFigures) -> Part:
    blocks = []
    for outcome in run.outcome_names:
        points = run.at(outcome).curve
        if points:
            blocks.append(_show_curve(outcome, points))
    return Part(
        "Reliability curves",
        "The cases in ten parts by their estimate. Dots above the dashed line: more had the "
        "outcome than was estimated; below it: fewer. The upright lines are 95 % intervals.",
        tuple(blocks),
    )


def _show_curve(outcome: str, points: tuple[CurvePoint, ...]) -> Beside:
    says = "Of cases estimated at " + "; ".join(
        f"{IN_100.write(one.mean_probability)} in 100, {IN_100.write(one.observed_rate)} in 100 "
        "had it"
        for one in points
    )
    rows = [
        [
            say(f"part {number}"),
            show(one.mean_probability, IN_100),
            show_between(one.observed_rate, one.low, one.high, IN_100),
            show(one.n, COUNT),
        ]
        for number, one in enumerate(points, 1)
    ]
    title = f"Estimated and seen, outcome: {plain(outcome)}"
    columns = ["Part of the cases", "Estimated, in 100", "Seen, in 100", "Cases"]
    placed = [Point(one.mean_probability, one.observed_rate, one.low, one.high) for one in points]
    chart = draw_holds(name_mark(title), title, f"{says}.", placed)
    return Beside(chart, make_table(title, columns, rows))


def _describe_strata(run: RunFigures) -> Part:
    tables = []
    for outcome in run.outcome_names:
        rows = [_row_of(one) for one in (run.calibration or {}).get(outcome, ())]
        if rows:
            tables.append(_tabulate_strata(outcome, rows))
    return Part(
        "By period, area, group and file",
        "An estimate that holds over all cases can be wrong for a part of them, among them files "
        "that a page marks as new, short, not asked about or unlike earlier ones. Where a bracket "
        "holds 0 (intercept) or 1 (slope), no fault is shown, which is not a proof that there is "
        "none.",
        tuple(tables),
    )


def _row_of(one: Reliability) -> list[Cell]:
    stratum, level = one.stratum, one.level
    name = _STRATA.get(stratum, plain(stratum))
    return [
        say(name if stratum == "all" else f"{name}: {plain(level)}"),
        show(one.n, COUNT),
        show(one.positives, COUNT),
        show(one.mean_probability, IN_100),
        show(one.observed_rate, IN_100),
        show_interval(one.intercept, one.intercept_interval, _LOG_ODDS),
        show_interval(one.slope, one.slope_interval, RATIO),
    ]


def _tabulate_strata(outcome: str, rows: list[list[Cell]]) -> ReportTable:
    columns = ["Part", "Cases", "With the outcome", "Estimated, in 100", "Seen, in 100"]
    columns += ["Intercept", "Slope"]
    return make_table(f"Calibration by part, outcome: {plain(outcome)}", columns, rows)


def _describe_drift(run: RunFigures) -> Part:
    rows = []
    for outcome in run.outcome_names:
        found = (run.drift or {}).get(outcome)
        if found is None:
            continue
        rows.append(
            [
                say(plain(outcome)),
                show(found.training_rate, IN_100),
                show(found.recent_rate, IN_100),
                show(found.n_recent, COUNT),
                show_interval(found.seen, found.interval, _LOG_ODDS),
                show(found.fluctuation, RATIO),
                show(found.half, _LOG_ODDS),
                show(found.level, _LOG_ODDS),
                show(found.shift, _LOG_ODDS),
                say(found.told),
            ]
        )
    columns = ["Outcome", "At the training dates, in 100", "Just before use, in 100"]
    columns += ["Cases just before use", "Difference seen, log-odds"]
    columns += ["Ordinary ups and downs", "Half of it, as before", "Level expected, log-odds"]
    columns += ["Shift applied, log-odds", "In words"]
    table = make_table("Recorded rates within a short window, and the shift", columns, rows)
    return Part(
        "Has the rate drifted?",
        "Outcomes over the full horizon come to be known late; over a shorter window sooner. "
        "Where the rate of the window just past stands out from what windows ordinarily differ "
        "by, the probabilities follow the level that a dynamic model reads out of all windows. A "
        "fall is followed only as far as it lies after the last change of recording, and only "
        "where other cases or withdrawn support do not explain it; otherwise the higher rate "
        "stands. Only what was known when the model is first used is read.",
        (table,) if rows else (),
    )


def describe_net_benefit(run: RunFigures) -> Section:
    """Return the section on decision curves."""
    blocks: list[Block] = []
    for outcome in run.outcome_names:
        found = run.at(outcome).net_benefit
        if found is not None and found.thresholds:
            blocks += [_draw_benefit(outcome, found), _tabulate_benefit(outcome, found)]
    return Section(
        "net-benefit",
        "Is acting on it worth more than acting on all, or on none?",
        "Somebody who acts from 10 in 100 upwards thinks nine looks in vain a fair price for one "
        "found. At that price, net benefit counts the outcomes found per 100 cases, less the "
        "price of the looks in vain. Higher is better; acting on none is 0. A line under “acting "
        "on all” says: at that price, look at everybody instead (Vickers and Elkin 2006).",
        keep(Part("By outcome", "", tuple(blocks))),
    )


def _draw_benefit(outcome: str, found: DecisionCurve) -> Block:
    curves = {
        name: Curve(
            _ACTS[name],
            tuple(
                (100 * at, 100 * one.net_benefit)
                for at, one in zip(found.thresholds, points, strict=False)
                if one.net_benefit is not None
            ),
        )
        for name, points in found.curves.items()
        # Acting on none is the axis itself.
        if name in _ACTS and name != "none"
    }
    says = (
        "Net benefit per 100 cases of the model: "
        + ", ".join(
            f"{value:.1f} when acting from {at:g} in 100" for at, value in curves["model"].points
        )
        if "model" in curves
        else "Net benefit per 100 cases: none of the model"
    )
    title = f"Decision curves, outcome: {plain(outcome)}"
    return draw_curves(
        name_mark(title),
        title,
        f"{says}.",
        list(curves.values()),
        words=("acting from so many in 100 upwards", "net benefit per 100 cases"),
    )


def _tabulate_benefit(outcome: str, found: DecisionCurve) -> ReportTable:
    curves = found.curves
    rivals = [name for name in (*_BASELINES, "all", "none") if curves.get(name)]
    rows = []
    for number, threshold in enumerate(found.thresholds):
        model = curves.get("model", ())
        row = [show(threshold, _THRESHOLD)]
        own = model[number] if number < len(model) else NetBenefit()
        row.append(show_interval(own.net_benefit, own.net_benefit_ci, _PER_100))
        for name in rivals:
            other = curves[name][number] if number < len(curves[name]) else NetBenefit()
            row.append(show_interval(other.model_ahead, other.model_ahead_ci, _AHEAD))
        rows.append(row)
    columns = ["Acting from, in 100", "Net benefit of the model"]
    columns += [f"Model ahead of {_ACTS[name]}" for name in rivals]
    caption = f"Net benefit per 100 cases, outcome: {plain(outcome)}"
    return make_table(caption, columns, rows)


_PER_100: Final = Style(2, scale=100.0)
_AHEAD: Final = Style(2, is_signed=True, scale=100.0)
