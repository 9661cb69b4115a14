"""Figures of a run: what is written is read back, and nothing in a file breaks the reading."""

import math

import pytest

from models.run_figures.codec import encode, place_of
from models.run_figures.ranking import CapacityFigures, Difference, OutcomeFigures
from models.run_figures.run import (
    RunFacts,
    RunFigures,
    parse_run_figures,
    read_run_figures,
    write_run_figures,
)
from models.run_figures.screening_list import ListFigures

FIGURES = RunFigures(
    bundle_id="b",
    trained_for="2026",
    capacity=30,
    run=RunFacts(config={"seed": 1, "pairs": (("a", "b"),), "lightgbm": {"max_bin": 255}}),
    outcomes={
        "harm": {
            "2026": OutcomeFigures(
                n=4,
                auc=0.75,
                auc_ci=(0.5, 1.0),
                differences={"rfs": Difference(0.1, 0.0, 0.2, 0.05), "logistic": None},
                at_capacity={"model": CapacityFigures(30)},
            )
        }
    },
    list=ListFigures(groups={"returned": 3}),
)


def test_what_is_written_is_read_back():
    """Every figure comes back equal, and writing it again gives the same text."""
    text = write_run_figures(FIGURES)
    found = parse_run_figures(text)
    assert found == FIGURES
    assert write_run_figures(found) == text


def test_a_figure_that_was_read_knows_its_place():
    """The pointer of a number leads to it in the file; one that was not read has none."""
    found = read_run_figures({"outcomes": {"a/b~c": {"2026": {"auc_ci": [0.5, 1]}}}})
    (figures,) = found.outcomes["a/b~c"].values()
    assert figures.auc_ci is not None
    assert place_of(figures.auc_ci[1]) == "/outcomes/a~1b~0c/2026/auc_ci/1"
    assert place_of(0.5) == ""


def test_what_an_older_file_lacks_is_absent():
    """An empty file has no figure, names nothing that is unknown, and each section is empty."""
    found = read_run_figures({})
    assert found == RunFigures()
    assert (found.last, found.outcome_names, found.at("harm")) == ("", (), OutcomeFigures())


@pytest.mark.parametrize("odd", ["0.7", True, [], {}, math.inf, math.nan, 10**400])
def test_what_is_of_another_kind_is_absent(odd: object):
    """A text, a truth value, a list, or no finite number where a number belongs is no number."""
    found = read_run_figures({"capacity": odd, "outcomes": {"harm": {"2026": {"auc": odd}}}})
    assert (found.capacity, found.at("harm").auc) == (None, None)


def test_a_difference_without_its_interval_is_no_difference():
    """What was always written together is there as a whole or not at all."""
    found = read_run_figures({"outcomes": {"harm": {"2026": {"differences": {"rfs": {"low": 1}}}}}})
    assert found.at("harm").differences == {"rfs": None}


def test_names_that_no_field_has_are_counted():
    """A later version's sections are left out, and a reader can say how many there are."""
    assert read_run_figures({"seances": 1, "capacity": 3, "n_unknown": 7}).n_unknown == 2


def test_sections_that_were_not_asked_for_have_no_key():
    """A run without them writes nothing in their place; what was looked for in vain is null."""
    written = encode(RunFigures())
    assert isinstance(written, dict)
    assert not {"audit", "proxies", "bands", "truth", "managed", "n_unknown"} & set(written)
    assert written["run"] is None


@pytest.mark.parametrize("content", ["{", "[]", "7"])
def test_what_is_no_file_of_figures_is_refused(content: str):
    """Broken JSON and other values are an error, which the callers put into words."""
    with pytest.raises(ValueError, match=r"figures|Expecting"):
        parse_run_figures(content)
