"""What became of the lists: tables worked out by hand."""

from typing import Any

import pytest
from fastapi import FastAPI, Request
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from sqlalchemy import insert
from starlette.testclient import TestClient

from features.catalogue.declarations import Catalogue
from features.catalogue.file import parse_catalogue
from serving.api.findings import router
from serving.lists.composition import RULES
from serving.persons import Person
from serving.results.agreement import (
    BELOW,
    FIRST,
    LAST,
    MIDDLE,
    NO_LIST,
    NO_RANK,
    count_agreement,
    read_parts,
    read_reason_agreement,
    read_score_agreement,
)
from serving.results.missed_cases import Draw, bound_share, estimate_missed
from serving.results.reached_outcomes import OutcomeFindings, read_outcomes
from serving.results.waits import WaitFindings, read_waits
from serving.scoring.model_in_use import Champion
from serving.service import Service
from serving.settings import Settings
from serving.store.database import Store, Unit, make_key
from serving.store.schema import (
    cases,
    decision_reasons,
    decisions,
    events,
    list_places,
    sittings,
    standings,
)
from serving.web.error_answers import install_handlers

DAY_US = 86_400_000_000
NOW_US = 1_772_000_000_000_000
UNIT = Unit("Europe/London", synthetic=True)
WHO = {"person": "SYN Anne", "subject": "local:syn anne", "role": "screener", "agency": "police"}
CATALOGUE = b"""version: 1
name: small
title: A small catalogue
kinds:
  assault: {label: an assault}
  death: {label: a death}
indicators:
  - {name: assaults, family: f, measure: count, of: {kind: assault}, direction: raises,
     reason: "{value} assaults", source: test}
outcomes:
  - {name: assault, label: assault recorded, of: {kind: assault}, at_least: 1, horizon: 30d,
     maturity: 10d, follow_up_ends: [death], departures: censored, source: test}
baselines: {rfs: {recency: assaults, frequency: assaults, severity: assaults, source: test}}
priority: {source: test, ladder: [{name: a, label: a, outcome: assault, weight: 1, source: test}]}
cohort: {source: test}
wording: {advisory: Advice, estimate: Estimate}
"""


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return parse_catalogue(CATALOGUE, "small")


def name(number: int) -> str:
    return f"case{number}".ljust(24, "-")


def add_case(store: Store, number: int, *happened: tuple[str, float]) -> str:
    """Put a case with events of a kind so many days ago, recorded a day later."""
    with store.writing() as writing:
        seq = writing.take_seq(1 + len(happened))
        case = {"case_key": name(number), "recorded_at": NOW_US - 400 * DAY_US, "stored_seq": seq}
        writing.connection.execute(insert(cases).values(case))
        for n, (kind, days_ago) in enumerate(happened, 1):
            at = NOW_US - round(days_ago * DAY_US)
            event = {"case_key": name(number), "event_id": f"E{n}", "kind": kind}
            event |= {"occurred_at": at, "recorded_at": at + DAY_US, "stored_seq": seq + n}
            event |= {"actor": "subject", "view": "recorded", "handling": "unit"}
            writing.connection.execute(insert(events).values(event))
    return name(number)


def add_sitting(
    store: Store,
    days_ago: float,
    n_eligible: int,
    *places: tuple[int, str, float | None],
    waited_days: tuple[float, ...] = (),
) -> None:
    """Put a sitting so many days ago with places (case, rule, probability)."""
    key, opened = make_key(), NOW_US - round(days_ago * DAY_US)
    with store.writing() as writing:
        seq = writing.take_seq(1 + len(places))
        sitting = {"sitting_key": key, "opened_at_us": opened, "as_of_us": opened, "capacity": 9}
        sitting |= {"ordering": "model", "policy": {}, "seed": "s", "n_eligible": n_eligible}
        sitting |= {"n_open": n_eligible, "standing": {}, "stored_seq": seq, **WHO}
        writing.connection.execute(insert(sittings).values(sitting))
        for n, (case, rule, probability) in enumerate(places):
            waited = waited_days[n] if waited_days else 1
            row = {"sitting_key": key, "position": n + 1, "case_key": name(case), "rule": rule}
            row |= {"probability": probability, "by_lot": False, "blind": False, "shown": {}}
            row |= {"newly_referred": False, "stored_seq": seq + 1 + n}
            row |= {"waiting_since_us": opened - round(waited * DAY_US)}
            writing.connection.execute(insert(list_places).values(row))


def read_one(store: Store, catalogue: Catalogue) -> OutcomeFindings:
    with store.reading() as connection:
        [found] = read_outcomes(connection, catalogue, UNIT, NOW_US, RULES)
    return found


def test_hits_are_counted_by_rule(store: Store, catalogue: Catalogue) -> None:
    """A listed case is a hit where the outcome occurred in the window from the list on; one whose
    follow-up ended first is not known, and one before the list does not count.
    """
    add_case(store, 1, ("assault", 90))  # within 100 to 70 days ago
    add_case(store, 2, ("assault", 101))  # the day before the list
    add_case(store, 3, ("death", 80))
    add_case(store, 4, ("assault", 70))  # the window's end is exclusive
    add_case(store, 5, ("assault", 100))  # its beginning is inclusive
    places = [(1, "priority", None), (2, "priority", None), (3, "waited", None)]
    places += [(4, "waited", None), (5, "flagged", None)]
    add_sitting(store, 100, 5, *places)
    found = read_one(store, catalogue)
    assert [
        (one.rule, one.n_places, one.n_known, one.n_reached, one.share) for one in found.hits
    ] == [
        ("random", 0, 0, 0, None),
        ("waited", 2, 1, 0, 0.0),
        ("flagged", 1, 1, 1, 1.0),
        ("priority", 2, 2, 1, 0.5),
    ]


@pytest.mark.parametrize(("days_ago", "ripe"), [(40, 1), (39.99, 0), (1, 0)])
def test_a_sitting_counts_once_its_outcomes_are_mature(
    store: Store, catalogue: Catalogue, days_ago: float, ripe: int
) -> None:
    """A sitting counts from the end of the horizon and the maturity on: 30 and 10 days."""
    add_case(store, 1)
    add_sitting(store, days_ago, 1, (1, "priority", None))
    found = read_one(store, catalogue)
    assert (found.n_sittings, found.n_not_yet) == (ripe, 1 - ripe)
    assert sum(one.n_places for one in found.hits) == ripe


def test_misses_are_estimated_from_the_random_draw(store: Store, catalogue: Catalogue) -> None:
    """Two sittings of 40 and 60 eligible cases with one draw each, at 1/40 and 1/60; the first draw
    and one priority case had the outcome: 40 in all, 38 beyond the two that were listed.
    """
    add_case(store, 1, ("assault", 90))
    add_case(store, 2)
    add_case(store, 3, ("assault", 91))
    add_sitting(store, 100, 40, (1, "random", 1 / 40), (3, "priority", None))
    add_sitting(store, 60, 60, (2, "random", 1 / 60), (3, "priority", None))
    missed = read_one(store, catalogue).missed
    assert missed.total == pytest.approx(40)
    assert missed.estimate == pytest.approx(38)
    assert (missed.n_drawn, missed.n_known, missed.n_reached) == (2, 2, 1)
    assert missed.n_not_listed == 38 + 58
    assert not missed.upper_first


def test_where_the_draw_found_none_the_bound_comes_first() -> None:
    """Of 20 draws none had it: up to 1 - 0.05 ** (1 / 20) = 13.9 %, of 100 cases 13.9."""
    missed = estimate_missed([Draw(0.1, reached=False)] * 20, 3, 100)
    assert missed.upper_first
    assert missed.upper == pytest.approx(100 * (1 - 0.05 ** (1 / 20)))
    assert (missed.estimate, missed.total) == (0.0, 0.0)


def test_draws_of_which_nothing_is_known_count_like_the_others() -> None:
    """Four draws at 1/10, one with the outcome, one without, two unknown: 10 x 4 / 2 = 20."""
    draws = [Draw(0.1, reached=True), Draw(0.1, reached=False), Draw(0.1, None), Draw(0.1, None)]
    missed = estimate_missed(draws, 5, 36)
    assert (missed.total, missed.estimate, missed.n_known) == (20.0, 15.0, 2)


@pytest.mark.parametrize("draws", [[], [Draw(0.1, None)]])
def test_without_a_known_draw_nothing_is_claimed(draws: list[Draw]) -> None:
    """Where chance drew nobody, or nothing is known of them, there is no number at all."""
    missed = estimate_missed(draws, 5, 36)
    assert (missed.upper, missed.estimate, missed.total) == (None, None, None)


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n))))
def test_the_bound_is_where_so_few_would_be_seen_in_five_of_a_hundred(
    counts: tuple[int, int],
) -> None:
    """At the upper bound so few or fewer are drawn with a probability of 5 %."""
    n_reached, n = counts
    bound = bound_share(n_reached, n)
    assert binom.cdf(n_reached, n, bound) == pytest.approx(0.05, rel=1e-6)


def test_where_all_had_it_or_none_was_drawn_the_bound_is_one() -> None:
    """A share cannot be bounded below 1 where every draw had the outcome, or there is none."""
    assert bound_share(3, 3) == bound_share(0, 0) == 1.0


def test_waits_end_with_the_first_list(store: Store) -> None:
    """Each wait ends with its first list; a case that came back waits anew. Waits of 1, 2, 3, 4, 10
    days: median 3, nine in ten within 10; those still waiting are told beside them.
    """
    for number in range(1, 7):
        add_case(store, number)
    places = [(n, "priority", None) for n in (1, 2, 3, 4)]
    add_sitting(store, 20, 9, *places, waited_days=(1, 2, 3, 4))
    add_sitting(store, 13, 9, (1, "waited", None), (2, "waited", None), waited_days=(8, 10))
    with store.writing() as writing:
        for number, state, days in ((4, "returned", 24), (5, "awaiting", 30), (6, "managed", 99)):
            row = {"case_key": name(number), "state": state, "version": 0}
            row |= dict.fromkeys(("decided_seq", "record_seq", "known_seq"), 0)
            row |= dict.fromkeys(("n_flags", "n_urgent", "first_read_due_us"), 0)
            row |= dict.fromkeys(("arrived_at_us", "state_since_us"), 0)
            row |= {"waiting_since_us": NOW_US - days * DAY_US if state != "managed" else None}
            writing.connection.execute(insert(standings).values(row))
    with store.reading() as connection:
        assert read_waits(connection, NOW_US) == WaitFindings(
            n_listed=5,
            median_days=3.0,
            ninth_decile_days=10.0,
            longest_days=10.0,
            n_still_waiting=1,
            still_longest_days=30.0,
        )


def test_agreement_is_counted_and_never_by_person(store: Store) -> None:
    """Of four decisions two agree with the score, one does not and one says nothing: 2 of 3."""
    with store.writing() as writing:
        for version, agrees in enumerate((True, True, False, None), 1):
            key = make_key()
            row = {"decision_key": key, "case_key": name(1), "version": version, "seen_seq": 0}
            row |= {"decided_at_us": NOW_US, "agrees_with_score": agrees, "routes": {}}
            seq = writing.take_seq()
            writing.connection.execute(insert(decisions).values(stored_seq=seq, **row, **WHO))
            if agrees is not None:
                reason = {"decision_key": key, "outcome": "a", "indicator": "b", "agrees": agrees}
                writing.connection.execute(
                    insert(decision_reasons).values(stored_seq=seq, **reason)
                )
    with store.reading() as connection:
        assert read_score_agreement(connection) == count_agreement(2, 1, 1)
        assert read_score_agreement(connection).share == pytest.approx(2 / 3)
        assert read_reason_agreement(connection) == count_agreement(2, 1)


def add_decision(store: Store, number: int, agrees: bool | None, sitting: str | None) -> None:
    """Put a decision on a case."""
    with store.writing() as writing:
        row = {"decision_key": make_key(), "case_key": name(number), "version": 1, "seen_seq": 0}
        row |= {"decided_at_us": NOW_US, "agrees_with_score": agrees, "routes": {}}
        row |= {"sitting_key": sitting, "stored_seq": writing.take_seq(), **WHO}
        writing.connection.execute(insert(decisions).values(row))


def test_agreement_is_told_by_where_the_model_had_put_the_case(store: Store) -> None:
    """Of nine places ranks 1 to 3 are the first third; no rank is below, no score nowhere."""
    ranked = {1: 1, 2: 3, 3: 4, 4: 9, 5: None, 6: None}
    with store.writing() as writing:
        seq = writing.take_seq(1 + len(ranked))
        sitting = {"sitting_key": make_key(), "opened_at_us": NOW_US, "as_of_us": NOW_US}
        sitting |= {"capacity": 9, "ordering": "model", "policy": {}, "seed": "s", "n_open": 9}
        sitting |= {"n_eligible": 9, "standing": {}, "stored_seq": seq, **WHO}
        writing.connection.execute(insert(sittings).values(sitting))
        for number, rank in ranked.items():
            row = {"sitting_key": sitting["sitting_key"], "position": number, "rank": rank}
            row |= {"case_key": name(number), "rule": "priority", "by_lot": False, "shown": {}}
            row |= {"blind": number == 1, "newly_referred": False, "waiting_since_us": 0}
            row |= {"score_key": None if number == 6 else make_key(), "stored_seq": seq + number}
            writing.connection.execute(insert(list_places).values(row))
    key = str(sitting["sitting_key"])
    for number, agrees in ((1, True), (2, False), (3, True), (4, None), (5, False), (6, None)):
        add_decision(store, number, agrees, key)
    add_decision(store, 7, True, None)
    with store.reading() as connection:
        found = read_parts(connection)
    assert found.by_band == (
        (FIRST, count_agreement(1, 1)),
        (MIDDLE, count_agreement(1, 0)),
        (LAST, count_agreement(0, 0, 1)),
        (BELOW, count_agreement(0, 1)),
        (NO_RANK, count_agreement(0, 0, 1)),
        (NO_LIST, count_agreement(1, 0)),
    )
    assert (found.blind_first, found.open) == (count_agreement(1, 0), count_agreement(1, 2, 2))


def test_the_findings_name_no_case_and_no_person(store: Store) -> None:
    """The answer holds counts alone, and says what they are worth."""
    add_case(store, 1, ("assault", 90))
    add_sitting(store, 100, 1, (1, "priority", None))
    app = FastAPI()
    install_handlers(app)
    app.include_router(router)
    app.state.service = Service(Settings(), store, UNIT, Champion(None, None))

    @app.middleware("http")
    async def sign_in(request: Request, call_next: Any) -> Any:
        request.state.person = Person("SYN Ben", "screener", "health")
        return await call_next(request)

    with TestClient(app) as client:
        answer = client.get("/v1/findings")
    assert answer.status_code == 200
    assert "SYN" not in answer.text
    assert name(1) not in answer.text
    assert answer.json()["outcomes"] == []
    assert answer.json()["waits"]["n_listed"] == 1
    assert "past practice" in answer.json()["note"]
