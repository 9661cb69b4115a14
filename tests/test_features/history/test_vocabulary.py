"""What the catalogue has no word for is counted and told, never lost without a sound."""

import math

import pytest

from features.contract.moments import parse_date
from features.history.reading_rules import ENGINES
from features.history.vocabulary import check_fact, count_unmeasured

FACTS = [
    {"name": "frightened", "value": "Yes", "recorded_at": "2025-01-01"},
    {"name": "frightened", "value": "perhaps", "recorded_at": "2025-01-02"},
    {"name": "frightend", "value": "yes", "recorded_at": "2025-01-03"},
    {"name": "children", "value": "two", "recorded_at": "2025-01-04"},
    {"name": "separated_on", "value": "2025-01-01", "recorded_at": "2025-01-05"},
    {"name": "frightened", "asked": "no", "recorded_at": "2025-01-06"},
    {"name": "separated_on", "value": "1900-01-01", "recorded_at": "2025-01-07"},
    {"name": "separated_on", "value": "2099-12-31", "recorded_at": "2025-01-08"},
]


def test_words_that_nothing_measures_are_counted(history_of, catalogue_of):
    """A mistyped kind, an unknown fact and an answer that does not fit are each told."""
    events = [
        {"kind": kind, "occurred_at": "2025-01-01"} for kind in ("threat", "thraet", "opened")
    ]
    told = count_unmeasured(
        history_of(events, FACTS), catalogue_of({"it": "measure: count, of: {kind: threat}"})
    )
    assert {words.split(";")[0]: count for words, count in told.items()} == {
        "events of a kind that the catalogue does not declare": 1,
        "facts that the catalogue does not declare": 1,
        "answers that do not fit their question": 4,
    }


def test_words_that_no_selector_names_are_counted_where_the_column_is_used(
    history_of, catalogue_of
):
    """A source spelled otherwise is told with a count and no word of it; empty cells, records that
    are never measured and kinds that the catalogue does not declare are not.
    """
    police = {"kind": "threat", "occurred_at": "2025-01-01", "source": "police"}
    events = [
        police | row
        for row in (
            {},
            {"source": "CANARYPOLICE"},
            {"source": "police force", "channel": "letter", "target": "child"},
            {"source": None},
            {"source": "health"},
            {"source": "prison", "handling": "agency_only"},
            {"source": "court", "kind": "opened"},
            {"source": "court", "kind": "thraet"},
        )
    ]
    history = history_of(events)
    used = "measure: count, of: {kind: threat, source: [police, probation]}"
    told = count_unmeasured(history, catalogue_of({"it": used}))
    assert {words.split(" that ")[0]: count for words, count in told.items()} == {
        "events of a kind": 1,
        "events state a source": 2,
    }
    assert "canary" not in str(told).lower()
    others = (
        "measure: count, of: {kind: threat}, since: {channel: phone}",
        "measure: share, of: {kind: threat}, among: {target: victim}",
    )
    found = [count_unmeasured(history, catalogue_of({"it": one})) for one in others]
    # What a target may be is a closed list, which the intake holds.
    assert [[words.split(" that ")[0] for words in told][1:] for told in found] == [
        ["events state a channel"],
        [],
    ]


def test_a_stand_in_for_a_date_is_told_where_the_engine_leaves_it_out(history_of, catalogue_of):
    """For a model of the first engine it is an answer like any other, since it is reckoned with."""
    history = history_of([], FACTS)
    catalogue = catalogue_of({"it": "measure: count, of: {kind: threat}"})
    unfit = [
        next(count for words, count in told.items() if words.startswith("answers"))
        for told in (count_unmeasured(history, catalogue, ENGINES[one]) for one in ("1", "2"))
    ]
    assert unfit == [2, 4]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("frightened", "yes", None),
        ("frightened", None, None),
        ("frightened", "1", "unreadable_answer"),
        ("children", "2.5", None),
        ("children", "inf", "unreadable_answer"),
        ("separated_on", "01/02/2025", "unreadable_answer"),
        ("separated_on", "1939-12-31", "unreadable_answer"),
        ("separated_on", "1940-01-02", None),
        ("separated_on", "0001-01-01", "unreadable_answer"),
        ("separated_on", "2045-01-01", None),
        ("separated_on", "2045-03-01", "unreadable_answer"),
        ("separated_on", "9999-12-31T00:00:00Z", "unreadable_answer"),
        ("frightend", "yes", "unknown_fact"),
    ],
)
def test_an_answer_must_fit_its_question(catalogue_of, name, value, code):
    """Yes or no, a finite number, an ISO date that can be; nothing answered is no mistake."""
    catalogue = catalogue_of({"it": "measure: count, of: {kind: threat}"})
    recorded_us = parse_date("2025-01-01", "Europe/London")
    assert check_fact(catalogue, name, value, "Europe/London", recorded_us) == code


@pytest.mark.parametrize("stand_in", ["1900-01-01", "1899-12-30", "2099-12-31", "9999-12-31"])
def test_a_date_that_cannot_be_counts_as_not_answered(value_of, stand_in):
    """A stand-in for an unknown date gives no days, and the answer before it does not come back."""
    answers = [
        {"name": "separated_on", "value": "2025-01-01", "recorded_at": "2025-01-02"},
        {"name": "separated_on", "value": stand_in, "recorded_at": "2025-01-03"},
    ]
    measured = "measure: last_fact, fact: separated_on"
    before, after = (value_of(measured, "2025-01-11", [], answers[:n]) for n in (1, 2))
    assert before == 10
    assert math.isnan(after)
