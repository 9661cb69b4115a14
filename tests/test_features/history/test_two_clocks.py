"""Every rule of the data contract about time, each with a table that can be checked by hand."""

import math

import pytest

from features.contract.arrays import NEVER
from features.contract.moments import format_moment, parse_date
from features.history.assembly import assemble_history

COUNT = "measure: count, of: {kind: threat}"
DAY = 86_400_000_000


def test_a_record_counts_only_once_it_was_recorded(value_of):
    """A threat of 1 May that was recorded on 10 May is unknown on 5 May and counts on 11 May."""
    events = [{"occurred_at": "2025-05-01", "recorded_at": "2025-05-10"}]
    assert value_of(COUNT, "2025-05-05", events) == 0
    assert value_of(COUNT, "2025-05-10", events) == 0
    assert value_of(COUNT, "2025-05-11", events) == 1


@pytest.mark.parametrize(
    ("occurred_at", "recorded_at", "count"),
    [
        ("2025-05-01T11:59:59.999999Z", "2025-05-01T11:59:59.999999Z", 1),
        ("2025-05-01T12:00:00Z", "2025-05-01T11:00:00Z", 0),
        ("2025-05-01T11:00:00Z", "2025-05-01T12:00:00Z", 0),
    ],
)
def test_both_clocks_are_strict_at_as_of(value_of, occurred_at, recorded_at, count):
    """What happened or was recorded exactly at `as_of` is not yet known."""
    events = [{"occurred_at": occurred_at, "recorded_at": recorded_at}]
    assert value_of(COUNT, "2025-05-01T12:00:00Z", events) == count


@pytest.mark.parametrize(
    ("occurred_at", "count"),
    [
        ("2025-05-01T12:00:00Z", 1),
        ("2025-05-01T11:59:59.999999Z", 0),
    ],
)
def test_a_window_holds_its_first_moment(value_of, occurred_at, count):
    """A window of 28 days covers [as_of - 28 x 24 h, as_of)."""
    windowed = COUNT + ", within: 28d"
    assert value_of(windowed, "2025-05-29T12:00:00Z", [{"occurred_at": occurred_at}]) == count


@pytest.mark.parametrize(
    ("occurred_at", "count"),
    [("2025-03-08T23:00:00Z", 1), ("2025-03-08T22:59:59.999999Z", 0)],
)
def test_28_days_are_24_hours_each_across_a_clock_change(value_of, occurred_at, count):
    """The window before midnight of 6 April begins at 23:00 of 8 March, not at midnight."""
    windowed = COUNT + ", within: 28d"
    assert value_of(windowed, "2025-04-06", [{"occurred_at": occurred_at}]) == count


@pytest.mark.parametrize(
    ("day", "first", "last"),
    [
        ("2025-03-30", "2025-03-30T00:00:00Z", "2025-03-30T22:59:59.999999Z"),
        ("2025-10-26", "2025-10-25T23:00:00Z", "2025-10-26T23:59:59.999999Z"),
    ],
)
def test_a_date_alone_is_the_edge_of_its_local_day(history_of, day, first, last):
    """A date is the first microsecond of its day on one clock and the last on the other."""
    events = history_of([{"occurred_at": day, "recorded_at": day}]).events
    assert events.occurred_at[0] == parse_date(first, "UTC")
    assert events.recorded_at[0] == parse_date(last, "UTC")


def test_a_local_time_that_comes_twice_is_read_with_care(history_of):
    """At 01:30 on the day clocks go back it happened the first time and was recorded the second."""
    row = {"occurred_at": "2025-10-26T01:30", "recorded_at": "2025-10-26T01:30"}
    events = history_of([row]).events
    assert events.occurred_at[0] == parse_date("2025-10-26T00:30:00Z", "UTC")
    assert events.recorded_at[0] == parse_date("2025-10-26T01:30:00Z", "UTC")


CHAIN = [
    {"event_id": "a", "occurred_at": "2025-01-01", "recorded_at": "2025-01-02", "value": 1},
    {
        "event_id": "b",
        "occurred_at": "2025-01-01",
        "recorded_at": "2025-02-01",
        "supersedes": "a",
        "value": 5,
    },
    {
        "event_id": "c",
        "occurred_at": "2025-01-01",
        "recorded_at": "2025-03-01",
        "supersedes": "b",
        "kind": "retracted",
    },
]


@pytest.mark.parametrize(
    ("as_of", "count", "severity"),
    [("2025-01-15", 1, 1), ("2025-02-15", 1, 5), ("2025-03-15", 0, 0)],
)
def test_a_correction_takes_over_when_it_is_recorded(value_of, as_of, count, severity):
    """First version, then the corrected one, then none: each from the day after it was recorded."""
    assert value_of(COUNT, as_of, CHAIN) == count
    assert value_of("measure: max, of: {kind: threat}", as_of, CHAIN) == severity


def test_a_correction_counts_whatever_its_own_date(value_of):
    """A correction that moves an event into the future removes it from the past."""
    events = [
        CHAIN[0],
        {"event_id": "b", "occurred_at": "2026-01-01", "recorded_at": "2025-02-01"}
        | {"supersedes": "a"},
    ]
    assert value_of(COUNT, "2025-01-15", events) == 1
    assert value_of(COUNT, "2025-02-15", events) == 0
    assert value_of(COUNT, "2026-02-15", events) == 1


def test_of_two_rivals_the_later_wins(value_of):
    """Two corrections of one record never count twice; ties go to the higher identifier."""
    events = [
        CHAIN[0],
        {"event_id": "b", "supersedes": "a", "occurred_at": "2025-01-01", "value": 2}
        | {"recorded_at": "2025-02-01T10:00"},
        {"event_id": "c", "supersedes": "a", "occurred_at": "2025-01-01", "value": 3}
        | {"recorded_at": "2025-02-01T10:00"},
    ]
    assert value_of(COUNT, "2025-03-01", events) == 1
    assert value_of("measure: max, of: {kind: threat}", "2025-03-01", events) == 3


@pytest.mark.parametrize(
    ("rows", "code", "rejected"),
    [
        ([{"event_id": "b", "supersedes": "b"}], "supersedes_cycle", 1),
        (
            [{"event_id": "b", "supersedes": "c"}, {"event_id": "c", "supersedes": "b"}],
            "supersedes_cycle",
            2,
        ),
        (
            [{"event_id": "b", "supersedes": "a", "recorded_at": "2024-12-01"}],
            "supersedes_later_record",
            1,
        ),
        ([{"event_id": "b", "supersedes": "x"}], "supersedes_other_case", 1),
    ],
)
def test_impossible_corrections_are_rejects(folder_of, rows, code, rejected):
    """Another case's record, a circle, and a correction before its target never enter a history."""
    given = [
        CHAIN[0],
        {"event_id": "x", "case_id": "D", "occurred_at": "2025-01-01", "recorded_at": "2025-01-02"},
        *({"occurred_at": "2025-01-01", "recorded_at": "2025-02-01"} | row for row in rows),
    ]
    cases = [{"case_id": name, "recorded_at": "2020-01-01"} for name in ("C", "D")]
    folder = folder_of(given, (), cases)
    assert folder.rejects.count_codes() == {code: rejected}
    assert (folder.frame("events")["superseded_at"] == NEVER).all()


def test_a_correction_of_an_unknown_record_stands(folder_of):
    """A correction whose target is not here is kept, with a counted warning."""
    folder = folder_of([{"occurred_at": "2025-01-01", "supersedes": "nowhere"}])
    assert len(folder.frame("events")) == 1
    assert list(folder.warnings.values()) == [1]


def test_a_repeat_is_ignored_and_a_conflict_reported(folder_of):
    """The same key with the same content counts once; with other content the first stays."""
    row = {"event_id": "a", "occurred_at": "2025-01-01", "recorded_at": "2025-01-02"}
    for rows in ([row, row, row | {"value": 9}], [row | {"value": 9}, row, row]):
        folder = folder_of(rows)
        assert (folder.repeats, folder.conflicts) == (1, 1)
        assert folder.rejects.count_codes() == {"conflict": 1}
        assert len(folder.frame("events")) == 1


def test_recorded_before_it_happened_is_kept_and_told(folder_of):
    """A record from before its own event is odd, not wrong."""
    folder = folder_of([{"occurred_at": "2025-05-02", "recorded_at": "2025-05-01"}])
    assert len(folder.frame("events")) == 1
    assert folder.warnings == {"events: recorded before it occurred": 1}


VIEWS = [
    {"view": "recorded", "kind": "contact", "value": 2, "incident_id": "i"},
    {"view": "account", "kind": "threat", "value": 7, "incident_id": "i"},
    {"view": "classification", "kind": "contact", "value": 1, "incident_id": "i"},
]


@pytest.mark.parametrize(
    ("expression", "with_classification", "without"),
    [
        ("measure: count, of: {kind: conduct}", 1, 1),
        ("measure: count, of: {kind: threat}", 1, 1),
        ("measure: sum, of: {kind: conduct}", 7, 7),
        ("measure: max, of: {kind: conduct}", 7, 7),
        ("measure: disagreement, of: {kind: conduct}, field: kind", 1, 1),
    ],
)
def test_three_views_are_one_incident(value_of, expression, with_classification, without):
    """Views count once; severity is the largest; a classification lowers neither."""
    rows = [{"occurred_at": "2025-05-01"} | view for view in VIEWS]
    assert value_of(expression, "2025-06-01", rows) == with_classification
    assert value_of(expression, "2025-06-01", rows[:2]) == without


def test_disagreement_is_unknown_with_one_view(value_of):
    """One view cannot disagree with itself, and that is not agreement."""
    rows = [{"occurred_at": "2025-05-01"} | view for view in VIEWS[:1]]
    value = value_of("measure: disagreement, of: {kind: conduct}, field: kind", "2025-06-01", rows)
    assert math.isnan(value)


STATE_ROWS = {
    "start 1 Jan": {"kind": "custody_started", "occurred_at": "2025-01-01"},
    "end 11 Jan": {"kind": "custody_ended", "occurred_at": "2025-01-11"},
    "end 11 Jan, known 25 Jan": {
        "kind": "custody_ended",
        "occurred_at": "2025-01-11",
        "recorded_at": "2025-01-25",
    },
    "start 6 Jan": {"kind": "custody_started", "occurred_at": "2025-01-06"},
    "start 6 Jan elsewhere": {
        "kind": "custody_started",
        "occurred_at": "2025-01-06",
        "detail": "B",
    },
}


@pytest.mark.parametrize(
    ("names", "as_of", "days"),
    [
        (["start 1 Jan", "end 11 Jan"], "2025-01-21", 10),
        (["start 1 Jan"], "2025-01-21", 20),
        (["end 11 Jan"], "2025-01-21", 0),
        (["start 1 Jan", "end 11 Jan, known 25 Jan"], "2025-01-21", 20),
        (["start 1 Jan", "end 11 Jan, known 25 Jan"], "2025-01-31", 10),
        (["start 1 Jan", "start 6 Jan", "end 11 Jan"], "2025-01-21", 10),
        (["start 1 Jan", "start 6 Jan elsewhere", "end 11 Jan"], "2025-01-21", 20),
    ],
)
def test_a_state_lasts_from_a_start_to_the_next_end_that_is_known(value_of, names, as_of, days):
    """Unmatched starts last, unmatched ends make nothing, overlaps count once."""
    rows = [STATE_ROWS[name] for name in names]
    assert value_of("measure: days_in_state, state: custody", as_of, rows) == days


def test_a_state_holds_its_start_and_not_its_end(value_of):
    """Contact at the moment of arrest is from custody; at the moment of release it is not."""
    bounds = [
        {"kind": "custody_started", "occurred_at": "2025-01-01T10:00Z"},
        {"kind": "custody_ended", "occurred_at": "2025-01-05T10:00Z"},
    ]
    contacts = [
        {"kind": "contact", "occurred_at": f"2025-01-0{day}T10:00Z"} for day in (1, 3, 5, 7)
    ]
    counted = "measure: count, of: {kind: contact}, while: custody"
    assert value_of(counted, "2025-02-01", [*contacts, *bounds]) == 2


@pytest.mark.parametrize("kept_apart", [{"handling": "agency_only"}, {"source": "health"}])
def test_health_and_agency_records_enter_no_indicator(value_of, kept_apart):
    """Records of health, or for their agency alone, are never measured (promise 9)."""
    assert value_of(COUNT, "2025-06-01", [{"occurred_at": "2025-05-01"} | kept_apart]) == 0


@pytest.mark.parametrize(
    ("actor", "count"),
    [("subject", 1), ("proxy", 1), ("victim", 0), ("unknown", 0), (None, 1)],
)
def test_without_an_actor_subject_and_proxy_are_counted(value_of, actor, count):
    """What the victim did is not the subject's conduct; an empty cell is the subject's."""
    assert value_of(COUNT, "2025-06-01", [{"occurred_at": "2025-05-01", "actor": actor}]) == count


FEAR = [
    {"name": "frightened", "value": "no", "recorded_at": "2025-01-01"},
    {"name": "frightened", "value": "yes", "recorded_at": "2025-02-01"},
    {"name": "frightened", "value": "no", "recorded_at": "2025-03-01", "supersedes": "f2"},
    {"name": "frightened", "asked": "no", "recorded_at": "2025-04-01"},
]


@pytest.mark.parametrize(
    ("as_of", "answer", "asked"),
    [
        ("2025-01-01", None, 0),
        ("2025-01-15", 0, 1),
        ("2025-02-15", 1, 1),
        ("2025-03-15", 0, 1),
        ("2025-04-15", None, 0),
    ],
)
def test_the_last_fact_in_force_holds(history_of, catalogue_of, as_of, answer, asked):
    """Unknown before it was asked; then the last answer in force; not asked is not no."""
    from features.engine.measurement import compile_plan, measure

    plan = compile_plan(catalogue_of({"fear": "measure: last_fact, fact: frightened"}))
    matrix = measure(history_of([], FEAR), plan, parse_date(as_of, "Europe/London"))
    assert matrix.columns == ("fear", "fear__asked")
    value, was_asked = matrix.values[0]
    assert (None if math.isnan(value) else value) == answer
    assert was_asked == asked


def test_a_known_release_date_is_a_record_like_any_other(value_of):
    """An event that lies ahead is kept, and counts once it has happened."""
    rows = [{"occurred_at": "2025-06-10", "recorded_at": "2025-05-01"}]
    assert value_of(COUNT, "2025-06-01", rows) == 0
    assert value_of(COUNT, "2025-06-11", rows) == 1


def test_moments_read_back_as_written(folder_of):
    """A moment is shown in the history's zone, a midnight as its date."""
    history = assemble_history(folder_of([{"occurred_at": "2025-07-01"}]))
    shown = format_moment(int(history.events.occurred_at[0]), history.time_zone)
    assert shown == "2025-07-01"
