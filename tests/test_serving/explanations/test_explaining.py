"""A stored score laid open: its file as it was, what it is compared with, and its ledger."""

from typing import Any

import numpy as np
import pytest
from sqlalchemy import insert

from features.contract.arrays import MISSING
from features.history.assembly import assemble_history
from models.explanations.facade import explain_incidents, explain_movement
from models.ranking.order import order_cases
from serving.explanations.case_folders import CaseFolders
from serving.explanations.ledgers import find_ledger
from serving.explanations.stored_scores import find_earlier
from serving.lists.blind_review import record_first_view
from serving.store.database import Store
from serving.store.histories import read_case_folder, read_head
from serving.store.schema import list_places
from tests.test_serving.acts import SCREENER, add_sitting
from tests.test_serving.confirmed_moves import merge_cases
from tests.test_serving.explained import (
    add_rows,
    latest_of,
    open_then,
    score_now,
)
from tests.test_serving.scored import Scored, fill
from tests.test_serving.sent_rows import lay_out


@pytest.fixture
def scored(store: Store, clock: Any, small_unit: Any) -> Scored:
    """Return a store with four cases of the small unit, scored once."""
    return fill(store, clock, small_unit)


def explain_since(store: Store, scored: Scored, first: Any, last: Any) -> Any:
    before, after = (open_then(store, scored.bundle, one) for one in (first, last))
    return explain_movement(before.moment, after.moment), after


def test_the_file_is_as_the_score_had_read_it(store: Store, clock: Any, scored: Scored) -> None:
    """Records that came since change nothing: the stored log-odds come out to the last bit."""
    key, first = scored.first, latest_of(store, scored.first)
    clock.pass_days(3)
    add_rows(store, key, "events", {"event_id": "N1"}, {"event_id": "N2"})
    then = open_then(store, scored.bundle, first)
    found = order_cases(scored.bundle, then.moment.history, first.as_of_us, np.array([0]))
    assert {name: float(one[0]) for name, one in found.log_odds.items()} == first.log_odds
    assert "N1" not in then.moment.history.events.event_id


def test_movement_tells_new_records_from_corrections(
    store: Store, clock: Any, scored: Scored
) -> None:
    """What a record says it corrects decides, and the shares add up to the change."""
    key = scored.first
    add_rows(store, key, "events", {"event_id": "R1"}, {"event_id": "R2", "kind": "contact"})
    clock.pass_days(1)
    first = score_now(store, scored.bundle, key)
    clock.pass_days(2)
    add_rows(
        store,
        key,
        "events",
        {"event_id": "C1", "supersedes": "R1", "kind": "contact"},
        {"event_id": "C2", "supersedes": "C1", "kind": "threat"},
        {"event_id": "N1", "kind": "contact"},
    )
    clock.pass_days(2)
    last = score_now(store, scored.bundle, key)
    moved, after = explain_since(store, scored, first, last)
    # C1 and C2 were recorded at one moment: read off the clocks alone, C1 would have no place.
    assert versions_among(after, "R1", "C1", "C2") == {"C1": "R1", "C2": "C1"}
    for one in moved:
        shares = {share.switch: share for share in one.shares}
        assert shares["new_records"].records == ("N1",)
        assert set(shares["corrections"].records) == {"C1", "C2"}
        told = one.before.log_odds + sum(share.share for share in one.shares)
        assert told == pytest.approx(one.after.log_odds, abs=1e-9)
        assert one.after.log_odds == last.log_odds[one.outcome]
        assert one.before.log_odds == first.log_odds[one.outcome]


def test_versions_of_one_record_follow_each_other(store: Store, scored: Scored) -> None:
    """Of two rivals that correct one record, the later one stands after the earlier."""
    key, at = scored.first, store.clock() - 50
    rows = [
        {"event_id": "R", "recorded_at": at},
        {"event_id": "later", "supersedes": "R", "recorded_at": at + 2},
        {"event_id": "sooner", "supersedes": "R", "recorded_at": at + 1},
    ]
    add_rows(store, key, "events", *rows)
    then = open_then(store, scored.bundle, score_now_later(store, scored, key))
    assert versions_among(then, "R", "sooner", "later") == {"sooner": "R", "later": "sooner"}


def versions_among(then: Any, *keys: str) -> dict[str, str]:
    events = then.moment.history.events
    pairs = zip(events.event_id, events.superseded_by, strict=True)
    named = {str(events.event_id[at]): str(old) for old, at in pairs if at != MISSING}
    return {new: old for new, old in named.items() if new in keys or old in keys}


def score_now_later(store: Store, scored: Scored, key: str) -> Any:
    store.clock.pass_days(1)  # type: ignore[attr-defined]
    return score_now(store, scored.bundle, key)


def test_a_key_of_two_tables_corrects_in_its_own(store: Store, scored: Scored) -> None:
    """Where an event and an answer share a key, the answer's correction is no event's."""
    key = scored.first
    fact = {"name": "victim_very_frightened", "asked": "yes", "value": "yes"}
    add_rows(store, key, "events", {"event_id": "1"}, {"event_id": "2"})
    add_rows(store, key, "facts", {"fact_id": "1", **fact})
    store.clock.pass_days(1)  # type: ignore[attr-defined]
    add_rows(store, key, "facts", {"fact_id": "2", "supersedes": "1", **fact})
    then = open_then(store, scored.bundle, score_now_later(store, scored, key))
    assert versions_among(then, "1", "2") == {}
    facts = then.moment.history.facts
    corrected = facts.superseded_by[np.asarray(facts.fact_id) == "1"]
    assert facts.fact_id[corrected].tolist() == ["2"]


def test_what_is_kept_apart_is_never_named(store: Store, clock: Any, scored: Scored) -> None:
    """Neither health's records nor an agency's own are named, whatever they correct."""
    key, first = scored.first, latest_of(store, scored.first)
    add_rows(store, key, "events", {"event_id": "OPEN"}, {"event_id": "APART0", "source": "health"})
    clock.pass_days(1)
    middle = score_now(store, scored.bundle, key)
    clock.pass_days(1)
    add_rows(
        store,
        key,
        "events",
        {"event_id": "APART1", "supersedes": "OPEN", "handling": "agency_only"},
        {"event_id": "APART2", "source": "health"},
        {"event_id": "SHOWN", "supersedes": "APART0"},
    )
    clock.pass_days(1)
    last = score_now(store, scored.bundle, key)
    for since in (first, middle):
        moved, after = explain_since(store, scored, since, last)
        named = {key for one in moved for share in one.shares for key in share.records}
        units = explain_incidents(
            scored.bundle,
            after.moment.history,
            0,
            last.as_of_us,
        )
        named |= {key for one in units for share in one.shares for key in share.unit.records}
        told = after.name_records(sorted(named))
        assert not any(key.startswith("APART") for key in told)
    assert {"APART0", "APART1", "APART2"} <= after.kept_apart


def test_folders_are_what_the_store_reads(store: Store, clock: Any, scored: Scored) -> None:
    """Whatever came between, a folder that was kept is equal to one that is read anew."""
    unit, (key, other, *_) = store.read_unit(), scored.keys.values()
    seqs = [read_seq(store)]
    clock.pass_days(1)
    add_rows(store, other, "events", {"event_id": "ELSEWHERE"})
    seqs.append(read_seq(store))
    add_rows(store, key, "events", {"event_id": "N1"})
    seqs.append(read_seq(store))
    clock.pass_days(1)
    add_rows(store, key, "events", {"event_id": "N2", "supersedes": "AWAITED"}, {"event_id": "N3"})
    seqs.append(read_seq(store))
    clock.pass_days(1)
    add_rows(store, key, "events", {"event_id": "C1", "supersedes": "N1"}, {"event_id": "AWAITED"})
    seqs.append(read_seq(store))
    merge_cases(store, SCREENER, other, key, unit=unit)
    seqs.append(read_seq(store))
    for order in (seqs, seqs[::-1], [*seqs[1:], seqs[0]]):
        with store.reading() as connection:
            folders = CaseFolders(connection, key, unit)
            for seq in order:
                kept = folders.read(clock.now_us, seq)
                anew = read_case_folder(
                    connection, [key], unit, extract_at_us=clock.now_us, known_seq=seq
                )
                assert lay_folder(kept) == lay_folder(anew)
                assert lay_out(assemble_history(kept)) == lay_out(assemble_history(anew))


def read_seq(store: Store) -> int:
    with store.reading() as connection:
        return read_head(connection)


def lay_folder(folder: Any) -> Any:
    names = ("cases", "events", "facts", "links")
    frames = [folder.frame(name).astype(str).to_dict("records") for name in names]
    return [sorted(map(str, rows)) for rows in frames], folder.manifest


def test_a_score_is_compared_with_that_of_the_sitting_before(
    store: Store, clock: Any, scored: Scored
) -> None:
    """The sitting before decides, then the latest score that had not read the newest record."""
    key, first = scored.first, latest_of(store, scored.first)
    with store.reading() as connection:
        assert find_earlier(connection, first) is None
    clock.pass_days(1)
    second = score_now(store, scored.bundle, key)
    add_rows(store, key, "events", {"event_id": "N1"})
    clock.pass_days(1)
    third = score_now(store, scored.bundle, key)
    clock.pass_days(1)
    fourth = score_now(store, scored.bundle, key)
    assert earlier_of(store, fourth) == second.key  # the third had read N1
    add_sitting(store)
    assert earlier_of(store, fourth) == second.key  # the current sitting has none before it
    clock.pass_days(7)
    fifth = score_now(store, scored.bundle, key)
    assert earlier_of(store, fifth) == second.key
    add_sitting(store)
    clock.pass_days(1)
    sixth = score_now(store, scored.bundle, key)
    assert earlier_of(store, fifth) == fourth.key
    assert earlier_of(store, sixth) == fourth.key
    assert third.stored_seq < fourth.stored_seq


def earlier_of(store: Store, score: Any) -> str | None:
    with store.reading() as connection:
        found = find_earlier(connection, score)
    return None if found is None else found.key


def put_list(store: Store, *places: tuple[str, str | None, int | None, bool]) -> str:
    """Open a sitting whose list has these cases: key, score, rank by priority, blind."""
    sitting = add_sitting(store)
    with store.writing() as writing:
        seq = writing.take_seq(len(places))
        for number, (key, score_key, rank, blind) in enumerate(places):
            writing.connection.execute(
                insert(list_places).values(
                    sitting_key=sitting,
                    position=number + 1,
                    case_key=key,
                    rule="priority" if rank else "waited",
                    by_lot=False,
                    blind=blind,
                    newly_referred=False,
                    waiting_since_us=0,
                    score_key=score_key,
                    rank=rank,
                    shown={},
                    stored_seq=seq + number,
                )
            )
    return sitting


def test_the_ledger_adds_up_between_the_lists_of_two_scores(
    store: Store, clock: Any, scored: Scored
) -> None:
    """Places are counted among rows shown with a place by priority, in whole places."""
    a, b, c, d = scored.keys.values()
    first = latest_of(store, a)
    then = put_list(store, (b, None, 1, False), (a, first.key, 2, False), (d, None, None, False))
    clock.pass_days(7)
    last = score_now(store, scored.bundle, a)
    now = put_list(store, (c, None, 1, False), (a, last.key, 2, False), (b, None, 4, False))
    with store.reading() as connection:
        found = find_ledger(connection, first, last)
    assert found is not None
    assert (found.before.key, found.after.key) == (then, now)
    told = found.ledger
    assert (told.before, told.n_before, told.after, told.n_after) == (2, 2, 2, 3)
    assert (told.arrived, told.left, told.overtaken_by, told.overtook) == (1, 0, 0, 1)


def test_a_row_that_is_still_blind_is_in_no_ledger(
    store: Store, clock: Any, scored: Scored
) -> None:
    """Until every blind row of a list was viewed, no count tells where one of them stands."""
    a, b, c, _ = scored.keys.values()
    first = latest_of(store, a)
    put_list(store, (a, first.key, 1, False), (b, None, 2, False))
    clock.pass_days(7)
    last = score_now(store, scored.bundle, a)
    now = put_list(store, (a, last.key, 2, False), (b, None, 1, True), (c, None, None, True))
    told = [ledger_of(store, first, last)]
    for key in (b, c):
        with store.writing() as writing:
            record_first_view(writing, now, key, SCREENER, "can_wait")
        told.append(ledger_of(store, first, last))
    places = [(one.before, one.after, one.n_after, one.overtaken_by) for one in told]
    assert places == [(1, 1, 1, 0), (1, 1, 1, 0), (1, 2, 2, 1)]


def ledger_of(store: Store, first: Any, last: Any) -> Any:
    with store.reading() as connection:
        found = find_ledger(connection, first, last)
    assert found is not None
    return found.ledger


def test_a_later_score_stands_for_its_row_on_the_current_list(
    store: Store, clock: Any, scored: Scored
) -> None:
    """A nightly score does not take the case off the list; a case on no list has no ledger."""
    a, b, *_ = scored.keys.values()
    first = latest_of(store, a)
    put_list(store, (a, first.key, 1, False), (b, None, 2, False))
    clock.pass_days(7)
    listed = score_now(store, scored.bundle, a)
    put_list(store, (a, listed.key, 1, False))
    clock.pass_days(1)
    nightly = score_now(store, scored.bundle, a)
    with store.reading() as connection:
        assert find_ledger(connection, first, nightly) is not None
        assert find_ledger(connection, latest_of(store, b), nightly) is None
