"""Sessions that were ended, and sign-ins that were finished: refused by every server at once."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from serving.identity.ended_sessions import MemoryEndings, StoredEndings
from serving.identity.sessions import SESSION_SECONDS, Sessions
from serving.persons import Person
from serving.store.database import Store
from serving.store.schema import ended_sessions
from tests.test_serving.entrances import FLOW, SESSION, open_browser, write_settings
from tests.test_serving.issuers import (
    NOW_S,
    PERSON,
    PUBLIC,
    Issuer,
    Watch,
    go_to,
    run_issuer,
    sign_in,
)

WHO = Person("SYN Nightjar", "screener", "police", areas=frozenset({"Halton"}))
KEY = b"k" * 32


@pytest.fixture(scope="module")
def running() -> Iterator[Issuer]:
    """Return a provider that runs as a process of its own."""
    with run_issuer() as issuer:
        yield issuer


@pytest.fixture
def issuer(running: Issuer) -> Issuer:
    """Return the provider as it is at first, with a person before it."""
    running.control("reset")
    running.control("set", person=PERSON, now_s=NOW_S)
    return running


@pytest.fixture
def watch() -> Watch:
    """Return the machine's clock, which is years away from the store's."""
    return Watch()


@pytest.fixture
def servers(
    open_another: Callable[[], Store], tmp_path: Path, issuer: Issuer, watch: Watch
) -> Iterator[tuple[TestClient, TestClient]]:
    """Return browsers that look at two servers of one store and one key."""
    settings = write_settings(tmp_path, issuer)
    with (
        open_browser(settings, watch, open_another()) as one,
        open_browser(settings, watch, open_another()) as other,
    ):
        yield one, other


def carry(browser: TestClient, name: str, value: str) -> None:
    """Put a cookie into a browser, in place of all that it has."""
    browser.cookies.clear()
    browser.cookies.set(name, value, domain="caselight.example")


def test_a_session_holds_on_every_server(
    servers: tuple[TestClient, TestClient], issuer: Issuer
) -> None:
    """Who signed in on one server is signed in on the other, with subject and areas."""
    one, other = servers
    sign_in(one, issuer)
    carry(other, SESSION, one.cookies[SESSION])
    assert other.get("/who").json() == one.get("/who").json()
    assert other.get("/who").json()["areas"] == ["Halton", "Warrington"]


def test_a_sign_out_holds_on_every_server(
    servers: tuple[TestClient, TestClient], issuer: Issuer, watch: Watch
) -> None:
    """Who signed out on one server is signed out on the other, under every value."""
    one, other = servers
    sign_in(one, issuer)
    first = one.cookies[SESSION]
    watch.pass_seconds(600)
    one.get("/who")
    second = one.cookies[SESSION]
    assert one.post("/v1/sign-out", headers={"origin": PUBLIC}).status_code == 204
    for value in (first, second):
        carry(other, SESSION, value)
        assert other.get("/v1/me").status_code == 401


def test_a_new_sign_in_ends_the_old_one_on_every_server(
    servers: tuple[TestClient, TestClient], issuer: Issuer
) -> None:
    """A second sign-in, finished on another server, ends the session that began it."""
    one, other = servers
    sign_in(one, issuer)
    first = one.cookies[SESSION]
    begun = one.get("/sign-in/begin")
    carry(other, FLOW, begun.cookies[FLOW])
    assert go_to(other, issuer.authorize(begun.headers["location"])).status_code == 200
    assert other.get("/v1/me").status_code == 200
    for browser in servers:
        carry(browser, SESSION, first)
        assert browser.get("/v1/me").status_code == 401


def test_a_way_back_is_good_once_on_all_servers(
    servers: tuple[TestClient, TestClient], issuer: Issuer
) -> None:
    """The way back, taken on one server, signs nobody in when it is taken again on another."""
    one, other = servers
    begun = one.get("/sign-in/begin")
    back = issuer.authorize(begun.headers["location"])
    assert go_to(one, back).status_code == 200
    carry(other, FLOW, begun.cookies[FLOW])
    answer = go_to(other, back)
    assert answer.status_code == 403
    assert "finished before" in answer.text
    assert issuer.count()["token"] == 1


def test_of_many_that_use_a_name_one_is_first(
    open_another: Callable[[], Store], watch: Watch
) -> None:
    """However many servers use up one name at once, one of them is told that it was good."""
    told: list[bool] = []
    start = threading.Barrier(6)
    endings = [StoredEndings(open_another(), watch) for _ in range(6)]

    def use(mine: StoredEndings) -> None:
        start.wait()
        told.append(mine.add("flow.SYN", watch() + 1))

    threads = [threading.Thread(target=use, args=(mine,)) for mine in endings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == [False] * 5 + [True]
    assert all(mine.has("flow.SYN") for mine in endings)


def test_what_is_too_old_by_itself_is_forgotten(store: Store, watch: Watch) -> None:
    """Names stay as long as a value of theirs could be good, and leave with the next one."""
    sessions = Sessions(KEY, watch, endings=StoredEndings(store, watch))
    value = sessions.begin(WHO)
    sessions.end(value)
    watch.pass_seconds(SESSION_SECONDS)
    sessions.end(sessions.begin(WHO))
    assert count(store) == 2
    assert sessions.read(value) is None
    watch.pass_seconds(SESSION_SECONDS)
    sessions.end(sessions.begin(WHO))
    assert count(store) == 2


def count(store: Store) -> int:
    with store.reading() as connection:
        return int(
            connection.execute(select(func.count()).select_from(ended_sessions)).scalar_one()
        )


def test_nothing_of_a_person_is_kept(store: Store, watch: Watch) -> None:
    """The table of ended sessions holds a random name and a moment."""
    sessions = Sessions(KEY, watch, endings=StoredEndings(store, watch))
    value = sessions.begin(WHO)
    opened = sessions.open(value)
    sessions.end(value)
    with store.reading() as connection:
        rows: list[Any] = list(connection.execute(select(ended_sessions)))
    assert opened is not None
    assert [row.session for row in rows] == [opened.number]
    assert (opened.person, opened.person.areas) == (WHO, frozenset({"Halton"}))


def test_without_a_store_a_process_keeps_them_itself(watch: Watch) -> None:
    """Where there is no store, a process refuses what it ended, for as long as it must."""
    endings = MemoryEndings(watch)
    assert endings.add("SYN", watch() + 1_000_000)
    assert not endings.add("SYN", watch() + 1_000_000)
    assert endings.has("SYN")
    watch.pass_seconds(2)
    assert endings.add("other", watch() + 1)
    assert not endings.has("SYN")
