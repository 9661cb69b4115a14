"""*Ask first*: the key questions that were never put and that no record answers."""

from models.ranking.advice import Advice, CaseQuestion
from serving.scoring.ask_first import ask_first


def advise(*questions: CaseQuestion) -> Advice:
    """Return advice on a case with these questions."""
    return Advice("C1", None, 0, 1, 1, 0.0, 0.0, (), "", (), (), (), (), questions=questions)


def question(name: str, state: str, *, key: bool = True) -> CaseQuestion:
    return CaseQuestion(name, f"{name}?", state, f"{state} {name}?", key)


def test_every_key_question_never_put_is_asked_first() -> None:
    """Each once, in the catalogue's order, and no other question."""
    found = ask_first([advise(question("a", "not_asked"), question("b", "not_asked"))])
    assert found == {"C1": ("a?", "b?")}
    assert ask_first([advise(question("c", "not_asked", key=False))]) == {}


def test_what_a_record_answers_is_not_asked_first() -> None:
    """It is to be confirmed; and what is asked each time stands in a line of its own."""
    states = ("recorded", "out_of_date", "against_record", "each_time")
    assert ask_first([advise(*(question(one, one) for one in states))]) == {}
