import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select
from sqlalchemy.engine import Row

from features.contract.tables import TABLES
from features.history.assembly import assemble_history
from features.history.columns import History
from features.history.open_cases import open_cases
from features.intake.contract_folder import ContractFolder, read_folder
from models.bundle.contributions import explain
from models.bundle.folder import Bundle, load_bundle
from models.ranking.advice import Advice
from models.ranking.order import Ranking, order_cases, rank_cases
from serving.flags.flags import standing_flags
from serving.intake.records import append_rows
from serving.scoring.rescoring import find_stale, lead_families, score_cases, score_stale
from serving.scoring.stored_advice import advise_scores
from serving.standing.standings import check_standings
from serving.store.database import Store
from serving.store.export import export_folder
from serving.store.histories import read_head
from serving.store.schema import case_keys, events, flag_raisings, model_uses, scores, standings
from tests.test_serving.confirmed_moves import merge_cases
from tests.test_serving.kept_contents import fill_once
from tests.test_serving.scored import read_once
from tests.test_serving.sent_rows import PERSON

SIZE = 60
"""Cases of the small unit that go into a store; open, closed and linked ones among them."""


@pytest.fixture(scope="module")
def bundle(small_unit: Any) -> Bundle:
    return load_bundle(small_unit.bundle)


@pytest.fixture(scope="module")
def some(small_unit: Any) -> dict[str, Any]:
    read = read_once(small_unit.folder)
    history = assemble_history(read)
    are_open = open_cases(history, history.extract_at)
    closed = np.setdiff1d(np.arange(len(history)), are_open)
    chosen = history.case_id[[*are_open[: SIZE - 15], *closed[:15]]]
    return take_cases(read, chosen.tolist())


def take_cases(read: ContractFolder, chosen: list[str]) -> dict[str, Any]:
    tables = {}
    for name in ("cases", "events", "facts"):
        frame = read.frame(name)
        columns = list(TABLES[name].column_names)
        tables[name] = frame[frame["case_id"].isin(chosen)][columns].reset_index(drop=True)
    return tables


@pytest.fixture
def filled(store: Store, clock: Any, small_unit: Any, some: dict[str, Any]) -> Store:
    """Return a store that holds the first cases of the small unit, none of them scored."""
    clock.now_us = read_once(small_unit.folder).manifest.extract_at_us

    def add() -> None:
        with store.writing() as writing:
            append_rows(writing, some, store.read_unit(), import_key=None)

    fill_once(store, "to be scored", add)
    return store


def read_scores(store: Store) -> dict[str, Row[Any]]:
    """Return the latest score of each case, by the case's own identifier."""
    query = (
        select(case_keys.c.case_id, scores)
        .join(case_keys, case_keys.c.case_key == scores.c.case_key)
        .order_by(scores.c.stored_seq)
    )
    with store.reading() as connection:
        return {row.case_id: row for row in connection.execute(query)}


def read_all(store: Store) -> set[str]:
    with store.reading() as connection:
        return set(connection.execute(select(standings.c.case_key)).scalars())


def read_flagged(store: Store) -> set[str]:
    with store.reading() as connection:
        return set(connection.execute(select(flag_raisings.c.case_key)).scalars())


def read_open(store: Store) -> set[str]:
    with store.reading() as connection:
        query = select(standings.c.case_key).where(standings.c.state != "closed")
        return set(connection.execute(query).scalars())


def score_all(store: Store, bundle: Bundle) -> int:
    return score_stale(store, bundle, store.read_unit())


def add_event(store: Store, key: str, event_id: str, **more: Any) -> None:
    with store.writing() as writing:
        name = writing.connection.execute(
            select(case_keys.c.case_id).where(case_keys.c.case_key == key)
        ).scalar_one()
        row = dict.fromkeys(TABLES["events"].column_names)
        row |= {"event_id": event_id, "case_id": name, "kind": "contact", "view": "recorded"}
        row |= {"occurred_at": writing.now_us - 2, "recorded_at": writing.now_us - 1}
        row |= {"actor": "subject", "handling": "unit"} | more
        append_rows(writing, {"events": make_events([row])}, store.read_unit(), import_key=None)


def make_events(rows: list[dict[str, Any]]) -> Any:
    from serving.store.frames import make_frame

    return make_frame("events", [tuple(row.values()) for row in rows])  # type: ignore[misc]


def test_every_changed_case_is_scored_closed_or_not(filled: Store, bundle: Bundle) -> None:
    """All cases that came have a score afterwards, closed or not, inside the cohort or not."""
    wanted = read_all(filled)
    assert read_open(filled) < wanted
    assert score_all(filled, bundle) == len(wanted)
    assert {row.case_key for row in read_scores(filled).values()} == wanted
    with filled.reading() as connection:
        assert find_stale(connection) == []
        assert check_standings(connection, now_us=filled.clock()) == []
        uses = connection.execute(select(model_uses.c.bundle_id)).scalars().all()
    assert uses == [bundle.id]


def test_a_stored_score_is_that_of_the_exported_records(
    filled: Store, bundle: Bundle, tmp_path: Path
) -> None:
    """Priority and log-odds equal those of the exported folder to the last bit."""
    score_all(filled, bundle)
    export_folder(filled, tmp_path / "out")
    history = assemble_history(read_folder(tmp_path / "out"))
    as_of_us = filled.clock()
    ranked = rank_cases(bundle, history, as_of_us, cases=open_cases(history, as_of_us))
    stored = read_scores(filled)
    assert len(ranked.advices) == SIZE - 15
    for advice in ranked.advices:
        row = stored[advice.case_id]
        assert row.priority == advice.priority
        assert row.priority_as_recorded == advice.priority_as_recorded
        assert row.leading_outcome == advice.leading_outcome
        assert row.log_odds == {one.outcome: one.log_odds for one in advice.estimates}


def test_a_score_is_told_again_after_the_records_went_on(
    filled: Store, bundle: Bundle, clock: Any
) -> None:
    """Later records and corrections leave an earlier score's advice as it was, to the last bit."""
    score_all(filled, bundle)
    before = read_scores(filled)
    with filled.reading() as connection:
        told = _advise(connection, bundle, before, filled)
        unflagged = [one for one, advice in told.items() if not _is_strangled(advice)]
        ours = events.c.case_key.in_(unflagged) & events.c.kind.in_(("call", "message", "letter"))
        query = select(events.c.case_key, events.c.event_id).where(ours)
        key, corrected = connection.execute(query.order_by(events.c.event_id)).first() or ("", "")
    clock.pass_days(3)
    add_event(filled, key, "later", kind="strangulation")
    add_event(filled, key, "withdrawn", kind="retracted", supersedes=corrected)
    # What happened before the score and came after it.
    add_event(filled, key, "late", occurred_at=before_us(before), recorded_at=before_us(before))
    assert score_all(filled, bundle) == 1
    with filled.reading() as connection:
        again = _advise(connection, bundle, before, filled)
        after = _advise(connection, bundle, read_scores(filled), filled)
    assert again == told
    for row in before.values():
        assert {one.outcome: one.log_odds for one in again[row.case_key].estimates} == row.log_odds
    assert _is_strangled(after[key])  # the later score has read what the earlier one leaves out


def _is_strangled(advice: Advice) -> bool:
    return "new_strangulation" in {flag.name for flag in advice.flags}


def before_us(found: dict[str, Row[Any]]) -> int:
    return min(row.as_of_us for row in found.values()) - 1_000


def _advise(
    connection: Any, bundle: Bundle, found: dict[str, Row[Any]], store: Store
) -> dict[str, Any]:
    keys = [row.score_key for row in found.values()]
    return advise_scores(connection, bundle, keys, store.read_unit())


def test_scores_of_another_bundle_are_left_out(filled: Store, bundle: Bundle, clock: Any) -> None:
    """Advice is told by the bundle that gave the score, and by no other."""
    import dataclasses

    score_all(filled, bundle)
    found = read_scores(filled)
    other = dataclasses.replace(bundle, id="0" * 64)
    with filled.reading() as connection:
        assert _advise(connection, other, found, filled) == {}


def test_only_what_changed_is_scored_again(filled: Store, bundle: Bundle, clock: Any) -> None:
    """A new record puts one case behind; its next score has read that record."""
    score_all(filled, bundle)
    key = sorted(read_open(filled))[0]
    add_event(filled, key, "new")
    with filled.reading() as connection:
        assert find_stale(connection) == [key]
    clock.now_us += 1_000_000
    assert score_all(filled, bundle) == 1
    with filled.reading() as connection:
        row = connection.execute(select(standings).where(standings.c.case_key == key)).one()
        assert row.known_seq >= row.record_seq
        assert row.known_seq <= read_head(connection)


def test_flags_are_raised_with_the_score(filled: Store, bundle: Bundle, clock: Any) -> None:
    """An urgent record reaches the duty queue as the case is scored, due in the minutes set from
    when it was recorded.
    """
    score_all(filled, bundle)
    key = sorted(read_open(filled))[0]
    clock.pass_days(1)
    add_event(filled, key, "grave", kind="strangulation")
    score_stale(filled, bundle, filled.read_unit(), minutes=45)
    with filled.reading() as connection:
        row = connection.execute(
            select(flag_raisings).where(flag_raisings.c.record_id == "grave")
        ).one()
        latest = connection.execute(select(standings).where(standings.c.case_key == key)).one()
    assert row.urgent
    recorded_at_us = filled.clock() - 1
    assert row.due_at_us == recorded_at_us + 45 * 60_000_000
    assert row.score_key == latest.score_key
    assert latest.n_urgent >= 1


def test_nothing_is_scored_without_a_model(filled: Store) -> None:
    """Without a bundle in use cases stay without a score, and all are told to be stale."""
    assert score_stale(filled, None, filled.read_unit()) == 0
    with filled.reading() as connection:
        assert set(find_stale(connection)) == read_all(filled)


def test_two_servers_give_one_score(
    filled: Store, bundle: Bundle, open_another: Callable[[], Store]
) -> None:
    """Of servers that score the same cases at once, one score a case and moment is kept."""
    unit = filled.read_unit()
    wait = threading.Barrier(3)
    added = []

    def score(store: Store) -> None:
        wait.wait()
        added.append(score_stale(store, bundle, unit))

    threads = [threading.Thread(target=score, args=(open_another(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with filled.reading() as connection:
        n_scores = connection.execute(select(func.count()).select_from(scores)).scalar_one()
        assert n_scores == len(read_all(filled)) == sum(added)
        per_flag = select(func.count()).select_from(flag_raisings)
        columns = (flag_raisings.c.case_key, flag_raisings.c.flag, flag_raisings.c.record_id)
        distinct = select(*columns).distinct().subquery()
        n_distinct = connection.execute(select(func.count()).select_from(distinct)).scalar_one()
        assert connection.execute(per_flag).scalar_one() == n_distinct
        assert check_standings(connection, now_us=filled.clock()) == []


def test_a_case_closed_since_is_left_alone(filled: Store, bundle: Bundle, clock: Any) -> None:
    """Keys of closed and unknown cases are passed over in the night and on a promotion."""
    key = sorted(read_open(filled))[0]
    add_event(filled, key, "end", kind="closed")
    assert key not in read_open(filled)
    unit = filled.read_unit()
    assert score_cases(filled, bundle, [key, "x" * 24], unit, "nightly") == 0


def test_a_closing_record_that_comes_along_hides_no_flag(
    filled: Store, bundle: Bundle, clock: Any
) -> None:
    """An urgent record and a closing one of the same moment: the flag is raised, and the case is on
    the list for it.
    """
    score_all(filled, bundle)
    key = sorted(read_open(filled) - read_flagged(filled))[0]
    clock.pass_days(1)
    at_us = clock.now_us - 1
    for name, kind in (("grave", "strangulation"), ("end", "closed")):
        add_event(filled, key, name, kind=kind, occurred_at=at_us - 1, recorded_at=at_us)
    assert key not in read_open(filled)
    assert score_all(filled, bundle) == 1
    with filled.reading() as connection:
        row = connection.execute(select(standings).where(standings.c.case_key == key)).one()
    assert (row.state, row.returned_for) == ("returned", "flag")
    assert row.n_urgent >= 1


def test_a_merged_case_raises_no_flag(filled: Store, bundle: Bundle, clock: Any) -> None:
    """What comes for a merged case raises its flags where its copy is, and there alone."""
    score_all(filled, bundle)
    source, target = sorted(read_open(filled))[:2]
    merge_cases(filled, PERSON, source, target, unit=filled.read_unit())
    clock.pass_days(1)
    add_event(filled, source, "grave", kind="strangulation")
    clock.now_us += 1  # a copy is known from the moment that it was made
    score_all(filled, bundle)
    with filled.reading() as connection:
        assert find_stale(connection) == []
        assert source not in standing_flags(connection, [source])
        records = {
            one for flag in standing_flags(connection, [target])[target] for one in flag.record_ids
        }
    assert f"{source}:grave" in records


def test_scoring_ends_between_chunks_when_told(filled: Store, bundle: Bundle) -> None:
    """A stop is heard before the next chunk; nothing of that chunk is stored."""
    keys = read_open(filled)
    unit = filled.read_unit()
    assert score_cases(filled, bundle, keys, unit, "nightly", go_on=lambda: False) == 0
    assert read_scores(filled) == {}


def test_a_failing_transaction_leaves_no_half(
    filled: Store, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scores, flags and standings come together or not at all."""
    from serving.scoring import rescoring

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(rescoring.ScoredCases, "refresh", fail)
    with pytest.raises(RuntimeError):
        score_all(filled, bundle)
    assert read_scores(filled) == {}
    with filled.reading() as connection:
        assert connection.execute(select(flag_raisings)).all() == []


def test_one_case_that_fails_holds_up_no_other(
    filled: Store, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one case cannot be scored all others are, and the fault is told."""
    from serving.scoring import rescoring

    keys = sorted(read_all(filled))
    bad, real = keys[len(keys) // 3], rescoring.order_cases

    def fail_for_one(bundle: Bundle, history: History, *given: Any) -> Any:
        if bad in history.case_id:
            raise ZeroDivisionError
        return real(bundle, history, *given)

    monkeypatch.setattr(rescoring, "order_cases", fail_for_one)
    with pytest.raises(ZeroDivisionError):
        score_all(filled, bundle)
    assert {row.case_key for row in read_scores(filled).values()} == set(keys) - {bad}


def test_the_family_is_the_one_that_pushes_most(small_unit: Any, bundle: Bundle) -> None:
    """The family of a case is that whose members add most to its leading outcome's log-odds."""
    history: History = assemble_history(read_once(small_unit.folder))
    cases = open_cases(history, history.extract_at)[:40]
    standing = order_cases(bundle, history, history.extract_at, cases)
    families = lead_families(bundle, standing)
    ranking = Ranking(bundle, history, history.extract_at, standing)
    for row, advice in enumerate(ranking.advise(range(len(ranking)))):
        model = bundle.outcomes[advice.leading_outcome]
        shares = explain(model, bundle.encoding, standing.values[row : row + 1]).by_indicator[0]
        sums: dict[str, float] = {}
        for indicator, share in zip(bundle.catalogue.indicators, shares, strict=True):
            sums[indicator.family] = sums.get(indicator.family, 0.0) + share
        largest = max(sums, key=lambda name: sums[name])
        assert families[row] == (largest if sums[largest] > 0 else None)
        assert np.isfinite(sums[largest])
