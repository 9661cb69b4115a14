"""The shift follows a rate that has moved, stays still where none has, and reads nothing later."""

import dataclasses
import json

import numpy as np
import pytest
from scipy.special import expit

from features.catalogue.declarations import DAY_US, Horizon
from features.catalogue.file import load_catalogue, parse_catalogue
from features.contract.moments import format_moment, parse_date
from features.errors import LeakageError
from features.history.assembly import assemble_history
from features.intake.contract_folder import assemble_folder, fold_tables
from models.run_figures.codec import decode, encode
from models.run_figures.fitting import DriftShift
from synthetic.simulator import constants as set_by
from synthetic.simulator import make_unit
from training.practice import drift
from training.practice.breaks import find_breaks
from training.practice.drift import LASTING_SHARE, Window, compare_windows, estimate_shift, halve
from training.practice.falls import CHANGED_RECORDING

ZONE = "Europe/London"
CATALOGUE = b"""version: 1
name: small
title: A small catalogue
kinds:
  assault: {label: an assault}
  death: {label: death}
indicators:
  - {name: assaults, family: f, measure: count, of: {kind: assault}, direction: raises,
     reason: "{value} assaults", source: test}
outcomes:
  - {name: assault, label: assault, of: {kind: assault}, at_least: 1, horizon: 60d, maturity: 10d,
     follow_up_ends: [death], departures: censored, source: test}
baselines: {rfs: {recency: assaults, frequency: assaults, severity: assaults, source: test}}
priority: {source: test, ladder: [{name: a, label: a, outcome: assault, weight: 1, source: test}]}
wording: {advisory: A person decides., estimate: Under past practice.}
"""
FIRST = parse_date("2025-01-01", ZONE)
USED = FIRST + 160 * DAY_US
LATE_DAYS = 8


def day(number):
    """Return a moment so many days after the first."""
    return FIRST + number * DAY_US


def unit(rates, extra=()):
    """Return a history of 400 cases, of which a share has an assault in each 30 days.

    Assaults are recorded 8 days late: within the maturity of 10.
    """
    cases = [{"case_id": f"C{n:03d}", "recorded_at": "2024-12-01"} for n in range(400)]
    random = np.random.default_rng(5)
    events = [
        (f"C{n:03d}", 30 * window + 15, 30 * window + 15 + LATE_DAYS)
        for window, rate in enumerate(rates)
        for n in random.choice(400, round(400 * rate), replace=False)
    ]
    rows = [
        {
            "event_id": f"e{number}",
            "case_id": case,
            "kind": "assault",
            "occurred_at": format_moment(day(occurred), ZONE),
            "recorded_at": format_moment(day(recorded), ZONE),
        }
        for number, (case, occurred, recorded) in enumerate([*events, *extra])
    ]
    folder = assemble_folder(
        {"cases": cases, "events": rows}, time_zone=ZONE, extract_at_us=day(200)
    )
    assert not len(folder.rejects)
    return assemble_history(folder)


TRAIN = (day(0), day(30))


def shift_of(history, used_at_us=USED, train=TRAIN):
    """Estimate the shift of the small catalogue's outcome, on bare rates."""
    catalogue = parse_catalogue(CATALOGUE, "small.yaml")
    return estimate_shift(history, catalogue, catalogue.outcomes[0], train, used_at_us)


def test_half_of_a_fall_is_told_by_hand():
    """From 0.4 to 0.2: log-odds fall by 0.98, windows before did not differ, half is told."""
    found = shift_of(unit([0.4, 0.4, 0.4, 0.4, 0.2]))
    assert (found.training_rate, found.recent_rate) == pytest.approx((0.4, 0.2))
    assert found.seen == pytest.approx(np.log(0.25) - np.log(2 / 3))
    assert found.fluctuation == 0.0
    error = (found.interval[1] - found.interval[0]) / (2 * 1.959964)
    drawn_in = 1 - (error / found.seen) ** 2
    assert found.half == pytest.approx(LASTING_SHARE * found.seen * drawn_in, rel=1e-5)
    assert found.seen < found.shift < 0
    assert "follow its level" in found.told


@pytest.mark.parametrize(
    ("rates", "why"),
    [
        ([0.3, 0.3, 0.3, 0.3, 0.3], "not moved"),
        ([0.3, 0.3, 0.3, 0.3, 0.34], "not moved"),
        ([0.15, 0.4, 0.15, 0.4, 0.2], "not moved"),
        ([0.3, 0.3, 0.3, 0.3, 0.03], "too few outcomes"),
    ],
)
def test_without_a_clear_change_there_is_no_shift(rates, why):
    """No change, chance, what windows ordinarily differ by, and too few outcomes leave zero."""
    found = shift_of(unit(rates))
    assert found.shift == 0.0
    assert why in found.told


def test_windows_follow_one_another_up_to_what_is_known():
    """The last window of 30 days ends ten days before use; four lie before it."""
    found = shift_of(unit([0.3] * 5))
    assert (found.from_us, found.until_us) == (day(120), day(150))
    assert (found.window, found.n_windows, found.n_recent) == ("30 days", 4, 400)


def test_late_recording_does_not_look_like_a_fall():
    """Assaults recorded after a window is read are left out of every window, old ones too."""
    known = unit([0.3] * 5)
    late = [(f"C{n:03d}", 30 * w + 20, 185) for w in range(4) for n in range(200)]
    assert shift_of(unit([0.3] * 5, extra=late)) == shift_of(known)
    # Read at use, the old windows hold these and the new one cannot: that would be a fall.
    slow = [(f"C{n:03d}", 30 * w + 20, 30 * w + 45) for w in range(5) for n in range(200)]
    assert shift_of(unit([0.3] * 5, extra=slow)).shift == 0.0


def test_nothing_recorded_at_or_after_use_is_read():
    """What is recorded on the day of use or later, whenever it happened, changes nothing."""
    later = [(f"C{n:03d}", 130, 160 + n % 30) for n in range(400)]
    history = unit([0.4, 0.4, 0.4, 0.4, 0.2])
    assert shift_of(unit([0.4, 0.4, 0.4, 0.4, 0.2], extra=later)) == shift_of(history)


def test_an_unripe_training_date_is_refused():
    """A short window that is not complete at use would let later knowledge in."""
    with pytest.raises(LeakageError, match="leave it out"):
        shift_of(unit([0.3] * 5), train=(day(0), day(125)))


def test_too_few_windows_give_no_shift():
    """With two earlier windows nobody can tell what windows ordinarily differ by."""
    found = shift_of(unit([0.4, 0.4, 0.1]), used_at_us=day(100), train=(day(0),))
    assert (found.shift, found.seen, found.n_windows) == (0.0, None, 2)
    assert "too few windows" in found.told


def test_three_earlier_windows_are_enough():
    """The fewest windows from which a shift is estimated are three, by hand."""
    made = windows(np.random.default_rng(3), [0, 0, 0, -1], [-1, -1, -1, -1])
    assert compare(made).seen is not None
    assert compare(made[1:]).seen is None


def windows(random, intercepts, mix):
    """Return windows of 2,000 people with given intercepts and means of the log-odds."""
    made = []
    for number, (intercept, mean) in enumerate(zip(intercepts, mix, strict=True)):
        log_odds = random.normal(mean, 1.0, 2000)
        y_true = random.random(2000) < expit(intercept + log_odds)
        made.append(Window(number, y_true, np.arange(2000), log_odds))
    return made


def compare(made):
    """Compare the last window with the first two, all others being earlier ones."""
    return compare_windows(
        made[-1], training=made[:2], earlier=made[:-1], length="a month", until_us=9
    )


def test_what_the_model_follows_is_not_corrected_twice():
    """A rate that falls because cases are milder is no drift; at equal cases it is."""
    random = np.random.default_rng(8)
    milder = compare(windows(random, [0, 0, 0, 0, 0, 0], [-1, -1, -1, -1, -1, -2]))
    assert milder.recent_rate < milder.training_rate - 0.1
    assert milder.interval[0] < 0 < milder.interval[1]
    moved = compare(windows(random, [0, 0, 0, 0, 0, -0.8], [-1, -1, -1, -1, -1, -1]))
    assert moved.seen == pytest.approx(-0.8, abs=0.2)
    assert moved.half == pytest.approx(-0.4, abs=0.1)
    assert moved.seen < moved.shift < 0


def test_no_drift_hardly_ever_moves_a_score():
    """Of 100 units without drift few have any shift, and none one that matters."""
    random = np.random.default_rng(9)
    shifts = [compare(windows(random, [0] * 6, [-1] * 6)).shift for _ in range(100)]
    assert np.mean(np.array(shifts) != 0) <= 0.12
    assert np.abs(shifts).max() < 0.12


def test_fluctuation_is_what_chance_does_not_explain():
    """Windows that differ by 0.3 are found to; what lies within that moves next to nothing."""
    random = np.random.default_rng(10)
    intercepts = [0.0, 0.0, *[0.3, -0.3] * 9, 0.25]
    found = compare(windows(random, intercepts, [-1] * 21))
    assert found.fluctuation == pytest.approx(np.std(intercepts[:-1], ddof=1), abs=0.08)
    assert abs(found.shift) < 0.1


def test_the_figures_are_fit_for_json():
    """Every field is told, with plain numbers."""
    found = shift_of(unit([0.4, 0.4, 0.4, 0.4, 0.2]))
    written = json.loads(json.dumps(encode(found), allow_nan=False))
    assert set(written) == {field.name for field in dataclasses.fields(found)}
    assert decode(DriftShift, written) == found


@pytest.mark.parametrize(
    ("whole", "half"),
    [
        (Horizon(months=24), Horizon(months=12)),
        (Horizon(months=1), Horizon(months=1)),
        (Horizon(days=91), Horizon(days=45)),
    ],
)
def test_the_short_window_is_half_the_horizon(whole, half):
    """24 months become 12, which keeps seasons equal; a month stays a month."""
    assert halve(whole) == half


def fallen(*, mix=-1.0, breaks_us=(), hidden=None):
    """Compare six windows at log-odds 0 with one that fell by 0.8; windows begin at 0, 1, ..."""
    random = np.random.default_rng(8)
    made = windows(random, [0, 0, 0, 0, 0, 0, -0.8], [-1, -1, -1, -1, -1, -1, mix])
    if hidden is not None:
        made = [dataclasses.replace(one, n_hidden=n) for one, n in zip(made, hidden, strict=True)]
    return compare_windows(
        made[-1],
        training=made[:4],
        earlier=made[:-1],
        length="a month",
        until_us=9,
        breaks_us=lambda: breaks_us,
    )


def test_a_fall_without_another_cause_is_followed():
    """Nothing changed but the rate: the estimates follow its level, and nothing is held."""
    found = fallen()
    assert found.seen < found.shift < -0.1
    assert found.held == ()


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"mix": 0.0}, "the cases are others"),
        ({"hidden": [100] * 6 + [200]}, "withdrew support"),
        ({"breaks_us": (5,)}, "recording changed"),
        ({"breaks_us": (6,)}, "recording changed"),
    ],
)
def test_a_fall_with_another_cause_leaves_the_higher_rate_and_says_why(changed, why):
    """Another mix of cases, withdrawn support or a change of recording: nothing falls."""
    found = fallen(**changed)
    assert found.seen < -0.5
    assert found.shift == 0.0
    assert any(why in one for one in found.held)
    assert why in found.told
    assert "higher rate" in found.told


def test_a_fall_since_the_last_change_of_recording_is_followed(monkeypatch):
    """Training dates after the change had the higher rate: what fell since then fell."""
    monkeypatch.setattr(drift, "SETTLING_US", 1)
    assert fallen(breaks_us=(2,)).shift == pytest.approx(fallen().shift, abs=0.1)


def test_a_fall_too_soon_after_a_change_of_recording_is_held():
    """Until counts over two years are of one practice alone, nobody knows what fell."""
    found = fallen(breaks_us=(2,))
    assert found.shift == 0.0
    assert any("too soon" in one for one in found.held)


def test_what_fell_across_a_change_of_recording_is_not_followed(monkeypatch):
    """Half of the fall came with the change: only what came after it counts, at most."""
    monkeypatch.setattr(drift, "SETTLING_US", 1)
    random = np.random.default_rng(4)
    made = windows(random, [0, 0, -0.8, -0.8, -0.8, -0.8, -1.6], [-1] * 7)
    parts = {"training": made[:4], "earlier": made[:-1], "length": "a month", "until_us": 9}
    whole = compare_windows(made[-1], **parts)
    since = compare_windows(made[-1], **parts, breaks_us=lambda: (2,))
    assert whole.shift < since.shift <= 0.0


def test_a_rise_is_followed_whatever_else_changed():
    """A rate that rose is never held back: the higher rate is the safe one."""
    random = np.random.default_rng(8)
    made = windows(random, [0, 0, 0, 0, 0, 0.8], [-1, -1, -1, -1, -1, 0])
    parts = {"training": made[:2], "earlier": made[:-1], "length": "a month", "until_us": 9}
    found = compare_windows(made[-1], **parts, breaks_us=lambda: (4,))
    assert found.shift > 0.1
    assert found.held == ()


@pytest.mark.long
def test_where_recording_broke_no_estimate_falls():
    """In the world whose recording changes, violence falls in the records and in no estimate."""
    made = make_unit(10_000, 7, world="recording-break")
    tables = {"cases": made.cases, "events": made.events, "facts": made.facts}
    extract_us = int(set_by.EXTRACT_AT.timestamp()) * 1_000_000
    history = assemble_history(
        fold_tables(tables, time_zone=set_by.TIME_ZONE, extract_at_us=extract_us)
    )
    catalogue = load_catalogue("stalking")
    used = parse_date("2026-06-01", ZONE)
    train = [parse_date(f"{month}-01", ZONE) for month in ("2024-10", "2024-12", "2025-02")]
    found = {
        one.name: estimate_shift(
            history,
            catalogue,
            one,
            train,
            used,
            window=Horizon(days=90),
            breaks_us=lambda: [
                change.date_us for change in find_breaks(history, catalogue, until_us=used, seed=1)
            ],
        )
        for one in catalogue.outcomes
    }
    assert found["violence"].seen < -0.3
    assert found["violence"].level < -0.1
    assert CHANGED_RECORDING in found["violence"].held
    assert all(one.shift >= 0 for one in found.values())
