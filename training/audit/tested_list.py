"""The audit of the tested list: characteristics meet scores here, after everything else is done."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from features.catalogue.declarations import Catalogue, Expression, Measure, Selector
from features.contract.arrays import Float64
from features.engine.measurement import Queries, compile_expressions, measure_queries
from features.engine.plan import NamedExpression
from features.history.columns import History
from training.audit import ListAudit, Proxies, audit_list, find_proxies
from training.audit.group_measures import GroupMeasure as AuditMeasure
from training.audit.wording import DIFFERS
from training.cohorts.landmarks import Landmarks
from training.config import TrainingConfig
from training.evaluation.findings import FEWER_RECORDS, GROUP_DIFFERS, RECORDED_LESS, Finding
from training.evaluation.outcome import EvaluatedOutcome
from training.evaluation.screening_list import TestedList
from training.options import Characteristics
from training.practice.grave_incidents import find_grave_value

_MOST_DRAWS: Final = 400


@dataclass(frozen=True)
class AuditedList:
    """The audit of one list and what its indicators tell of characteristics."""

    audit: ListAudit
    proxies: Mapping[str, Proxies]


def audit_tested_list(
    history: History,
    catalogue: Catalogue,
    listed: TestedList,
    evaluated: Mapping[str, EvaluatedOutcome],
    characteristics: Characteristics,
    capacity: int,
    config: TrainingConfig,
) -> AuditedList | None:
    """Audit the list against the gravest modelled outcome.

    Parameters
    ----------
    characteristics
        By case of the history; they reach nothing but this audit.

    Returns
    -------
    AuditedList or None
        ``None`` where no outcome has a model.
    """
    if listed.gravest is None:
        return None
    labels = evaluated[listed.gravest].labels
    kept = labels.known
    marks = listed.cohort.landmarks
    by_row = {name: values[marks.case][kept] for name, values in characteristics.items()}
    records = count_records(history, catalogue, marks)
    audit = audit_list(
        y_true=labels.y_true[kept],
        probability=listed.probabilities[listed.gravest][kept],
        score=listed.priority[kept],
        person=marks.case[kept],
        capacity=capacity,
        characteristics=by_row,
        primary=config.primary_audit,
        n_draws=min(config.bootstrap_draws, _MOST_DRAWS),
        seed=config.seed,
        pairs=True,
        n_records=records[kept, 0],
        n_grave=records[kept, 1],
    )
    proxies = {
        name: find_proxies(
            listed.cohort.values[kept], catalogue.columns, values, marks.case[kept], config.seed
        )
        for name, values in by_row.items()
    }
    return AuditedList(audit, proxies)


def count_records(history: History, catalogue: Catalogue, marks: Landmarks) -> Float64:
    """Return each row's incidents on record and the grave ones among them, shape ``(n, 2)``."""
    least = find_grave_value(history)
    named = [
        NamedExpression((name,), Expression(Measure.COUNT, of=of))
        for name, of in (("records", Selector()), ("grave", Selector(value_min=least)))
    ]
    moment = marks.as_of_us
    plan = compile_expressions(catalogue, named)
    return measure_queries(history, plan, Queries(marks.case, moment, moment, moment))


def conclude_audit(audited: AuditedList) -> list[Finding]:
    """Return what the audit concludes: groups recorded less, and groups treated differently."""
    found = [
        Finding(RECORDED_LESS, one.characteristic, one.describe())
        for one in audited.audit.recorded_less
    ]
    told = {one.about for one in found}
    for one in audited.audit.characteristics:
        if one.is_pair or one.characteristic in told:
            continue
        for group in one.groups:
            differing = [
                name for name, compared in group.comparisons.items() if compared.verdict == DIFFERS
            ]
            records = group.comparisons.get(AuditMeasure.RECORDS_PER_CASE)
            is_fewer = AuditMeasure.RECORDS_PER_CASE in differing and (
                records is not None and records.estimate is not None and records.estimate < 1
            )
            if is_fewer and records is not None:
                found.append(_describe_fewer(one.characteristic, group.group, records.words))
    found += [
        Finding(GROUP_DIFFERS, one.characteristic, one.describe())
        for one in audited.audit.primary
        if one.comparison is not None and one.comparison.verdict == DIFFERS
    ]
    return found


def _describe_fewer(characteristic: str, group: str, words: str) -> Finding:
    return Finding(
        FEWER_RECORDS,
        characteristic,
        f"{characteristic}, {group}: {words}. The records cannot say whether less happens or less "
        "is written down; if less is written down, its cases stand too low on the "
        "list and nobody sees what is missed. Ask how its cases come to be recorded",
    )
