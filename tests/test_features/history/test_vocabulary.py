"""What the catalogue has no word for is counted and told, never lost without a sound."""

import pytest

from features.history.vocabulary import check_fact, count_unmeasured

FACTS = [
    {"name": "frightened", "value": "Yes", "recorded_at": "2025-01-01"},
    {"name": "frightened", "value": "perhaps", "recorded_at": "2025-01-02"},
    {"name": "frightend", "value": "yes", "recorded_at": "2025-01-03"},
    {"name": "children", "value": "two", "recorded_at": "2025-01-04"},
    {"name": "separated_on", "value": "2025-01-01", "recorded_at": "2025-01-05"},
    {"name": "frightened", "asked": "no", "recorded_at": "2025-01-06"},
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
        "answers that do not fit their question": 2,
    }


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("frightened", "yes", None),
        ("frightened", None, None),
        ("frightened", "1", "unreadable_answer"),
        ("children", "2.5", None),
        ("children", "inf", "unreadable_answer"),
        ("separated_on", "01/02/2025", "unreadable_answer"),
        ("frightend", "yes", "unknown_fact"),
    ],
)
def test_an_answer_must_fit_its_question(catalogue_of, name, value, code):
    """Yes or no, a finite number, an ISO date; nothing answered is no mistake."""
    catalogue = catalogue_of({"it": "measure: count, of: {kind: threat}"})
    assert check_fact(catalogue, name, value, "Europe/London") == code
