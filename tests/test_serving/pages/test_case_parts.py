"""The parts of a case's page: timeline, news, chart and words, from small tables of records."""

import datetime as dt
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.decisions.case_news import CaseNews
from serving.decisions.outputs import SpanOut
from serving.pages.case.chart import draw_case
from serving.pages.case.current_position import describe_standing
from serving.pages.case.news import describe_news
from serving.pages.case.record_names import RecordNames
from serving.pages.case.record_words import (
    describe_kind,
    describe_known,
    describe_record,
    describe_speaker,
    describe_time,
)
from serving.pages.case.timeline import (
    PART_SIZE,
    TimelineEntry,
    group_incidents,
    lay_out,
    number_records,
)
from serving.pages.state_words import describe_lasting
from serving.schemas import RecordOut

TODAY = dt.date(2026, 11, 2)


def record(record_id: str, at: str, **given: Any) -> RecordOut:
    """Return an event as a page gets it, known when it happened unless told else."""
    usual: dict[str, Any] = dict.fromkeys(one.name for one in fields(RecordOut)) | {
        "table": "events",
        "kind": "call",
        "label": "a call",
        "recorded_at": at,
        "incident_id": record_id,
        "actor": "subject",
        "in_force": True,
        "is_act": given.get("table", "events") == "events",
        "behind": (),
    }
    return RecordOut(**(usual | {"record_id": record_id, "occurred_at": at} | given))


def span(state: str, started_at: str, ended_at: str | None, key: str = "S") -> SpanOut:
    """Return a time in a state."""
    return SpanOut(
        state=state, detail=None, started_at=started_at, ended_at=ended_at, records=(key,)
    )


def test_an_incident_is_told_in_a_line_for_each_who_told_of_it() -> None:
    """Three views of one incident are one, in the order record, victim, officer; none is true."""
    views = {"classification": "no crime", "account": None, "recorded": None}
    told = [
        record(f"E{n}", "2026-10-23 00:12+01:00", incident_id="I1", view=view, detail=detail)
        for n, (view, detail) in enumerate(views.items())
    ]
    timeline = lay_out(number_records([*told, record("E9", "2026-09-01 10:00+01:00")]))

    assert [month.title for month in timeline.months] == ["October 2026", "September 2026"]
    (incident,) = timeline.months[0].incidents
    assert [line.words for line in incident.lines] == [
        "The record says",
        "The victim says",
        "The officer called it",
    ]
    assert describe_kind(incident.lines[2].entries[0].record) == "no crime (a call)"
    assert (timeline.n_incidents, timeline.n_records) == (2, 4)


@pytest.mark.parametrize(
    ("start", "until", "said"),
    [
        ("2026-10-23 00:12+01:00", None, "23 October 2026, 12:12am"),
        ("2026-10-23", None, "23 October 2026"),
        ("2026-10-23", "2026-10-23 23:59:59+01:00", "23 October 2026, time not known"),
        ("2026-10-23 10:00+01:00", "2026-10-23 12:30+01:00", "23 October 2026, 10:00am to 12:30pm"),
        ("2026-10-20", "2026-10-23 23:59+01:00", "between 20 October 2026 and 23 October 2026"),
    ],
)
def test_a_time_is_told_as_exactly_as_it_is_known(start: str, until: str | None, said: str) -> None:
    """A day is not told as midnight, nor a stretch of days as a moment."""
    assert describe_time(record("E1", start, occurred_until=until)) == said


@pytest.mark.parametrize(
    ("happened", "known", "said"),
    [
        ("2026-10-23 00:12+01:00", "2026-10-23 07:05+01:00", "known 23 October 2026, the same day"),
        ("2026-10-23 00:12+01:00", "2026-10-24 07:05+01:00", "known 24 October 2026, 1 day later"),
        ("2025-10-23", "2026-10-23", "known 23 October 2026, 365 days later"),
    ],
)
def test_both_clocks_are_told(happened: str, known: str, said: str) -> None:
    """When a record came to be known stands beside when it happened."""
    assert describe_known(record("E1", happened, recorded_at=known)) == said


def test_who_told_what_is_told() -> None:
    """Channel, who did it and to whom, how grave, from whom and on what assurance."""
    one = record(
        "E1", "2026-10-23", channel="social_media", target="child", value=8.0, source="police",
        assurance="fact",
    )  # fmt: skip
    assert describe_record(one) == (
        "social media, by subject, towards child, severity 8; from police, as fact"
    )


@given(st.lists(st.integers(0, 60), max_size=5 * PART_SIZE), st.integers(1, 9))
def test_no_record_is_lost_between_the_parts(incidents: list[int], part: int) -> None:
    """Every event stands in exactly one part, and its address leads there."""
    entries = number_records(
        [record(f"E{n}", "2026-10-01", incident_id=f"I{i}") for n, i in enumerate(incidents)]
    )
    first = lay_out(entries)
    parts = [lay_out(entries, part=n) for n in range(1, first.n_parts + 1)]
    held = [number for one in parts for number in one.here]
    assert sorted(held) == [entry.number for entry in entries]
    assert all(len(one.here) < PART_SIZE + len(incidents) for one in parts)
    shown = lay_out(entries, part=part)
    for entry in entries:
        address = shown.find_address(entry.number, "KEY")
        where = first.part_of[entry.number]
        place = f"#record-{entry.number}"
        assert address == (place if where == shown.part else f"/cases/KEY?part={where}{place}")


def test_a_timeline_narrowed_to_a_reason_shows_its_records_alone() -> None:
    """The records behind an indicator stay; the way to each of the others leads out of it."""
    entries = number_records(
        [
            record("E1", "2026-10-02", behind=["threats"]),
            record("E2", "2026-10-01"),
            record("F1", "2026-10-01", table="facts", occurred_at=None),
        ]
    )
    narrowed = lay_out(entries, behind="threats")
    assert narrowed.here == {0}
    assert narrowed.find_address(0, "KEY") == "#record-0"
    assert narrowed.find_address(1, "KEY") == "/cases/KEY?part=1#record-1"
    assert narrowed.find_address(2, "KEY") == "#record-2"


def test_news_is_told_by_incident_with_the_last_to_happen_and_the_late() -> None:
    """Two views of one incident are one; what came to be known weeks later is told as late; that a
    question was not asked is no news.
    """
    records = [
        record("E1", "2026-10-30", incident_id="I1"),
        record("E2", "2026-10-30", incident_id="I1", view="account"),
        record("E3", "2026-10-20", label="a threat"),
        record("E4", "2026-05-01", recorded_at="2026-10-31", label="a threat"),
        record("F1", "2026-10-29", table="facts", occurred_at=None, value="yes"),
        record("F2", "2026-10-29", table="facts", occurred_at=None, value="not asked"),
    ]
    new = {"E1", "E2", "E4", "F1", "F2", "HIDDEN"}
    found = CaseNews(frozenset(new), 1_792_972_800_000_000, "")
    news = describe_news(found, number_records(records), "Europe/London")
    assert news.since == "since the decision of 26 October 2026"
    assert set(news.kinds) == {("a call", 1), ("a threat", 1), ("an answer to a question", 1)}
    assert (news.n_records, news.n_late) == (4, 1)
    assert [one.record.record_id for one in news.latest] == ["E1", "E4"]


def test_a_record_is_named_with_whose_words_it_is() -> None:
    """As in the timeline: nobody is called an officer who is none."""
    told = [
        record("E1", "2026-10-23"),
        record("E2", "2026-10-23", view="account", source="police"),
        record("E3", "2026-10-23", view="classification", source="police"),
        record("E4", "2026-10-23", view="classification", source="housing"),
    ]
    entries = number_records(told)
    names = RecordNames(entries, lay_out(entries), "KEY")
    assert [names.describe_briefly(one.record_id) for one in told] == [
        "23 October 2026, a call",
        "23 October 2026, a call (the victim's account)",
        "23 October 2026, a call (the officer's classification)",
        "23 October 2026, a call (the classification of housing)",
    ]
    assert names.describe_speaker("E1") == "the record: a call"
    assert "E9" not in names
    assert names.describe("E9") == "E9"


def test_where_the_subject_stands_is_told_first() -> None:
    """What lasts and what ended lately; the unit's own work is no such thing; then the last act."""
    records = [
        record("S3", "2026-10-20", kind="taken_on", is_act=False),
        record("E2", "2026-10-19", in_force=False),
        record("E1", "2026-10-18"),
    ]
    spans = [
        span("bail", "2026-01-01", "2026-02-01"),
        span("custody", "2026-10-01", "2026-10-30"),
        span("order", "2026-09-01", None),
        span("managed", "2026-10-20", None, "S3"),
    ]
    told = describe_standing(spans, number_records(records), TODAY, {"taken_on"})
    assert told.spans == (
        "Custody ended 30 October 2026",
        "Order from 1 September 2026, end date not recorded",
    )
    assert told.last_act is not None
    assert told.last_act.record.record_id == "E1"
    assert describe_standing([], [], TODAY, ()).last_act is None


@pytest.mark.parametrize(
    ("state", "detail", "words"),
    [
        ("order", "dvpo", "Domestic violence protection order from today, end date not recorded"),
        ("order", "spo", "Stalking protection order from today, end date not recorded"),
        ("order", "by_consent", "Order: by consent from today, end date not recorded"),
        ("bail", "bail", "Bail from today, conditions and end date not recorded"),
        ("bail", None, "Bail from today, conditions and end date not recorded"),
        ("bail", "no_contact", "Bail: no contact from today, end date not recorded"),
    ],
)
def test_an_order_has_its_name_and_nothing_is_said_twice(
    state: str, detail: str | None, words: str
) -> None:
    """No "bail (bail)" and no code; what is not recorded of it is said."""
    assert describe_lasting(state, detail, "today") == words


@pytest.mark.parametrize(
    ("view", "source", "said", "told"),
    [
        ("recorded", "police", "The record says", "from police, as fact"),
        ("account", "police", "The victim says", "told to police"),
        ("classification", "police", "The officer called it", "from police, as fact"),
        ("classification", "housing", "Housing called it", "from housing, as fact"),
    ],
)
def test_each_voice_is_told_on_the_same_footing(
    view: str, source: str, said: str, told: str
) -> None:
    """No account bears another agency's word of doubt, and nobody is called an officer who is none;
    who did it is told of acts alone.
    """
    one = record("E1", "2026-10-23", view=view, source=source, assurance="fact", is_act=False)
    assert (describe_speaker(one), describe_record(one)) == (said, told)


def test_the_chart_counts_incidents_and_not_records() -> None:
    """Two views of one act are one bar of one; what the victim did is another event."""
    records = [
        record("E1", "2026-10-20", incident_id="I1"),
        record("E2", "2026-10-20", incident_id="I1", view="account"),
        record("E3", "2026-10-05", is_act=False),
        record("E4", "2026-07-05"),
        record("E5", "2026-07-05", in_force=False),
    ]
    spans = [span("custody", "2026-08-10", "2026-09-10"), span("order", "2026-09-01", None)]
    chart = draw_case(number_records(records), spans, TODAY)
    assert chart is not None
    counted = {bar.title: (bar.n_acts, bar.n_others) for bar in chart.bars}
    assert counted == {
        "July 2026": (1, 0),
        "August 2026": (0, 0),
        "September 2026": (0, 0),
        "October 2026": (1, 1),
        "November 2026": (0, 0),
    }
    assert [lane.state for lane in chart.lanes] == ["custody", "order"]
    (until_today,) = chart.lanes[1].spans
    assert until_today.says == "1 September 2026 with no end on record"
    assert chart.says.startswith("2 acts by the subject or somebody for them since July 2026")


@pytest.mark.parametrize(
    ("first", "n_bars", "title"),
    [
        ("2026-10-01", 6, "week of 28 September 2026"),
        ("2025-11-20", 13, "November 2025"),
        ("2021-05-09", 23, "May 2021 to July 2021"),
    ],
)
def test_a_bar_is_a_week_a_month_or_a_quarter(first: str, n_bars: int, title: str) -> None:
    """A case of weeks and one of years both have bars that can be seen and told apart."""
    chart = draw_case(number_records([record("E1", first)]), [], TODAY)
    assert chart is not None
    assert (len(chart.bars), chart.bars[0].title) == (n_bars, title)
    assert chart.bars[0].n_acts == 1


@given(
    st.lists(st.dates(dt.date(2015, 1, 1), dt.date(2026, 11, 2)), min_size=1, max_size=60),
    st.booleans(),
)
def test_the_chart_holds_every_incident_within_its_frame(days: list[dt.date], ends: bool) -> None:
    """However long the case, the bars add up to its incidents and nothing stands outside."""
    records = [record(f"E{n}", day.isoformat()) for n, day in enumerate(days)]
    spans = [span("order", min(days).isoformat(), max(days).isoformat() if ends else None)]
    chart = draw_case(number_records(records), spans, TODAY)
    assert chart is not None
    assert sum(bar.n_acts for bar in chart.bars) == len(days)
    assert len(chart.bars) <= 50
    for bar in chart.bars:
        assert chart.left <= bar.x and bar.x + bar.width <= chart.right
        assert chart.top <= bar.y and bar.y + bar.height <= chart.base + 0.1
    for lane in chart.lanes:
        for one in lane.spans:
            assert chart.left <= one.x <= chart.right


def test_a_case_without_events_has_no_chart_and_an_empty_timeline() -> None:
    """Nothing on record is told as nothing."""
    fact = number_records([record("F1", "2026-10-01", table="facts", occurred_at=None)])
    assert draw_case(fact, [], TODAY) is None
    assert lay_out(fact).months == ()
    assert group_incidents([TimelineEntry(0, fact[0].record)]) == ()
