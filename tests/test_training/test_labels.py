"""Labels are future events: known late, censored where follow-up ends, never read too early."""

import numpy as np
import pytest

from features.assembly import assemble_history
from features.catalogue_file import load_catalogue, parse_catalogue
from features.folder import assemble_folder
from features.moments import format_moment, parse_date
from training.labels import horizon_end, label_cases

ZONE = "Europe/London"
CATALOGUE = b"""version: 1
name: small
title: A small catalogue
kinds:
  assault: {label: an assault}
  death: {label: a death}
  moved_away: {label: moved out of the area}
indicators:
  - {name: assaults, family: f, measure: count, of: {kind: assault}, direction: raises,
     reason: "{value} assaults", source: test}
outcomes:
  - {name: assault, label: assault, of: {kind: assault}, at_least: 1, horizon: 30d, maturity: 10d,
     follow_up_ends: [death, moved_away], departures: censored, source: test}
baselines: {rfs: {recency: assaults, frequency: assaults, severity: assaults, source: test}}
priority: {source: test, ladder: [{name: a, label: a, outcome: assault, weight: 1, source: test}]}
wording: {advisory: A person decides., estimate: Under past practice.}
"""
AS_OF = "2025-03-01"


def label(events, known="2026-01-01", extract="2026-01-01", departures="censored"):
    """Return (y_true, known) of one case at AS_OF, and the same as followed."""
    rows = [
        {"event_id": f"e{n}", "case_id": "C", "kind": "assault"} | row
        for n, row in enumerate(events)
    ]
    for row in rows:
        row.setdefault("recorded_at", row["occurred_at"])
    folder = assemble_folder(
        {"cases": [{"case_id": "C", "recorded_at": "2025-01-01"}], "events": rows},
        time_zone=ZONE,
        extract_at_us=parse_date(extract, ZONE),
    )
    assert not len(folder.rejects)
    text = CATALOGUE.replace(b"departures: censored", f"departures: {departures}".encode())
    catalogue = parse_catalogue(text, "small.yaml")
    found = label_cases(
        assemble_history(folder),
        catalogue,
        catalogue.outcomes[0],
        parse_date(AS_OF, ZONE),
        np.array([0]),
        known_us=parse_date(known, ZONE),
    )
    headline = bool(found.y_true[0]), bool(found.known[0])
    return headline, (bool(found.y_followed[0]), bool(found.followed[0]))


@pytest.mark.parametrize(
    ("occurred_at", "happened"),
    [
        ("2025-02-28T23:59:59", False),
        ("2025-03-01T00:00:00", True),
        ("2025-03-31T00:59:59", True),
        ("2025-03-31T01:00:00", False),
    ],
)
def test_the_window_holds_its_start_and_not_its_end(occurred_at, happened):
    """The window is [as_of, as_of + 30 x 24 h): over the clock change it ends at 01:00."""
    assert label([{"occurred_at": occurred_at}])[0] == (happened, True)


@pytest.mark.parametrize(
    ("known", "happened"), [("2025-04-15", False), ("2025-05-01", False), ("2025-05-03", True)]
)
def test_a_label_is_read_as_known_then(known, happened):
    """An assault of March that was recorded on 2 May teaches no model that is used before."""
    late = [{"occurred_at": "2025-03-10", "recorded_at": "2025-05-02"}]
    assert label(late, known=known)[0] == (happened, True)


def test_a_retracted_outcome_is_none():
    """What was withdrawn before the label is read never counts."""
    events = [
        {"occurred_at": "2025-03-10", "recorded_at": "2025-03-11"},
        {"occurred_at": "2025-03-10", "recorded_at": "2025-04-20"}
        | {"kind": "retracted", "supersedes": "e0"},
    ]
    assert label(events, known="2025-04-15")[0] == (True, True)
    assert label(events, known="2025-05-15")[0] == (False, True)


DEATH = {"kind": "death", "occurred_at": "2025-03-15"}


@pytest.mark.parametrize(
    ("events", "headline"),
    [
        ([DEATH], (False, False)),
        ([{"occurred_at": "2025-03-10"}, DEATH], (True, True)),
        ([DEATH | {"occurred_at": "2025-03-31T01:00"}], (False, True)),
        ([DEATH | {"occurred_at": "2025-02-20"}], (False, True)),
    ],
)
def test_without_follow_up_a_case_is_censored_never_negative(events, headline):
    """A case that left before the horizon without the outcome is not known; with it, it counts."""
    assert label(events)[0] == headline


def test_an_extract_that_ends_early_censors():
    """Where the extract ends inside the window nobody is a negative, and outcomes still count."""
    assert label([], extract="2025-03-20")[0] == (False, False)
    assert label([{"occurred_at": "2025-03-10"}], extract="2025-03-20")[0] == (True, True)


def test_departures_can_be_counted_with_the_censored_result_beside():
    """Where the outcome says so departures are negatives, and the other figure is given too."""
    headline, followed = label([DEATH], departures="negative")
    assert headline == (False, True)
    assert followed == (False, False)


@pytest.mark.parametrize(
    ("horizon", "end"),
    [
        ("24 months", "2027-03-01"),
        ("1 month", "2025-04-01"),
        ("30d", "2025-03-31T01:00:00+01:00"),
    ],
)
def test_months_are_of_the_calendar(horizon, end):
    """Months keep the hour of the day across a clock change; days are of 24 hours."""
    text = CATALOGUE.replace(b"horizon: 30d", f"horizon: {horizon}".encode())
    outcome = parse_catalogue(text, "small.yaml").outcomes[0]
    found = horizon_end(parse_date(AS_OF, ZONE), outcome.horizon, ZONE)
    assert found == parse_date(end, ZONE), format_moment(found, ZONE)


def test_a_month_that_lacks_the_day_ends_on_its_last():
    """A month from 31 January ends on the last day of February."""
    outcome = parse_catalogue(CATALOGUE.replace(b"30d", b"1 month"), "small.yaml").outcomes[0]
    found = horizon_end(parse_date("2025-01-31", ZONE), outcome.horizon, ZONE)
    assert format_moment(found, ZONE) == "2025-02-28"


def test_no_outcome_reads_decisions_or_the_list():
    """Decisions, list places and unit contact are in no shipped indicator or outcome."""
    barred = ("decision", "list_", "unit_", "screen", "allocat")
    for name in ("stalking", "complaints"):
        catalogue = load_catalogue(name)
        assert not [kind for kind in catalogue.kinds if kind.startswith(barred)]
