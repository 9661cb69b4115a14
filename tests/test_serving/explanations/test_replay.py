"""``caselight replay``: a stored score comes out again, whatever came since (promise 7)."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text

from caselight.__main__ import run
from models.bundle.folder import Bundle, load_bundle
from serving.decisions.case_spans import find_spans
from serving.explanations.replaying import Replay, ScoreDifference
from serving.explanations.stored_scores import StoredScore
from serving.lists.recent_incidents import find_lasting_states
from serving.store.database import Store
from serving.store.histories import read_history
from serving.store.row_text import Clockface
from serving.store.schema import disposals
from tests.test_serving.acts import RULES, SCREENER
from tests.test_serving.confirmed_moves import merge_cases
from tests.test_serving.explained import add_rows, latest_of, score_now
from tests.test_serving.scored import Scored, fill


@pytest.fixture
def scored(store: Store, clock: Any, small_unit: Any) -> Scored:
    """Return a store with four cases of the small unit, scored once."""
    return fill(store, clock, small_unit)


@pytest.fixture(scope="module")
def models(promoted: Path) -> Path:
    """Return a folder of promoted bundles with the small unit's in it."""
    return promoted


@pytest.fixture
def replay(address: str, models: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return a way to call the verb: exit code, what it printed, what it complained of."""

    def call(score_key: str, *, folder: Path = models) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(["replay", score_key, "--store", address, "--models", str(folder)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def test_a_score_comes_out_to_the_last_bit(
    store: Store, clock: Any, scored: Scored, replay: Any
) -> None:
    """After later records, a correction and a merge, every earlier score is still the same."""
    key, other, *_ = scored.keys.values()
    kept = [latest_of(store, key).key, latest_of(store, other).key]
    clock.pass_days(1)
    add_rows(store, key, "events", {"event_id": "N1"}, {"event_id": "N2", "kind": "contact"})
    clock.pass_days(1)
    kept.append(score_now(store, scored.bundle, key).key)
    add_rows(store, key, "events", {"event_id": "C1", "supersedes": "N1", "kind": "retracted"})
    merge_cases(store, SCREENER, other, key, unit=store.read_unit())
    clock.pass_days(1)
    kept.append(score_now(store, scored.bundle, key).key)
    for score_key in kept:
        code, out, err = replay(score_key)
        assert (code, err) == (0, "")
        assert "\nequal to the last bit\n" in out


@pytest.mark.parametrize("engine", ["1", "2"])
def test_a_score_replays_by_the_engine_of_its_bundle(
    store: Store, clock: Any, scored: Scored, replay: Any, models: Path, tmp_path: Path, engine: str
) -> None:
    """A release without a prison and a date of 1900 are read as when the score was given, whether
    the bundle is of the first engine or of this one; what is drawn of the case follows too.
    """
    bundle = make_of_engine(models / scored.bundle.id, tmp_path / "models", engine)
    key = scored.first
    clock.pass_days(1)
    started = {"event_id": "S1", "kind": "custody_started", "detail": "one"}
    answered = {"name": "separation_date", "value": "1900-01-01", "asked": "yes"}
    add_rows(store, key, "events", started)
    add_rows(store, key, "facts", {"fact_id": "F1"} | answered)
    clock.pass_days(1)
    add_rows(store, key, "events", {"event_id": "S2", "kind": "custody_ended"})
    clock.pass_days(1)

    score = score_now(store, bundle, key)
    assert score.engine_version == engine
    code, out, err = replay(score.key, folder=tmp_path / "models")
    assert (code, err) == (0, "")
    assert "\nequal to the last bit\n" in out
    assert f"engine {engine} then, {engine} now" in out

    now_us = store.clock()
    with store.reading() as connection:
        history = read_history(connection, [key], store.read_unit(), extract_at_us=now_us)
    spans = find_spans(history, bundle, now_us, Clockface("Europe/London"))
    ended = {span.records[0]: span.ended_at is not None for span in spans}
    assert ended["S1"] is (engine == "2")
    lasting = find_lasting_states(history, bundle, RULES, now_us).get(key, ())
    assert ("one" in {state.detail for state in lasting}) is (engine == "1")


def make_of_engine(bundle: Path, models: Path, engine: str) -> Bundle:
    """Put a copy of a bundle, as an engine would have trained it, among others; load it."""
    folder = models / "copy"
    shutil.copytree(bundle, folder)
    manifest = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    manifest["engine_version"] = engine
    (folder / "bundle.json").write_text(json.dumps(manifest), encoding="utf-8")
    loaded = load_bundle(folder)
    folder.rename(models / loaded.id)
    return loaded


def test_it_names_what_gave_the_score_and_tells_the_reasons(
    store: Store, scored: Scored, replay: Any
) -> None:
    """Bundle, catalogue, engine and processor are named, then the reasons follow as text."""
    score = latest_of(store, scored.first)
    _, out, _ = replay(score.key)
    assert scored.bundle.id in out and score.catalogue_digest in out
    assert f"engine {score.engine_version} then, " in out
    assert scored.bundle.catalogue.wording["advisory"].split()[0] in out
    assert f"Case {scored.first} as of " in out
    assert "What is on record, by theme" in out
    assert "what moved the score of" in out
    assert not any(name in out for name in scored.keys)  # identifiers can be erased


def test_it_asks_for_the_bundle_that_the_score_names(
    store: Store, scored: Scored, replay: Any, tmp_path: Path
) -> None:
    """Another model in use changes nothing; without the score's own the remedy is told."""
    score_key = latest_of(store, scored.first).key
    code, out, err = replay(score_key, folder=tmp_path)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert scored.bundle.id in err and "--models" in err


def test_a_switch_of_models_changes_no_earlier_score(
    store: Store, scored: Scored, replay: Any, models: Path, tmp_path: Path
) -> None:
    """The pointer file is not looked at: what it names now gave another score."""
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / scored.bundle.id).symlink_to(models / scored.bundle.id)
    (folder / "champion").write_text("0" * 64)
    code, out, _ = replay(latest_of(store, scored.first).key, folder=folder)
    assert code == 0
    assert "equal to the last bit" in out


def test_an_unknown_key_has_a_remedy(store: Store, scored: Scored, replay: Any) -> None:
    """A key of no score is told in one line, with where to find one, and is not repeated."""
    code, out, err = replay("k" * 24)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert "score_key" in err and "kkk" not in err


def tamper(store: Store, statement: str, **values: Any) -> None:
    """Change a stored row against the rules, as only the owner of the database can."""
    is_sqlite = store.is_sqlite
    with store.writing() as writing:
        connection = writing.connection
        if is_sqlite:
            named = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            for name in connection.execute(text(named)).scalars().all():
                connection.execute(text(f'DROP TRIGGER "{name}"'))
        else:
            connection.execute(text("SET session_replication_role = replica"))
        connection.execute(text(statement), values)
        if not is_sqlite:
            connection.execute(text("SET session_replication_role = DEFAULT"))


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE scores SET priority = priority + 0.001 WHERE score_key = :score", "priority: "),
        ("UPDATE scores SET leading_outcome = 'x' WHERE score_key = :score", "leading outcome: "),
        ("UPDATE scores SET catalogue_digest = 'x' WHERE score_key = :score", "catalogue: "),
        ("UPDATE events SET kind = 'threat' WHERE case_key = :case", "log-odds of "),
        ("DELETE FROM events WHERE case_key = :case", "log-odds of "),
        ("DELETE FROM cases WHERE case_key = :case", "records of the case: "),
    ],
)
def test_a_row_that_was_changed_is_found(
    store: Store, scored: Scored, replay: Any, statement: str, named: str
) -> None:
    """A score or a record changed behind the store's back comes out different: exit code 1."""
    score_key = latest_of(store, scored.first).key
    keys = {"score": score_key, "case": scored.first}
    used = {name: key for name, key in keys.items() if f":{name}" in statement}
    tamper(store, statement, **used)
    code, out, _ = replay(score_key)
    assert code == 1
    assert "\ndifferent\n" in out
    assert f"  {named}" in out


def test_a_disposed_case_says_when(store: Store, clock: Any, scored: Scored, replay: Any) -> None:
    """Where a case was disposed of there is nothing to compute, and the day is told."""
    score_key = latest_of(store, scored.first).key
    clock.pass_days(1)
    with store.writing() as writing:
        writing.connection.execute(
            insert(disposals).values(
                case_key=scored.first,
                disposed_at_us=1_772_000_000_000_000,
                why="retention ended",
                stored_seq=writing.take_seq(),
                **SCREENER.columns(),
            )
        )
    code, out, _ = replay(score_key)
    assert code == 0
    assert out.startswith("disposed on 2026-02-25")


def make_score() -> StoredScore:
    return StoredScore("s", "c", 0, 0, "b", "d", "1", 0.5, 0.5, "harm", {"harm": 0.1}, 1, "import")


@pytest.mark.parametrize(
    ("stored", "now", "verdict"),
    [
        (0.1, 0.1 + 9e-10, "close"),
        (0.1, 0.1 + 2e-9, "different"),
        (0.1, float("nan"), "different"),
        (0.1, None, "different"),
        ("harm", "other", "different"),
    ],
)
def test_within_a_billionth_is_told_from_the_same(stored: Any, now: Any, verdict: str) -> None:
    """What differs by no more than 1e-9 is close, and everything beyond is different."""
    found = ScoreDifference("it", stored, now)
    assert Replay(make_score(), (found,), None).verdict == verdict
    assert Replay(make_score(), (), None).verdict == "equal"
