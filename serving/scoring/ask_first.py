"""*Ask first*: the key questions that nobody has put and no record answers (design section 9)."""

from collections.abc import Iterable

from models.ranking.advice import Advice
from models.ranking.questions import NOT_ASKED


def ask_first(advices: Iterable[Advice]) -> dict[str, tuple[str, ...]]:
    """Return the key questions never asked on each case, in the catalogue's order.

    A question that was put and not answered is not among them: it is unanswered, not unasked. Nor
    is one that a record answers: that is to be confirmed, and what is asked each time is asked
    whatever is on record.

    Parameters
    ----------
    advices
        Advice on cases.

    Returns
    -------
    dict
        By the advice's ``case_id``; cases on which nothing is to be asked first are left out.
    """
    found = {
        advice.case_id: tuple(
            one.question for one in advice.questions if one.key_question and one.state == NOT_ASKED
        )
        for advice in advices
    }
    return {case_id: unasked for case_id, unasked in found.items() if unasked}
