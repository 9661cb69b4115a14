"""How well the model in use does, as the run that made it measured: charts, tables and sentences.

Every number is of the run's own test date, on cases that the model had not learnt from. What a run
did not measure is named as not measured, never left out silently.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from models.bundle import Bundle
from serving.oversight.groups import Audit, tell_audit
from serving.oversight.metrics import Node, RunFigures
from serving.oversight.run_words import (
    read_day,
    read_ends,
    tell_count,
    tell_interval,
    tell_share,
    tell_with_interval,
    write_share,
)
from serving.pages.charts import (
    Figures,
    HoldsChart,
    Point,
    Row,
    RowChart,
    draw_holds,
    draw_rows,
)

ORDERS: Final[Mapping[str, str]] = {
    "model": "the model",
    "rfs": "the simple rule",
    "logistic": "a plain regression",
}
"""What fills the same places, in few words: the rule adds up recency, frequency and severity."""
_ALL, _AT_LEAST = "all", 2
_GROUPS: Final = {
    "newly_referred": "newly referred",
    "returned": "returned",
    "waiting": "waiting",
    _ALL: "all cases",
}
_STRATA: Final = {"all": "all cases", "area": "area: ", "group": "group: ", "period": "period: "}
_WARNING_MARKS: Final = ("NOT SHOWN", "NO MODEL", "NO SIGNAL")


@dataclass(frozen=True)
class Verdict:
    """What the run says first of one outcome: what it is about, the verdict, and by how much."""

    about: str
    verdict: str
    figures: str
    is_warning: bool


@dataclass(frozen=True)
class Finding:
    """A sentence that the run concluded by itself."""

    words: str
    is_warning: bool


@dataclass(frozen=True)
class Holding:
    """Whether the estimates of one outcome hold: a sentence, a chart and its table."""

    words: str
    chart: HoldsChart
    table: Figures


@dataclass(frozen=True)
class Performance:
    """Everything that is shown of a run's figures.

    Parameters
    ----------
    tested_on, extract_on
        ISO days: from which on the model was tested, and when the records were taken; empty where
        the run does not say.
    capacity
        Places on the list that the figures are of; ``None`` where the run does not say.
    is_synthetic
        Whether it was measured on invented cases.
    verdicts, findings, cannot_say
        In the run's own words, warnings first.
    places
        A sentence an outcome: what the places find.
    places_chart, places_table
        The same by three orders.
    groups
        A table an outcome: what the list as a whole finds, new cases first.
    plan
        How long the queue grows at this number of places; empty where it was not played.
    holding
        By outcome, whether the estimates hold.
    strata
        By outcome, the same by area and group.
    audit
        By protected characteristics; ``None`` where none was made.
    absent
        What the run did not measure.
    """

    tested_on: str
    extract_on: str
    capacity: int | None
    is_synthetic: bool
    verdicts: tuple[Verdict, ...]
    findings: tuple[Finding, ...]
    cannot_say: tuple[str, ...]
    places: tuple[str, ...]
    places_chart: RowChart | None
    places_table: Figures | None
    groups: tuple[Figures, ...]
    plan: str
    holding: tuple[Holding, ...]
    strata: tuple[Figures, ...]
    audit: Audit | None
    absent: tuple[str, ...]


def describe_performance(found: RunFigures, bundle: Bundle) -> Performance:
    """Return what is shown of a run's figures, in the order and the words of the catalogue."""
    root = found.root
    labels = {one.name: one.label for one in bundle.catalogue.outcomes}
    capacity = root["capacity"].number
    chart, table = _show_places(found, labels, capacity)
    groups = _tabulate_groups(found, labels)
    holding = tuple(
        told for name, label in labels.items() for told in _show_holding(found, name, label)
    )
    strata = tuple(
        told for name, label in labels.items() for told in _tabulate_strata(root, name, label)
    )
    audit = tell_audit(root["audit"])
    plan = _tell_plan(root["list"]["planner"], capacity)
    missing = {
        "what the places of a list find": table is None,
        "how long the queue grows": not plan,
        "whether the estimates hold": not holding,
        "whether they hold by area and group": not strata,
        "the audit by protected characteristics": audit is None,
    }
    no_model = [
        f"any estimate of “{label}”: too few cases had it to learn from"
        for name, label in labels.items()
        if name not in bundle.outcomes
    ]
    return Performance(
        tested_on=read_day(root["trained_for"]),
        extract_on=read_day(root["run"]["extract_at"]),
        capacity=None if capacity is None else int(capacity),
        is_synthetic=root["run"]["synthetic"].is_true,
        verdicts=_read_verdicts(root, labels),
        findings=_read_findings(root),
        cannot_say=tuple(one.text for one in root["cannot_say"].each() if one.text),
        places=tuple(_tell_places(found, labels, capacity)),
        places_chart=chart,
        places_table=table,
        groups=groups,
        plan=plan,
        holding=holding,
        strata=strata,
        audit=audit,
        absent=(*(words for words, is_absent in missing.items() if is_absent), *no_model),
    )


def _read_verdicts(root: Node, labels: Mapping[str, str]) -> tuple[Verdict, ...]:
    found = []
    for line in root["headlines"].each():
        about, _, rest = line.text.partition(": ")
        verdict, _, figures = rest.partition(": ")
        name = about.partition(" at ")[0]
        if verdict:
            warns = any(mark in verdict for mark in _WARNING_MARKS)
            # Written in capitals for a page of figures; here the words are enough.
            said = verdict.capitalize() if verdict.isupper() else verdict
            found.append(Verdict(labels.get(name, about), said, figures, warns))
    return tuple(sorted(found, key=lambda one: not one.is_warning))


def _read_findings(root: Node) -> tuple[Finding, ...]:
    found = [
        Finding(one["words"].text, one["is_warning"].is_true)
        for one in root["findings"].each()
        if one["words"].text
    ]
    return tuple(sorted(found, key=lambda one: not one.is_warning))


def _whole(figures: Node) -> Node:
    """Return the figures of all cases together."""
    whole = (one for one in figures["groups"].each() if one["group"].text == _ALL)
    return next(whole, Node())


def _tell_places(
    found: RunFigures, labels: Mapping[str, str], capacity: float | None
) -> Sequence[str]:
    told = []
    for name, label in labels.items():
        orders = found.at(name)["at_capacity"]
        whole = _whole(orders["model"])
        hits, recall = whole["precision_at_capacity"].number, whole["recall_at_capacity"].number
        if hits is None or capacity is None:
            continue
        line = f"{label[:1].upper()}{label[1:]}: of {capacity:.0f} places, {hits * capacity:.0f}"
        line += " went to a case in which that came to be recorded"
        rule = _whole(orders["rfs"])["precision_at_capacity"].number
        if rule is not None:
            line += f"; by the simple rule it would have been {rule * capacity:.0f}"
        if recall is not None:
            line += f". Of 100 such cases {100 * recall:.0f} got a place"
        told.append(f"{line}.")
    return told


def _show_places(
    found: RunFigures, labels: Mapping[str, str], capacity: float | None
) -> tuple[RowChart | None, Figures | None]:
    rows, lines = [], []
    for name, label in labels.items():
        for order, who in ORDERS.items():
            whole = _whole(found.at(name)["at_capacity"][order])
            hits = whole["precision_at_capacity"].number
            if hits is None:
                continue
            low, high = read_ends(whole["precision_at_capacity_ci"])
            rows.append(Row(f"{label}: {who}", hits * 100, write_share(hits), low, high))
            lines.append(
                (
                    f"{label}: {who}",
                    tell_with_interval(
                        whole["precision_at_capacity"], whole["precision_at_capacity_ci"]
                    ),
                    tell_with_interval(whole["recall_at_capacity"], whole["recall_at_capacity_ci"]),
                    tell_count(whole["n"]),
                    tell_count(whole["positives"]),
                )
            )
    if not rows:
        return None, None
    places = "the places" if capacity is None else f"{capacity:.0f} places"
    title = f"Of 100 places, how many go to a case with the outcome ({places} on the list)"
    says = "; ".join(f"{one.label}, {one.shown}" for one in rows) + "."
    columns = (
        *("Outcome, and what fills the places", "Of 100 places", "Of 100 cases with it"),
        *("Cases", "With the outcome"),
    )
    note = "In brackets, where the figure lies in 95 of 100 repeated draws of the same people. "
    note += "Where two brackets overlap widely, the places do not tell the two orders apart."
    chart = draw_rows("places", title, says, rows, most=100.0)
    return chart, Figures(
        "What the same places find, by three orders", columns, tuple(lines), (note,)
    )


def _tabulate_groups(found: RunFigures, labels: Mapping[str, str]) -> tuple[Figures, ...]:
    told = []
    for name, label in labels.items():
        groups = {
            one["group"].text: one
            for one in found.root["list"]["at_capacity"][name]["groups"].each()
        }
        lines = tuple(
            (
                words,
                tell_count(groups[group]["n"]),
                tell_count(groups[group]["positives"]),
                tell_count(groups[group]["places_in_whole"]),
                tell_with_interval(
                    groups[group]["precision_in_whole"], groups[group]["precision_in_whole_ci"]
                ),
                tell_with_interval(
                    groups[group]["recall_in_whole"], groups[group]["recall_in_whole_ci"]
                ),
            )
            for group, words in _GROUPS.items()
            if group in groups
        )
        if lines:
            columns = (
                *("Cases", "How many", "With the outcome", "Places that they get"),
                *("Of 100 of these places", "Of 100 of these cases"),
            )
            told.append(Figures(f"The list as a whole: {label}", columns, lines))
    return tuple(told)


def _tell_plan(plan: Node, capacity: float | None) -> str:
    found = (one for one in plan["capacities"].each() if one["capacity"].number == capacity)
    return next(found, Node())["words"].text if capacity is not None else ""


def _show_holding(found: RunFigures, name: str, label: str) -> list[Holding]:
    parts = [
        (one, estimated, seen)
        for one in found.at(name)["curve"].each()
        for estimated in [one["mean_probability"].number]
        for seen in [one["observed_rate"].number]
        if estimated is not None and seen is not None
    ]
    if not parts:
        return []
    points = [
        Point(estimated, seen, one["low"].number, one["high"].number)
        for one, estimated, seen in parts
    ]
    inside = sum(
        one.low is not None and one.high is not None and one.low <= one.estimated <= one.high
        for one in points
    )
    words = (
        f"{label[:1].upper()}{label[1:]}: the cases in {len(points)} parts by their estimate. In "
        f"{inside} of them the estimate lies within what chance alone would let one see."
    )
    told = [f"estimated {write_share(x)}, seen {write_share(y)}" for _, x, y in parts]
    title = f"Estimated and seen: {label}"
    lines = tuple(
        (
            f"part {number}",
            write_share(estimated),
            f"{write_share(seen)}{tell_interval(one['low'], one['high'])}",
            tell_count(one["n"]),
        )
        for number, (one, estimated, seen) in enumerate(parts, 1)
    )
    columns = ("Part of the cases", "Estimated, in 100", "Seen, in 100", "Cases")
    chart = draw_holds(f"holds-{name.replace('_', '-')}", title, "; ".join(told) + ".", points)
    return [Holding(words, chart, Figures(title, columns, lines))]


def _tabulate_strata(root: Node, name: str, label: str) -> list[Figures]:
    lines = []
    for one in root["calibration"][name].each():
        stratum, level = one["stratum"].text, one["level"].text.replace("_", " ")
        if stratum == "period" or stratum not in _STRATA:
            continue
        lines.append(
            (
                _STRATA[stratum] + ("" if stratum == _ALL else level),
                tell_count(one["n"]),
                tell_share(one["mean_probability"]),
                tell_share(one["observed_rate"]),
                one["note"].text or "",
            )
        )
    if len(lines) < _AT_LEAST:
        return []
    columns = ("Part", "Cases", "Estimated, in 100", "Seen, in 100", "Note")
    return [Figures(f"Estimated and seen by area and group: {label}", columns, tuple(lines))]
