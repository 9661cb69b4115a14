"""Professional standards are told once a day of access that nothing explains: counts and a link."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from features.errors import ConfigError
from serving.flags.webhooks import check_webhooks, sign
from serving.persons import Person
from serving.scoring.model_in_use import Champion
from serving.service import Service
from serving.settings import Settings
from serving.store.current_act import Act, acting
from serving.store.database import Store
from serving.store.schema import standards_notices
from serving.worker.worker import work_once
from tests.test_serving.access.test_parties import FIRST, SECOND, tie
from tests.test_serving.acts import add_case
from tests.test_serving.flags.test_deliveries import KEY, MINUTE_US, Receiver

DAY = "2026-02-25"
CURIOUS = Person("SYN Curious", "reviewer", "police")
HOUR = 1 / 24


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def settings(receiver: Receiver, tmp_path: Path) -> Settings:
    """Return settings that name two people of professional standards, and where they are told."""
    key_file = tmp_path / "webhook.key"
    key_file.write_bytes(KEY)
    key_file.chmod(0o600)
    return Settings(
        standards_webhook_url=receiver.url,
        webhook_key_file=key_file,
        professional_standards=(FIRST.subject, SECOND.subject),
    )


def work(store: Store, settings: Settings) -> None:
    """Do a round of the store's own work, as a server does."""
    work_once(Service(settings, store, store.read_unit(), Champion(None, None)))


def open_case(store: Store, person: Person, key: str, times: int = 3) -> None:
    """Have somebody open a case some times."""
    with acting(Act(person, "consultation", "GET /v1/cases/{key}", case_key=key)):
        for _ in range(times):
            store.look()


def list_told(receiver: Receiver) -> list[tuple[str, str, int, int]]:
    """Return whom which day was told to, with how many people and cases."""
    told = [json.loads(body) for _, _, body in receiver.got]
    return sorted((one["for"][0], one["day"], one["n_people"], one["n_cases"]) for one in told)


def list_written(store: Store) -> list[Any]:
    with store.reading() as connection:
        return list(connection.execute(select(standards_notices)))


def test_a_notice_is_counts_and_a_link(
    store: Store, receiver: Receiver, settings: Settings, clock: Any
) -> None:
    """The body names the day, for whom it is, how many people and cases, and where to look: no
    case, nobody whom it is about and no reason; it is signed as every message.
    """
    keys = [add_case(store, name) for name in "AB"]
    for key in keys:
        open_case(store, CURIOUS, key)
    clock.pass_days(1)
    work(store, settings)
    path, headers, body = receiver.got[0]
    told = json.loads(body)
    assert told == {
        "what": "unexplained_access",
        "day": DAY,
        "for": [told["for"][0]],
        "n_people": 1,
        "n_cases": 2,
        "path": f"/unexplained-access?day={DAY}",
    }
    assert {json.loads(one)["for"][0] for _, _, one in receiver.got} == {
        FIRST.subject,
        SECOND.subject,
    }
    for word in (CURIOUS.name, CURIOUS.subject, *keys):
        assert word not in body.decode()
    signature = sign(KEY, headers["caselight-timestamp"], body)
    assert (path, headers["caselight-signature"]) == ("/hook", f"v1={signature}")


def test_nobody_is_told_of_themselves_or_of_their_own_case(
    store: Store, receiver: Receiver, settings: Settings, clock: Any
) -> None:
    """What one of professional standards did is in the other's notice and not in their own, and a
    case to which one is a party in none of theirs: not even as a number.
    """
    keys = [add_case(store, name) for name in "ABC"]
    open_case(store, FIRST, keys[0])
    open_case(store, CURIOUS, keys[1])
    open_case(store, CURIOUS, keys[2])
    tie(store, keys[2], SECOND.subject)
    clock.pass_days(1)
    work(store, settings)
    assert list_told(receiver) == sorted([(FIRST.subject, DAY, 1, 2), (SECOND.subject, DAY, 2, 2)])


def test_a_quiet_day_is_told_as_well(
    store: Store, receiver: Receiver, settings: Settings, clock: Any
) -> None:
    """Silence means that something is wrong, and never that there was nothing."""
    clock.pass_days(1)
    work(store, settings)
    assert [one[2:] for one in list_told(receiver)] == [(0, 0), (0, 0)]


def test_a_day_is_told_once_by_however_many_servers(
    open_another: Callable[[], Store], receiver: Receiver, settings: Settings, clock: Any
) -> None:
    """Four servers begin at the same moment, and go on all day: each person has one message."""
    servers = [open_another() for _ in range(4)]
    open_case(servers[0], CURIOUS, add_case(servers[0]))
    clock.pass_days(1)
    start = threading.Barrier(len(servers))
    faults: list[Exception] = []

    def serve(server: Store) -> None:
        start.wait()
        try:
            for _ in range(3):
                work(server, settings)
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=serve, args=(server,)) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    clock.pass_days(0.5)
    for server in servers:
        work(server, settings)
    assert [one[:2] for one in list_told(receiver)] == sorted(
        [(FIRST.subject, DAY), (SECOND.subject, DAY)]
    )
    clock.pass_days(0.5)
    for server in servers:
        work(server, settings)
    assert len(receiver.got) == len(list_written(servers[0])) == 4, "the next day has its own"


def test_what_was_not_taken_is_sent_again_after_a_restart(
    open_another: Callable[[], Store], receiver: Receiver, settings: Settings, clock: Any
) -> None:
    """A notice that a server wrote and could not send, or was killed in the middle of sending, is
    sent by the next one, with the same key and counts, and then no more.
    """
    first = open_another()
    open_case(first, CURIOUS, add_case(first))
    clock.pass_days(1)
    receiver.answers.append(500)
    alone = settings.model_copy(update={"professional_standards": (FIRST.subject,)})
    work(first, alone)
    claimed = update(standards_notices).values(claimed_until_us=clock() + 2 * MINUTE_US)
    with first.writing() as writing:  # what a server leaves that is killed while it sends
        writing.connection.execute(claimed)
    first.close()
    second = open_another()
    for minutes, n_got in ((1.5, 1), (1, 2), (60, 2)):
        clock.pass_days(minutes / 1440)
        work(second, alone)
        assert len(receiver.got) == n_got
    assert len({headers["caselight-delivery"] for _, headers, _ in receiver.got}) == 1
    assert len({body for _, _, body in receiver.got}) == 1
    assert [one.last_status for one in list_written(second)] == ["delivered"]


def test_days_on_which_nobody_worked_are_told_late(
    store: Store, receiver: Receiver, settings: Settings, clock: Any
) -> None:
    """The first notice is of yesterday, from the nightly hour on; a service that stood still for
    three days tells each of them.
    """
    clock.pass_days(-5 * HOUR)  # 01:13 of 25 February, before the hour
    work(store, settings)
    assert {one[1] for one in list_told(receiver)} == {"2026-02-23"}
    clock.pass_days(2 * HOUR)
    work(store, settings)
    assert {one[1] for one in list_told(receiver)} == {"2026-02-23", "2026-02-24"}
    clock.pass_days(3)
    work(store, settings)
    days = [one[1] for one in list_told(receiver) if one[0] == FIRST.subject]
    assert days == [f"2026-02-{number}" for number in range(23, 28)]


def test_who_is_no_longer_of_professional_standards_is_told_nothing(
    store: Store, receiver: Receiver, settings: Settings, clock: Any
) -> None:
    """A notice that waits for somebody who has left is not sent."""
    receiver.answers += [500, 500]
    clock.pass_days(1)
    work(store, settings)
    receiver.got.clear()
    left = settings.model_copy(update={"professional_standards": (SECOND.subject,)})
    clock.pass_days(HOUR)
    work(store, left)
    assert [one[0] for one in list_told(receiver)] == [SECOND.subject]


def test_without_an_address_nothing_is_written(
    store: Store, receiver: Receiver, settings: Settings, clock: Any
) -> None:
    """Messages to duty go on; the page alone tells, and a bad address is told at the start."""
    clock.pass_days(1)
    work(store, settings.model_copy(update={"standards_webhook_url": None}))
    assert (list_written(store), receiver.got) == ([], [])
    bad = settings.model_copy(update={"standards_webhook_url": "http://elsewhere.example/"})
    with pytest.raises(ConfigError, match="standards_webhook_url must be an https"):
        check_webhooks(bad)
