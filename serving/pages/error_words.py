"""What is wrong with a form, in words for the person who filled it in, and where to correct it."""

import re
from dataclasses import dataclass
from typing import Final

from serving.errors import ErrorBody, RequestProblem

_BY_CODE: Final = {
    "no_way": ("way-enforcement", "Choose what is to be done: one way at least"),
    "stands_alone": (
        "way-no_further_action",
        "No further action closes the case: untick the other ways, or this one",
    ),
    "not_met": (
        "clinically_indicated",
        "Tick both boxes under therapeutic assessment, or choose another way",
    ),
    "score_not_seen": (
        "agrees-not_seen",
        "Say whether you agree with the score, or say nothing of its reasons",
    ),
    "unreadable_date": ("review_on", "Write the date of the review"),
    "not_with_closing": (
        "owner",
        "No further action closes the case: leave owner and review date empty",
    ),
    "no_areas": ("areas", "Select the areas whose cases you work with, or every area"),
    "areas_and_every": ("areas", "Select every area, or single areas, not both"),
    "unknown_areas": ("areas", "Select areas from the list: no case is in an area you named"),
    "unknown_role": ("role", "Select your role"),
    "unknown_agency": ("agency", "Select your agency"),
}
_BY_PLACE: Final = {
    "owner": ("owner", "Say who has the case from now on"),
    "review_on": ("review_on", "Say when the case is looked at again: a day after today"),
    "agrees_with_score": (
        "agrees-not_seen",
        "Say whether you agree with the score, or that you did not look at it",
    ),
    "other_agency": ("other_agency_words", "Say which agency is asked"),
    "further_enquiry": ("further_enquiry_words", "Say what is to be found out"),
    "no_further_action": ("no_further_action_words", "Give the reason for no further action"),
    "name": ("name", "Enter your name"),
    "note": ("note", "Say under “Anything else” why the urgent flag is dealt with"),
}
MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d[\d:.]*(?:[+-]\d\d:\d\d|Z)?")
"""A moment as programs write it, which a page shows as people do."""


@dataclass(frozen=True)
class ProblemText:
    """One thing to correct: the field it leads to, and what to do."""

    anchor: str
    words: str


def describe_problems(body: ErrorBody) -> list[ProblemText]:
    """Return what is to be corrected, each once, in the order of the form."""
    found = [_describe(problem) for problem in body.problems]
    return list(dict.fromkeys(found))


def _describe(problem: RequestProblem) -> ProblemText:
    if problem.code in _BY_CODE:
        return ProblemText(*_BY_CODE[problem.code])
    place = next((name for name in _BY_PLACE if name in problem.where.split(".")), None)
    if place is not None:
        return ProblemText(*_BY_PLACE[place])
    if problem.code == "decided":
        return ProblemText("decisions", problem.remedy[:1].upper() + problem.remedy[1:])
    words = f"{problem.where.replace('_', ' ').replace('.', ', ')}: {problem.remedy}"
    return ProblemText("decide", words[:1].upper() + words[1:])
