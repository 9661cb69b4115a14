"""What waits for one person, and the daily digest of it: counts and a link, never a case."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from features.errors import ConfigError
from serving.decisions.agency_views import ViewIn, give_view
from serving.decisions.corrections import CorrectionIn, ask_correction
from serving.decisions.daily_digests import (
    STOPS_AFTER_DAYS,
    choose_digest,
    wants_digest,
)
from serving.decisions.own_work import OwnWork, list_shown, read_own_work
from serving.flags.webhooks import check_webhooks, sign
from serving.persons import Person
from serving.scoring.model_in_use import Champion
from serving.sealing.directory import Directory
from serving.sealing.seals import seal_case
from serving.service import Service
from serving.settings import Settings
from serving.store.current_act import Act, acting
from serving.store.database import Store
from serving.store.schema import daily_digests
from serving.worker.worker import work_once
from tests.test_serving.access.test_rights import INSIDER, SECOND
from tests.test_serving.acts import (
    ADVOCATE,
    NURSE,
    RULES,
    SCREENER,
    add_case,
    add_flag,
    add_sitting,
    decide_now,
    write,
)
from tests.test_serving.decisions.test_case_notes import write as write_note
from tests.test_serving.flags.test_deliveries import KEY, Receiver
from tests.test_serving.sent_rows import make_event, send
from tests.test_serving.stores import SetClock

OWNED = {"owner": SCREENER.name}


def read(store: Store, person: Person = SCREENER) -> OwnWork:
    return read_own_work(store, person, store.read_unit(), RULES, store.clock())


def open_case(store: Store, key: str, person: Person = SCREENER) -> None:
    """Have somebody open a case."""
    with acting(Act(person, "consultation", "GET /cases/{key}", case_key=key)):
        store.look()


def own(store: Store, case_id: str = "A", **more: Any) -> str:
    """Store a case and give it to the screener; return its key."""
    key = add_case(store, case_id)
    decide_now(store, key, write(**OWNED | more))
    return key


def seal(store: Store, key: str) -> None:
    """Seal a case, naming the screener among those who may see it."""
    people = frozenset({INSIDER.subject, SECOND.subject, SCREENER.subject})
    with store.writing() as writing:
        seal_case(writing, key, INSIDER, people, "somebody is connected", Directory(people))


def name_all(found: Any) -> list[str]:
    return [str(one.case_id) for one in found]


def test_reviews_are_due_from_their_day_on(store: Store, clock: SetClock) -> None:
    """One is due on its day and stays so; another's, and one of tomorrow, are not mine yet."""
    own(store, "due", review_on="2026-02-27")
    own(store, "later", review_on="2026-02-28")
    own(store, "another", owner="SYN Somebody", review_on="2026-02-27")
    assert name_all(read(store).reviews) == []
    clock.pass_days(2)
    assert name_all(read(store).reviews) == ["due"]
    clock.pass_days(3)
    assert name_all(read(store).reviews) == ["due", "later"]


def test_corrections_are_those_asked_of_the_agency(store: Store) -> None:
    """The agency of the record is asked, and nobody else is."""
    key = add_case(store)
    send(store, {"events": [make_event("A-P", "A", source="police")]})
    asked = CorrectionIn(table="events", record_id="A-P", why="another person")
    with store.writing() as writing:
        ask_correction(writing, key, ADVOCATE, asked)
    assert [one.record_id for one in read(store).corrections.corrections] == ["A-P"]
    assert read(store, NURSE).corrections.n_open == 0
    auditor = Person("SYN Auditor", "auditor", "police")
    assert read(store, auditor).corrections.n_open == 0


def test_blind_views_wait_until_one_is_given(store: Store) -> None:
    """Cases that want a first view are told without anything of their place."""
    keys = [add_case(store, name) for name in "AB"]
    add_sitting(store, *keys)
    assert sorted(name_all(read(store).views)) == ["A", "B"]


def test_news_is_what_came_since_the_case_was_last_opened(store: Store, clock: SetClock) -> None:
    """Records, flags, others' decisions and views; opening the case ends it, and what one did
    oneself is no news.
    """
    key = own(store)
    assert read(store).news == ()
    clock.pass_days(1)
    send(store, {"events": [make_event("A-9", "A"), make_event("A-8", "A")]})
    add_flag(store, key, "weapon", "A-9")
    with store.writing() as writing:
        give_view(writing, key, ADVOCATE, ViewIn(stance="dissent"))
        give_view(writing, key, SCREENER, ViewIn(stance="agree"))
    (news,) = read(store).news
    assert (news.n_records, news.n_flags, news.n_views, news.n_decisions) == (2, 1, 1, 0)
    clock.pass_days(1)
    open_case(store, key)
    assert read(store).news == ()
    clock.pass_days(1)
    send(store, {"events": [make_event("A-10", "A")]})
    assert [one.n_records for one in read(store).news] == [1]


def test_another_persons_opening_and_what_is_kept_apart_are_nothing(
    store: Store, clock: SetClock
) -> None:
    """What is new for one is new however often another opened it; a health record, one that an
    agency keeps to itself and a note are no news: a count would tell that they are there.
    """
    key = own(store)
    clock.pass_days(1)
    apart = [{"source": "health"}, {"source": "advocacy", "handling": "agency_only"}]
    send(store, {"events": [make_event(f"A-{n}", "A", **one) for n, one in enumerate(apart, 7)]})
    write_note(store, key, ADVOCATE)
    assert read(store).news == ()
    send(store, {"events": [make_event("A-9", "A")]})
    clock.pass_days(1)
    open_case(store, key, ADVOCATE)
    assert [one.n_records for one in read(store).news] == [1]


def test_sealed_cases_are_in_none_of_it(store: Store, clock: SetClock) -> None:
    """Not for the people whom the seal names either: what is counted here is told by message."""
    key = own(store, review_on="2026-02-26")
    send(store, {"events": [make_event("A-P", "A", source="police")]})
    with store.writing() as writing:
        asked = CorrectionIn(table="events", record_id="A-P", why="another person")
        ask_correction(writing, key, ADVOCATE, asked)
    clock.pass_days(1)
    add_sitting(store, key)
    before = read(store)
    assert (len(before.reviews), before.corrections.n_open) == (1, 1)
    assert (len(before.views), len(before.news)) == (1, 1)
    seal(store, key)
    after = read(store)
    assert (after.reviews, after.views, after.news) == ((), (), ())
    assert after.corrections.n_open == 0
    assert not list_shown(after)


def test_only_cases_of_ones_areas_are_told(store: Store, clock: SetClock) -> None:
    """A case that went to another area waits for its owner no more."""
    own(store, review_on="2026-02-26")
    clock.pass_days(1)
    elsewhere = Person(SCREENER.name, "screener", "police", areas=frozenset(["Warrington"]))
    assert read(store).reviews and not read(store, elsewhere).reviews


# --- the digest ---------------------------------------------------------------------------------


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def settings(receiver: Receiver, tmp_path: Path) -> Settings:
    """Return settings that say where digests go."""
    key_file = tmp_path / "webhook.key"
    key_file.write_bytes(KEY)
    key_file.chmod(0o600)
    return Settings(digest_webhook_url=receiver.url, webhook_key_file=key_file)


def work(store: Store, settings: Settings) -> None:
    """Do a round of the store's own work, as a server does."""
    work_once(Service(settings, store, store.read_unit(), Champion(None, None)))


def choose(store: Store, person: Person = SCREENER, *, wanted: bool = True) -> None:
    with store.writing() as writing:
        choose_digest(writing, person, wanted=wanted)


def test_a_digest_is_counts_and_one_link(
    store: Store, receiver: Receiver, settings: Settings, clock: SetClock
) -> None:
    """The body has the day, for whom it is, four counts and where to sign in: no number, key, name
    or reason; it is signed as every message.
    """
    key = own(store, review_on="2026-02-26")
    open_case(store, key)
    choose(store)
    clock.pass_days(1)
    send(store, {"events": [make_event("A-9", "A")]})
    work(store, settings)
    ((path, headers, body),) = receiver.got
    assert json.loads(body) == {
        "what": "daily_digest",
        "day": "2026-02-26",
        "for": [SCREENER.subject],
        "n_reviews": 1,
        "n_corrections": 0,
        "n_views": 0,
        "n_news": 1,
        "path": "/for-me",
    }
    for word in (key, SCREENER.name, '"A"', "A-9", "contact"):
        assert word not in body.decode()
    signature = sign(KEY, headers["caselight-timestamp"], body)
    assert (path, headers["caselight-signature"]) == ("/hook", f"v1={signature}")


def test_a_sealed_case_is_in_no_digest(
    store: Store, receiver: Receiver, settings: Settings, clock: SetClock
) -> None:
    """Neither the owner's nor that of anybody whom the seal names counts it."""
    key = own(store, review_on="2026-02-26")
    open_case(store, key)
    choose(store)
    clock.pass_days(1)
    seal(store, key)
    work(store, settings)
    told = json.loads(receiver.got[0][2])
    assert {name: n for name, n in told.items() if name.startswith("n_")} == {
        "n_reviews": 0,
        "n_corrections": 0,
        "n_views": 0,
        "n_news": 0,
    }


def test_a_digest_goes_once_a_day_to_those_who_want_it(
    store: Store, receiver: Receiver, settings: Settings, clock: SetClock
) -> None:
    """However many rounds; not to those who never asked, nor to those who turned it off."""
    key = add_case(store)
    for person in (SCREENER, NURSE, ADVOCATE):
        open_case(store, key, person)
    choose(store)
    choose(store, NURSE)
    choose(store, NURSE, wanted=False)
    for _ in range(3):
        work(store, settings)
    clock.pass_days(1)
    work(store, settings)
    told = [json.loads(body) for _, _, body in receiver.got]
    assert [(one["for"], one["day"]) for one in told] == [
        ([SCREENER.subject], "2026-02-25"),
        ([SCREENER.subject], "2026-02-26"),
    ]
    with store.reading() as connection:
        assert wants_digest(connection, SCREENER.subject)
        assert not wants_digest(connection, NURSE.subject)


def test_somebody_who_left_is_told_nothing_more(
    store: Store, receiver: Receiver, settings: Settings, clock: SetClock
) -> None:
    """Who opened nothing for some weeks gets no digest, and one who acts on no cases any more."""
    key = add_case(store)
    open_case(store, key)
    choose(store)
    clock.pass_days(STOPS_AFTER_DAYS + 1)
    work(store, settings)
    auditor = Person(SCREENER.name, "auditor", "unit", SCREENER.subject)
    open_case(store, key, auditor)
    work(store, settings)
    assert receiver.got == []


def test_several_servers_send_one_digest(
    open_another: Callable[[], Store], receiver: Receiver, settings: Settings
) -> None:
    """Four servers begin at the same moment: each person has one message."""
    servers = [open_another() for _ in range(4)]
    open_case(servers[0], add_case(servers[0]))
    choose(servers[0])
    start = threading.Barrier(len(servers))
    faults: list[Exception] = []

    def run(store: Store) -> None:
        start.wait()
        try:
            work(store, settings)
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(receiver.got) == 1
    with servers[0].reading() as connection:
        assert len(connection.execute(select(daily_digests)).all()) == 1


def test_without_an_address_nothing_is_written(store: Store, settings: Settings) -> None:
    """Nor is one taken that is neither https nor of this machine."""
    open_case(store, add_case(store))
    choose(store)
    work(store, settings.model_copy(update={"digest_webhook_url": None}))
    with store.reading() as connection:
        assert connection.execute(select(daily_digests)).all() == []
    bad = settings.model_copy(update={"digest_webhook_url": "http://elsewhere.example/"})
    with pytest.raises(ConfigError, match="digest_webhook_url must be an https"):
        check_webhooks(bad)
