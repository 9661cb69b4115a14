"""Where an outcome has no model, it is said by what it counts in the order, with the source."""

from types import SimpleNamespace

import pytest

from features.catalogue.file import load_catalogue
from models.ranking.estimates import list_sourced_shares, list_without_estimate


def tell(modelled):
    """Return the outcomes without an estimate, each with what is said of its share."""
    bundle = SimpleNamespace(catalogue=load_catalogue("stalking"), outcomes=dict.fromkeys(modelled))
    return dict(zip(list_without_estimate(bundle), list_sourced_shares(bundle), strict=True))


def test_serious_harm_without_a_model_counts_as_its_share_of_violence():
    """The share, the outcome that it is of, and the source stand in one sentence."""
    (said,) = tell(["persistence", "violence"]).values()
    assert '7 in 100 of "violence recorded"' in said
    assert "0.5 to 1 in 100 cases against 8 to 12 in 100 with violence" in said


def test_nothing_is_said_where_all_have_a_model():
    """With a model of each outcome of the ladder no share stands in."""
    assert tell(["persistence", "violence", "serious_harm"]) == {}


@pytest.mark.parametrize("modelled", [[], ["serious_harm"]])
def test_an_outcome_without_a_share_has_nothing_that_stands_in(modelled):
    """Violence has no sourced share, and where nothing below has a model there is none to take."""
    assert not any(tell(modelled).values())


def test_the_share_is_of_the_level_that_the_order_takes_it_of():
    """Without a model of violence it is of further conduct, as the order computes it."""
    said = tell(["persistence"])
    assert '"further conduct recorded"' in said["serious harm recorded"]
    assert said["violence recorded"] == ""
