"""What a case page shows below the reasons; all of it of the leading outcome alone.

The page asks for one outcome of the score that it shows, so that a case of hundreds of records
opens quickly; the API tells every outcome.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any, Final

from models.explanations.facade import (
    Dispute,
    Leaving,
    Sensitivity,
    explain_incidents,
    explain_movement,
    find_sensitivity,
    list_open_questions,
    report_file,
)
from models.wording.sentences import format_probability
from serving.errors import ServiceError
from serving.explanations.explained_score import Explaining
from serving.explanations.files_then import FileThen
from serving.explanations.ledgers import find_ledger
from serving.explanations.outputs import FileOut, OutcomeIncidentsOut, OutcomeMovementOut, RankOut
from serving.explanations.texts import (
    describe_file,
    describe_incidents,
    describe_ledger,
    describe_movement,
)

MOST_AT_ONCE: Final = 200
"""Events; incidents and disputes of a larger file take a person's notice to compute."""


@dataclass(frozen=True)
class QuestionShown:
    """An unanswered question with the range of the leading outcome where an answer moves it."""

    sentence: str
    key_question: bool
    ranges: tuple[str, ...]


@dataclass(frozen=True)
class DisputeShown:
    """An incident told differently from different views, with the range of the leading outcome.

    ``moves`` says whether the range is wide enough to be told as one.
    """

    sentence: str
    records: tuple[str, ...]
    ranges: tuple[str, ...]
    moves: bool


@dataclass(frozen=True)
class PagePart:
    """What is shown below the reasons.

    Parameters
    ----------
    incidents
        Incidents behind the leading outcome's score; ``None`` without a model, or left out.
    left_out
        Whether incidents and what would settle it wait until somebody asks for them: of a file of
        more than ``MOST_AT_ONCE`` events.
    movement, since, rank
        Why the score moved, the moment of the score it is compared with, and why the place did.
    why_no_movement
        Why nothing is said of that.
    questions
        What is open.
    disputes, leavings
        What would settle it, beside an answer to those questions: for the screen alone.
    file
        What is said of the file itself.
    """

    incidents: OutcomeIncidentsOut | None
    left_out: bool
    movement: OutcomeMovementOut | None
    since: str | None
    rank: RankOut | None
    why_no_movement: str | None
    questions: tuple[QuestionShown, ...]
    disputes: tuple[DisputeShown, ...]
    leavings: tuple[Leaving, ...]
    file: FileOut


def explain_on_page(asked: Explaining, score_key: str, *, whole: bool = False) -> PagePart:
    """Return what a case page shows of a score below its reasons.

    The caller has made sure that the case is not looked at without anything of the model.

    Parameters
    ----------
    asked
        The case.
    score_key
        The score that the page shows.
    whole
        Whether nothing is left out of a large file.

    Raises
    ------
    ServiceError
        If the score cannot be laid open; see :meth:`Explaining.open`.
    """
    then = asked.open(score_key)
    moment = then.moment
    asks = (moment.bundle, moment.history, moment.case, moment.as_of_us)
    left_out = not whole and len(moment.history.events.event_id) > MOST_AT_ONCE
    has_model = then.score.leading_outcome in moment.bundle.outcomes
    sensitivity = (
        Sensitivity(list_open_questions(*asks), (), ()) if left_out else find_sensitivity(*asks)
    )
    return PagePart(
        incidents=_describe_incidents(asked, then) if has_model and not left_out else None,
        left_out=left_out,
        **_describe_movement(asked, then),
        **_describe_sensitivity(then, sensitivity),
        file=describe_file(report_file(*asks)),
    )


def _describe_incidents(asked: Explaining, then: FileThen) -> OutcomeIncidentsOut:
    moment = then.moment
    (found,) = explain_incidents(
        moment.bundle,
        moment.history,
        moment.case,
        moment.as_of_us,
        [then.score.leading_outcome],
    )
    return describe_incidents(found, then, asked.face)


def _describe_movement(asked: Explaining, after: FileThen) -> dict[str, Any]:
    told: dict[str, Any] = dict.fromkeys(("movement", "since", "rank", "why_no_movement"))
    try:
        before = asked.open_earlier(after.score)
    except ServiceError as error:
        return told | {"why_no_movement": error.body.message}
    told["since"] = asked.face.show(before.score.as_of_us)
    ledger = find_ledger(asked.connection, before.score, after.score, asked.sight)
    told["rank"] = None if ledger is None else describe_ledger(ledger, asked.face)
    leading = after.score.leading_outcome
    for one in explain_movement(before.moment, after.moment):
        if one.outcome == leading:
            return told | {"movement": describe_movement(one, before, after)}
    return told | {"why_no_movement": "the two models have no outcome in common"}


def _describe_sensitivity(then: FileThen, sensitivity: Sensitivity) -> dict[str, Any]:
    leading = then.score.leading_outcome
    return {
        "questions": tuple(
            QuestionShown(
                one.sentence,
                one.key_question,
                tuple(some.sentence for some in one.ranges if _is_moving(some, leading)),
            )
            for one in sensitivity.questions
        ),
        "disputes": tuple(_show_dispute(one, then) for one in sensitivity.disputes),
        "leavings": tuple(
            dataclasses.replace(one, record="") if one.record in then.kept_apart else one
            for one in sensitivity.leavings
        ),
    }


def _show_dispute(dispute: Dispute, then: FileThen) -> DisputeShown:
    ranges = [one for one in dispute.ranges if one.outcome == then.score.leading_outcome]
    return DisputeShown(
        dispute.sentence,
        then.name_records(dispute.records),
        tuple(one.sentence for one in ranges),
        any(_is_moving(one, then.score.leading_outcome) for one in ranges),
    )


def _is_moving(one: Any, outcome: str) -> bool:
    """Whether a range is of an outcome, and wide enough to be told as one."""
    return bool(
        one.outcome == outcome and format_probability(one.low) != format_probability(one.high)
    )
