"""A change of recording practice is dated from the records; growth and drift are none."""

import dataclasses
import datetime as dt

import numpy as np
import pytest

from features.catalogue.declarations import DAY_US
from features.catalogue.file import load_catalogue, parse_catalogue
from features.contract.moments import parse_date
from features.history.assembly import assemble_history
from features.intake.contract_folder import assemble_folder, read_folder
from synthetic.simulator import simulate_unit
from training.practice.breaks import (
    LEAST_RECORDS,
    SIGNIFICANCE,
    find_breaks,
    find_steps,
)
from training.practice.monthly_counts import ALL_RECORDS, count_records, expect_records

pytestmark = pytest.mark.long

ZONE = "Europe/London"
CATALOGUE = parse_catalogue(
    b"""version: 1
name: small
title: A small catalogue
kinds:
  conduct: {label: conduct, children: {message: {label: a message}, assault: {label: an assault}}}
  report: {label: a report}
  unit_work: {label: work of the unit, children: {taken_on: {label: taken on}}}
indicators:
  - {name: acts, family: f, measure: count, of: {kind: conduct}, direction: raises,
     reason: "{value} acts", source: test}
outcomes:
  - {name: act, label: act, of: {kind: conduct}, horizon: 30d, maturity: 0d, source: test}
baselines: {rfs: {recency: acts, frequency: acts, severity: acts, source: test}}
priority: {source: test, ladder: [{name: a, label: a, outcome: act, weight: 1, source: test}]}
wording: {advisory: A person decides., estimate: Under past practice.}
""",
    "small.yaml",
)
N_MONTHS = 48


def draw_counts(seed, rate, expected, scatter=0.05):
    """Return monthly counts about expected times rate, with scatter beyond chance."""
    random = np.random.default_rng(seed)
    return random.poisson(expected * rate * random.lognormal(0, scatter, len(expected))) * 1.0


GROWING = np.linspace(50.0, 1_500.0, N_MONTHS)


def test_steady_growth_and_drift_are_no_change():
    """In 100 series that grow thirtyfold and drift by a third, about one in a hundred is taken."""
    drift = np.exp(np.linspace(-0.15, 0.15, N_MONTHS))
    found = [
        find_steps(draw_counts(seed, drift, GROWING), GROWING, seed=seed, significance=SIGNIFICANCE)
        for seed in range(100)
    ]
    assert sum(bool(steps) for steps in found) <= 4


@pytest.mark.parametrize("month", [10, 24, 38])
@pytest.mark.parametrize("ratio", [0.7, 1.5])
def test_a_step_is_dated_within_a_month(month, ratio):
    """A rise by half and a fall by a third are found and dated, early, midway and late."""
    rate = np.where(np.arange(N_MONTHS) >= month, ratio, 1.0)
    for seed in range(5):
        steps = find_steps(
            draw_counts(seed, rate, GROWING), GROWING, seed=seed, significance=SIGNIFICANCE
        )
        assert abs(steps[0].month - month) <= 1
        assert steps[0].ratio == pytest.approx(ratio, rel=0.2)
        assert steps[0].p_value < SIGNIFICANCE


def test_two_steps_are_both_found():
    """A step once found does not hide another one."""
    months = np.arange(72)
    expected = np.full(72, 400.0)
    rate = np.where(months >= 20, 1.6, 1.0) * np.where(months >= 50, 0.6, 1.0)
    steps = find_steps(draw_counts(1, rate, expected), expected, seed=1, significance=0.01)
    assert sorted(step.month for step in steps) == [20, 50]


def test_a_rate_that_wanders_is_no_step():
    """Where each month takes after the one before, a shift of level is seldom taken for a step."""
    n_taken = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        wander = np.zeros(N_MONTHS)
        for month in range(1, N_MONTHS):
            wander[month] = 0.5 * wander[month - 1] + 0.1 * random.standard_normal()
        counts = draw_counts(seed, np.exp(wander), GROWING)
        n_taken += bool(find_steps(counts, GROWING, seed=seed, significance=SIGNIFICANCE))
    assert n_taken <= 4


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        (np.full(11, 100.0), np.full(11, 100.0)),
        (np.full(40, LEAST_RECORDS - 1), np.full(40, LEAST_RECORDS - 1)),
        (np.full(40, 100.0), np.zeros(40)),
    ],
)
def test_too_little_is_not_looked_at(records, expected):
    """Few months, few records, or months without cases at risk: nothing is said."""
    assert find_steps(records, expected, seed=1, significance=1.0) == ()


def make_unit(*, change=None, kinds=("message",), kept=0.5, seed=3, n_cases=700):
    """Return a unit whose referrals grow; from ``change`` on, only some records of ``kinds`` are
    made. Records are frequent at first and rarer as a case ages.
    """
    random = np.random.default_rng(seed)
    start, end = dt.datetime(2021, 1, 10), dt.datetime(2024, 12, 20)
    span = (end - start).days
    cases, events = [], []
    for number in range(n_cases):
        seen = start + dt.timedelta(days=span * float(random.random()) ** 0.5)
        cases.append({"case_id": f"C{number}", "recorded_at": seen.isoformat()})
        at = seen
        while at < end:
            kind = str(random.choice(["message", "assault", "report", "taken_on"]))
            is_lost = change is not None and at >= dt.datetime.fromisoformat(change)
            if not (is_lost and kind in kinds and random.random() > kept):
                events.append(
                    {
                        "event_id": f"e{len(events)}",
                        "case_id": f"C{number}",
                        "kind": kind,
                        "occurred_at": at.isoformat(),
                        "recorded_at": at.isoformat(),
                    }
                )
            age = (at - seen).days
            at += dt.timedelta(days=float(random.exponential(6 if age < 60 else 25)))
    folder = assemble_folder(
        {"cases": cases, "events": events},
        time_zone=ZONE,
        extract_at_us=parse_date("2025-01-01", ZONE),
    )
    assert not len(folder.rejects)
    return assemble_history(folder)


def test_months_by_hand():
    """Records count in their month against the cases then open, the unit's own work not at all."""
    folder = assemble_folder(
        {
            "cases": [
                {"case_id": "A", "recorded_at": "2024-01-20T00:00"},
                {"case_id": "B", "recorded_at": "2024-03-01T00:00"},
            ],
            "events": [
                {
                    "event_id": f"e{number}",
                    "case_id": case,
                    "kind": kind,
                    "occurred_at": "2024-01-01",
                    "recorded_at": at,
                }
                for number, (case, kind, at) in enumerate(
                    [
                        ("A", "message", "2024-01-25T12:00"),  # before the first whole month
                        ("A", "assault", "2024-02-05T12:00"),
                        ("A", "message", "2024-03-31T23:59"),
                        ("B", "assault", "2024-03-05T12:00"),
                        ("B", "report", "2024-03-10T12:00"),
                        ("B", "report", "2024-02-10T12:00"),  # before the case was known
                        ("B", "taken_on", "2024-03-11T12:00"),
                        ("B", "message", "2024-04-01T00:00"),  # at the limit
                    ]
                )
            ],
        },
        time_zone=ZONE,
        extract_at_us=parse_date("2024-12-01", ZONE),
    )
    found = count_records(
        assemble_history(folder), CATALOGUE, until_us=parse_date("2024-04-01", ZONE)
    )
    assert set(found) == {"conduct", "report", ALL_RECORDS}
    conduct = found["conduct"]
    assert conduct.start_us.tolist() == [
        parse_date(date, ZONE) for date in ("2024-02-01", "2024-03-01", "2024-04-01")
    ]
    assert conduct.records.tolist() == [1, 2]
    assert found["report"].records.tolist() == [0, 1]
    assert found[ALL_RECORDS].records.tolist() == [1, 3]
    # In the middle of February A is fresh; in the middle of March A is 55 days old and B is fresh.
    # A fresh case made one act in either month and the older one another: the months are alike.
    assert conduct.expected == pytest.approx([1.0, 2.0])


def test_ages_that_come_up_late_do_not_hide_a_change():
    """Old cases are on record only after the change; the change is still told from their age."""
    at_risk = np.array([[10.0, 0.0], [10.0, 0.0], [10.0, 10.0], [10.0, 10.0]])
    level = np.array([1.0, 1.0, 2.0, 2.0])
    made = level[:, None] * at_risk * np.array([4.0, 1.0])
    expected = expect_records(made, at_risk)
    rate = made.sum(axis=1) / expected
    assert rate / rate[0] == pytest.approx(level)
    assert expected.sum() == pytest.approx(made.sum())


@pytest.fixture(scope="module")
def steady():
    """A unit that grows and ages, and records as ever."""
    return make_unit()


def test_a_growing_unit_has_no_change(steady):
    """Growth of referrals and the ageing of cases change no rate per case at risk."""
    until = parse_date("2025-01-01", ZONE)
    assert find_breaks(steady, CATALOGUE, until_us=until, seed=1) == ()


def test_a_change_of_practice_is_found_where_it_was():
    """Messages halved from March 2023: conduct is named, reports are not, within a month."""
    history = make_unit(change="2023-03-01", kinds=("message", "assault"))
    found = find_breaks(history, CATALOGUE, until_us=parse_date("2025-01-01", ZONE), seed=1)
    (conduct,) = [one for one in found if one.family == "conduct"]
    assert abs(conduct.date_us - parse_date("2023-03-01", ZONE)) <= 32 * DAY_US
    assert conduct.ratio == pytest.approx(0.5, rel=0.2)
    assert conduct.p_value <= SIGNIFICANCE
    assert not [one for one in found if one.family == "report"]


def test_what_is_recorded_later_is_not_looked_at():
    """A change after the moment of use is not known then, nor can what follows it be seen."""
    history = make_unit(change="2023-03-01", kinds=("message", "assault", "report"))
    until = parse_date("2023-03-01", ZONE)
    assert find_breaks(history, CATALOGUE, until_us=until, seed=1) == ()
    kept = history.events.recorded_at < until
    moved = dataclasses.replace(
        history,
        events=dataclasses.replace(
            history.events, value=np.where(kept, history.events.value, 99.0)
        ),
    )
    assert find_breaks(moved, CATALOGUE, until_us=until, seed=1) == ()


def test_months_before_the_training_data_can_be_passed_over():
    """A change before everything that a model learns from is not told."""
    history = make_unit(change="2022-03-01", kinds=("message", "assault", "report"))
    until = parse_date("2025-01-01", ZONE)
    whole = find_breaks(history, CATALOGUE, until_us=until, seed=1)
    assert {one.family for one in whole} == {"conduct", "report", ALL_RECORDS}
    after = parse_date("2022-06-01", ZONE)
    assert find_breaks(history, CATALOGUE, until_us=until, from_us=after, seed=1) == ()


def test_an_empty_unit_has_no_change(steady):
    """No whole month, no answer."""
    assert find_breaks(steady, CATALOGUE, until_us=parse_date("2021-01-20", ZONE), seed=1) == ()


TRUE_BREAK = "2025-04-28"


@pytest.mark.parametrize("world", ["standard", "recording-break"])
def test_the_worlds_are_told_apart(tmp_path, world):
    """The world whose practice changed is dated within a month, and the standard one is let be."""
    simulate_unit(4_000, 3, tmp_path / world, world=world)
    history = assemble_history(read_folder(tmp_path / world))
    catalogue = load_catalogue("stalking")
    found = find_breaks(history, catalogue, until_us=history.extract_at, seed=1)
    if world == "standard":
        assert found == ()
        return
    assert {"contact", "report"} <= {one.family for one in found}
    true_us = parse_date(TRUE_BREAK, history.time_zone)
    assert all(abs(one.date_us - true_us) <= 31 * DAY_US for one in found)
