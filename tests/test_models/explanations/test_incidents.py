"""The incidents behind a score: exact shares by the real engine, which add up to what is served."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.contract.moments import parse_date
from features.engine.measurement import measure
from features.evidence.records_behind import CaseMoment
from features.history.extent import count_known_records
from models.explanations.facade import list_families
from models.explanations.incident_groups import find_units
from models.explanations.incidents import explain_incidents, find_mainstays
from models.explanations.shapley import list_subsets
from models.ranking.order import estimate_log_odds
from models.wording.sentences import say

AS_OF = parse_date("2026-06-01", "Europe/London")
EXACT = 1e-9


def served(bundle, history, case, as_of=AS_OF):
    """Return the served log-odds of one case."""
    values = measure(history, bundle.plan, as_of, np.array([case]), threads=1).values
    return {name: float(column[0]) for name, column in estimate_log_odds(bundle, values).items()}


@settings(max_examples=10)
@given(st.integers(0, 2**31), st.integers(0, 3))
def test_incidents_and_families_add_up_to_the_score_served(bundles, rows_of, seed, which):
    """Over a hundred random histories a time both ledgers end at the served log-odds, to 1e-9."""
    bundle, history = bundles[which], rows_of(seed, 100).assemble()
    for case in range(len(history)):
        scores = served(bundle, history, case)
        for told in explain_incidents(bundle, history, case, AS_OF):
            whole = told.answers + sum(one.share for one in told.shares) + told.others
            shown = sum(one.share for one in told.shown) + told.pattern
            assert told.log_odds == scores[told.outcome]
            assert abs(whole - told.log_odds) < EXACT
            assert abs(told.answers + shown + told.others - told.log_odds) < EXACT
            assert told.pattern <= 0
            assert len(told.shares) == min(8, told.n_units)
            families = list_families(bundle, history, case, AS_OF, told.outcome)
            base = bundle.outcomes[told.outcome].base_log_odds
            assert abs(base + sum(one.share for one in families) - told.log_odds) < EXACT


def test_an_incident_left_out_is_as_if_its_records_had_never_come(bundles, rows_of):
    """A history assembled anew without an incident's records scores what the explanation says."""
    rows, bundle = rows_of(11, 7), bundles[0]
    history = rows.assemble()
    checked = 0
    for case, name in enumerate(history.case_id):
        for told in explain_incidents(bundle, history, case, AS_OF):
            for one in told.shares[:3]:
                gone = set(one.unit.records)
                kept = [row for row in rows.events if row["event_id"] not in gone]
                anew = dataclasses.replace(rows, events=kept).assemble()
                place = anew.case_id.tolist().index(name)
                without = served(bundle, anew, place)[told.outcome]
                assert told.log_odds - one.left_out == pytest.approx(without, abs=EXACT)
                checked += 1
    assert checked > 25


def test_every_record_in_force_is_in_one_unit(bundles, rows_of):
    """No record that counts is left out of the units, and none is in two."""
    rows = rows_of(5, 60)
    history, catalogue = rows.assemble(), bundles[0].catalogue
    facts_alone = dataclasses.replace(rows, events=[]).assemble()
    moments = np.full(len(history), AS_OF)
    cases = np.arange(len(history))
    known = count_known_records(history, cases, moments)
    answers = count_known_records(facts_alone, cases, moments)
    for case in cases:
        found = find_units(CaseMoment(history, catalogue, int(case), AS_OF))
        places = np.concatenate([np.empty(0, dtype=int), *found.rows])
        assert len(places) == len(set(places.tolist())) == known[case] - answers[case]


def event(number, kind, day, **more):
    """Return one visible row."""
    at = f"2026-{day}T12:00:00+00:00"
    row = {"case_id": "C", "event_id": f"e{number}", "kind": kind, "occurred_at": at}
    return row | {"recorded_at": at} | more


@pytest.fixture
def units_of(rows_of, bundles):
    """Return the units of one case from its rows, in words and by keys."""

    def find(events):
        empty = rows_of(0, 0)
        case = {"case_id": "C", "recorded_at": "2026-01-01"}
        history = dataclasses.replace(empty, cases=[case], events=events).assemble()
        moment = CaseMoment(history, bundles[0].catalogue, 0, AS_OF)
        return [(u.sentence, u.records) for u in find_units(moment).units]

    return find


def test_a_units_records_are_its_whole_chain(units_of):
    """An incident brings its earlier versions, a state its end, a day its like records."""
    found = units_of(
        [
            event(1, "assault", "02-01"),
            event(2, "assault", "02-01", recorded_at="2026-02-05T00:00:00+00:00", supersedes="e1"),
            event(3, "custody_started", "02-03"),
            event(4, "message", "03-01", incident_id="i", view="recorded"),
            event(5, "threat_to_kill", "03-01", incident_id="i", view="account"),
            event(6, "call", "03-02"),
            event(7, "call", "03-02"),
            event(8, "call", "03-03"),
            event(9, "custody_ended", "04-01"),
            event(10, "call", "03-03", actor="victim"),
        ]
    )
    assert found == [
        ("an assault, 1 February 2026", ("e1", "e2")),
        (
            "taken into custody, released from custody, 3 February 2026 to 1 April 2026",
            ("e3", "e9"),
        ),
        ("a message, a threat to kill, 1 March 2026", ("e4", "e5")),
        ("a call, 2 times on 2 March 2026", ("e6", "e7")),
        ("a call, 3 March 2026", ("e10",)),
        ("a call, 3 March 2026", ("e8",)),
    ]


def test_a_chain_is_the_one_that_was_stated(units_of):
    """Of two records of one moment, the one that says so is the next version of a third."""
    late = {"recorded_at": "2026-02-05T00:00:00+00:00"}
    rows = [
        event(1, "assault", "02-01"),
        event(2, "assault", "02-01", **late),
        event(3, "message", "02-02", **late, supersedes="e1"),
    ]
    assert units_of(rows) == [
        ("an assault, 1 February 2026", ("e2",)),
        ("a message, 2 February 2026", ("e1", "e3")),
    ]


def test_of_two_that_tell_the_same_neither_vanishes():
    """Where either of two players brings all, both are named and share alike."""
    worth = np.array([float(s[0] or s[1]) for s in list_subsets(3)])
    assert find_mainstays(worth) == {0, 1}
    assert find_mainstays(np.zeros(8)) == frozenset()
    assert find_mainstays(-worth) == frozenset()


def test_without_incidents_that_is_said(bundles, rows_of):
    """A case without any record is told as such, and its score is that of its answers."""
    rows = rows_of(3, 1)
    history = dataclasses.replace(rows, events=[]).assemble()
    for told in explain_incidents(bundles[0], history, 0, AS_OF):
        assert told.sentence == say("no_incidents")
        assert (told.shares, told.others, told.answers) == ((), 0.0, told.log_odds)
    assert explain_incidents(bundles[0], history, 0, AS_OF, []) == ()
