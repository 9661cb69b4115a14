"""Dates that would let later knowledge in, cannot be judged, or straddle a change are refused."""

import dataclasses

import numpy as np
import pytest

from features.catalogue.file import parse_catalogue
from features.contract.moments import parse_date
from features.errors import ConfigError, LeakageError
from features.history.assembly import assemble_history
from features.intake.contract_folder import assemble_folder
from training.cohorts.landmarks import Landmarks
from training.cohorts.splits import (
    Origin,
    backtest_origins,
    check_breaks,
    check_dates,
    hold_out_area,
    ripe_at,
    roll_origins,
)

ZONE = "UTC"
CATALOGUE = parse_catalogue(
    b"""version: 1
name: small
title: A small catalogue
kinds: {act: {label: an act}}
indicators:
  - {name: acts, family: f, measure: count, of: {kind: act}, direction: raises,
     reason: "{value} acts", source: test}
outcomes:
  - {name: soon, label: soon, of: {kind: act}, horizon: 30d, maturity: 0d, source: test}
  - {name: late, label: late, of: {kind: act}, horizon: 2 months, maturity: 10d, source: test}
baselines: {rfs: {recency: acts, frequency: acts, severity: acts, source: test}}
priority: {source: test, ladder: [{name: a, label: a, outcome: soon, weight: 1, source: test}]}
wording: {advisory: A person decides., estimate: Under past practice.}
""",
    "small.yaml",
)
HISTORY = assemble_history(
    assemble_folder(
        {
            "cases": [
                {"case_id": case, "recorded_at": "2024-01-01", "area": area}
                for case, area in (("A", "north"), ("B", "south"), ("C", None))
            ],
            "events": [
                {
                    "event_id": "e",
                    "case_id": "A",
                    "kind": "act",
                    "occurred_at": "2024-02-01",
                    "recorded_at": "2024-02-01",
                }
            ],
        },
        time_zone=ZONE,
        extract_at_us=parse_date("2025-12-31", ZONE),
    )
)


def day(text: str) -> int:
    """Return a date in microseconds."""
    return parse_date(text, ZONE)


def days(*texts: str) -> list[int]:
    """Return dates in microseconds."""
    return [day(text) for text in texts]


def test_a_label_is_ripe_after_horizon_and_maturity():
    """Two calendar months from 1 January and ten days more: 11 March."""
    assert ripe_at(HISTORY, CATALOGUE.outcomes[1], day("2025-01-01")) == day("2025-03-11")


def test_each_test_date_learns_from_what_was_mature_by_then():
    """The slowest outcome decides; maturity on the very day is enough."""
    train = days("2025-01-01", "2025-02-01", "2025-04-01")
    assert roll_origins(HISTORY, CATALOGUE, train, days("2025-06-11", "2025-03-11")) == (
        Origin(day("2025-03-11"), tuple(days("2025-01-01"))),
        Origin(day("2025-06-11"), tuple(days("2025-01-01", "2025-02-01", "2025-04-01"))),
    )


def test_a_training_date_that_no_test_date_can_know_is_refused():
    """A date whose outcomes lie after every test would be looking ahead."""
    with pytest.raises(LeakageError, match="--train-as-of 2025-05-01: outcome 'late'"):
        roll_origins(HISTORY, CATALOGUE, days("2025-01-01", "2025-05-01"), days("2025-07-10"))


@pytest.mark.parametrize(
    ("train", "test", "words"),
    [
        ([], ["2025-06-01"], "at least one"),
        (["2025-01-01"], [], "at least one"),
        (["2025-01-01"], ["2025-03-10", "2025-06-01"], "no training date"),
        (["2025-01-01"], ["2025-12-01"], "extract ends"),
    ],
)
def test_origins_that_cannot_be_are_refused(train, test, words):
    """Nothing to learn from, and nothing to judge by, are each named with a remedy."""
    with pytest.raises(ConfigError, match=words):
        roll_origins(HISTORY, CATALOGUE, days(*train), days(*test))


def test_one_model_for_all_test_dates_must_be_ripe_at_the_first():
    """Where one model serves every test date the first of them decides."""
    train, late = days("2025-01-01", "2025-02-01"), days("2025-06-01")
    check_dates(HISTORY, CATALOGUE, train, late)
    with pytest.raises(LeakageError, match="after the first test date"):
        check_dates(HISTORY, CATALOGUE, train, [*late, day("2025-03-15")])
    with pytest.raises(ConfigError, match="name an earlier test date"):
        check_dates(HISTORY, CATALOGUE, train, days("2025-12-01"))


def test_back_tests_stand_among_the_training_dates():
    """A training date is an origin where earlier ones were mature by it and it is by the use."""
    train = days("2025-01-01", "2025-03-11", "2025-06-01", "2025-08-01")
    found = backtest_origins(HISTORY, CATALOGUE, train, day("2025-09-01"))
    assert found == (
        Origin(day("2025-03-11"), tuple(days("2025-01-01"))),
        Origin(day("2025-06-01"), tuple(days("2025-01-01", "2025-03-11"))),
    )
    assert backtest_origins(HISTORY, CATALOGUE, train[:1], day("2025-09-01")) == ()


def test_an_area_is_held_out_whole():
    """Rows of the area are tested on and all others, the unknown too, are learnt from."""
    marks = Landmarks(np.array([0, 1, 2, 1]), np.array(days(*["2025-01-01"] * 4)))
    split = hold_out_area(HISTORY, marks, "south")
    assert split.held_out.tolist() == [False, True, False, True]
    assert split.kept.tolist() == [True, False, True, False]
    with pytest.raises(ConfigError, match="areas"):
        hold_out_area(HISTORY, marks, "west")


@pytest.mark.parametrize(
    ("breaks", "lookback", "refused"),
    [
        ([], 0, None),
        (["2025-03-01"], 0, "2025-01-01, 2025-02-01"),
        (["2025-02-01"], 0, "2025-01-01"),
        (["2025-01-01"], 0, None),
        (["2025-01-01"], 31, "2025-01-01"),
        (["2025-01-01"], 32, "2025-01-01, 2025-02-01"),
        (["2025-07-01"], 0, None),
        (["2024-01-01", "2025-02-01"], 0, "2025-01-01"),
    ],
)
def test_dates_from_before_a_change_of_practice_are_refused(breaks, lookback, refused):
    """Only changes known at the moment of use count; indicators may reach back across none."""
    train = days("2025-02-01", "2025-01-01")

    def check(*, across: bool) -> None:
        check_breaks(
            train,
            day("2025-06-01"),
            days(*breaks),
            time_zone=ZONE,
            lookback_days=lookback,
            across=across,
        )

    check(across=True)
    if refused is None:
        check(across=False)
        return
    with pytest.raises(ConfigError, match=f"--train-as-of {refused}: recording practice changed"):
        check(across=False)


def test_an_extract_cut_short_is_told():
    """The message names the date, the outcome and where the extract ends."""
    short = dataclasses.replace(HISTORY, extract_at=day("2025-06-15"))
    with pytest.raises(ConfigError, match="2025-06-01: outcome 'soon' needs records up to 2025-07"):
        roll_origins(short, CATALOGUE, days("2025-01-01"), days("2025-06-01"))
