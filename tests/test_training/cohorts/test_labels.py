"""Labels are future events: known late, censored where follow-up ends, never read too early."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalogue.declarations import DAY_US
from features.catalogue.file import load_catalogue, parse_catalogue
from features.contract.arrays import NEVER
from features.contract.moments import format_moment, parse_date
from features.engine.outcomes import (
    bound_withdrawals,
    horizon_end,
    label_cases,
    label_estimands,
    label_landmarks,
)
from features.history.assembly import assemble_history
from features.intake.contract_folder import assemble_folder
from training.cohorts.landmarks import Landmarks, work_kinds

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


def test_no_part_of_a_shipped_catalogue_reads_the_units_own_work():
    """Nothing that scores, flags or labels selects the unit's decisions or the state they make."""
    for name in ("stalking", "complaints", "screenings"):
        catalogue = load_catalogue(name)
        barred = set(work_kinds(catalogue))
        begun = {catalogue.kinds[kind].starts for kind in barred} - {None}
        entries = [*catalogue.indicators, *catalogue.flags]
        expressions = [entry.expression for entry in entries]
        baselines = {catalogue.rfs.recency, catalogue.rfs.frequency, catalogue.rfs.severity}
        assert baselines <= {indicator.name for indicator in catalogue.indicators}
        if catalogue.cohort.expression is not None:
            expressions.append(catalogue.cohort.expression)
        selectors = [part for e in expressions for part in (e.of, e.among, e.since) if part]
        for selector in [*selectors, *(outcome.of for outcome in catalogue.outcomes)]:
            assert selector.kind, "a selector without kinds takes in the unit's work as well"
            assert not barred & set(selector.kind)
        assert not begun & {state for e in expressions for state in (e.state, e.while_state)}
    assert work_kinds(load_catalogue("stalking")) == ("unit_work", "taken_on", "handed_back")


SEVERAL = CATALOGUE.replace(
    b"  death: {label: a death}",
    b"""  death: {label: a death}
  unit_work:
    label: work of the unit
    children:
      taken_on: {label: taken on, starts: managed}
      handed_back: {label: handed back, ends: managed}
  custody_started: {label: taken in, starts: custody}
  custody_ended: {label: released, ends: custody}
  withdrawn: {label: support withdrawn}""",
).replace(
    b"baselines:",
    b"""estimands:
  - {name: not_taken_on, label: while not taken on, until: {kind: taken_on}, outside: managed,
     source: test}
  - {name: at_liberty, label: while at liberty, until: {kind: custody_started}, outside: custody,
     source: test}
bounded: {of: {kind: withdrawn}, label: support withdrawn, source: test}
baselines:""",
)


def make_history(rows, extract="2026-01-01"):
    """Return the history of events given as (case, kind, occurred[, recorded]), known since 2025.

    Cases are numbered in the order of their names.
    """
    events = [
        {
            "event_id": f"e{number}",
            "case_id": case,
            "kind": kind,
            "occurred_at": occurred,
            "recorded_at": (*late, occurred)[0],
            "actor": "victim" if kind == "withdrawn" else "subject",
        }
        for number, (case, kind, occurred, *late) in enumerate(rows)
    ]
    cases = sorted({row[0] for row in rows})
    folder = assemble_folder(
        {
            "cases": [{"case_id": case, "recorded_at": "2025-01-01"} for case in cases],
            "events": events,
        },
        time_zone=ZONE,
        extract_at_us=parse_date(extract, ZONE),
    )
    assert not len(folder.rejects)
    return assemble_history(folder)


def landmarks_of(*rows):
    """Return landmarks given as (case number, date)."""
    return Landmarks(
        np.array([case for case, _ in rows], dtype=np.int64),
        np.array([parse_date(date, ZONE) for _, date in rows], dtype=np.int64),
    )


def read(history, marks, known="2026-01-01", text=SEVERAL):
    """Return the first outcome's labels of some landmarks."""
    catalogue = parse_catalogue(text, "small.yaml")
    return label_landmarks(
        history, catalogue, catalogue.outcomes[0], marks, known_us=parse_date(known, ZONE)
    )


def test_rows_are_labelled_at_their_own_moments():
    """Each row's window starts at its own moment and is read by the same later knowledge."""
    history = make_history(
        [
            ("A", "assault", "2025-03-10", "2025-06-02"),
            ("B", "assault", "2025-04-20"),
        ]
    )
    marks = landmarks_of((0, "2025-03-01"), (0, "2025-03-11"), (1, "2025-03-25"), (1, "2025-03-01"))
    assert read(history, marks).y_true.tolist() == [True, False, True, False]
    assert read(history, marks, known="2025-06-01").y_true.tolist() == [False, False, True, False]
    assert read(history, marks, known="2025-06-03").y_true.tolist() == [True, False, True, False]


def test_a_window_still_open_when_the_label_is_read_is_not_known():
    """No row is a negative before its horizon has passed; an outcome on record counts."""
    history = make_history([("A", "assault", "2025-03-20"), ("B", "assault", "2024-12-01")])
    found = read(history, landmarks_of((0, "2025-03-10"), (1, "2025-03-10")), known="2025-04-01")
    assert found.y_true.tolist() == [True, False]
    assert found.known.tolist() == [True, False]


@given(
    days=st.lists(st.integers(-40, 80), min_size=1, max_size=8),
    dates=st.lists(st.integers(0, 60), min_size=1, max_size=4, unique=True),
    at_least=st.integers(1, 3),
)
@settings(max_examples=40, deadline=None)
def test_rows_and_dates_are_labelled_alike(days, dates, at_least):
    """Labels of rows are those of their dates one by one, and the moment reached is by hand."""
    start = parse_date(AS_OF, "UTC")
    rows = [("A", "assault", format_moment(start + day * DAY_US, "UTC")) for day in days]
    history = dataclasses.replace(make_history(rows), time_zone="UTC")
    text = SEVERAL.replace(b"at_least: 1", f"at_least: {at_least}".encode())
    catalogue = parse_catalogue(text, "small.yaml")
    outcome = catalogue.outcomes[0]
    marks = Landmarks(
        np.zeros(len(dates), dtype=np.int64), np.array([start + day * DAY_US for day in dates])
    )
    found = label_landmarks(history, catalogue, outcome, marks, known_us=history.extract_at)
    at = np.sort(history.events.occurred_at)
    for row, as_of in enumerate(marks.as_of_us.tolist()):
        alone = label_cases(
            history, catalogue, outcome, as_of, np.array([0]), known_us=history.extract_at
        )
        assert alone.reached_us[0] == found.reached_us[row]
        inside = at[(at >= as_of) & (at < as_of + 30 * DAY_US)]
        expected = inside[at_least - 1] if len(inside) >= at_least else NEVER
        assert found.reached_us[row] == expected
        assert found.y_true[row] == (len(inside) >= at_least)


def test_the_third_incident_is_found_across_months_of_unequal_length():
    """Calendar months give rows windows of several lengths; each is counted in its own."""
    rows = [("A", "assault", f"2025-02-{day:02d}") for day in (5, 10, 28)]
    text = SEVERAL.replace(b"at_least: 1", b"at_least: 3").replace(b"30d", b"1 month")
    marks = landmarks_of((0, "2025-02-01"), (0, "2025-01-31"), (0, "2025-02-06"))
    found = read(make_history(rows), marks, text=text)
    assert found.y_true.tolist() == [True, False, False]
    assert found.reached_us[0] == parse_date("2025-02-28", ZONE)
    assert found.reached_us[1] == NEVER


ESTIMANDS = [
    # what happened to the case, then (y_true, included, competing) not taken on, and at liberty
    ([("assault", "03-10")], (True, True, False), (True, True, False)),
    ([("taken_on", "03-05"), ("assault", "03-10")], (False, True, True), (True, True, False)),
    ([("assault", "03-05"), ("taken_on", "03-10")], (True, True, False), (True, True, False)),
    (
        [("custody_started", "03-05"), ("assault", "03-10")],
        (True, True, False),
        (False, True, True),
    ),
    (
        [("custody_started", "03-10"), ("assault", "03-10")],
        (True, True, False),
        (True, True, False),
    ),
    ([("taken_on", "02-10"), ("assault", "03-10")], (True, False, False), (True, True, False)),
    (
        [("taken_on", "02-10"), ("handed_back", "02-20"), ("assault", "03-10")],
        (True, True, False),
        (True, True, False),
    ),
    ([("custody_started", "02-01")], (False, True, False), (False, False, False)),
    ([("death", "03-05")], (False, True, True), (False, True, True)),
    ([("death", "03-15"), ("assault", "03-10")], (True, True, False), (True, True, False)),
    ([("assault", "05-01")], (False, True, False), (False, True, False)),
]


@pytest.mark.parametrize(("happened", "not_taken_on", "at_liberty"), ESTIMANDS)
def test_what_intervenes_competes_with_the_outcome(happened, not_taken_on, at_liberty):
    """Whichever came first counts; who was managed or in custody already is left out."""
    history = make_history([("A", kind, f"2025-{date}") for kind, date in happened])
    catalogue = parse_catalogue(SEVERAL, "small.yaml")
    found = label_estimands(
        history, catalogue, catalogue.outcomes[0], landmarks_of((0, AS_OF)), history.extract_at
    )
    for name, expected in (("not_taken_on", not_taken_on), ("at_liberty", at_liberty)):
        one = found[name]
        told = (bool(one.y_true[0]), bool(one.included[0]), bool(one.competing[0]))
        assert told == expected, name


def test_estimands_are_read_by_what_was_known():
    """Being taken on, recorded late, intervenes only for a label that is read after that."""
    history = make_history(
        [("A", "taken_on", "2025-03-05", "2025-06-01"), ("A", "assault", "2025-03-10")]
    )
    catalogue = parse_catalogue(SEVERAL, "small.yaml")
    marks = landmarks_of((0, AS_OF))
    early, late = (
        label_estimands(history, catalogue, catalogue.outcomes[0], marks, parse_date(known, ZONE))[
            "not_taken_on"
        ]
        for known in ("2025-05-01", "2025-07-01")
    )
    assert early.y_true[0]
    assert not early.competing[0]
    assert late.competing[0]
    assert (early.time_days[0], late.time_days[0]) == (9.0, 4.0)


def test_an_extract_that_ends_early_leaves_the_estimand_open():
    """Where knowledge ends first the row counts nowhere, and its time ends there."""
    history = make_history([("A", "assault", "2025-02-01")], extract="2025-03-11")
    catalogue = parse_catalogue(SEVERAL, "small.yaml")
    found = label_estimands(
        history, catalogue, catalogue.outcomes[0], landmarks_of((0, AS_OF)), history.extract_at
    )["not_taken_on"]
    assert not found.included[0]
    assert found.time_days[0] == pytest.approx(10.0)


def test_a_catalogue_without_estimands_has_none():
    """Other fields need not say what intervenes."""
    history = make_history([("A", "assault", "2025-03-10")])
    catalogue = parse_catalogue(CATALOGUE, "small.yaml")
    outcome, marks = catalogue.outcomes[0], landmarks_of((0, AS_OF))
    assert label_estimands(history, catalogue, outcome, marks, history.extract_at) == {}
    assert bound_withdrawals(history, catalogue, outcome, marks, history.extract_at) is None


def test_withdrawn_support_bounds_the_rate():
    """Of four cases one had the outcome and one withdrew without: between 1/4 and 2/4."""
    history = make_history(
        [
            ("A", "assault", "2025-03-10"),
            ("A", "withdrawn", "2025-03-05"),
            ("B", "withdrawn", "2025-03-05"),
            ("C", "withdrawn", "2025-02-05"),
            ("D", "withdrawn", "2025-04-05"),
        ]
    )
    catalogue = parse_catalogue(SEVERAL, "small.yaml")
    marks = landmarks_of(*((case, AS_OF) for case in range(4)))
    found = bound_withdrawals(history, catalogue, catalogue.outcomes[0], marks, history.extract_at)
    assert (found.lower, found.upper, found.n, found.n_withdrawn) == (0.25, 0.5, 4, 1)
    nobody = bound_withdrawals(
        history, catalogue, catalogue.outcomes[0], landmarks_of(), history.extract_at
    )
    assert (nobody.lower, nobody.upper, nobody.n) == (None, None, 0)
