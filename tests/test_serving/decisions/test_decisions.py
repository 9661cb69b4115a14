"""Decisions: the rules they keep, what follows from them, and that nothing else changes a case."""

import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import DatabaseError

from serving.decisions.agency_views import ViewIn, give_view, read_views
from serving.decisions.past_decisions import read_decisions
from serving.errors import ServiceError
from serving.flags.first_reads import ensure_first_read
from serving.flags.flags import standing_flags
from serving.persons import Person
from serving.standing.standings import check_standings, refresh_standings
from serving.store.case_places import count_rows
from serving.store.database import Store, make_key
from serving.store.schema import decision_reasons, decisions, events, first_reads
from serving.web.error_answers import STATUSES
from tests.test_serving.acts import (
    ADVOCATE,
    NURSE,
    REVIEW,
    RULES,
    SCREENER,
    add_case,
    add_flag,
    add_score,
    add_sitting,
    count_all,
    decide_now,
    name_of,
    stand_of,
    turns_of,
    write,
    write_closing,
)
from tests.test_serving.sent_rows import make_event, send

ASSESSMENT = {"clinically_indicated": True, "motivated": True}
REASON = {"outcome": "harm", "indicator": "breaches_28d", "agrees": True}
STRANGER = "s" * 24


def refused(store: Store, key: str, draft: dict[str, Any], **more: Any) -> tuple[int, list[str]]:
    """Return the status of a refusal and where and what was wrong; nothing may be recorded."""
    before = count_all(store)
    with pytest.raises(ServiceError) as caught:
        decide_now(store, key, draft, **more)
    assert count_all(store) == before
    body = caught.value.body
    return STATUSES[caught.value.code], [f"{one.where} {one.code}" for one in body.problems] or [
        body.code
    ]


def test_a_decision_is_kept_as_it_was_made(store: Store) -> None:
    """Every word of a decision comes back, under the person, role and agency of then."""
    key = add_case(store)
    score, sitting = add_score(store, key), add_sitting(store)
    draft = write(
        ways={
            "enforcement": {"what": "apply for an order"},
            "therapeutic_assessment": ASSESSMENT,
            "victim_safety_planning": {},
            "other_agency": {"which": "probation"},
            "further_enquiry": {"what": "ask the landlord"},
        },
        agrees_with_score="no",
        score_key=score,
        sitting_key=sitting,
        reasons=[REASON, REASON | {"indicator": "threats", "agrees": False, "note": "a joke"}],
        note="SYN note",
        seen_seq=2,
        score_direction="lower",
        score_why="counted twice",
    )
    decided = decide_now(store, key, draft, person=NURSE)
    with store.reading() as connection:
        told = read_decisions(connection, key, store.read_unit(), size=10).decisions[0]
    own = ("decided_at", "reversed_by", "decision_key", "version")
    given = {name: value for name, value in asdict(told).items() if name not in own}
    reasons = tuple({"note": None} | one for one in draft["reasons"])
    expected = draft | name_of(NURSE) | {"reasons": reasons}
    unknown = dict.fromkeys(("reverses", "n_opened", "reading_seconds", "unopened_why"))
    assert given == expected | {"discharges": (), "first_view": "none"} | unknown
    assert (told.decision_key, told.version) == (decided.decision_key, 1)
    assert told.decided_at.startswith("2026-02-25 06:13:20")


def test_nobody_decides_on_what_was_not_there_yet(store: Store) -> None:
    """More than there is counts as the last row, and is told as how many rows the case has."""
    key = add_case(store)
    add_case(store, "B")
    last = stand_of(store, key).record_seq
    decide_now(store, key, write(seen_seq=10_000))
    with store.reading() as connection:
        told = read_decisions(connection, key, store.read_unit(), size=10).decisions[0]
    assert told.seen_seq == len(("the case", "its event"))
    assert stand_of(store, key).decided_seq == last


@pytest.mark.parametrize(
    ("changed", "status", "told"),
    [
        ({"ways": {}}, 422, ["ways no_way"]),
        ({"owner": None}, 422, ["owner missing"]),
        ({"review_on": None}, 422, ["review_on missing"]),
        ({"owner": None, "review_on": None}, 422, ["owner missing", "review_on missing"]),
        ({"review_on": "2026-02-25"}, 422, ["review_on out_of_range"]),
        ({"review_on": "2026-02-01"}, 422, ["review_on out_of_range"]),
        ({"review_on": "2027-02-27"}, 422, ["review_on out_of_range"]),
        ({"review_on": "2026-02-30"}, 422, ["review_on unreadable_date"]),
        ({"review_on": "20260401"}, 422, ["review_on unreadable_date"]),
        ({"review_on": "soon"}, 422, ["review_on unreadable_date"]),
        ({"agrees_with_score": "yes"}, 422, ["score_key missing"]),
        ({"reasons": [REASON]}, 422, ["reasons score_not_seen"]),
        ({"score_key": STRANGER}, 422, ["score_key not_of_this_case"]),
        ({"reverses": STRANGER}, 422, ["reverses not_of_this_case"]),
        ({"sitting_key": STRANGER}, 422, ["sitting_key unknown"]),
        (
            {"discharges": [{"flag": "breach", "record_id": "A0"}]},
            422,
            ["discharges[0] flag_not_standing"],
        ),
        ({"ways": {"therapeutic_assessment": ASSESSMENT}}, 403, ["not_health"]),
    ],
)
def test_a_decision_that_breaks_a_rule_is_refused(
    store: Store, changed: dict[str, Any], status: int, told: list[str]
) -> None:
    """Whatever rule is broken, it is told by its place, and nothing at all is recorded."""
    assert refused(store, add_case(store), write(**changed)) == (status, told)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"owner": "SYN Officer"}, ["owner not_with_closing"]),
        ({"review_on": REVIEW}, ["review_on not_with_closing"]),
        (
            {"ways": {"no_further_action": {"reason": "x"}, "enforcement": {}}},
            ["ways.no_further_action stands_alone"],
        ),
    ],
)
def test_taking_no_further_action_stands_alone(
    store: Store, changed: dict[str, Any], told: list[str]
) -> None:
    """No further action goes with no other way, no owner and no review."""
    assert refused(store, add_case(store), write_closing(**changed)) == (422, told)


@pytest.mark.parametrize("condition", ["clinically_indicated", "motivated"])
def test_an_assessment_needs_both_conditions(store: Store, condition: str) -> None:
    """A therapeutic assessment is decided where it is indicated and the person is motivated."""
    ways = {"therapeutic_assessment": ASSESSMENT | {condition: False}}
    told = refused(store, add_case(store), write(ways=ways), person=NURSE)
    assert told == (422, [f"ways.therapeutic_assessment.{condition} not_met"])


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("screener", True),
        ("reviewer", True),
        ("health", True),
        ("duty", True),
        ("data_scientist", False),
        ("auditor", False),
        ("administrator", False),
    ],
)
def test_those_decide_who_act_on_cases(store: Store, role: str, may: bool) -> None:
    """A data scientist, an auditor and an administrator decide nothing."""
    key, person = add_case(store), Person("SYN", role, "unit")
    if may:
        assert decide_now(store, key, person=person).version == 1
    else:
        assert refused(store, key, write(), person=person) == (403, ["not_a_decider"])


def test_a_case_that_is_not_there_is_decided_by_nobody(store: Store) -> None:
    """An unknown key is told as such."""
    assert refused(store, STRANGER, write()) == (404, ["no_such_case"])


def test_a_merged_case_is_decided_on_no_more(store: Store) -> None:
    """What went into another case is decided there."""
    key = add_case(store)
    send(store, {"events": [make_event("M", kind="merged")]})
    assert refused(store, key, write()) == (409, ["case_merged"])


CLOSING, MANAGING = "closing", "managing"


@pytest.mark.parametrize(
    ("course", "turns", "state"),
    [
        ([MANAGING], ["taken_on"], "managed"),
        ([MANAGING, MANAGING], ["taken_on"], "managed"),
        ([CLOSING], ["closed"], "closed"),
        ([CLOSING, CLOSING], ["closed"], "closed"),
        ([MANAGING, CLOSING], ["taken_on", "handed_back", "closed"], "closed"),
        ([CLOSING, MANAGING], ["closed", "reopened", "taken_on"], "managed"),
        (
            [MANAGING, CLOSING, MANAGING, CLOSING],
            ["taken_on", "handed_back", "closed", "reopened", "taken_on", "handed_back", "closed"],
            "closed",
        ),
        ([CLOSING, "record"], ["closed"], "returned"),
        ([CLOSING, "record", CLOSING], ["closed", "closed"], "closed"),
        ([CLOSING, "record", MANAGING], ["closed", "reopened", "taken_on"], "managed"),
        (["closed by record", MANAGING], ["reopened", "taken_on"], "managed"),
        (["closed by record", CLOSING], [], "closed"),
    ],
)
def test_a_decision_writes_what_became_of_the_case(
    store: Store, course: list[str], turns: list[str], state: str
) -> None:
    """Taken on once, handed back, closed, reopened: each is a record, even in one microsecond."""
    key, version = add_case(store), 0
    for number, act in enumerate(course):
        if act == "record":
            send(store, {"events": [make_event(f"N{number}")]})
        elif act == "closed by record":
            send(store, {"events": [make_event(f"N{number}", kind="closed")]})
        else:
            draft = write_closing() if act == CLOSING else write()
            version = decide_now(store, key, draft, version=version).version
    assert turns_of(store, key) == turns
    assert stand_of(store, key).state == state
    with store.reading() as connection:
        assert check_standings(connection, RULES, now_us=store.clock()) == []


def test_a_records_own_fields_say_that_the_unit_wrote_it(store: Store) -> None:
    """A lifecycle record is of the unit, about nobody, of the moment of the decision."""
    key = add_case(store)
    decided = decide_now(store, key)
    with store.reading() as connection:
        row = connection.execute(select(events).where(events.c.kind == "taken_on")).one()
    assert (row.case_key, row.source, row.actor, row.handling) == (key, "unit", "unknown", "unit")
    assert row.occurred_at == row.recorded_at == store.clock()
    assert decided.decision_key in row.event_id


def test_a_record_that_was_not_seen_returns_a_closed_case(store: Store) -> None:
    """What came between reading and closing is not lost: the case comes back for it."""
    key = add_case(store)
    with store.reading() as connection:
        seen = count_rows(connection, key)
    send(store, {"events": [make_event("N")]})
    decide_now(store, key, write_closing(seen_seq=seen))
    row = stand_of(store, key)
    assert (row.state, row.returned_for) == ("returned", "new_record")


def test_a_review_falls_due_with_its_day(store: Store, clock: Any) -> None:
    """A managed case is managed until the first moment of the review's day in the unit's zone."""
    key = add_case(store)
    decide_now(store, key, write(review_on="2026-02-26"))
    for days, state in ((0.7, "managed"), (0.1, "returned")):
        clock.pass_days(days)
        with store.writing() as writing:
            refresh_standings(writing, [key], RULES)
        assert stand_of(store, key).state == state


def test_whoever_decides_first_has_read_first(store: Store) -> None:
    """The first decision counts as the first read, unless somebody had read the case before."""
    one, two = add_case(store, "A"), add_case(store, "B")
    with store.writing() as writing:
        ensure_first_read(writing, two, ADVOCATE)
    decide_now(store, one)
    decide_now(store, two)
    with store.reading() as connection:
        readers = dict(
            map(tuple, connection.execute(select(first_reads.c.case_key, first_reads.c.person)))
        )
    assert readers == {one: SCREENER.name, two: ADVOCATE.name}
    assert stand_of(store, one).first_read_at_us == store.clock()


def test_a_decision_discharges_what_it_names_and_no_more(store: Store) -> None:
    """A flag falls by the record that is named; the other record keeps it up."""
    key = add_case(store, events_of=2)
    add_flag(store, key, "breach", "A0")
    add_flag(store, key, "breach", "A1")
    named = [{"flag": "breach", "record_id": "A0"}]
    decide_now(store, key, write(discharges=named))
    assert stand_of(store, key).n_flags == 1
    decide_now(store, key, write(discharges=[named[0] | {"record_id": "A1"}]), version=1)
    assert stand_of(store, key).n_flags == 0
    with store.reading() as connection:
        past = read_decisions(connection, key, store.read_unit(), size=5).decisions
    assert [[one.record_id for one in decision.discharges] for decision in past] == [["A1"], ["A0"]]


def test_a_reversal_is_a_new_decision(store: Store) -> None:
    """The decision that is reversed stays as it was made, and names the one that reversed it."""
    key = add_case(store)
    first = decide_now(store, key, write_closing())
    second = decide_now(store, key, write(reverses=first.decision_key), version=1)
    with store.reading() as connection:
        newer, older = read_decisions(connection, key, store.read_unit(), size=5).decisions
    assert (newer.reverses, newer.reversed_by) == (first.decision_key, None)
    assert (older.reverses, older.reversed_by) == (None, second.decision_key)
    assert set(older.ways) == {"no_further_action"}
    other = add_case(store, "B")
    assert refused(store, other, write(reverses=first.decision_key))[0] == 422


def test_a_blind_case_is_decided_without_the_score(store: Store) -> None:
    """Before a first view nobody can agree with a score that nobody was shown."""
    key = add_case(store)
    score = add_score(store, key)
    add_sitting(store, key)
    draft = write(agrees_with_score="yes", score_key=score)
    assert refused(store, key, draft) == (422, ["agrees_with_score score_withheld"])
    assert decide_now(store, key, write()).version == 1


def test_one_reason_is_spoken_of_once(store: Store) -> None:
    """The same reason twice in one decision is refused with its place."""
    key = add_case(store)
    draft = write(agrees_with_score="yes", score_key=add_score(store, key), reasons=[REASON] * 2)
    assert refused(store, key, draft) == (422, ["reasons[1] said_twice"])


@pytest.mark.parametrize("seen", [None, 0, 2, 9])
def test_a_stale_version_is_refused_with_who_decided(store: Store, seen: int | None) -> None:
    """Who rests on another version learns who decided when, and no word of what."""
    key = add_case(store)
    decide_now(store, key, write(note="SYN secret", owner="SYN secret"), person=ADVOCATE)
    with pytest.raises(ServiceError) as caught:
        decide_now(store, key, version=seen)
    body = caught.value.body
    assert (STATUSES[caught.value.code], body.code) == (412, "decided_meanwhile")
    assert [one.where for one in body.problems] == ["v1"]
    assert body.problems[0].remedy == (
        "SYN Cleo (reviewer, advocacy) decided at 2026-02-25 06:13:20+00:00"
    )
    assert "secret" not in str(body)


def test_two_people_who_decide_at_once_end_as_one(
    open_another: Callable[[], Store], store: Store
) -> None:
    """Of many decisions on one version, over two servers, one stands and the others are told."""
    key, n = add_case(store), 6
    stores = [store if number % 2 else open_another() for number in range(n)]
    start, ends = threading.Barrier(n), []

    def act(own: Store, number: int) -> None:
        start.wait()
        try:
            decide_now(own, key, person=Person(f"SYN {number}", "screener", "police"))
            ends.append("decided")
        except ServiceError as error:
            ends.append(error.body.code)

    threads = [
        threading.Thread(target=act, args=(own, number)) for number, own in enumerate(stores)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["decided"] + ["decided_meanwhile"] * (n - 1)
    assert turns_of(store, key) == ["taken_on"]
    counts = count_all(store)
    assert (counts["decisions"], counts["first_reads"]) == (1, 1)


def test_two_decisions_of_one_version_cannot_be_stored(store: Store) -> None:
    """The database itself refuses a second decision under one version."""
    key = add_case(store)
    decide_now(store, key)
    with store.reading() as connection:
        row = dict(connection.execute(select(decisions)).one()._mapping)
    with pytest.raises(DatabaseError), store.writing() as writing:
        writing.connection.execute(insert(decisions).values(row | {"decision_key": make_key()}))


def test_decisions_cannot_be_changed(store: Store) -> None:
    """The database refuses to change or delete a decision or what it said of a reason."""
    key = add_case(store)
    draft = write(agrees_with_score="yes", score_key=add_score(store, key), reasons=[REASON])
    decide_now(store, key, draft)
    for statement in (
        update(decisions).values(note="other"),
        delete(decisions),
        update(decision_reasons).values(agrees=False),
        delete(decision_reasons),
    ):
        with pytest.raises(DatabaseError), store.writing() as writing:
            writing.connection.execute(statement)


def test_no_score_moves_a_case(store: Store) -> None:
    """However high or low it is scored, a case stays where people put it (promise 1)."""
    keys = [add_case(store, name) for name in "ABC"]
    decide_now(store, keys[1])
    decide_now(store, keys[2], write_closing())
    before = [stand_of(store, key).state for key in keys]
    for priority in (0.0, 1e9, 0.5):
        for key in keys:
            add_score(store, key, priority)
        with store.writing() as writing:
            refresh_standings(writing, keys, RULES)
        assert [stand_of(store, key).state for key in keys] == before
    assert [turns_of(store, key) for key in keys] == [[], ["taken_on"], ["closed"]]
    assert before == ["awaiting", "managed", "closed"]


def test_a_dissent_stands_after_any_decision(store: Store) -> None:
    """What an agency dissented from is decided and decided again; its dissent is still told."""
    key = add_case(store)
    with store.writing() as writing:
        give_view(writing, key, ADVOCATE, ViewIn(stance="dissent", words="she is afraid"))
        give_view(writing, key, NURSE, ViewIn(stance="agree"))
    decide_now(store, key, write_closing())
    decide_now(store, key, version=1)
    with store.writing() as writing:
        give_view(writing, key, SCREENER, ViewIn(stance="agree"))
        give_view(writing, key, NURSE, ViewIn(stance="abstain"))
    with store.reading() as connection:
        views = read_views(connection, key, store.read_unit())
    assert [(one.agency, one.stance) for one in views.latest] == [
        ("advocacy", "dissent"),
        ("health", "abstain"),
        ("police", "agree"),
    ]
    assert (views.dissents, len(views.all)) == (1, 4)
    assert views.latest[0].words == "she is afraid"


def test_a_withdrawn_dissent_can_still_be_read(store: Store) -> None:
    """An agency that changes its mind gives another view; the dissent is kept among all."""
    key = add_case(store)
    for stance in ("dissent", "agree"):
        with store.writing() as writing:
            give_view(writing, key, ADVOCATE, ViewIn.model_validate({"stance": stance}))
    with store.reading() as connection:
        views = read_views(connection, key, store.read_unit())
    assert [one.stance for one in views.all] == ["agree", "dissent"]
    assert views.dissents == 0


def list_flags(store: Store, key: str) -> list[dict[str, str]]:
    """Return what a decision names to discharge every flag that stands."""
    with store.reading() as connection:
        standing = standing_flags(connection, [key]).get(key, [])
    return [
        {"flag": one.flag, "record_id": record.record_id}
        for one in standing
        for record in one.records
    ]


def test_a_case_is_closed_with_every_flag_named(store: Store) -> None:
    """No further action names each standing flag and record, or is refused with the place and what
    to do; a decision that goes on need not.
    """
    key = add_case(store)
    for record_id in ("A0", "A1"):
        add_flag(store, key, "breach", record_id)
    named = [{"flag": "breach", "record_id": "A0"}]
    with pytest.raises(ServiceError) as refused:
        decide_now(store, key, write_closing(discharges=named))
    (problem,) = refused.value.body.problems
    assert (STATUSES[refused.value.code], problem.where, problem.code) == (
        422,
        "discharges",
        "flag_stands",
    )
    assert "1 not named" in problem.remedy
    decide_now(store, key, write())
    decide_now(store, key, write_closing(discharges=list_flags(store, key)), version=1)
    assert stand_of(store, key).state == "closed"


def test_a_closing_record_is_written_over(store: Store) -> None:
    """A source that closes a managed case leaves it managed; the next decision opens the file."""
    key = add_case(store)
    decide_now(store, key, write())
    send(store, {"events": [make_event("X", kind="closed", source="police")]})
    assert stand_of(store, key).state == "managed"
    decide_now(store, key, write(), version=1)
    assert turns_of(store, key) == ["taken_on", "reopened"]


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["manage", "close", "refused", "stale", "view", "record", "flag"]),
        st.sampled_from(["A", "B"]),
    ),
    max_size=8,
)


@settings(
    max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(acts=ACTS)
def test_whatever_people_do_rows_are_only_added(store: Store, acts: list[tuple[str, str]]) -> None:
    """Random acts add rows and never take one away, and where cases stand follows from them."""
    names = {name: make_key() for name in "AB"}
    keys = {name: add_case(store, unique) for name, unique in names.items()}
    versions = dict.fromkeys("AB", 0)
    for number, (act, name) in enumerate(acts):
        before, key = count_all(store), keys[name]
        if act in ("manage", "close"):
            draft = write() if act == "manage" else write_closing(discharges=list_flags(store, key))
            versions[name] = decide_now(store, key, draft, version=versions[name]).version
        elif act in ("refused", "stale"):
            with pytest.raises(ServiceError):
                draft = write(owner=None) if act == "refused" else write()
                decide_now(store, key, draft, version=versions[name] + (act == "stale"))
            assert count_all(store) == before
        elif act == "view":
            with store.writing() as writing:
                give_view(writing, key, ADVOCATE, ViewIn(stance="dissent"))
        elif act == "record":
            send(store, {"events": [make_event(f"R{number}", names[name])]})
        else:
            add_flag(store, key, "breach", f"{names[name]}0-{number}")
            with store.writing() as writing:
                refresh_standings(writing, [key], RULES)
        after = count_all(store)
        assert all(after[table] >= n for table, n in before.items())
    with store.reading() as connection:
        assert check_standings(connection, RULES, now_us=store.clock()) == []
        assert {
            name: read_decisions(connection, key, store.read_unit(), size=50).version
            for name, key in keys.items()
        } == versions
