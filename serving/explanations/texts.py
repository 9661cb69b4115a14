"""Explanations as they are told: without records that are kept apart, moments in the unit's zone.

What would settle a case is for the screen alone and has no form here.
"""

import dataclasses
from collections.abc import Iterable
from typing import TypeVar

from models.explanations.facade import (
    FileReport,
    IncidentReasons,
    IncidentShare,
    Movement,
    SwitchShare,
)
from serving.explanations.files_then import FileThen
from serving.explanations.ledgers import ListLedger
from serving.explanations.outputs import (
    FileOut,
    IncidentOut,
    OutcomeIncidentsOut,
    OutcomeMovementOut,
    RankOut,
    SwitchOut,
)
from serving.store.row_text import Clockface

_Told = TypeVar("_Told", IncidentReasons, Movement)


def put_first(outcome: str, found: Iterable[_Told]) -> list[_Told]:
    """Return what is told of each outcome, one of them first."""
    return sorted(found, key=lambda one: one.outcome != outcome)


def describe_file(report: FileReport) -> FileOut:
    """Tell what is said of the file itself."""
    mark = report.mark
    return FileOut(
        thin=None if mark is None else mark.thin,
        strange=None if mark is None else mark.strange,
        sentences=report.sentences,
        unusual=report.unusual,
    )


def describe_incidents(
    reasons: IncidentReasons, then: FileThen, face: Clockface
) -> OutcomeIncidentsOut:
    """Tell the incidents behind one outcome's score."""
    return OutcomeIncidentsOut(
        outcome=reasons.outcome,
        sentence=reasons.sentence,
        log_odds=reasons.log_odds,
        answers=reasons.answers,
        shares=tuple(_describe_incident(one, then, face) for one in reasons.shown),
        pattern=reasons.pattern,
        others=reasons.others,
        n_units=reasons.n_units,
    )


def _describe_incident(one: IncidentShare, then: FileThen, face: Clockface) -> IncidentOut:
    return IncidentOut(
        sentence=one.unit.sentence,
        first_at=face.show(one.unit.first_us),
        last_at=face.show(one.unit.last_us),
        records=then.name_records(one.unit.records),
        share=one.share,
        alone=one.alone,
        left_out=one.left_out,
        rests_on=one.rests_on,
    )


def describe_movement(movement: Movement, before: FileThen, after: FileThen) -> OutcomeMovementOut:
    """Tell why one outcome's score moved."""
    return OutcomeMovementOut(
        outcome=movement.outcome,
        sentence=movement.sentence,
        before=movement.before,
        after=movement.after,
        shares=tuple(_describe_switch(share, before, after) for share in movement.shares),
    )


def _describe_switch(share: SwitchShare, before: FileThen, after: FileThen) -> SwitchOut:
    return SwitchOut(
        switch=share.switch,  # type: ignore[arg-type]
        share=share.share,
        sentence=share.sentence,
        records=before.name_records(after.name_records(share.records)),
    )


def describe_ledger(found: ListLedger, face: Clockface) -> RankOut:
    """Tell why the case's place changed between two lists."""
    return RankOut(
        before_sitting=found.before.key,
        before_opened_at=face.show(found.before.opened_at_us),
        after_sitting=found.after.key,
        after_opened_at=face.show(found.after.opened_at_us),
        sentences=tuple(found.ledger.sentences),
        **dataclasses.asdict(found.ledger),
    )
