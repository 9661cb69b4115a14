"""Why a case moved: five shares that add up, each switch zero where its side stands still."""

import dataclasses
import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalogue.file import parse_catalogue
from features.engine.measurement import measure
from models.explanations.movement import SWITCHES, MovementEnd, explain_movement
from models.explanations.rank_ledger import explain_rank
from models.ranking.order import estimate_log_odds
from models.wording.sentences import say
from tests.test_models.conftest import START, random_bundle

pytestmark = pytest.mark.long

EXACT = 1e-9
THEN = START + dt.timedelta(days=90)
NOW = START + dt.timedelta(days=140)


def us(moment):
    """Return microseconds UTC."""
    return int(moment.timestamp()) * 1_000_000


def served(moment):
    """Return the served log-odds of a moment's case."""
    case = np.array([moment.case])
    values = measure(moment.history, moment.bundle.plan, moment.as_of_us, case, threads=1).values
    scores = estimate_log_odds(moment.bundle, values)
    return {name: float(column[0]) for name, column in scores.items()}


def check(before, after):
    """Check that the ledger begins and ends at what is served; return it by outcome."""
    scores = served(before), served(after)
    told = explain_movement(before, after)
    for one in told:
        assert one.before.log_odds == pytest.approx(scores[0][one.outcome], abs=EXACT)
        assert one.after.log_odds == pytest.approx(scores[1][one.outcome], abs=EXACT)
        moved = sum(share.share for share in one.shares)
        assert abs(one.before.log_odds + moved - one.after.log_odds) < EXACT
        assert tuple(share.switch for share in one.shares) == SWITCHES
    return {one.outcome: {s.switch: s for s in one.shares} for one in told}


@pytest.fixture(scope="module")
def other(stalking):
    """Return a bundle over another catalogue: an indicator gone and a window moved."""
    text = stalking.text.replace("within: 28d", "within: 35d").replace(
        "  - name: threats_ever\n", "  - name: threats_at_any_time\n"
    )
    return random_bundle(parse_catalogue(text.encode(), "other.yaml"), 9)


@settings(max_examples=20)
@given(st.integers(0, 2**31), st.integers(0, 3), st.integers(0, 3), st.booleans())
def test_shares_add_up_from_score_to_score(bundles, other, rows_of, seed, first, second, changed):
    """Over a hundred random histories a time, whatever was stored late, shares add up to 1e-9."""
    rows = rows_of(seed, 100)
    random = np.random.default_rng(seed)
    late = frozenset(row["event_id"] for row in rows.events if random.random() < 0.1)
    old, new = rows.stored_before(THEN, late).assemble(), rows.stored_before(NOW).assemble()
    after = other if changed else bundles[second]
    for case in range(len(new)):
        told = check(
            MovementEnd(bundles[first], old, case, us(THEN)), MovementEnd(after, new, case, us(NOW))
        )
        for shares in told.values():
            if after is bundles[first]:
                assert shares["model"].share == 0
            if not changed:
                assert shares["catalogue"].share == 0


def test_what_stands_still_moves_nothing(bundles, rows_of):
    """At one moment with one store and one model every share is zero and says so."""
    history = rows_of(4, 40).assemble()
    for case in range(len(history)):
        moment = MovementEnd(bundles[0], history, case, us(NOW))
        for shares in check(moment, moment).values():
            assert {share.share for share in shares.values()} == {0.0}
            assert shares["model"].sentence == say("switch_unmoved", what=say("switch_model"))


def row(key, kind, day, recorded=None, **more):
    """Return one visible event; days from the first of January."""
    occurred = START + dt.timedelta(days=day)
    known = START + dt.timedelta(days=day if recorded is None else recorded)
    return {
        "case_id": "C",
        "event_id": key,
        "kind": kind,
        "occurred_at": occurred.isoformat(),
        "recorded_at": known.isoformat(),
        **more,
    }


@pytest.fixture
def moved(bundles, rows_of):
    """Return the ledger of one case of visible rows between days 90 and 140."""

    def explain(events, not_stored=frozenset(), as_of=(THEN, NOW)):
        case = {"case_id": "C", "recorded_at": START.isoformat()}
        rows = dataclasses.replace(rows_of(0, 0), cases=[case], events=events)
        old = rows.stored_before(as_of[0], not_stored).assemble()
        new = rows.stored_before(as_of[1]).assemble()
        return check(
            MovementEnd(bundles[0], old, 0, us(as_of[0])),
            MovementEnd(bundles[0], new, 0, us(as_of[1])),
        )["violence"]

    return explain


def test_new_records_and_corrections_are_told_apart(moved):
    """What corrects a record known before is a correction, its own later version too."""
    shares = moved(
        [
            row("e1", "assault", 10),
            row("e2", "message", 10, 100, supersedes="e1"),
            row("e3", "letter", 10, 110, supersedes="e2"),
            row("e4", "call", 95),
            row("e5", "gift", 95, 120, supersedes="e4"),
            row("e6", "call", 80, 85),
        ],
        not_stored=frozenset({"e6"}),
    )
    assert shares["corrections"].records == ("e2", "e3")
    assert shares["new_records"].records == ("e6", "e5")


def test_a_retraction_is_a_correction(moved):
    """A record withdrawn since is told under corrections, and nothing else moved but time."""
    events = [row("e1", "assault", 89), row("e2", "retracted", 89, 91, supersedes="e1")]
    shares = moved(events)
    assert shares["corrections"].records == ("e2",)
    assert shares["new_records"].share == 0


def test_a_record_that_came_to_the_store_late_is_new(moved):
    """At one moment, what was recorded before it and stored after it is told as new."""
    events = [row("e1", "assault", 10), row("e2", "threat_to_kill", 85)]
    shares = moved(events, not_stored=frozenset({"e2"}), as_of=(THEN, THEN))
    assert shares["new_records"].records == ("e2",)
    assert shares["passing_time"].share == shares["corrections"].share == 0


def test_the_moments_are_of_one_case_in_order(bundles, rows_of):
    """Two cases, or a later moment before an earlier one, are refused."""
    history = rows_of(1, 2).assemble()
    first, second = (
        MovementEnd(bundles[0], history, 0, us(THEN)),
        MovementEnd(bundles[0], history, 0, us(NOW)),
    )
    with pytest.raises(ValueError, match="swap"):
        explain_movement(second, first)
    with pytest.raises(ValueError, match="two cases"):
        explain_movement(first, dataclasses.replace(second, case=1))


@settings(max_examples=8)
@given(st.integers(0, 2**31))
def test_a_record_that_is_gone_from_the_store_is_told_as_a_correction(bundles, rows_of, seed):
    """Where rows were taken out of the store for good, the last but one of an incident among them,
    the ledger still adds up.
    """
    rows = rows_of(seed, 40)
    old = rows.stored_before(THEN).assemble()
    kept = [row for row in rows.events if int(row["event_id"][-1]) % 3]
    new = dataclasses.replace(rows, events=kept).stored_before(NOW).assemble()
    for case in range(len(new)):
        check(
            MovementEnd(bundles[1], old, case, us(THEN)),
            MovementEnd(bundles[1], new, case, us(NOW)),
        )


ORDERS = st.lists(st.sampled_from("abcdefghij"), unique=True, max_size=8)


@given(ORDERS, ORDERS)
def test_places_add_up(before, after):
    """Whoever comes, leaves or passes, the ledger of places ends at the later place."""
    before, after = ["z", *before], [*after, "z"]
    told = explain_rank(before, after, "z")
    assert told.after == len(after)
    whole = told.before + told.arrived - told.left + told.overtaken_by - told.overtook
    assert told.after == whole


def test_a_ledger_of_places_reads_like_one():
    """A visible example: one left from ahead, one came ahead, one was overtaken."""
    told = explain_rank(["a", "b", "z", "c"], ["d", "c", "z", "b"], "z")
    assert dataclasses.astuple(told) == (3, 4, 3, 4, 1, 1, 1, 1)
    assert told.sentences[0] == "Place 3 of 4 before, place 3 of 4 now"
    assert len(told.sentences) == 5
    with pytest.raises(ValueError, match="both orders"):
        explain_rank(["a"], ["z"], "z")
