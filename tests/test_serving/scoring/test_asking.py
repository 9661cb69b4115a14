"""*Ask first*: the key questions that were never put."""

import numpy as np
import pytest

from features.catalogue.declarations import Catalogue, Measure
from features.catalogue.file import load_catalogue
from features.engine.plan import compile_plan
from models.ranking.advice import Advice
from models.ranking.reasons_text import list_unanswered
from serving.scoring.ask_first import ask_first, write_line


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue("stalking")


def advise(catalogue: Catalogue, asked: dict[str, float], answered: frozenset[str]) -> Advice:
    """Return advice on a case whose file holds these answers and these questions put in vain."""
    columns = compile_plan(catalogue).columns
    values = np.full(len(columns), np.nan)
    for indicator in catalogue.indicators:
        if indicator.expression.measure is Measure.LAST_FACT:
            fact, place = str(indicator.expression.fact), columns.index(indicator.name)
            values[place + 1] = asked.get(fact, 0.0)
            if fact in answered:
                values[place : place + 2] = 1.0
    unknowns = list_unanswered(catalogue, values)
    return Advice("C1", None, 0, 1, 1, 0.0, 0.0, (), "", (), (), unknowns, ())


def list_key_facts(catalogue: Catalogue) -> list[str]:
    return list(
        dict.fromkeys(
            str(indicator.expression.fact)
            for indicator in catalogue.indicators
            if indicator.expression.measure is Measure.LAST_FACT
            and catalogue.facts[str(indicator.expression.fact)].key_question
        )
    )


def test_every_key_question_never_put_is_asked_first(catalogue: Catalogue) -> None:
    """A file with nothing asked lists all key questions, each once, and no other question."""
    found = ask_first(catalogue, [advise(catalogue, {}, frozenset())])
    expected = tuple(catalogue.facts[name].question for name in list_key_facts(catalogue))
    assert expected
    assert found == {"C1": expected}
    assert write_line(found["C1"]) == "Ask first: " + " ".join(expected)


def test_what_was_put_in_vain_or_answered_is_not_asked_first(catalogue: Catalogue) -> None:
    """A question put without an answer is unanswered, not unasked; an answered one is neither."""
    first, second, *others = list_key_facts(catalogue)
    advice = advise(catalogue, {first: 1.0}, frozenset({second}))
    expected = tuple(catalogue.facts[name].question for name in others)
    assert ask_first(catalogue, [advice]).get("C1", ()) == expected


def test_where_all_was_asked_there_is_no_line(catalogue: Catalogue) -> None:
    """A case on which every key question was put has no line."""
    advice = advise(catalogue, {}, frozenset(list_key_facts(catalogue)))
    assert ask_first(catalogue, [advice]) == {}
    assert write_line(()) == ""
