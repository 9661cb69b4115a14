"""Columns of dates and times are read as each cell is read alone."""

import string
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.contract.moments import UNREADABLE, parse_date, parse_moment
from features.intake.date_columns import read_moments

ZONE = "Europe/London"
PLAIN = st.datetimes().map(lambda moment: moment.isoformat(sep="T"))
SEEDS = st.sampled_from(
    [
        "2024-03-31",
        "2024-03-31T01:30",
        "2024-10-27 01:30:00.1234567",
        "2024-10-27T01:30:00Z",
        "2024-10-27T01:30:00+01:00",
        "2024-02-31",
        "2024-10-27T01:30:00 +0100",
        "2024-10-27T24:00",
        "2024-10-27T01:30:00,5z",
        "9999-12-31",
        "1799-12-31T10:00",
        "2024-1-1",
    ]
)


@st.composite
def spoilt(draw):
    """Make a moment with a few letters changed."""
    text = list(draw(SEEDS | PLAIN))
    for _ in range(draw(st.integers(0, 2))):
        text[draw(st.integers(0, len(text) - 1))] = draw(st.sampled_from("0123456789-:TZ .,+٣"))
    return "".join(text).strip()


@given(texts=st.lists(spoilt(), min_size=1), edge=st.sampled_from(["first", "last"]))
def test_a_column_of_text_is_read_as_its_cells_are(texts, edge):
    """However a cell is spoilt, the column's reading is the cell's own."""
    found = read_moments(pa.array(texts, pa.large_string()), ZONE, edge)
    alone = [parse_moment(text, ZoneInfo(ZONE), edge) for text in texts]
    assert found.us.tolist() == [
        us if text else UNREADABLE for text, (us, _) in zip(texts, alone, strict=True)
    ]
    assert found.n_skipped == sum(skipped for _, skipped in alone)


def test_the_thirty_first_of_february_is_refused_and_rolls_over_to_nothing():
    """A day that no calendar has is unreadable, alone and among days that there are."""
    texts = ["2024-02-29", "2024-02-30", "2024-02-31", "2023-02-29", "2024-04-31"]
    found = read_moments(pa.array(texts, pa.large_string()), ZONE, "first")
    assert (found.us == UNREADABLE).tolist() == [False, True, True, True, True]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamps_of_every_unit_are_read_as_their_text(unit):
    """A time without a zone that the clock repeats or skips is its own row's matter alone."""
    texts = ["2024-03-31T01:30:00", "2024-10-27T01:30:00", "2024-06-01T12:00:00"]
    typed = pa.array(np.array(texts, dtype=f"datetime64[{unit}]"))
    for edge in ("first", "last"):
        found = read_moments(typed, ZONE, edge)
        expected = read_moments(pa.array(texts, pa.large_string()), ZONE, edge)
        assert found.us.tolist() == expected.us.tolist()
        assert found.n_skipped == 1


def test_what_is_finer_than_a_microsecond_is_cut_off_towards_the_past():
    """Nanoseconds never bring a record forward, before 1970 either."""
    typed = pa.array([1_999, -1], pa.timestamp("ns", tz="UTC"))
    assert read_moments(typed, ZONE, "first").us.tolist() == [1, -1]


def test_a_date_is_the_edge_of_its_day_in_the_zone():
    """A date that says when something was recorded counts from the end of that day."""
    typed = pa.array([19_874], pa.date32())  # 2024-05-31, in summer time
    assert read_moments(typed, ZONE, "first").us[0] == parse_date("2024-05-31", ZONE)
    assert read_moments(typed, ZONE, "last").us[0] == parse_date("2024-06-01", ZONE) - 1


@pytest.mark.parametrize("year", ["0001-01-01", "9999-12-31"])
def test_dates_beyond_every_calendar_of_a_zone_cost_their_own_row(year):
    """A stand-in for "never" does not take the column with it."""
    typed = pa.array(np.array([year, "2024-06-01"], dtype="datetime64[D]"))
    assert read_moments(typed, ZONE, "first").us[1] == parse_date("2024-06-01", ZONE)


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["2024-06-01T00:00:00", "2024-06-02T00:00", ""], [True, True, False]),
        (["2024-06-01T00:00:00", "2024-06-02"], [True, False]),
        (["2024-06-01T00:00:00", "2024-06-02T00:01"], None),
        (["2024-06-01T00:00:00", "2024-06-01T00:00:00Z"], None),
        (["2024-06-01T00:00:00", "unknown"], None),
    ],
)
def test_midnights_are_told_where_a_column_has_no_other_time(texts, told):
    """One other time, or one with an offset, and a midnight is a midnight."""
    found = read_moments(pa.array(texts, pa.large_string()), ZONE, "last").midnights
    assert (None if found is None else found.tolist()) == told


def test_letters_that_are_no_digits_are_left_to_the_careful_reading():
    """Whatever stands in a cell, nothing is read past its end."""
    texts = ["", "2024", *string.printable.split(), "2024-06-01T", "2024-06-01T10:0"]
    found = read_moments(pa.array(texts, pa.large_string()), ZONE, "first")
    assert (found.us == UNREADABLE).all()
