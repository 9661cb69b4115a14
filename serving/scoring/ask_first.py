"""*Ask first*: the key questions that nobody has put yet (design section 9)."""

from collections.abc import Iterable

from features.catalogue.declarations import Catalogue
from models.ranking.advice import Advice, Unknown
from models.wording.sentences import say


def ask_first(catalogue: Catalogue, advices: Iterable[Advice]) -> dict[str, tuple[str, ...]]:
    """Return the key questions never asked on each case, in the catalogue's order.

    A question that was put and not answered is not among them: it is unanswered, not unasked.

    Parameters
    ----------
    catalogue
        The questions.
    advices
        Advice on cases, made with that catalogue.

    Returns
    -------
    dict
        By the advice's ``case_id``; cases on which every key question was asked are left out.
    """
    questions = {
        indicator.name: catalogue.facts[indicator.expression.fact].question
        for indicator in catalogue.indicators
        if indicator.expression.fact is not None
    }
    found = {advice.case_id: _list_unasked(questions, advice.unknowns) for advice in advices}
    return {case_id: unasked for case_id, unasked in found.items() if unasked}


def _list_unasked(questions: dict[str, str], unknowns: Iterable[Unknown]) -> tuple[str, ...]:
    unasked = (
        questions[unknown.indicator]
        for unknown in unknowns
        if unknown.key_question
        and unknown.indicator in questions
        and unknown.sentence == say("not_asked", question=questions[unknown.indicator])
    )
    return tuple(dict.fromkeys(unasked))


def write_line(questions: Iterable[str]) -> str:
    """Return the *ask first* line of one case, empty where there is nothing to ask."""
    listed = " ".join(questions)
    return f"Ask first: {listed}" if listed else ""
