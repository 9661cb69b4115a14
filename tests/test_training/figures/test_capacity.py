"""Precision and recall at capacity, missed cases with ranks, and resamples of people."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import ConfigError
from models.run_figures.codec import encode
from training.figures.capacity import (
    evaluate_at_capacity,
    list_missed,
    rank_cases,
    weight_rows,
)
from training.figures.metrics import expected_hits, precision_at_k, recall_at_k
from training.figures.resampling import draw_people_by_person

ROWS = st.lists(
    st.tuples(
        st.booleans(),
        st.integers(0, 4),
        st.integers(0, 5),
        st.sampled_from(["newly_referred", "returned", "managed"]),
    ),
    min_size=1,
    max_size=25,
)


def columns(rows):
    """Return outcome, score, person and group as arrays."""
    outcome, score, person, group = zip(*rows, strict=True)
    return (
        np.array(outcome, dtype=bool),
        np.array(score, dtype=float),
        np.array(person),
        np.array(group, dtype=object),
    )


@given(rows=ROWS, capacity=st.integers(1, 12), seed=st.integers(0, 99))
def test_a_resample_is_ranked_as_if_its_rows_stood_there(rows, capacity, seed):
    """Hits by weight equal those of the rows written out as often as their person is drawn."""
    y_true, score, person, _ = columns(rows)
    people, column = np.unique(person, return_inverse=True)
    draws = draw_people_by_person(person, 3, seed)
    assert draws.shape == (3, len(people))
    assert (draws.sum(axis=1) == len(people)).all()
    ranking = rank_cases(score)
    for weights in weight_rows(draws, column[ranking.order]):
        placed = weights * ranking.fill_places(weights, capacity)
        for number, draw in enumerate(draws):
            drawn = np.repeat(np.arange(len(rows)), draw[column])
            hits = placed[:, number] @ y_true[ranking.order]
            assert hits == pytest.approx(expected_hits(y_true[drawn], score[drawn], capacity))


@given(rows=ROWS, capacity=st.integers(1, 12))
def test_each_group_is_evaluated_on_a_list_of_its_own(rows, capacity):
    """Precision and recall of a group are those of its cases alone, the newly referred first."""
    y_true, score, person, group = columns(rows)
    draws = draw_people_by_person(person, 5, 1)
    found = evaluate_at_capacity(y_true, score, person, group, capacity=capacity, draws=draws)
    assert [one.group for one in found.groups] == ["newly_referred", "returned", "all"]
    for one in found.groups:
        inside = np.ones(len(rows), bool) if one.group == "all" else group == one.group
        assert (one.n, one.positives) == (inside.sum(), y_true[inside].sum())
        if one.n:
            precision = precision_at_k(y_true[inside], score[inside], capacity)
            assert one.precision_at_capacity == pytest.approx(precision)
        if one.positives:
            recall = recall_at_k(y_true[inside], score[inside], capacity)
            assert one.recall_at_capacity == pytest.approx(recall)
    places = sum(one.places_in_whole for one in found.groups[:2])
    assert places <= found.groups[2].places_in_whole + 1e-9
    json.dumps(encode(found), allow_nan=False)


def test_a_small_list_by_hand():
    """Of six cases with two places, the returned take the first and find one outcome of two."""
    y_true = np.array([1, 0, 1, 0, 1, 0], dtype=bool)
    score = np.array([6.0, 5, 4, 3, 2, 1])
    group = np.array(["returned", "newly_referred"] * 2 + ["returned", "managed"], dtype=object)
    draws = draw_people_by_person(np.arange(6), 50, 1)
    found = evaluate_at_capacity(y_true, score, np.arange(6), group, capacity=2, draws=draws)
    new, back, everyone = found.groups
    assert (new.positives, new.recall_at_capacity, new.median_rank) == (0, None, None)
    assert back.precision_at_capacity == 1.0
    assert back.recall_at_capacity == pytest.approx(2 / 3)
    assert (back.places_in_whole, back.precision_in_whole) == (1.0, 1.0)
    assert back.recall_in_whole == pytest.approx(1 / 3)
    assert (back.median_rank, back.median_rank_in_whole) == (2.0, 3.0)
    assert (everyone.precision_at_capacity, everyone.median_rank) == (0.5, 3.0)
    assert everyone.precision_at_capacity_ci[0] <= 0.5 <= everyone.precision_at_capacity_ci[1]


def test_all_rows_of_a_person_are_drawn_together():
    """One person's many rows widen the interval; as so many people they would narrow it."""
    random = np.random.default_rng(3)
    y_true = np.repeat(random.random(40) < 0.4, 25)
    score = random.normal(size=1000)
    group = np.full(1000, "returned", dtype=object)
    width = {}
    for name, person in (("one", np.repeat(np.arange(40), 25)), ("many", np.arange(1000))):
        draws = draw_people_by_person(person, 300, 1)
        found = evaluate_at_capacity(y_true, score, person, group, capacity=500, draws=draws)
        low, high = found.groups[1].precision_at_capacity_ci
        width[name] = high - low
    assert width["one"] > 2 * width["many"]


def test_missed_cases_have_their_rank():
    """Who has the serious outcome outside the first two places is named; ties count as outside."""
    y_serious = np.array([1, 1, 0, 1, 0], dtype=bool)
    score = np.array([0.9, 0.5, 0.5, 0.1, 0.7])
    case_id = np.array(["a", "b", "c", "d", "e"], dtype=object)
    missed = list_missed(y_serious, score, case_id, 3)
    assert [(one.case_id, one.rank, one.of) for one in missed] == [("b", 4, 5), ("d", 5, 5)]


def test_what_cannot_be_evaluated_says_what_to_change():
    """No place, or resamples of other people, is one clear error."""
    y_true, score, person = np.array([True, False]), np.array([1.0, 2.0]), np.array([1, 2])
    group = np.array(["returned"] * 2, dtype=object)
    draws = draw_people_by_person(person, 2, 1)
    with pytest.raises(ConfigError, match="at least 1 place"):
        evaluate_at_capacity(y_true, score, person, group, capacity=0, draws=draws)
    with pytest.raises(ConfigError, match="draw_people_by_person"):
        evaluate_at_capacity(y_true, score, person, group, capacity=1, draws=draws[:, :1])
