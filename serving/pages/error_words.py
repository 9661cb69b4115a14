"""What is wrong with a form, in words for the person who filled it in, and where to correct it."""

import re
from dataclasses import dataclass
from typing import Final

from serving.errors import ErrorBody, RequestProblem

_BY_CODE: Final = {
    "no_way": ("way-enforcement", "Select what should happen next"),
    "stands_alone": (
        "way-no_further_action",
        "No further action closes the case: select it alone, or leave it out",
    ),
    "not_met": (
        "clinically_indicated",
        "Select both boxes under therapeutic assessment, or choose another way",
    ),
    "score_not_seen": (
        "agrees-not_seen",
        "Select whether you agree with the score, or leave its reasons out",
    ),
    "unreadable_date": ("review_on-day", "Review date must be a real date"),
    "not_with_closing": (
        "owner",
        "No further action closes the case: leave owner and review date empty",
    ),
    "no_areas": ("areas", "Select the areas whose cases you work with, or every area"),
    "areas_and_every": ("areas", "Select every area, or single areas, not both"),
    "unknown_areas": ("areas", "Select areas from the list: no case is in an area you named"),
    "no_view": ("view-look_now", "Select when a specialist should look at this case"),
    "no_stance": ("stance-agree", "Select what your agency thinks"),
    "no_answer": ("confirm", "Select yes, no or not known"),
    "no_record": ("wrong", "Enter the number of the record"),
    "no_why": ("why", "Enter what is wrong with the record"),
    "nothing_opened": ("unopened_why", "Open a record, or enter why you opened none"),
    "no_stance_at_all": ("table-police", "Select what one agency at least thinks"),
    "nobody_asked": ("ask-police", "Select the agencies that are asked"),
    "no_next_step": ("next_step", "Enter the next step"),
    "no_contact": ("contact", "Select whether the victim was contacted"),
    "no_contact_words": ("contact_words", "Enter how the victim was contacted, and by whom"),
    "no_reader": ("handed_to", "Enter who will read it"),
    "no_flag_chosen": ("raising", "Select the incidents that you acknowledge"),
    "no_note_entry": ("note-words", "Enter the note"),
    "no_contact_entry": ("contact-words", "Enter what was said, or why nobody was reached"),
    "no_wish_entry": ("wish-words", "Enter what the victim asked for"),
    "no_contact_with": ("contact_with", "Select who was contacted"),
    "no_contact_way": ("contact_way", "Select how the person was contacted"),
    "no_contact_on": ("contact_on-day", "Enter the day of the contact"),
    "bad_contact_on": ("contact_on-day", "Day of the contact must be a real date"),
    "contact_later": ("contact_on-day", "Day of the contact must be today or in the past"),
    "no_reached": ("reached-yes", "Select whether the person was reached"),
    "no_wish": ("wish-may_contact", "Select what the victim wishes"),
    "no_such_entry": (
        "corrected-entry",
        "Select the latest version of an entry of your own agency",
    ),
    "bad_ends_from": ("ends_from-day", "First day must be a real date"),
    "bad_ends_until": ("ends_until-day", "Last day must be a real date"),
    "ends_before": ("ends_until-day", "Last day must be the same as or after the first day"),
    "no_ends": ("filter-ends", "Select what ends on these days"),
    "bad_reference": ("filter-reference", "Case number must be 200 characters or fewer"),
    "unknown_role": ("role", "Select your role"),
    "unknown_agency": ("agency", "Select your agency"),
}
_BY_REMEDY: Final = {
    "incomplete_date": ("review_on-day", "Review date must include"),
    "out_of_range": ("review_on-day", "Review date must be"),
}
"""Words that go on with the remedy, without its verb."""
_BY_PLACE: Final = {
    "owner": ("owner", "Select the owner"),
    "review_on": ("review_on-day", "Enter the review date"),
    "agrees_with_score": (
        "agrees-not_seen",
        "Select whether you agree with the score",
    ),
    "other_agency": ("other_agency_words", "Enter which agency is asked"),
    "further_enquiry": ("further_enquiry_words", "Enter what is to be found out"),
    "no_further_action": ("no_further_action_words", "Enter the reason for no further action"),
    "name": ("name", "Enter your name"),
    "score_why": ("score_why", "Enter why you do not agree with the score"),
    "note": ("note", "Enter under “Notes” why the urgent flag is dealt with"),
}
_FOR_PROGRAMS: Final = re.compile(r"GET |POST |/v1/|/openapi|--[a-z]")
"""What a remedy says to a program: an address of the interface, or a command's option."""
_PLAIN_REMEDIES: Final = {
    "no_such_case": "check the address, or find the case by its number",
    "no_such_search": "search again on “All open cases”",
    "no_such_flag": "go back to the urgent flags and choose from those shown",
    "no_store": "ask whoever started the service to name a store",
}
_NO_REMEDY: Final = "go back and try again; if it is still so, tell the operator"
MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d[\d:.]*(?:[+-]\d\d:\d\d|Z)?")
"""A moment as programs write it, which a page shows as people do."""


@dataclass(frozen=True)
class ProblemText:
    """One thing to correct: the field it leads to, and what to do."""

    anchor: str
    words: str


def describe_remedy(body: ErrorBody) -> str:
    """Return what a person can do about an error: what is for programs is put into other words."""
    if not _FOR_PROGRAMS.search(body.remedy):
        return body.remedy
    return _PLAIN_REMEDIES.get(body.code, _NO_REMEDY)


def describe_problems(body: ErrorBody) -> list[ProblemText]:
    """Return what is to be corrected, each once, in the order of the form."""
    found = [_describe(problem) for problem in body.problems]
    return list(dict.fromkeys(found))


def _describe(problem: RequestProblem) -> ProblemText:
    if problem.code in _BY_CODE:
        return ProblemText(*_BY_CODE[problem.code])
    if problem.code == "no_dissent_why":
        return ProblemText(f"words-{problem.where}", f"Enter why {problem.where} dissents")
    if problem.code in _BY_REMEDY:
        anchor, start = _BY_REMEDY[problem.code]
        return ProblemText(anchor, f"{start} {problem.remedy.partition(' ')[2]}")
    place = next((name for name in _BY_PLACE if name in problem.where.split(".")), None)
    if place is not None:
        return ProblemText(*_BY_PLACE[place])
    if problem.code == "decided":
        return ProblemText("decisions", problem.remedy[:1].upper() + problem.remedy[1:])
    words = f"{problem.where.replace('_', ' ').replace('.', ', ')}: {problem.remedy}"
    return ProblemText("decide", words[:1].upper() + words[1:])
