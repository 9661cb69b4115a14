"""Everything that a run reports: what ``metrics.json`` and the report hold."""

from collections.abc import Sequence
from dataclasses import asdict, replace

from features.catalogue.declarations import Catalogue
from features.contract.moments import format_moment
from features.history.columns import History
from models.bundle.folder import Bundle
from models.run_figures.fitting import DatedBreak
from models.run_figures.ranking import Rankings
from models.run_figures.run import RunFacts, RunFigures, TestOrigin
from training.audit.tested_list import audit_tested_list, conclude_audit
from training.cohorts.training_rows import label_cohort
from training.config import TrainingConfig
from training.evaluation.evaluated_origin import EvaluatedOrigin
from training.evaluation.findings import (
    DRIFT,
    MANAGED_LOOK_SAFER,
    RECORDING_BREAK,
    RETROSPECTIVE,
    Finding,
    conclude_outcomes,
    sort_findings,
)
from training.evaluation.headlines import describe_headline, sort_headlines
from training.evaluation.list_finds import describe_finds
from training.evaluation.list_lengths import describe_lengths
from training.evaluation.outcome import rank_rows, score_cohort
from training.evaluation.rank_intervals import describe_rank_intervals
from training.evaluation.run_identity import open_origins
from training.evaluation.screening_list import describe_list, order_list
from training.evaluation.strata import MANAGED, compare_all_managed, describe_calibration
from training.evaluation.synthetic_truth import compare_with_truth
from training.evaluation.theme_stability import describe_reasons_hold
from training.options import Progress, RunOptions
from training.practice.breaks import Break
from training.practice.handbacks import compare_handbacks


def describe_run(
    history: History,
    bundle: Bundle,
    done: Sequence[EvaluatedOrigin],
    breaks: Sequence[Break],
    capacity: int,
    config: TrainingConfig,
    options: RunOptions,
    progress: Progress,
) -> RunFigures:
    """Return everything that a run reports.

    Parameters
    ----------
    bundle
        The last origin's, as it is served.
    done
        Every origin, in order of time.
    breaks
        Changes of recording practice found before the first test date.
    """
    catalogue, last = bundle.catalogue, done[-1]
    listed = order_list(history, bundle, last.tested, last.evaluated)
    managed = compare_all_managed(history, catalogue, done)
    findings = conclude_outcomes(last.fitted, last.evaluated)
    handbacks = compare_handbacks(history, catalogue, MANAGED, until_us=history.extract_at)
    if handbacks is not None and handbacks.looks_safer:
        findings.append(Finding(MANAGED_LOOK_SAFER, "handbacks", handbacks.describe()))
    audited = None
    if options.characteristics is not None:
        audited = audit_tested_list(
            history, catalogue, listed, last.evaluated, options.characteristics, capacity, config
        )
        findings += conclude_audit(audited) if audited else []
    findings += [_describe_break(history, one) for one in breaks]
    findings += [
        Finding(DRIFT, one.outcome.name, f"{one.outcome.name}: {one.drift.told}")
        for one in last.fitted
        if one.drift is not None and one.drift.shift
    ]
    if options.retrospective:
        findings.append(Finding(RETROSPECTIVE, "run", _RETROSPECTIVE))
    finds = describe_finds(history, listed, last.evaluated, capacity)
    headlines = [
        f"{name} at {one.run.name}: "
        f"{describe_headline(found.standings, finds.get(name) if one is last else None)}"
        for one in done
        for name, found in one.evaluated.items()
    ]
    return RunFigures(
        headlines=tuple(sort_headlines(headlines)),
        findings=tuple(one.figures for one in sort_findings(findings)),
        bundle_id=bundle.id,
        trained_for=last.run.name,
        capacity=capacity,
        estimated=catalogue.wording["estimate"],
        advisory=catalogue.wording["advisory"],
        run=_describe(history, bundle, done, config, options),
        training={one.outcome.name: one.figures for one in last.fitted},
        outcomes={
            outcome.name: {one.run.name: one.evaluated[outcome.name].figures for one in done}
            for outcome in catalogue.outcomes
        },
        list=replace(
            describe_list(history, catalogue, listed, last.evaluated, capacity, config),
            lengths=describe_lengths(history, listed, last.evaluated, capacity),
            finds=finds,
        ),
        handbacks=handbacks.figures if handbacks else None,
        managed={name: one.figures for name, one in managed.items()} or None,
        drift={one.outcome.name: one.drift for one in last.fitted if one.drift is not None},
        calibration=describe_calibration(history, catalogue, done, bundle.familiarity),
        held_out_area=_describe_held_out(history, catalogue, last),
        openings=open_origins(history, bundle, done, config, options),
        audit=audited.audit.figures if audited else None,
        proxies={name: one.figures for name, one in audited.proxies.items()} if audited else None,
        bands=describe_rank_intervals(catalogue, listed, last.fitted, capacity, config, progress)
        if options.refits
        else None,
        reasons=describe_reasons_hold(
            last.fitted, bundle.refits, catalogue, listed.cohort.values, config.seed
        )
        or None,
        truth=compare_with_truth(history, options.truth, listed, last.evaluated, capacity)
        if options.truth is not None
        else None,
        breaks=tuple(
            DatedBreak(**asdict(one), date=format_moment(one.date_us, history.time_zone))
            for one in breaks
        ),
        cannot_say=_CANNOT_SAY,
    )


_RETROSPECTIVE = (
    "RETROSPECTIVE: labels of the training rows were read at the extract, later than the moments "
    "of the test rows. A model in use cannot learn so; nothing of this run may be used"
)


def _describe_held_out(
    history: History, catalogue: Catalogue, last: EvaluatedOrigin
) -> dict[str, Rankings] | None:
    """Say how the models rank in the area that they learnt nothing from, where one was held out."""
    cohort = last.run.held_out
    if cohort is None:
        return None
    found = {}
    for one in last.fitted:
        labels = label_cohort(history, catalogue, one.outcome, cohort, history.extract_at)
        scores = score_cohort(one, catalogue, cohort.values)
        found[one.outcome.name] = rank_rows(labels, scores, labels.known)
    return found


def _describe_break(history: History, found: Break) -> Finding:
    date = format_moment(found.date_us, history.time_zone)
    return Finding(
        RECORDING_BREAK,
        found.family,
        f"recording changed at {date}: {found.family} came to be recorded {found.ratio:.2f} times "
        "as often per open case from that month on. Whether conduct or its recording changed the "
        "records cannot say; nothing should be learnt across it",
    )


def _describe(
    history: History,
    bundle: Bundle,
    done: Sequence[EvaluatedOrigin],
    config: TrainingConfig,
    options: RunOptions,
) -> RunFacts:
    return RunFacts(
        catalogue=bundle.catalogue.name,
        catalogue_digest=bundle.catalogue.digest,
        engine_version=bundle.engine_version,
        extract_at=format_moment(history.extract_at, history.time_zone),
        n_cases=len(history),
        n_events=len(history.events),
        origins=tuple(
            TestOrigin(
                name=one.run.name,
                trained_on=tuple(cohort.name for cohort in one.run.train),
                n_test=len(one.run.test),
            )
            for one in done
        ),
        held_out_area=options.hold_out_area,
        across_breaks=options.across_breaks,
        retrospective=options.retrospective,
        synthetic=options.synthetic,
        config=config.to_dict(),
    )


_CANNOT_SAY = (
    "whether anything here holds for another unit, another time or another way of recording",
    "what would happen if nobody acted: what is estimated is what came to be recorded in past "
    "cases, given what was then done about them",
    "that a case outside the list is safe: what is not recorded is not known, and silence is "
    "not safety",
    "why an outcome came about: an indicator that moves an estimate is not its cause",
    "that groups too small to tell are treated alike",
)
