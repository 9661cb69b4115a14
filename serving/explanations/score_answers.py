"""The four answers on a stored score: its reasons, its incidents, its movement, what is open.

Each computes anew, by the functions of :mod:`models.explanations.facade`, from the file as the
score had read it. While the case is looked at without anything of the model, each is empty and says
why.
"""

import numpy as np

from features.history.columns import History
from models.bundle.folder import Bundle
from models.explanations.facade import (
    explain_incidents,
    explain_movement,
    list_families,
    list_open_questions,
    report_file,
)
from models.ranking.order import rank
from serving.explanations.explained_score import Explaining
from serving.explanations.files_then import FileThen
from serving.explanations.ledgers import find_ledger
from serving.explanations.outputs import (
    IncidentsOut,
    MovementOut,
    OpenQuestionsOut,
    ReasonsOut,
    ScoreThenOut,
)
from serving.explanations.texts import (
    describe_file,
    describe_incidents,
    describe_ledger,
    describe_movement,
    put_first,
)


def answer_reasons(asked: Explaining, score_key: str | None) -> ReasonsOut:
    """Return the reasons of a stored score; see :meth:`Explaining.open` for what is raised."""
    if asked.is_withheld():
        return ReasonsOut(**asked.withhold())
    then = asked.open(score_key)
    bundle, history, case, as_of_us = _take(then)
    advice = rank(bundle, history, as_of_us, np.array([case])).advise([0])[0]
    leading = advice.leading_outcome
    families = list_families(bundle, history, case, as_of_us, leading) if leading else ()
    return ReasonsOut(
        **asked.describe(then),
        leading_outcome=leading or None,
        estimates=advice.estimates,
        reasons=advice.reasons,
        counter_reasons=advice.counter_reasons,
        families=families,
        unknowns=advice.unknowns,
        themes=advice.themes,
        questions=advice.questions,
        file=describe_file(report_file(bundle, history, case, as_of_us)),
    )


def answer_incidents(asked: Explaining, score_key: str | None) -> IncidentsOut:
    """Return the incidents behind a stored score; see :meth:`Explaining.open`."""
    if asked.is_withheld():
        return IncidentsOut(**asked.withhold())
    then = asked.open(score_key)
    found = explain_incidents(*_take(then))
    return IncidentsOut(
        **asked.describe(then),
        outcomes=tuple(
            describe_incidents(one, then, asked.face)
            for one in put_first(then.score.leading_outcome, found)
        ),
    )


def answer_movement(asked: Explaining, score_key: str | None, from_key: str | None) -> MovementOut:
    """Return why a stored score moved since an earlier one; see :meth:`Explaining.open_earlier`."""
    if asked.is_withheld():
        return MovementOut(**asked.withhold())
    after = asked.open(score_key)
    before = asked.open_earlier(after.score, from_key)
    ledger = find_ledger(asked.connection, before.score, after.score, asked.sight)
    moved = explain_movement(before.moment, after.moment)
    return MovementOut(
        **asked.describe(after),
        since=ScoreThenOut(
            score_key=before.score.key,
            as_of=asked.face.show(before.score.as_of_us),
            bundle_id=before.score.bundle_id,
            catalogue_digest=before.score.catalogue_digest,
            engine_version=before.score.engine_version,
        ),
        outcomes=tuple(
            describe_movement(one, before, after)
            for one in put_first(after.score.leading_outcome, moved)
        ),
        rank=None if ledger is None else describe_ledger(ledger, asked.face),
    )


def answer_questions(asked: Explaining, score_key: str | None) -> OpenQuestionsOut:
    """Return what a stored score's file did not say; see :meth:`Explaining.open`."""
    if asked.is_withheld():
        return OpenQuestionsOut(**asked.withhold())
    then = asked.open(score_key)
    found = list_open_questions(*_take(then))
    return OpenQuestionsOut(**asked.describe(then), questions=found)


def _take(then: FileThen) -> tuple[Bundle, History, int, int]:
    moment = then.moment
    return moment.bundle, moment.history, moment.case, moment.as_of_us
