"""Proxies: how well the indicators tell a group, and which of them do."""

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from models.run_figures.codec import encode
from training.audit import find_proxies

COLUMNS = ("calls", "visits", "letters")


@pytest.fixture(scope="module")
def cases():
    """Return indicators of 600 cases; ``visits`` tells who is in group b, ``calls`` does not."""
    random = np.random.default_rng(4)
    group = np.where(random.random(600) < 0.4, "b", "a").astype(object)
    values = random.normal(size=(600, 3))
    values[:, 1] -= 1.5 * (group == "b")
    return values, group, np.arange(600)


def test_a_planted_proxy_is_found_and_flagged(cases):
    """The indicator that tells the group comes first, with scikit-learn's AUC, in any direction."""
    values, group, person = cases
    found = find_proxies(values, COLUMNS, group, person, 1)
    for one in found.groups:
        assert one.is_flagged
        assert one.strongest[0].indicator == "visits"
        expected = roc_auc_score(group == "b", -values[:, 1])
        assert one.strongest[0].auc == pytest.approx(expected)
        assert one.auc.value == pytest.approx(expected, abs=0.03)
        assert one.auc.low < one.auc.value < one.auc.high
    json.dumps(encode(found.figures), allow_nan=False)


def test_noise_is_not_flagged(cases):
    """Indicators that know nothing of the group do no better than chance on people held out."""
    values, group, person = cases
    found = find_proxies(values[:, [0, 2]], COLUMNS[::2], group, person, 1)
    for one in found.groups:
        assert not one.is_flagged
        assert one.auc.low < 0.5 + 0.03
        assert "not found" in one.words


def test_what_a_person_repeats_does_not_count(cases):
    """Rows of one person stand in one fold: a number that marks the person tells no group."""
    random = np.random.default_rng(1)
    person = np.repeat(np.arange(300), 4)
    group = np.repeat(np.where(random.random(300) < 0.5, "a", "b"), 4).astype(object)
    marks = np.repeat(random.normal(size=(300, 40)), 4, axis=0)
    found = find_proxies(marks, [f"mark{n}" for n in range(40)], group, person, 1)
    assert all(one.auc.value < 0.6 for one in found.groups)


def test_being_known_can_tell_a_group(cases):
    """An indicator that is missing for one group only is named for it."""
    values, group, person = cases
    values = values.copy()
    values[group == "b", 0] = np.nan
    found = find_proxies(values, COLUMNS, group, person, 1)
    first = found.groups[0].strongest[0]
    assert (first.indicator, first.auc) == ("calls (whether it is known)", 1.0)


def test_small_groups_and_unknown_values_are_left_out(cases):
    """Under 100 people there is no figure, and cases of unknown value take no part."""
    values, group, person = cases
    group = group.copy()
    group[:50], group[50:150] = "few", None
    found = {one.group: one for one in find_proxies(values, COLUMNS, group, person, 1).groups}
    assert set(found) == {"a", "b", "few"}
    assert (found["few"].auc, found["few"].words) == (None, "too few to tell")
    assert not found["few"].strongest
    assert find_proxies(values, COLUMNS, np.full(600, None), person, 1).groups == ()
