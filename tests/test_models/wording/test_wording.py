"""Numbers read the same wherever they are shown."""

import pytest

from models.wording.sentences import format_days, format_number, format_probability


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (3, "3"), (2.5, "2.5"), (0.256, "0.26"), (-0.0013, "-0.0013"), (0.1, "0.1")],
)
def test_numbers_keep_what_they_say(value, shown):
    """Whole numbers have no point, and a small one does not become nothing."""
    assert format_number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.5, "0.5"), (1.96, "2"), (17.19, "17"), (-3.2, "-3")]
)
def test_days_are_whole_from_two_up(value, shown):
    """Part of a day matters only within the last two."""
    assert format_days(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "fewer than 1 in 1,000"),
        (0.0004, "fewer than 1 in 1,000"),
        (0.0123, "about 12 in 1,000"),
        (0.066, "about 7 in 100"),
        (0.995, "more than 99 in 100"),
    ],
)
def test_probabilities_have_one_format(value, shown):
    """A probability is a count out of a hundred, under 5 of them out of a thousand, never 0."""
    assert format_probability(value) == shown
