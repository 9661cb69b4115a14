"""Cases at moments: at dates, at index events as they came to be known, and in groups."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalogue.file import parse_catalogue
from features.contract.moments import parse_date
from features.engine.measurement import compile_plan, measure
from features.errors import CatalogueError, ConfigError
from features.history.assembly import assemble_history
from features.intake.contract_folder import assemble_folder
from training.cohorts.landmarks import (
    first_seen_days,
    group_cases,
    match_events,
    measure_landmarks,
    take_at_dates,
    take_at_events,
)

ZONE = "UTC"
CATALOGUE = """version: 1
name: small
title: A small catalogue
kinds:
  referral: {{label: a referral}}
  conduct: {{label: conduct, children: {{assault: {{label: an assault}}}}}}
  unit_work:
    label: work of the unit
    children: {{taken_on: {{label: taken on}}}}
cohort: {cohort}
indicators:
  - {{name: referrals, family: f, measure: count, of: {{kind: referral}}, direction: open,
     reason: "{{value}} referrals", source: test}}
  - {{name: conduct, family: f, measure: count, of: {{kind: conduct}}, direction: raises,
     reason: "{{value}} acts", source: test}}
outcomes:
  - {{name: harm, label: harm, of: {{kind: conduct}}, horizon: 30d, maturity: 0d, source: test}}
baselines: {{rfs: {{recency: conduct, frequency: conduct, severity: conduct, source: test}}}}
priority: {{source: test, ladder: [{{name: a, label: a, outcome: harm, weight: 1, source: test}}]}}
wording: {{advisory: A person decides., estimate: Under past practice.}}
"""
AT_REFERRALS = "{at: {kind: referral}, source: test}"


def parse(cohort: str):
    """Return the small catalogue with a cohort."""
    return parse_catalogue(CATALOGUE.format(cohort=cohort).encode(), "small.yaml")


def make_history(rows, cases=None):
    """Return a history of (case, kind, occurred, recorded[, more]) rows, cases known from 2025."""
    known = {row[0]: "2025-01-01T00:00:00" for row in rows} | (cases or {})
    events = [
        {
            "event_id": f"e{number}",
            "case_id": row[0],
            "kind": row[1],
            "occurred_at": row[2],
            "recorded_at": row[3],
        }
        | (row[4] if len(row) > 4 else {})
        for number, row in enumerate(rows)
    ]
    folder = assemble_folder(
        {
            "cases": [{"case_id": case, "recorded_at": at} for case, at in known.items()],
            "events": events,
        },
        time_zone=ZONE,
        extract_at_us=parse_date("2026-12-31", ZONE),
    )
    assert not len(folder.rejects), folder.rejects.frame
    return assemble_history(folder)


def day(text: str) -> int:
    """Return a moment in microseconds."""
    return parse_date(text, ZONE)


def test_dates_take_the_open_cases_of_each():
    """At each date the open cases of that date, sorted by date and case; repeats count once."""
    history = make_history(
        [
            ("A", "assault", "2025-02-01T10:00", "2025-02-01T10:00"),
            ("B", "closed", "2025-03-01T10:00", "2025-03-01T10:00"),
        ],
        {"C": "2025-03-15T00:00"},
    )
    dates = [day("2025-04-01"), day("2025-02-01"), day("2025-04-01")]
    marks = take_at_dates(history, parse("{}"), dates)
    assert marks.case.tolist() == [0, 1, 0, 2]
    assert marks.as_of_us.tolist() == [day("2025-02-01")] * 2 + [day("2025-04-01")] * 2
    assert len(take_at_dates(history, parse("{}"), [])) == 0


def test_events_make_rows_when_they_came_to_be_known():
    """A row's moment is the microsecond after its event was both past and on record."""
    history = make_history(
        [
            ("A", "referral", "2025-02-01T09:00", "2025-02-03T12:00"),
            ("B", "referral", "2025-02-02T09:00", "2025-02-02T10:00"),
            ("B", "referral", "2025-05-02T09:00", "2025-05-02T10:00"),
            ("C", "referral", "2025-02-09T09:00", "2025-02-01T10:00"),
            ("D", "assault", "2025-02-09T09:00", "2025-02-09T10:00"),
        ]
    )
    catalogue = parse(AT_REFERRALS)
    marks = take_at_events(history, catalogue, day("2025-02-01"), day("2025-06-01"))
    told = list(zip(marks.case.tolist(), (marks.as_of_us - 1).tolist(), strict=True))
    assert told == [
        (1, day("2025-02-02T10:00")),
        (0, day("2025-02-03T12:00")),
        (2, day("2025-02-09T09:00")),
        (1, day("2025-05-02T10:00")),
    ]
    values = measure_landmarks(history, catalogue, marks)
    assert values[:, 0].tolist() == [1, 1, 1, 2], "the event itself is known, later ones are not"


@pytest.mark.parametrize(
    ("from_", "until", "rows"),
    [
        ("2025-02-03T12:00:00", "2025-02-03T12:00:01", 1),
        ("2025-02-03T12:00:00", "2025-02-03T12:00:00", 0),
        ("2025-02-03T12:00:01", "2025-02-04T00:00:00", 0),
        ("2025-02-01T00:00:00", "2025-02-03T12:00:00", 0),
    ],
)
def test_the_span_holds_its_start_and_not_its_end(from_, until, rows):
    """An event recorded at the span's start is in it, one at its end is not."""
    history = make_history([("A", "referral", "2025-02-01T09:00", "2025-02-03T12:00")])
    marks = take_at_events(history, parse(AT_REFERRALS), day(from_), day(until))
    assert len(marks) == rows


def test_corrections_make_no_second_row():
    """What was corrected later was in force then; its correction is not another event."""
    history = make_history(
        [
            ("A", "referral", "2025-02-01T09:00", "2025-02-01T10:00"),
            ("A", "referral", "2025-01-30T09:00", "2025-03-01T10:00", {"supersedes": "e0"}),
            ("B", "referral", "2025-02-01T09:00", "2025-02-01T11:00"),
            ("B", "retracted", "2025-02-01T09:00", "2025-03-01T10:00", {"supersedes": "e2"}),
            ("C", "assault", "2025-02-01T09:00", "2025-02-01T12:00"),
            ("C", "referral", "2025-02-01T09:00", "2025-03-01T10:00", {"supersedes": "e4"}),
            ("D", "referral", "2025-02-20T09:00", "2025-02-01T10:00"),
            ("D", "retracted", "2025-02-20T09:00", "2025-02-02T10:00", {"supersedes": "e6"}),
        ]
    )
    marks = take_at_events(history, parse(AT_REFERRALS), day("2025-01-01"), day("2026-01-01"))
    told = list(zip(marks.case.tolist(), (marks.as_of_us - 1).tolist(), strict=True))
    assert told == [
        (0, day("2025-02-01T10:00")),
        (1, day("2025-02-01T11:00")),
        (2, day("2025-03-01T10:00")),
    ]


def test_a_correction_and_a_new_event_at_one_moment_make_a_row():
    """One of two referrals recorded together corrects an old one; the other is news."""
    history = make_history(
        [
            ("A", "referral", "2025-02-01T09:00", "2025-02-01T10:00"),
            ("A", "referral", "2025-01-30T09:00", "2025-03-01T10:00", {"supersedes": "e0"}),
            ("A", "referral", "2025-02-28T09:00", "2025-03-01T10:00"),
        ]
    )
    marks = take_at_events(history, parse(AT_REFERRALS), day("2025-01-01"), day("2026-01-01"))
    assert len(marks) == 2


def test_events_of_the_agency_alone_and_of_unknown_cases_make_no_row():
    """An index event must be one that indicators may use, of a case that is known by then."""
    history = make_history(
        [
            ("A", "referral", "2025-02-01T09:00", "2025-02-01T10:00", {"handling": "agency_only"}),
            ("B", "referral", "2025-02-01T09:00", "2025-02-01T10:00"),
            ("C", "referral", "2025-02-01T09:00", "2025-02-01T10:00"),
        ],
        {"B": "2025-02-05T00:00", "C": "2025-02-01T10:00"},
    )
    marks = take_at_events(history, parse(AT_REFERRALS), day("2025-01-01"), day("2026-01-01"))
    assert marks.case.tolist() == [2]


def test_an_event_cohort_can_ask_for_more():
    """The cohort's measure is read at each event's own moment."""
    history = make_history(
        [
            ("A", "assault", "2025-01-05T09:00", "2025-01-05T10:00"),
            ("A", "referral", "2025-02-01T09:00", "2025-02-01T10:00"),
            ("B", "referral", "2025-02-01T09:00", "2025-02-01T10:00"),
            ("B", "assault", "2025-01-05T09:00", "2025-02-01T10:01"),
        ]
    )
    cohort = "{at: {kind: referral}, measure: count, of: {kind: assault}, at_least: 1, source: t}"
    marks = take_at_events(history, parse(cohort), day("2025-01-01"), day("2026-01-01"))
    assert marks.case.tolist() == [0]


def test_a_cohort_without_index_events_says_so():
    """The remedy is named where a catalogue takes its cohort at dates only."""
    history = make_history([("A", "referral", "2025-02-01T09:00", "2025-02-01T10:00")])
    with pytest.raises(ConfigError, match="add 'at'"):
        take_at_events(history, parse("{}"), 0, 1)


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("{channel: phone}", "name the kinds"),
        ("{kind: referrals}", "does not declare"),
        ("{kind: referral, via: partner}", "linked cases"),
    ],
)
def test_index_events_must_be_named(at, words):
    """A cohort at events says which kinds are meant, of the case itself."""
    with pytest.raises(CatalogueError, match=words):
        parse(f"{{at: {at}, source: test}}")


def test_groups_by_hand():
    """First seen within 28 days, then a record made within 28 days, then the rest."""
    as_of = "2025-06-29"
    rows = [
        ("A", "assault", "2025-01-05T09:00", "2025-01-05T09:00"),  # seen long ago, nothing new
        ("B", "assault", "2025-06-05T09:00", "2025-06-05T09:00"),  # something new
        ("C", "assault", "2025-01-05T09:00", "2025-06-05T09:00"),  # old, but new to the unit
        ("D", "taken_on", "2025-06-05T09:00", "2025-06-05T09:00"),  # a decision is none
        ("E", "reopened", "2025-06-05T09:00", "2025-06-05T09:00"),  # nor is another
        ("F", "assault", "2025-06-05T09:00", "2025-06-29T00:00"),  # not known yet
        ("G", "assault", "2025-06-01T00:00", "2025-06-01T00:00"),  # exactly 28 days ago
        ("H", "assault", "2025-05-31T23:59", "2025-05-31T23:59"),  # a minute earlier
        ("I", "assault", "2025-06-05T09:00", "2025-06-05T09:00"),  # first seen then
        ("J", "assault", "2025-06-05T09:00", "2025-06-05T09:00"),
        ("J", "retracted", "2025-06-05T09:00", "2025-06-06T09:00", {"supersedes": "e9"}),
    ]
    history = make_history(rows, {"I": "2025-06-01T00:00"})
    catalogue = parse("{}")
    marks = take_at_dates(history, catalogue, [day(as_of)])
    groups = dict(zip("ABCDEFGHIJ", group_cases(history, catalogue, marks).tolist(), strict=True))
    assert groups == dict.fromkeys("ADEFHJ", "waiting") | dict.fromkeys("BCG", "returned") | {
        "I": "newly_referred"
    }
    assert first_seen_days(history, marks)[8] == 28.0


DAYS = st.integers(0, 60)


@given(rows=st.lists(st.tuples(st.sampled_from("AB"), DAYS, DAYS), max_size=12), dates=DAYS)
@settings(max_examples=30, deadline=None)
def test_one_path_measures_rows_and_dates(rows, dates):
    """Rows are measured as the engine measures the same cases at the same date."""
    start = day("2025-01-01")
    days = [f"2025-{1 + d // 28:02d}-{1 + d % 28:02d}T00:00" for d in range(61)]
    history = make_history(
        [(case, "assault", days[at], days[late]) for case, at, late in rows], {"Z": "2025-01-01"}
    )
    catalogue = parse("{}")
    date = start + dates * 86_400_000_000
    marks = take_at_dates(history, catalogue, [date])
    alone = measure(history, compile_plan(catalogue), date, marks.case).values
    assert np.array_equal(measure_landmarks(history, catalogue, marks), alone, equal_nan=True)


def test_a_selector_is_met_as_the_engine_meets_it():
    """Every stated condition must hold; within one, any value will do."""
    more = {"channel": "phone", "detail": "x-ray", "value": 3, "actor": "proxy"}
    history = make_history(
        [
            ("A", "referral", "2025-02-01T09:00", "2025-02-01T10:00", more),
            ("A", "referral", "2025-02-02T09:00", "2025-02-02T10:00"),
            ("A", "assault", "2025-02-03T09:00", "2025-02-03T10:00", more),
        ]
    )
    for condition, met in (
        ("{kind: referral}", [True, True, False]),
        ("{kind: [referral, assault], channel: [phone, post]}", [True, False, True]),
        ("{kind: referral, detail: {prefix: x-}}", [True, False, False]),
        ("{kind: referral, detail: {in: x}}", [False, False, False]),
        ("{kind: referral, value: {min: 3}}", [True, False, False]),
        ("{kind: referral, value: {max: 2}}", [False, False, False]),
        ("{kind: referral, actor: subject}", [False, True, False]),
    ):
        selector = parse(f"{{at: {condition}, source: test}}").cohort.at
        assert match_events(history, selector).tolist() == met, condition
