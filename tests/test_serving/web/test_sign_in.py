"""Signing in: on this machine and to a synthetic store alone, by a cookie nobody can make up."""

import dataclasses
import json
import stat
import threading
from collections.abc import Callable, Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from features.errors import ConfigError
from serving.api.sign_in import router
from serving.identity.sessions import IDLE_SECONDS, SESSION_SECONDS, Sessions, load_session_key
from serving.persons import Person
from serving.scoring.model_in_use import Champion
from serving.service import Service
from serving.settings import Settings
from serving.store.database import Store, Unit
from serving.web.error_answers import install_handlers
from serving.web.sign_in import COOKIE, SignIn, check_sign_in
from tests.test_serving.case_rows import put, stand

ORIGIN = "http://127.0.0.1"
WHO = {"name": "SYN Canary Nightjar", "role": "screener", "agency": "police"}
HERE = {"origin": ORIGIN}
HOUR_US = 3_600_000_000
Make = Callable[..., TestClient]


class Watch:
    """The machine's clock, as a test sets it."""

    now_us = 1_800_000_000_000_000

    def __call__(self) -> int:
        """Return the moment that was set."""
        return self.now_us


@pytest.fixture
def watch() -> Watch:
    """Return a machine's clock that a test can move."""
    return Watch()


@pytest.fixture
def make(store: Store, watch: Watch) -> Iterator[Make]:
    """Return a way to run the routes over the store, as a browser on this machine sees them."""
    opened: list[TestClient] = []

    def make_it(unit: Unit | None = None, key: bytes = b"k" * 32) -> TestClient:
        app, settings = FastAPI(), Settings()
        install_handlers(app)
        app.include_router(router)
        app.state.service = Service(
            settings, store, unit or store.read_unit(), Champion(None, None)
        )
        app.add_middleware(SignIn, settings=settings, sessions=Sessions(key, watch))
        opened.append(TestClient(app, base_url=ORIGIN))
        return opened[-1]

    yield make_it
    for client in opened:
        client.close()


def sign_in(client: TestClient, **headers: str) -> Any:
    return client.post("/v1/sign-in", json=WHO, headers=headers)


def carry(client: TestClient, value: str) -> int:
    client.cookies.clear()
    return client.get("/v1/me", headers={"cookie": f"{COOKIE}={value}"}).status_code


def test_a_person_signs_in_acts_and_signs_out(make: Make) -> None:
    """Whoever signed in is who acts, until they sign out."""
    client = make()
    assert client.get("/v1/me").json()["error"]["code"] == "not_signed_in"
    assert sign_in(client).json() == WHO
    assert client.get("/v1/me").json() == WHO | {
        "subject": f"local:{WHO['name'].casefold()}",
        "areas": None,
    }
    assert client.post("/v1/sign-out", headers=HERE).status_code == 204
    assert client.get("/v1/me").status_code == 401


def test_a_long_request_outlives_the_session_that_it_came_with(watch: Watch) -> None:
    """Rows that stream in for longer than a session lasts without a request leave it in use."""
    sessions = Sessions(b"k" * 32, watch)
    value = sessions.begin(Person("SYN Sender", "administrator", "unit", "local:s"))
    app = FastAPI()

    @app.put("/rows")
    def take() -> None:
        watch.now_us += 2 * HOUR_US

    app.add_middleware(SignIn, settings=Settings(), sessions=sessions)
    client = TestClient(app, base_url=ORIGIN)
    answer = client.put("/rows", headers={"cookie": f"{COOKIE}={value}"} | HERE)
    assert answer.status_code == 200
    assert sessions.read(value) is None, "it would have ended by now"
    assert sessions.read(answer.cookies[COOKIE]) is not None


@pytest.mark.parametrize(
    ("areas", "seen"),
    [
        (None, None),
        ([], None),
        ([" "], None),
        (["Halton", " Warrington "], {"Halton", "Warrington"}),
    ],
)
def test_a_person_may_choose_areas(
    make: Make, store: Store, watch: Watch, areas: list[str] | None, seen: set[str] | None
) -> None:
    """The areas that were chosen travel in the session; without any, every area is seen."""
    put(store, [stand(1), stand(2, area="Warrington")])
    client = make()
    value = client.post("/v1/sign-in", json=WHO | {"areas": areas}).cookies[COOKIE]
    person = Sessions(b"k" * 32, watch).read(value)
    assert person is not None
    assert person.areas == seen
    assert person.subject == "local:syn canary nightjar"


def test_an_area_that_no_case_is_in_is_refused(make: Make, store: Store) -> None:
    """A mistyped area begins no session: its pages would all say that nothing is there."""
    put(store, [stand(1), stand(2, area="Nightjar", state="sealed:awaiting")])
    client = make()
    for areas in (["Haltn"], ["Halton", "Nightjar"]):
        answer = client.post("/v1/sign-in", json=WHO | {"areas": areas})
        assert answer.status_code == 422, "the area of a sealed case alone is none"
        assert [one["where"] for one in answer.json()["error"]["problems"]] == ["areas"]
        assert COOKIE not in answer.cookies
    assert client.get("/v1/me").status_code == 401


def test_no_token_is_taken_on_this_machine(make: Make) -> None:
    """Where no provider is named, whoever shows a token is refused, whatever it holds."""
    answer = make().get("/v1/me", headers={"authorization": "Bearer x"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "bad_token")


def test_the_cookie_is_kept_from_scripts_and_other_sites(make: Make) -> None:
    """The cookie lasts half an hour, is out of scripts' reach and goes to this service alone."""
    cookie = SimpleCookie(sign_in(make()).headers["set-cookie"])[COOKIE]
    assert cookie["max-age"] == "1800"
    assert cookie["path"] == "/"
    assert cookie["samesite"].lower() == "strict"
    assert cookie["httponly"]


def test_each_sign_in_is_a_new_session(make: Make) -> None:
    """A second sign-in gives another value, and the first one is worth nothing from then on."""
    client = make()
    first = sign_in(client).cookies[COOKIE]
    second = sign_in(client, **HERE).cookies[COOKIE]
    assert first != second
    assert (carry(client, first), carry(client, second)) == (401, 200)


def test_a_copied_cookie_ends_with_the_sign_out(make: Make) -> None:
    """What was copied before a sign-out does not work after it."""
    client = make()
    value = sign_in(client).cookies[COOKIE]
    client.post("/v1/sign-out", headers=HERE)
    assert carry(client, value) == 401


def test_a_session_waits_half_an_hour(make: Make, watch: Watch) -> None:
    """A value is good for half an hour to the second; a request within it gives a new one."""
    client = make()
    value = sign_in(client).cookies[COOKIE]
    watch.now_us += HOUR_US // 2
    assert carry(client, value) == 200
    renewed = client.cookies[COOKIE]
    watch.now_us += 1_000_000
    assert carry(client, value) == 401
    assert carry(client, renewed) == 200
    assert IDLE_SECONDS == 30 * 60


def test_a_session_lasts_eight_hours(make: Make, watch: Watch) -> None:
    """A session is good for eight hours to the second, and no longer however often it is used."""
    client = make()
    sign_in(client)
    for _ in range(8 * 2):
        watch.now_us += HOUR_US // 2
        assert client.get("/v1/me").status_code == 200
    watch.now_us += 1_000_000
    assert client.get("/v1/me").status_code == 401
    assert SESSION_SECONDS == 8 * 3600


def test_requests_one_after_another_share_a_value(make: Make, watch: Watch) -> None:
    """A session's value is renewed once a minute at most, and never by the answer that ends it."""
    client = make()
    sign_in(client)
    watch.now_us += 59_000_000
    assert "set-cookie" not in client.get("/v1/me").headers
    watch.now_us += 1_000_000
    assert COOKIE in client.get("/v1/me").cookies
    watch.now_us += 60_000_000
    answer = client.post("/v1/sign-out", headers=HERE)
    assert len(answer.headers.get_list("set-cookie")) == 1
    assert 'caselight_session=""' in answer.headers["set-cookie"]


def test_a_session_of_the_future_is_refused(make: Make, watch: Watch) -> None:
    """A value signed at a later time than now is not believed."""
    client = make()
    value = sign_in(client).cookies[COOKIE]
    watch.now_us -= HOUR_US
    assert carry(client, value) == 401


def test_a_changed_cookie_is_refused(make: Make) -> None:
    """Whichever letter of the value is changed, nobody is signed in."""
    client = make()
    value = sign_in(client).cookies[COOKIE]
    for place in range(len(value) - 1):  # the last letter holds bits that mean nothing
        changed = value[:place] + ("A" if value[place] != "A" else "B") + value[place + 1 :]
        assert carry(client, changed) == 401, place


@pytest.mark.parametrize("value", ["", "x", "a.b.c", "....", "%00", "WyJhIl0.aaaa.bbbb"])
def test_a_made_up_cookie_is_refused(make: Make, value: str) -> None:
    """A value of one's own making signs nobody in."""
    assert carry(make(), value) == 401


def test_another_key_signs_nothing_here(make: Make, watch: Watch) -> None:
    """A session signed with another key is refused, and so is another content under ours."""
    client = make()
    forged = Sessions(b"f" * 32, watch).begin(Person(**WHO))
    assert carry(client, forged) == 401
    sessions = Sessions(b"k" * 32, watch)
    assert carry(client, sessions.begin(Person("SYN", "commander", "police"))) == 401
    for content in ({"name": "SYN"}, [], [1] * 8, ["n", 1, 1, "SYN", "screener", "police", "s", 1]):
        assert carry(client, sessions._serializer.dumps(content)) == 401


@pytest.mark.parametrize(
    "header",
    ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "via", "x-real-ip"],
)
def test_nobody_signs_in_through_another_server(make: Make, header: str) -> None:
    """A request that was passed on signs nobody in, and a session does not count in one."""
    client = make()
    answer = sign_in(client, **{header: "203.0.113.9"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "no_sign_in")
    assert "set-cookie" not in answer.headers
    sign_in(client)
    assert client.get("/v1/me", headers={header: "203.0.113.9"}).status_code == 401
    assert client.get("/v1/me").status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("[::1]:8000", 200),
        ("caselight.example", 403),
        ("127.0.0.1.example", 403),
        ("localhost.example:80", 403),
        ("192.0.2.1", 403),
        ("0.0.0.0", 403),
        ("", 403),
    ],
)
def test_nobody_signs_in_under_another_name(make: Make, host: str, status: int) -> None:
    """The service is called by a loopback name, or nobody signs in."""
    assert sign_in(make(), host=host).status_code == status


def test_nobody_signs_in_to_a_real_store(make: Make, store: Store) -> None:
    """A store that is not marked synthetic is opened to nobody."""
    real = dataclasses.replace(store.read_unit(), synthetic=False)
    answer = sign_in(make(real))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "no_sign_in")
    with pytest.raises(ConfigError, match=r"not marked synthetic.*set oidc_issuer.*--synthetic"):
        check_sign_in(Settings(), real)


def test_the_service_does_not_start_where_others_reach_it() -> None:
    """The sign-in needs loopback and a synthetic store; nothing else is started with it."""
    unit = Unit("Europe/London", synthetic=True)
    check_sign_in(Settings(host="::1"), unit)
    for host in ("0.0.0.0", "192.0.2.1", "caselight.example"):
        with pytest.raises(ConfigError, match=r"make host 127\.0\.0\.1"):
            check_sign_in(Settings(host=host), unit)


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({"origin": ORIGIN}, True),
        ({"origin": ORIGIN, "sec-fetch-site": "same-origin"}, True),
        ({"origin": "null", "sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "http://evil.example", "sec-fetch-site": "same-origin"}, False),
        ({"origin": ORIGIN + ":8080"}, False),
        ({"origin": ORIGIN, "sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "none"}, False),
    ],
)
def test_only_our_own_pages_change_anything(
    make: Make, headers: dict[str, str], passes: bool
) -> None:
    """A request that changes something with a session comes from our own origin, or is refused."""
    client = make()
    sign_in(client)
    answer = client.post("/v1/sign-out", headers=headers)
    assert answer.status_code == (204 if passes else 403)
    assert client.get("/v1/me").status_code == (401 if passes else 200)
    if not passes:
        assert answer.json()["error"]["code"] == "other_origin"


def test_no_other_site_signs_anybody_in(make: Make) -> None:
    """Another site cannot sign its visitor in as somebody else."""
    answer = sign_in(make(), origin="http://evil.example")
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "Canary\u0000Nightjar"}, "name"),
        ({"name": "Canary" * 17}, "name"),
        ({"role": "canary"}, "role"),
        ({"agency": "canary"}, "agency"),
        ({"areas": ["Canary\u0000Nightjar"]}, "areas"),
        ({"areas": ["Canary"] * 51}, "areas"),
        ({"areas": "Canary"}, "areas"),
        ({"canary": "Canary"}, "(unknown field)"),
    ],
)
def test_a_refused_sign_in_repeats_nothing(
    make: Make, capsys: pytest.CaptureFixture[str], changed: dict[str, str], where: str
) -> None:
    """A refusal names the field and the remedy, and nothing of what was sent is told or logged."""
    answer = make().post("/v1/sign-in", json=WHO | changed)
    assert answer.status_code == 422
    assert [problem["where"] for problem in answer.json()["error"]["problems"]] == [where]
    assert "canary" not in answer.text.lower()
    told = capsys.readouterr()
    assert "canary" not in (told.out + told.err).lower()


def test_the_key_file_is_the_owners_alone(tmp_path: Path) -> None:
    """The key is made once, with mode 0600; a file that others may read is refused."""
    path = tmp_path / "session.key"
    key = load_session_key(path)
    assert (len(key), load_session_key(path)) == (32, key)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="mode 0600"):
        load_session_key(path)
    assert load_session_key(None) != load_session_key(None)


def test_a_key_file_that_holds_no_key_is_refused(tmp_path: Path) -> None:
    """An empty key file and a folder that is not there are told with a remedy."""
    path = tmp_path / "session.key"
    path.touch(mode=0o600)
    for wrong in (path, tmp_path / "absent" / "session.key"):
        with pytest.raises(ConfigError, match="session_key_file"):
            load_session_key(wrong)


def test_processes_that_start_at_once_share_one_key(tmp_path: Path) -> None:
    """However many processes make the key file at once, all of them use the same key."""
    keys: list[bytes] = []
    start = threading.Barrier(8)

    def load() -> None:
        start.wait()
        keys.append(load_session_key(tmp_path / "session.key"))

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["session.key"]


def test_a_session_says_nothing_in_the_open(watch: Watch) -> None:
    """A session's value goes into a cookie as it is, whatever the name holds."""
    person = Person('Zoë; Ünal, "née" O\'Neil', "health", "health")
    sessions = Sessions(b"k" * 32, watch)
    value = sessions.begin(person)
    assert all(letter.isalnum() or letter in "-_." for letter in value)
    assert sessions.read(value) == person
    assert json.dumps(value) == f'"{value}"'
