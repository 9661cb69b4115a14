"""The decision form of a case's page, read into a decision."""

from collections.abc import Iterator
from typing import Any, Final

from pydantic import ValidationError
from starlette.datastructures import FormData

from serving.decisions.case_versions import read_tag
from serving.decisions.drafts import DecisionIn
from serving.errors import RequestProblem, invalid
from serving.pages.case.review_date import FIELD, read_date
from serving.pages.typed_date import PARTS

WAY_WORDS: Final = {
    "enforcement": ("Enforcement", "What the police do (optional)"),
    "therapeutic_assessment": ("Therapeutic assessment", "What is to be assessed (optional)"),
    "victim_safety_planning": ("Safety planning with the victim", "What is planned (optional)"),
    "other_agency": ("Another agency is asked", "Which agency"),
    "further_enquiry": ("Further enquiry", "What is to be found out"),
    "no_further_action": ("No further action: this closes the case", "The reason"),
}
"""Each way that a decision may go: its label, and the label of the words beside it."""
WAYS: Final = tuple(WAY_WORDS)
_WORDS_OF: Final = {"other_agency": "which", "no_further_action": "reason"}
"""How the words beside a way are called; ``what`` where it is not named here."""
_MOST_OPENED: Final = 1_000
_REMEDIES: Final = {
    "other_agency": "say which agency is asked",
    "further_enquiry": "say what is to be found out",
    "no_further_action": "give the reason",
    "agrees_with_score": "say whether you agree with the score, or that you did not use it",
}


def read_decision_form(form: FormData) -> tuple[DecisionIn, int | None]:
    """Return the decision and the version of the case that it was made on.

    Raises
    ------
    ServiceError
        If something that is needed is missing; the rest is checked where it is decided.
    """
    review_on, wrong_date = read_date(form)
    content: dict[str, Any] = {
        "ways": {way: _read_way(form, way) for way in WAYS if form.get(way)},
        "owner": _read(form, "owner_other") or _read(form, "owner"),
        "review_on": review_on,
        **_read_agreement(form),
        "reasons": _read_reasons(form),
        "discharges": _read_discharges(form),
        "note": _read(form, "note"),
        "score_key": _read(form, "score_key"),
        "seen_seq": _read(form, "seen_seq"),
        "sitting_key": _read(form, "sitting_key"),
        "opened": _read_opened(form),
    }
    if content["agrees_with_score"] == "not_seen":
        content |= {"reasons": [], "score_key": None, "score_why": None}
    if "no_further_action" in content["ways"]:
        content |= _leave_suggested(form, content)
        content["unopened_why"] = _read(form, "unopened_why")
    missing = list(_find_missing(content, wrong_date))
    if missing:
        raise invalid(missing)
    try:
        return DecisionIn.model_validate(content), read_tag(_read(form, "version"))
    except ValidationError as error:
        places = {str(part) for one in error.errors() for part in one["loc"][:2]}
        raise invalid(
            [
                RequestProblem(where=place, code="missing", remedy=_REMEDIES.get(place, "check it"))
                for place in sorted(places - {"ways"} or places)
            ]
        ) from None


def _leave_suggested(form: FormData, content: dict[str, Any]) -> dict[str, Any]:
    """Return owner and review date without what the form itself filled in: a decision that closes
    the case has neither, and what somebody entered themselves is told to be in the way.
    """
    suggested = {FIELD: _read(form, "suggested_review_on"), "owner": _read(form, "suggested_owner")}
    return {name: None for name, given in suggested.items() if content[name] == given}


def _find_missing(
    content: dict[str, Any], wrong_date: RequestProblem | None
) -> Iterator[RequestProblem]:
    """Yield everything that was left empty, so that it is all told at once."""
    if not content["ways"]:
        yield RequestProblem(where="ways", code="no_way", remedy="name one way at least")
    for way, said in content["ways"].items():
        if way in _REMEDIES and said[_WORDS_OF.get(way, "what")] is None:
            yield RequestProblem(where=way, code="missing", remedy=_REMEDIES[way])
    if "no_further_action" not in content["ways"]:
        for name in ("owner", "review_on"):
            if name == FIELD and wrong_date is not None:
                yield wrong_date
            elif content[name] is None:
                yield RequestProblem(where=name, code="missing", remedy="fill it in")
    if content["agrees_with_score"] is None:
        yield RequestProblem(
            where="agrees_with_score", code="missing", remedy=_REMEDIES["agrees_with_score"]
        )
    if content.get("score_direction") and content["score_why"] is None:
        yield RequestProblem(where="score_why", code="missing", remedy="say why")


def _read_agreement(form: FormData) -> dict[str, str | None]:
    """Return whether the score is agreed with, and if not what it should be and why."""
    said = _read(form, "agrees_with_score")
    if said not in ("higher", "lower"):
        return {"agrees_with_score": said}
    why = _read(form, "score_why")
    return {"agrees_with_score": "no", "score_direction": said, "score_why": why}


def _read_opened(form: FormData) -> list[str] | None:
    """Return the records that were opened; ``None`` where the form does not tell."""
    if not form.get("opened_told"):
        return None
    return list(dict.fromkeys(map(str, form.getlist("opened"))))[:_MOST_OPENED]


def fill_date(form: FormData, suggested: str) -> dict[str, str]:
    """Return what the three fields of the date hold: what was typed, or what is suggested.

    Parameters
    ----------
    form
        What was sent; empty where nothing was.
    suggested
        A date, ISO 8601.
    """
    year, month, day = (str(int(part)) for part in suggested.split("-"))
    filled = dict(zip(PARTS, (day, month, year), strict=True))
    return {part: str(form.get(f"{FIELD}-{part}", filled[part])) for part in PARTS}


def _read(form: FormData, name: str) -> str | None:
    return str(form.get(name, "")).strip() or None


def _read_way(form: FormData, way: str) -> dict[str, Any]:
    words = {_WORDS_OF.get(way, "what"): _read(form, f"{way}_words")}
    if way == "therapeutic_assessment":
        words |= {
            name: bool(form.get(name))  # type: ignore[misc]
            for name in ("clinically_indicated", "motivated")
        }
    return words


def _read_reasons(form: FormData) -> list[dict[str, Any]]:
    found = []
    for name, value in form.multi_items():
        outcome, _, indicator = name.removeprefix("reason|").partition("|")
        if name.startswith("reason|") and value in ("agree", "disagree"):
            note = _read(form, f"note|{outcome}|{indicator}")
            agrees = value == "agree"
            found.append(
                {"outcome": outcome, "indicator": indicator, "agrees": agrees, "note": note}
            )
    return found


def _read_discharges(form: FormData) -> list[dict[str, str]]:
    """Return the flagged records that are dealt with: single ones, and all that a flag showed."""
    pairs = dict.fromkeys(str(value).partition("|")[::2] for value in form.getlist("discharge"))
    for flag in map(str, form.getlist("discharge_all")):
        shown = str(form.get(f"flagged|{flag}", "")).split("\n")
        pairs |= dict.fromkeys((flag, key.strip()) for key in shown if key.strip())
    return [{"flag": flag, "record_id": record_id} for flag, record_id in pairs]
