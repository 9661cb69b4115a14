"""Every record of a case is either behind a value or left out for one stated reason."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.contract.moments import parse_date
from features.engine.measurement import compile_plan, measure
from features.errors import ConfigError
from features.evidence.exclusions import Why, explain_indicator, find_case, find_indicator
from features.history.assembly import assemble_history
from features.history.reading_rules import CURRENT_RULES, ENGINES
from features.intake.contract_folder import assemble_folder

pytestmark = pytest.mark.long

AS_OF = "2025-06-01"
COUNT = "measure: count, of: {kind: threat}"
DAY = 86_400_000_000


@pytest.fixture
def explain(folder_of, catalogue_of):
    """Explain one expression for case `C` at AS_OF."""

    def explain_one(expression, events, facts=(), rules=CURRENT_RULES):
        folder = folder_of(events, facts)
        assert not len(folder.rejects), folder.rejects.frame
        catalogue = catalogue_of({"it": expression})
        moment = parse_date(AS_OF, "Europe/London")
        return explain_indicator(assemble_history(folder), catalogue, 0, moment, "it", rules)

    return explain_one


def reasons(found):
    """Return the reason of each record left out."""
    return {left.record.key: left.why for left in found.left_out}


def keys(found):
    """Return the keys behind the value."""
    return [record.key for record in found.behind]


BEHIND = {"event_id": "in", "occurred_at": "2025-05-20T10:00", "recorded_at": "2025-05-20T11:00"}
PAIR = [
    BEHIND | {"incident_id": "i1", "view": "recorded", "value": 3},
    BEHIND
    | {"event_id": "out", "incident_id": "i1", "view": "account", "value": 2}
    | {"recorded_at": "2025-05-22"},
]


@pytest.mark.parametrize(
    ("expression", "row", "why"),
    [
        (COUNT, {"recorded_at": "2025-06-01T00:00"}, Why.NOT_YET_RECORDED),
        (COUNT, {"occurred_at": "2025-06-01", "recorded_at": "2025-05-01"}, Why.NOT_YET_HAPPENED),
        (COUNT, {"source": "health"}, Why.HEALTH),
        (COUNT, {"handling": "agency_only", "source": "probation"}, Why.ONE_AGENCY),
        (COUNT, {"kind": "contact"}, Why.ANOTHER_KIND),
        (COUNT, {"kind": "never_declared"}, Why.ANOTHER_KIND),
        (COUNT, {"actor": "victim"}, Why.ANOTHER_ACTOR),
        (COUNT + ", within: 28d", {"occurred_at": "2025-05-03"}, Why.OUTSIDE_WINDOW),
        (COUNT + ", since: {kind: separation}", {"occurred_at": "2025-01-01"}, Why.OUTSIDE_WINDOW),
        ("measure: days_since_last, of: {kind: threat}", {}, Why.LATER_COUNTS),
        (
            "measure: days_since_first, of: {kind: threat}",
            {"occurred_at": "2025-05-25", "recorded_at": "2025-05-26"},
            Why.EARLIER_COUNTS,
        ),
        ("measure: max, of: {kind: threat}", {"value": 1}, Why.LARGER_COUNTS),
        ("measure: max, of: {kind: threat}", {}, Why.NOTHING_STATED),
        (
            "measure: first_use, field: channel, of: {kind: threat}, within: 300d",
            {"occurred_at": "2025-05-25", "channel": "phone"},
            Why.SEEN_BEFORE,
        ),
        ("measure: disagreement, field: value, of: {kind: threat}", {}, Why.ONE_VIEW),
    ],
)
def test_a_record_is_left_out_for_the_reason_that_applies(explain, expression, row, why):
    """Of two records one counts; the other differs in one respect, and that respect is named."""
    events = [
        {"event_id": "s", "kind": "separation", "occurred_at": "2025-02-01"},
        BEHIND | {"channel": "phone", "value": 5, "incident_id": "i1", "view": "recorded"},
        {"event_id": "out", "occurred_at": "2025-05-10", "recorded_at": "2025-05-10"} | row,
    ]
    if "disagreement" in expression:
        events.append(PAIR[1] | {"event_id": "other_view"})
    found = explain(expression, events)
    assert "in" in keys(found)
    assert reasons(found)["out"] is why


@pytest.mark.parametrize(
    ("condition", "row", "column", "stated"),
    [
        ("channel: phone", {"channel": "letter"}, "channel", "letter"),
        ("view: recorded", {"view": "account"}, "view", "account"),
        ("target: victim", {"target": "child"}, "target", "child"),
        ("source: police", {"source": "probation"}, "source", "probation"),
        ("value: {min: 4}", {"value": 3}, "value", "3"),
        ("value: {min: 4}", {"value": None}, "value", None),
        ("detail: {in: [d1]}", {"detail": "d2"}, "detail", "d2"),
    ],
)
def test_another_cell_is_named_with_what_it_says(explain, condition, row, column, stated):
    """A threat by another channel, view, target, source, value or detail says which and what."""
    full = BEHIND | {"channel": "phone", "view": "recorded", "target": "victim"}
    full |= {"source": "police", "value": 5, "detail": "d1"}
    found = explain(
        f"measure: count, of: {{kind: threat, {condition}}}", [full, full | {"event_id": "o"} | row]
    )
    (left,) = found.left_out
    assert keys(found) == ["in"]
    assert (left.why, left.column, left.stated) == (Why.ANOTHER_CELL, column, stated)


def test_another_actor_says_whose(explain):
    """What the victim did is left out of a count of the subject's acts, and says so."""
    found = explain(COUNT, [BEHIND, BEHIND | {"event_id": "o", "actor": "unknown"}])
    assert [(left.why, left.stated) for left in found.left_out] == [(Why.ANOTHER_ACTOR, "unknown")]


def test_a_chain_of_versions_names_who_took_whose_place(explain):
    """Of a first version, a correction and a retraction each names the one after it."""
    a = {"event_id": "a", "occurred_at": "2025-01-01", "recorded_at": "2025-01-02"}
    events = [
        a,
        a | {"event_id": "b", "recorded_at": "2025-02-01", "supersedes": "a", "value": 5},
        a | {"event_id": "c", "recorded_at": "2025-03-01", "supersedes": "b", "kind": "retracted"},
        BEHIND,
        BEHIND | {"event_id": "late", "supersedes": "in", "recorded_at": "2025-06-01T00:00"},
    ]
    found = explain(COUNT, events)
    assert keys(found) == ["in"]
    assert {left.record.key: (left.why, left.other) for left in found.left_out} == {
        "a": (Why.SUPERSEDED, "b"),
        "b": (Why.WITHDRAWN, "c"),
        "c": (Why.ANOTHER_KIND, None),
        "late": (Why.NOT_YET_RECORDED, None),
    }


def test_of_two_rivals_the_one_in_force_took_the_place(explain):
    """The earlier of two corrections is superseded by the later one, as the rules of time say."""
    a = {"event_id": "a", "occurred_at": "2025-01-01", "recorded_at": "2025-01-02"}
    b = a | {"event_id": "b", "recorded_at": "2025-02-01T10:00", "supersedes": "a"}
    found = explain(COUNT, [a, b, b | {"event_id": "c"}])
    assert keys(found) == ["c"]
    assert {left.record.key: left.other for left in found.left_out} == {"a": "b", "b": "c"}


def test_the_first_reason_in_order_is_the_one_told(explain):
    """A health record of another kind that is not yet recorded is told as not yet recorded."""
    row = {"event_id": "o", "occurred_at": "2025-07-01", "recorded_at": "2025-06-02"}
    found = explain(COUNT, [row | {"kind": "contact", "source": "health", "actor": "victim"}])
    assert reasons(found) == {"o": Why.NOT_YET_RECORDED}
    found = explain(COUNT, [row | {"recorded_at": "2025-01-01", "source": "health"}])
    assert reasons(found) == {"o": Why.NOT_YET_HAPPENED}
    found = explain(COUNT, [BEHIND | {"kind": "contact", "source": "health"}])
    assert reasons(found) == {"in": Why.HEALTH}


def test_two_views_of_one_incident_count_once(explain):
    """The second view of an incident is left out of a count, naming the first."""
    found = explain(COUNT, PAIR)
    assert found.value == 1
    assert keys(found) == ["in"]
    (left,) = found.left_out
    assert (left.record.key, left.why, left.other) == ("out", Why.SAME_INCIDENT, "in")
    assert left.record.view == "account"


def test_of_one_incident_the_largest_value_counts_in_a_sum(explain):
    """In a sum the smaller value of an incident is left out, whichever was recorded first."""
    graver = PAIR[1] | {"value": 8}
    found = explain("measure: sum, of: {kind: threat}", [PAIR[0], graver])
    assert found.value == 8
    assert keys(found) == ["out"]
    assert [(left.why, left.other) for left in found.left_out] == [(Why.SAME_INCIDENT, "out")]


def test_a_window_that_an_event_begins_names_that_event(explain):
    """The event from which a window counts is told as that, and earlier ones as outside it."""
    events = [
        {"event_id": "early", "occurred_at": "2025-01-01"},
        {"event_id": "s", "kind": "separation", "occurred_at": "2025-02-01"},
        BEHIND,
    ]
    found = explain(COUNT + ", since: {kind: separation}", events)
    assert keys(found) in (["in"], ["s", "in"])
    (early,) = [left for left in found.left_out if left.record.key == "early"]
    assert (early.why, early.limit) == (Why.OUTSIDE_WINDOW, "since")
    assert early.from_us == parse_date("2025-02-01", "Europe/London")
    assert reasons(found).get("s", Why.SETS_WINDOW) is Why.SETS_WINDOW


def test_outside_a_state_is_told_with_its_name(explain):
    """A threat before custody is left out; the one inside stands beside custody's beginning."""
    events = [
        {"event_id": "before", "occurred_at": "2025-01-01"},
        {"event_id": "start", "kind": "custody_started", "occurred_at": "2025-05-01"},
        BEHIND,
        {"event_id": "end", "kind": "custody_ended", "occurred_at": "2025-05-25"},
    ]
    found = explain(COUNT + ", while: custody", events)
    assert keys(found) == ["start", "in"]
    assert reasons(found) == {"before": Why.NOT_IN_STATE, "end": Why.ANOTHER_KIND}
    assert found.left_out[0].limit == "custody"


def test_days_in_a_state_are_made_of_its_beginnings_and_ends(explain):
    """An end without a beginning makes no time; a spell before the window is outside it."""
    events = [
        {"event_id": "loose", "kind": "custody_ended", "occurred_at": "2024-01-01"},
        {"event_id": "s1", "kind": "custody_started", "occurred_at": "2024-02-01"},
        {"event_id": "e1", "kind": "custody_ended", "occurred_at": "2024-03-01"},
        {"event_id": "s2", "kind": "custody_started", "occurred_at": "2025-05-01"},
        BEHIND,
    ]
    found = explain("measure: days_in_state, state: custody, within: 90d", events)
    assert found.value == 31
    assert keys(found) == ["s2"]
    assert reasons(found) == {
        "loose": Why.BOUNDS_NO_TIME,
        "s1": Why.OUTSIDE_WINDOW,
        "e1": Why.OUTSIDE_WINDOW,
        "in": Why.ANOTHER_KIND,
    }


def test_a_share_and_a_pair_say_what_they_take(explain):
    """A threat outside the incidents shared among, or of no pair, is left out as that."""
    share = "measure: share, of: {kind: threat}, among: {kind: contact}"
    found = explain(share, [BEHIND, BEHIND | {"event_id": "c", "kind": "contact"}])
    assert found.value == 0
    assert reasons(found) == {"in": Why.NOT_AMONG}
    pair = "measure: time_between, of: {kind: threat}, and: {kind: separation}"
    later = {"event_id": "s", "kind": "separation", "occurred_at": "2025-05-25"}
    found = explain(pair, [BEHIND, BEHIND | {"event_id": "t2"}, later])
    assert keys(found) == ["in", "s"]
    assert reasons(found) == {"t2": Why.NOT_OF_THE_PAIR}


def test_records_of_linked_cases_are_told_where_they_are_looked_at(catalogue_of):
    """A count through links names the linked case's record and leaves the case's own out."""
    rows = {
        "cases": [{"case_id": case, "recorded_at": "2020-01-01"} for case in ("C", "D")],
        "events": [BEHIND | {"case_id": case, "kind": "threat"} for case in ("C", "D")],
        "links": [
            {"link_id": "l", "case_id": "D", "linked_case_id": "C", "kind": "same_subject"}
            | {"recorded_at": "2025-01-01"}
        ],
    }
    folder = assemble_folder(
        rows, time_zone="Europe/London", extract_at_us=parse_date("2026-12-31", "Europe/London")
    )
    abroad = "measure: count, of: {kind: threat, via: same_subject}"
    catalogue = catalogue_of({"abroad": abroad, "own": COUNT})
    history, moment = assemble_history(folder), parse_date(AS_OF, "Europe/London")
    found = explain_indicator(history, catalogue, 0, moment, "abroad")
    assert found.value == 1
    assert [(record.key, record.via) for record in found.behind] == [("D/in", "same_subject")]
    assert reasons(found) == {"in": Why.ANOTHER_CASE}
    found = explain_indicator(history, catalogue, 0, moment, "own")
    assert keys(found) == ["in"]
    assert found.left_out == ()


@pytest.mark.parametrize(
    ("engine", "days", "behind", "left_out"),
    [("1", 31, ["s"], {"e": Why.BOUNDS_NO_TIME}), ("2", 10, ["s", "e"], {})],
)
def test_an_end_without_detail_ends_a_stay_by_the_second_engine_alone(
    explain, engine, days, behind, left_out
):
    """A release without the prison's name ends the only stay; the first engine let it go on."""
    events = [
        {"event_id": "s", "kind": "custody_started", "detail": "one", "occurred_at": "2025-05-01"},
        {"event_id": "e", "kind": "custody_ended", "occurred_at": "2025-05-11"},
    ]
    found = explain("measure: days_in_state, state: custody", events, rules=ENGINES[engine])
    assert found.value == days
    assert keys(found) == behind
    assert reasons(found) == left_out


@pytest.mark.parametrize("stand_in", ["1900-01-01", "9999-12-31"])
def test_a_date_that_cannot_be_is_reckoned_with_by_the_first_engine_alone(explain, stand_in):
    """A stand-in for an unknown date gave the first engine a number of days; now it gives none."""
    answer = {"name": "separated_on", "value": stand_in, "recorded_at": "2025-05-01"}
    measured = "measure: last_fact, fact: separated_on"
    old, new = (explain(measured, [BEHIND], [answer], ENGINES[one]) for one in ("1", "2"))
    days = parse_date(AS_OF, "Europe/London") - parse_date(stand_in, "Europe/London")
    assert old.value == days / DAY
    assert math.isnan(new.value)
    assert keys(old) == keys(new) == ["f1"]


FACT = {"name": "frightened", "recorded_at": "2025-05-01", "value": "no"}


def test_the_last_answer_holds_and_the_others_say_why_not(explain):
    """Earlier answers are replaced, an unasked one holds none, a later one is not yet known."""
    facts = [
        FACT | {"fact_id": "unasked", "asked": "no", "value": None, "recorded_at": "2025-01-01"},
        FACT | {"fact_id": "old", "recorded_at": "2025-02-01"},
        FACT | {"fact_id": "mistaken", "recorded_at": "2025-03-01"},
        FACT | {"fact_id": "holds", "value": "yes", "supersedes": "mistaken"},
        FACT | {"fact_id": "late", "recorded_at": "2025-06-01T00:00"},
        FACT | {"fact_id": "other", "name": "children", "value": "2"},
    ]
    found = explain("measure: last_fact, fact: frightened", [BEHIND], facts)
    assert found.value == 1
    assert keys(found) == ["holds"]
    assert found.behind[0].answer == "yes"
    assert found.behind[0].label == "Is the victim very frightened?"
    assert {left.record.key: (left.why, left.other) for left in found.left_out} == {
        "unasked": (Why.NOT_ASKED, None),
        "old": (Why.REPLACED, "holds"),
        "mistaken": (Why.SUPERSEDED, "holds"),
        "late": (Why.NOT_YET_RECORDED, None),
        "other": (Why.ANOTHER_QUESTION, None),
    }


def test_an_unknown_name_lists_close_ones_and_an_unknown_case_nothing(history_of, catalogue_of):
    """A mistyped indicator is met with close names; a mistyped case is not repeated."""
    catalogue = catalogue_of({"threats_28d": COUNT, "threats_90d": COUNT})
    with pytest.raises(ConfigError, match="threats_28d"):
        find_indicator(catalogue, "threts_28d")
    with pytest.raises(ConfigError) as wrong:
        find_case(history_of([BEHIND]), "CANARY9")
    assert "CANARY9" not in str(wrong.value)
    assert find_case(history_of([BEHIND]), "C") == 0


MEASURES = {
    "count": COUNT + ", within: 40d",
    "ever": "measure: count, of: {kind: conduct}, since: {kind: separation}",
    "inside": "measure: count, of: {kind: conduct}, while: custody",
    "sum": "measure: sum, of: {kind: conduct}",
    "max": "measure: max, of: {kind: conduct}, within: 60d",
    "share": "measure: share, of: {kind: threat}, among: {kind: conduct}",
    "ratio": "measure: rate_ratio, of: {kind: conduct}, within: 30d, against: 60d",
    "decayed": "measure: decayed, of: {kind: conduct}, half_life: 30d",
    "gap": "measure: gap_median, of: {kind: conduct}",
    "slope": "measure: slope, of: {kind: conduct}",
    "last": "measure: days_since_last, of: {kind: threat}",
    "first": "measure: days_since_first, of: {kind: threat}",
    "distinct": "measure: distinct, field: channel, of: {kind: conduct}",
    "new": "measure: first_use, field: channel, of: {kind: conduct}, within: 50d",
    "state": "measure: days_in_state, state: custody",
    "between": "measure: time_between, of: {kind: threat}, and: {kind: contact}",
    "differ": "measure: disagreement, field: value, of: {kind: conduct}",
}
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(
                ["threat", "contact", "assault", "separation", "custody_started", "custody_ended"]
            ),
            "day": st.integers(0, 120),
            "delay": st.integers(0, 40),
            "incident_id": st.sampled_from([None, None, "i1", "i2"]),
            "view": st.sampled_from(["recorded", "account"]),
            "channel": st.sampled_from([None, "phone", "letter"]),
            "value": st.sampled_from([None, 1, 4, 8]),
            "actor": st.sampled_from(["subject", "subject", "victim"]),
            "source": st.sampled_from(["police", "police", "health"]),
            "detail": st.sampled_from([None, None, "a", "b"]),
            "corrects": st.integers(0, 30),
        }
    ),
    max_size=9,
)


@pytest.mark.parametrize("name", MEASURES)
# The fixture is a plain function, the same for every example.
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, rules=st.sampled_from(list(ENGINES.values())))
def test_every_record_has_one_place_and_those_behind_suffice(catalogue_of, name, rows, rules):
    """For all histories and engines: each record stands once, and the records behind alone give the
    value.
    """
    catalogue = catalogue_of({"it": MEASURES[name]})
    moment = parse_date(AS_OF, "Europe/London")
    start = parse_date("2025-02-15", "Europe/London")
    events = []
    for number, row in enumerate(rows):
        event = {key: cell for key, cell in row.items() if key not in ("day", "delay", "corrects")}
        us = start + row["day"] * DAY
        event |= {"event_id": f"e{number}", "case_id": "C"}
        event |= {"occurred_at": _iso(us), "recorded_at": _iso(us + row["delay"] * DAY)}
        if row["corrects"] < number:
            event["supersedes"] = f"e{row['corrects']}"
        events.append(event)
    folder = _assemble(events)
    found = explain_indicator(assemble_history(folder), catalogue, 0, moment, "it", rules)
    shown = [*keys(found), *reasons(found)]
    assert sorted(shown) == sorted(folder.frame("events")["event_id"])
    assert len(found.left_out) == len(reasons(found))

    kept = folder.frame("events")["event_id"].isin(keys(found))
    fewer = assemble_history(folder.with_frames({"events": folder.frame("events")[kept]}))
    alone = measure(fewer, compile_plan(catalogue, rules), moment, threads=1).values[0, 0]
    assert math.isclose(alone, found.value, rel_tol=1e-12) or np.isnan([alone, found.value]).all()


def _iso(us):
    return np.datetime64(us, "us").item().isoformat() + "Z"


def _assemble(events):
    return assemble_folder(
        {"cases": [{"case_id": "C", "recorded_at": "2020-01-01"}], "events": events},
        time_zone="Europe/London",
        extract_at_us=parse_date("2026-12-31", "Europe/London"),
    )
