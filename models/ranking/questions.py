"""What to ask and what to confirm: questions tied to the records that answer them.

A record answers yes and never no. Only records that every reader of the case may see can answer,
and what is asked of a person each time is asked whatever is on record.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from features.catalogue.declarations import FactQuestion, FactType, Selector
from features.contract.arrays import MISSING
from features.evidence.records_behind import CaseMoment, LastAnswer, last_answer
from models.ranking.advice import CaseQuestion
from models.ranking.theme_text import ThemeWords
from models.wording.sentences import say

NOT_ASKED: Final = "not_asked"
EACH_TIME: Final = "each_time"
RECORDED: Final = "recorded"
OUT_OF_DATE: Final = "out_of_date"
AGAINST: Final = "against_record"
TO_CONFIRM: Final = (OUT_OF_DATE, AGAINST, RECORDED)
"""States of what a record answers and a person confirms."""
_NO: Final = "no"
_MOST_RECORDS: Final = 50


def list_questions(moment: CaseMoment) -> tuple[CaseQuestion, ...]:
    """Return the questions of a case that are open, out of date, answered by a record alone or to
    be asked each time.

    Parameters
    ----------
    moment
        The case as known at a moment; its catalogue names the questions.

    Returns
    -------
    tuple of CaseQuestion
        Key questions first, then in catalogue order. A question that somebody put is left out
        unless a newer record speaks against its "no".
    """
    words = ThemeWords(moment.catalogue, moment.history.time_zone)
    found = [
        question
        for name, asked in moment.catalogue.facts.items()
        if (question := _ask(moment, words, name, asked)) is not None
    ]
    return tuple(sorted(found, key=lambda one: not one.key_question))


def _ask(
    moment: CaseMoment, words: ThemeWords, name: str, asked: FactQuestion
) -> CaseQuestion | None:
    answer = last_answer(moment, name)
    rows = find_answering(moment, asked.answered_by)
    if asked.ask_each_time:
        return CaseQuestion(
            name,
            asked.question,
            EACH_TIME,
            say("ask_each_time", question=asked.question),
            key_question=False,
        )
    was_asked = answer is not None and answer.asked
    if asked.type is not FactType.YES_NO or not len(rows):
        if was_asked or not asked.key_question:
            return None
        # A blank says that no answer is on record; that nobody asked is said where it was recorded.
        said = say("no_answer" if answer is None else "not_asked", question=asked.question)
        return CaseQuestion(name, asked.question, NOT_ASKED, said, key_question=True)
    is_put = answer is not None and answer.asked and answer.value
    state = _find_state(moment, answer, rows) if answer is not None and is_put else RECORDED
    if state is None:
        return None
    return _tell(moment, words, name, asked, answer, rows, state)


def _find_state(moment: CaseMoment, answer: LastAnswer, rows: Sequence[int]) -> str | None:
    """Return that a "no" is out of date where a record came to be known after it, and that it
    speaks against what is on record where that was known before.
    """
    if answer.value != _NO:
        return None
    recorded_at = moment.history.events.recorded_at
    newest = max(int(recorded_at[row]) for row in rows)
    return OUT_OF_DATE if newest > answer.recorded_at_us else AGAINST


def _tell(
    moment: CaseMoment,
    words: ThemeWords,
    name: str,
    asked: FactQuestion,
    answer: LastAnswer | None,
    rows: Sequence[int],
    state: str,
) -> CaseQuestion:
    events = moment.history.events
    latest = max(rows, key=lambda row: (int(events.occurred_at[row]), row))
    parts: dict[str, str | float] = {
        "question": asked.question,
        "day": words.day(int(events.occurred_at[latest])),
        "label": words.name_kind(events.kind.values[int(events.kind.codes[latest])]),
    }
    if state != RECORDED and answer is not None:
        name_of = "out_of_date" if state == OUT_OF_DATE else "against_answer"
        said = say(name_of, answered=words.day(answer.recorded_at_us), **parts)
    else:
        said = say("recorded_confirm", **parts)
    keys = tuple(str(events.event_id[row]) for row in rows[-_MOST_RECORDS:])
    return CaseQuestion(name, asked.question, state, said, asked.key_question, keys)


def find_answering(moment: CaseMoment, selector: Selector | None) -> list[int]:
    """Return the rows of records that answer a question with yes, in time order.

    Parameters
    ----------
    moment
        The case as known at a moment.
    selector
        What answers it; nothing does where ``None``.

    Returns
    -------
    list of int
        Rows of the history's events: the case's own, and such as every reader of it may see.
    """
    if selector is None:
        return []
    rows = moment.rows
    own = moment.history.events.via.codes[rows] == MISSING
    found = moment.usable() & own & moment.matching(selector)
    return [rows.start + int(place) for place in np.flatnonzero(found)]
