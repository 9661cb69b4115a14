import json
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from features.contract.moments import parse_date
from features.contract.tables import TABLES
from models.bundle.folder import load_bundle
from serving.intake.records import append_rows
from serving.scoring.model_in_use import Champion
from serving.service import Service
from serving.settings import Settings
from serving.standing.standings import check_standings, refresh_standings
from serving.store.database import Store, Unit, make_key
from serving.store.schema import decisions, leases, model_uses, scores, standings
from serving.worker import worker as module
from serving.worker.leases import LEASE_S, LeaseWatch, give_back, giving_signs, take_lease
from serving.worker.worker import LEASE, Worker, find_night, work_once
from tests.test_serving.kept_contents import fill_once
from tests.test_serving.scored import choose_cases, read_once
from tests.test_serving.sent_rows import make_case, make_event, send
from training.registry.promoted_bundles import promote

SIZE = 8
PERSON = {"person": "Police Screener", "subject": "s", "role": "reviewer", "agency": "police"}


@pytest.fixture
def models_dir(tmp_path: Path, promoted: Path) -> Path:
    return shutil.copytree(promoted, tmp_path / "models")


@pytest.fixture
def serve(
    store: Store,
    open_another: Callable[[], Store],
    clock: Any,
    small_unit: Any,
    models_dir: Path,
) -> Callable[[], Service]:
    """Return a way to start one more server on a store with some open, unscored cases."""
    clock.now_us = parse_date("2026-06-10T12:00", "Europe/London")
    fill_once(store, "to be worked on", lambda: add_cases(store, small_unit))

    def start() -> Service:
        another = open_another()
        champion = Champion(models_dir, None)
        return Service(Settings(nightly_hour=2), another, another.read_unit(), champion)

    return start


def add_cases(store: Store, small_unit: Any) -> None:
    """Put some open cases of the small unit into a store, with all that is known of them."""
    read = read_once(small_unit.folder)
    chosen = choose_cases(small_unit.folder, read.manifest.extract_at_us, SIZE)
    frames = {}
    for name in ("cases", "events", "facts"):
        frame = read.frame(name)
        kept = frame[frame["case_id"].isin(chosen)][list(TABLES[name].column_names)]
        frames[name] = kept.reset_index(drop=True)
    with store.writing() as writing:
        append_rows(writing, frames, store.read_unit(), import_key=None)


def count_scores(store: Store) -> Counter[str]:
    """Return how many scores there are for each occasion."""
    with store.reading() as connection:
        return Counter(connection.execute(select(scores.c.occasion)).scalars())


def test_what_changed_is_scored_and_then_nothing_is_due(serve: Callable[[], Service]) -> None:
    """A round scores every case that is behind; the next one finds nothing to do."""
    service = serve()
    worked = work_once(service)
    assert (worked.changed, worked.promoted, worked.nightly) == (SIZE, 0, 0)
    assert worked.bundle_id == service.champion.find().id  # type: ignore[union-attr]
    assert not worked.more
    again = work_once(service, noted=worked.bundle_id)
    assert (again.changed, again.promoted, again.nightly) == (0, 0, 0)
    assert count_scores(service.need_store()) == {"import": SIZE}
    with service.need_store().reading() as connection:
        assert connection.execute(select(leases)).all() == []


def test_every_open_case_is_scored_once_a_night_over_two_servers(
    serve: Callable[[], Service], clock: Any
) -> None:
    """After the nightly hour of the unit's clock each case gets one score, whoever is at it."""
    services = [serve(), serve()]
    work_once(services[0])
    for night in (1, 2):
        clock.now_us = parse_date(f"2026-06-{10 + night}T01:59", "Europe/London")
        assert work_once(services[0]).nightly == 0
        clock.now_us = parse_date(f"2026-06-{10 + night}T02:01", "Europe/London")
        together(services)
        while work_once(services[1]).more:
            pass
        clock.pass_days(0.5)
        assert work_once(services[0]).nightly == work_once(services[1]).nightly == 0
        counted = count_scores(services[0].need_store())
        assert counted == {"import": SIZE, "nightly": night * SIZE}


def together(services: list[Service]) -> None:
    wait = threading.Barrier(len(services))

    def work(service: Service) -> None:
        wait.wait()
        work_once(service)

    threads = [threading.Thread(target=work, args=(service,)) for service in services]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    ("now", "night"),
    [
        ("2026-06-10T02:00", "2026-06-10T02:00"),
        ("2026-06-10T01:59", "2026-06-09T02:00"),
        ("2026-06-10T23:59", "2026-06-10T02:00"),
        ("2026-03-29T12:00", "2026-03-29T02:00"),
    ],
)
def test_the_night_is_the_units_own(now: str, night: str) -> None:
    """The hour is that of the unit's clock, in summer and in winter."""
    zone = "Europe/London"
    found = find_night(parse_date(now, zone), Unit(zone, synthetic=True), 2)
    assert found == parse_date(night, zone)


def test_a_promotion_scores_everything_anew(
    serve: Callable[[], Service], models_dir: Path, small_unit: Any, tmp_path: Path, clock: Any
) -> None:
    """When another bundle is put to use every open case gets a score of it; both stay on record."""
    service = serve()
    first = work_once(service)
    other = tmp_path / "other"
    shutil.copytree(small_unit.bundle, other)
    manifest = json.loads((other / "bundle.json").read_text())
    manifest["trained_for_us"] += 1
    (other / "bundle.json").write_text(json.dumps(manifest))
    clock.now_us += 60_000_000
    promote(other, models_dir)
    second = work_once(service, noted=first.bundle_id)
    assert second.promoted == SIZE
    assert work_once(service, noted=second.bundle_id).promoted == 0
    with service.need_store().reading() as connection:
        uses = select(model_uses.c.bundle_id).order_by(model_uses.c.stored_seq)
        assert connection.execute(uses).scalars().all() == [first.bundle_id, second.bundle_id]
        given = select(scores.c.bundle_id, scores.c.occasion)
        assert Counter(map(tuple, connection.execute(given))) == {
            (first.bundle_id, "import"): SIZE,
            (second.bundle_id, "promotion"): SIZE,
        }
    # Back to the one before: a switch as well.
    clock.now_us += 60_000_000
    promote(small_unit.bundle, models_dir)
    assert work_once(service, noted=second.bundle_id).promoted == SIZE
    assert second.bundle_id == load_bundle(other).id


def test_a_review_that_fell_due_brings_its_case_back(
    serve: Callable[[], Service], clock: Any
) -> None:
    """Time alone returns a managed case: the round after its review date says so."""
    service = serve()
    store = service.need_store()
    work_once(service)  # a flag that is raised after the decision would bring it back as well
    with store.writing() as writing:
        key = writing.connection.execute(select(standings.c.case_key)).scalars().first()
        seq = writing.take_seq()
        row = {"decision_key": make_key(), "case_key": key, "version": 1, "seen_seq": seq - 1}
        row |= {"decided_at_us": writing.now_us, "owner": "Police", "review_on": "2026-06-20"}
        held = row | {"routes": {}, "stored_seq": seq} | PERSON
        writing.connection.execute(insert(decisions).values(held))
        refresh_standings(writing, [str(key)])
    assert work_once(service).reviews == 0
    clock.now_us = parse_date("2026-06-20", "Europe/London")
    assert work_once(service).reviews == 1
    with store.reading() as connection:
        found = connection.execute(select(standings).where(standings.c.case_key == key)).one()
        assert (found.state, found.returned_for) == ("returned", "review_due")
        assert check_standings(connection, now_us=store.clock()) == []


class Steady:
    """A clock that only grows, by what a test says."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        """Return the moment, in seconds."""
        return self.now_s


@pytest.mark.parametrize("set_by_days", [0, -2, 30])
def test_a_lease_keeps_others_out_while_its_holder_gives_signs(
    serve: Callable[[], Service], clock: Any, set_by_days: int
) -> None:
    """While another process gives signs of life nothing is done, and within seconds of its last
    one the work goes on, whatever the machine's clock was set to meanwhile.
    """
    service, steady = serve(), Steady()
    store, watch, theirs = service.need_store(), LeaseWatch(steady), LeaseWatch(steady)
    for _ in range(5):
        assert take_lease(store, LEASE, "another", theirs, LEASE_S)
        assert work_once(service, watch=watch).held_by_another
        steady.now_s += LEASE_S
    give_back(store, LEASE, "third")
    clock.pass_days(set_by_days)
    assert work_once(service, watch=watch).changed == 0
    steady.now_s += LEASE_S + 1
    assert work_once(service, watch=watch).changed == SIZE
    assert LEASE_S < 60


HOLDER = """
import sys, time
from serving.store.database import open_store
from serving.worker.leases import LeaseWatch, giving_signs, take_lease

store, watch = open_store(sys.argv[1]), LeaseWatch()
assert take_lease(store, "work", "killed", watch)
with giving_signs(store, "work", "killed", watch):
    print("working", flush=True)
    time.sleep(60)
"""


def test_a_killed_worker_is_followed_within_seconds(
    serve: Callable[[], Service], address: str
) -> None:
    """After a process was killed in the middle of its work another one goes on."""
    service = serve()
    command = [sys.executable, "-c", HOLDER, address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None and killed.stdout.readline() == "working\n"
        with running(Worker(service, wait_s=0.2)):
            threading.Event().wait(2.0)
            assert count_scores(service.need_store()) == {}
            killed.kill()
            wait_until(lambda: count_scores(service.need_store())["import"] == SIZE, times=1_200)


def test_a_sign_of_life_comes_before_who_waits(store: Store) -> None:
    """Whoever has waited long enough and finds a new sign at the last moment waits on."""
    steady = Steady()
    watch, theirs = LeaseWatch(steady), LeaseWatch(steady)
    take_lease(store, "x", "holder", theirs)
    assert not take_lease(store, "x", "waits", watch)
    steady.now_s += LEASE_S + 1
    assert take_lease(store, "x", "holder", theirs)
    assert not take_lease(store, "x", "waits", watch)


def test_signs_are_given_while_the_work_is_silent(store: Store) -> None:
    """A holder whose work says nothing for long keeps its lease, and loses it once it hangs."""
    moving = threading.Event()
    moving.set()
    watch = LeaseWatch()
    # Long enough for a busy machine to give a sign in, and passed several times all the same.
    lease_s = 3.0
    take_lease(store, "x", "holder", LeaseWatch(), lease_s)
    with giving_signs(store, "x", "holder", LeaseWatch(), is_moving=moving.is_set, every_s=0.02):
        for _ in range(10):
            assert not take_lease(store, "x", "waits", watch, lease_s)
            threading.Event().wait(0.5)
        moving.clear()
        wait_until(lambda: take_lease(store, "x", "waits", watch, lease_s))


def test_work_that_is_held_up_or_fails_is_told(
    serve: Callable[[], Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker whose rounds fail, or that waits for another who does nothing, is not working;
    one with nothing to do is.
    """
    monkeypatch.setattr(module, "STALLED_S", 0.5)
    service = serve()
    stop = threading.Event()
    with running(Worker(service, wait_s=0.02)) as worker:
        wait_until(lambda: count_scores(service.need_store())["import"] == SIZE)
        stop.wait(1.0)
        assert worker.is_working
    add_case(service)
    with running(Worker(service, wait_s=0.02)) as worker, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "take_lease", lambda *_: False)
        wait_until(lambda: not worker.is_working)
    with running(Worker(service, wait_s=0.02)) as worker, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "take_lease", refuse)
        wait_until(lambda: not worker.is_working)
        patch.undo()
        wait_until(lambda: worker.is_working)


def refuse(*_: Any) -> bool:
    """Fail as a database does that is gone."""
    raise OperationalError("", {}, Exception())


@contextmanager
def running(worker: Worker) -> Iterator[Worker]:
    """Let a worker work while the block lasts."""
    worker.start()
    yield worker
    worker.stop()


def add_case(service: Service) -> None:
    """Put one more case with a record into the store, which waits for its score."""
    send(service.need_store(), {"cases": [make_case("N")], "events": [make_event("N", "N")]})


def test_one_of_many_gets_a_lease(open_another: Callable[[], Store]) -> None:
    """Of processes that ask at once exactly one has the lease."""
    got: list[bool] = []
    wait = threading.Barrier(3)

    def ask(name: str, store: Store) -> None:
        wait.wait()
        got.append(take_lease(store, "x", name, LeaseWatch(), 60))

    stores = [open_another() for _ in range(3)]
    threads = [threading.Thread(target=ask, args=(str(n), s)) for n, s in enumerate(stores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [False, False, True]


def test_without_store_or_model_a_round_does_what_it_can(serve: Callable[[], Service]) -> None:
    """Nothing is scored without a model, and nothing fails."""
    service = serve()
    assert work_once(Service(service.settings, None, None, Champion(None, None))).changed == 0
    bare = Service(service.settings, service.store, service.unit, Champion(None, None))
    worked = work_once(bare)
    assert (worked.changed, worked.bundle_id) == (0, None)


def test_the_worker_works_and_stops(serve: Callable[[], Service]) -> None:
    """A started worker scores what is due, is woken, and ends when it is told to."""
    service = serve()
    worker = Worker(service, wait_s=0.02)
    worker.start()
    wait_until(lambda: count_scores(service.need_store())["import"] == SIZE)
    worker.wake()
    worker.stop()
    assert not worker.is_alive()
    Worker(service).stop()  # one that never started


def wait_until(is_so: Callable[[], bool], times: int = 600) -> None:
    pause = threading.Event()
    for _ in range(times):
        if is_so():
            return
        pause.wait(0.05)
    raise AssertionError("it did not come to be")


def test_an_error_is_logged_by_its_type_and_stops_nothing(
    serve: Callable[[], Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round that fails is told without its message; the next rounds go on."""
    service = serve()
    real, calls = module.score_cases, []

    def fail_first(*given: Any, **more: Any) -> int:
        calls.append(given[4])
        if len(calls) == 1:
            raise ValueError("SYN-SECRET")
        return real(*given, **more)

    monkeypatch.setattr(module, "score_cases", fail_first)
    with capture_logs() as logged:
        worker = Worker(service, wait_s=0.02)
        worker.start()
        wait_until(lambda: count_scores(service.need_store())["import"] == SIZE)
        worker.stop()
    failed = [entry for entry in logged if entry["event"] == "round failed"]
    assert [entry["kind"] for entry in failed] == ["ValueError"]
    assert "SYN-SECRET" not in str(logged)
    assert calls[:3] == ["import", "promotion", "nightly"]  # the other work went on
