"""How well the model in use does, as the run that made it measured: charts, tables and sentences.

Every number is of the run's own test date, on cases that the model had not learnt from. What a run
did not measure is named as not measured, never left out silently.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from models.bundle.folder import Bundle
from models.charts.marks import Figures
from models.run_figures.ranking import CapacityFigures
from models.run_figures.run import RunFacts, RunFigures
from models.run_figures.screening_list import PlannerFigures
from serving.oversight.at_capacity import AtCapacity, describe_at_capacity
from serving.oversight.calibration import ShownCalibration, show_calibration, tabulate_strata
from serving.oversight.groups import Audit, describe_audit
from serving.oversight.net_benefit import ShownNetBenefit, show_net_benefit
from serving.oversight.rank_intervals import ShownRankIntervals, show_rank_intervals
from serving.oversight.run_words import format_count, format_with_interval, join_words, read_day

_GROUPS: Final = {
    "newly_referred": "newly referred",
    "returned": "returned",
    "waiting": "waiting",
    "all": "all cases",
}
_WARNING_MARKS: Final = ("NOT SHOWN", "NO MODEL", "NO SIGNAL")


@dataclass(frozen=True)
class ReportedVerdict:
    """What the run says first of one outcome: what it is about, the verdict, and by how much."""

    about: str
    verdict: str
    figures: str
    is_warning: bool


@dataclass(frozen=True)
class ReportedFinding:
    """A sentence that the run concluded by itself."""

    words: str
    is_warning: bool


@dataclass(frozen=True)
class Performance:
    """Everything that is shown of a run's figures.

    Parameters
    ----------
    tested_on, extract_on
        ISO days: from which on the model was tested, and when the records were taken; empty where
        the run does not say.
    is_synthetic
        Whether it was measured on invented cases.
    verdicts, findings, cannot_say
        In the run's own words, warnings first.
    at_capacity
        What the unit's places find; ``None`` where that was not measured.
    groups
        A table an outcome: what the list of the run's own length finds, new cases first.
    plan
        How long the queue grows at the number of places nearest to the unit's; empty where it was
        not played.
    calibration
        By outcome, whether the estimates hold.
    strata
        By outcome, the same by area and group.
    net_benefit
        By outcome, whether acting on the estimates gains more than other ways to act.
    rank_intervals
        How far places in the order depend on whom was learnt from; ``None`` where the run was not
        asked.
    audit
        By protected characteristics; ``None`` where none was made.
    absent
        What the run did not measure.
    """

    tested_on: str
    extract_on: str
    is_synthetic: bool
    verdicts: tuple[ReportedVerdict, ...]
    findings: tuple[ReportedFinding, ...]
    cannot_say: tuple[str, ...]
    at_capacity: AtCapacity | None
    groups: tuple[Figures, ...]
    plan: str
    calibration: tuple[ShownCalibration, ...]
    strata: tuple[Figures, ...]
    net_benefit: tuple[ShownNetBenefit, ...]
    rank_intervals: ShownRankIntervals | None
    audit: Audit | None
    absent: tuple[str, ...]

    @property
    def places(self) -> tuple[str, ...]:
        """A sentence an outcome: what the places find."""
        found = () if self.at_capacity is None else self.at_capacity.outcomes
        return tuple(f"{one.label[:1].upper()}{one.label[1:]}. {one.sentence}" for one in found)

    @property
    def in_short(self) -> str:
        """Whether the model is shown to beat the simpler orders, in a sentence; empty if unsaid."""
        beaten = [one.about for one in self.verdicts if not one.is_warning]
        unbeaten = [one.about for one in self.verdicts if one.is_warning]
        if not self.verdicts:
            return ""
        if not beaten:
            return "The model is not shown to beat the simpler orders for any outcome."
        told = f"The model is shown to beat the simpler orders for {join_words(beaten)}"
        return f"{told}, and not for {join_words(unbeaten)}." if unbeaten else f"{told}."


def describe_performance(run: RunFigures, bundle: Bundle, capacity: int) -> Performance:
    """Return what is shown of a run's figures, in the order and the words of the catalogue.

    Parameters
    ----------
    run
        The run's figures.
    bundle
        The model that it made.
    capacity
        Places on the unit's list.
    """
    made = run.run or RunFacts()
    labels = {one.name: one.label for one in bundle.catalogue.outcomes}
    at_capacity = describe_at_capacity(run, labels, capacity)
    plan = _describe_plan(run.list.planner or PlannerFigures(), capacity)
    calibration = tuple(
        x for name, label in labels.items() for x in show_calibration(run, name, label)
    )
    strata = tuple(x for name, label in labels.items() for x in tabulate_strata(run, name, label))
    net_benefit = tuple(
        x for name, label in labels.items() for x in show_net_benefit(run, name, label)
    )
    rank_intervals, audit = show_rank_intervals(run.bands), describe_audit(run.audit)
    missing = {
        "what the places of a list find": at_capacity is None,
        "how long the queue grows": not plan,
        "whether the estimates hold": not calibration,
        "whether they hold by area and group": not strata,
        "whether acting on the estimates is worth it": not net_benefit,
        "how far the order depends on whom was learnt from: ask for a run with refits": (
            rank_intervals is None
        ),
        "the audit by protected characteristics": audit is None,
    }
    no_model = [
        f"any estimate of “{label}”: too few cases had it to learn from"
        for name, label in labels.items()
        if name not in bundle.outcomes
    ]
    return Performance(
        tested_on=read_day(run.trained_for),
        extract_on=read_day(made.extract_at),
        is_synthetic=bool(made.synthetic),
        verdicts=_read_verdicts(run, labels),
        findings=_read_findings(run),
        cannot_say=run.cannot_say,
        at_capacity=at_capacity,
        groups=_tabulate_groups(run, labels),
        plan=plan,
        calibration=calibration,
        strata=strata,
        net_benefit=net_benefit,
        rank_intervals=rank_intervals,
        audit=audit,
        absent=(
            *(words for words, is_absent in missing.items() if is_absent),
            *(() if at_capacity is None else at_capacity.absent),
            *no_model,
        ),
    )


def _read_verdicts(run: RunFigures, labels: Mapping[str, str]) -> tuple[ReportedVerdict, ...]:
    found = []
    for line in run.headlines:
        about, _, rest = line.partition(": ")
        verdict, _, figures = rest.partition(": ")
        name = about.partition(" at ")[0]
        if verdict:
            warns = any(mark in verdict for mark in _WARNING_MARKS)
            # Written in capitals for a page of figures; here the words are enough.
            said = verdict.capitalize() if verdict.isupper() else verdict
            found.append(ReportedVerdict(labels.get(name, about), said, figures, warns))
    return tuple(sorted(found, key=lambda one: not one.is_warning))


def _read_findings(run: RunFigures) -> tuple[ReportedFinding, ...]:
    found = [ReportedFinding(one.words, one.is_warning) for one in run.findings if one.words]
    return tuple(sorted(found, key=lambda one: not one.is_warning))


def _tabulate_groups(run: RunFigures, labels: Mapping[str, str]) -> tuple[Figures, ...]:
    """Return what the list of the run's own length finds by group of cases, new cases first."""
    told = []
    of = "" if run.capacity is None else f" of {run.capacity} places"
    for name, label in labels.items():
        figures = run.list.at_capacity.get(name, CapacityFigures())
        lines = tuple(
            (
                words,
                format_count(one.n),
                format_count(one.positives),
                format_count(one.places_in_whole),
                format_with_interval(one.precision_in_whole, one.precision_in_whole_ci),
                format_with_interval(one.recall_in_whole, one.recall_in_whole_ci),
            )
            for group, words in _GROUPS.items()
            for one in [figures.of(group)]
            if one is not None
        )
        if lines:
            columns = (
                *("Cases", "How many", "With the outcome", "Places that they get"),
                *("Of 100 of these places", "Of 100 of these cases"),
            )
            told.append(Figures(f"The list{of} by group of cases: {label}", columns, lines))
    return tuple(told)


def _describe_plan(plan: PlannerFigures, capacity: int) -> str:
    """Return the plan nearest to the unit's places, and for how many it is where it is not theirs.

    It is a play of the queue, so that a plan of another length is told as what it is.
    """
    plans = [(one.capacity, one.words) for one in plan.capacities if one.words]
    if not plans:
        return ""
    places, words = min(plans, key=lambda one: (abs(one[0] - capacity), one[0]))
    return words if places == capacity else f"Played with {places} places: {words}"
