"""Signing in through an OpenID provider: there and back once, as oneself, and out everywhere."""

import hashlib
import html
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from playwright.sync_api import Page, expect, sync_playwright
from starlette.testclient import TestClient

from features.errors import CatalogueError, ConfigError
from serving.app import create_app
from serving.identity.configuration import read_openid
from serving.settings import Settings, make_settings
from serving.store.database import Unit
from serving.web.sign_in import check_sign_in
from tests.test_serving.entrances import FLOW, SESSION, open_browser, write_settings
from tests.test_serving.issuers import (
    ACCESS,
    CLIENT,
    NOW_S,
    PERSON,
    PUBLIC,
    Issuer,
    Watch,
    find_port,
    go_to,
    run_issuer,
    run_provider_mock,
    sign_in,
)

MINUTE_S = 60
HOUR_S = 3_600
HERE = {"origin": PUBLIC}


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
    """Return the machine's clock, which a test can move."""
    return Watch()


@pytest.fixture
def settings(tmp_path: Path, issuer: Issuer) -> Settings:
    """Return the settings of a service whose people sign in through the provider."""
    return write_settings(tmp_path, issuer)


@pytest.fixture
def browser(settings: Settings, watch: Watch) -> Iterator[TestClient]:
    """Return a browser that looks at the service."""
    with open_browser(settings, watch) as opened:
        yield opened


def begin(browser: TestClient) -> str:
    """Return where the service sends a browser that begins to sign in."""
    return str(browser.get("/sign-in/begin").headers["location"])


def is_in(browser: TestClient) -> bool:
    return browser.get("/v1/me").status_code == 200


def test_a_person_signs_in_through_the_provider(browser: TestClient, issuer: Issuer) -> None:
    """Whoever the provider names is who acts, with the role, agency and areas of their group."""
    answer = sign_in(browser, issuer)

    assert answer.status_code == 200
    assert browser.get("/who").json() == {
        "name": "SYN Nightjar",
        "role": "screener",
        "agency": "police",
        "subject": f"{issuer.address}|syn-1",
        "areas": ["Halton", "Warrington"],
        "scopes": None,
    }


def test_the_way_there_says_what_it_must(browser: TestClient, issuer: Issuer) -> None:
    """The provider is asked for a code, with PKCE, a state and a nonce never used before."""
    asked = [parse_qs(urlsplit(begin(browser)).query) for _ in range(2)]

    first = {name: values[0] for name, values in asked[0].items()}
    assert first.pop("code_challenge_method") == "S256"
    assert first.pop("response_type") == "code"
    assert first.pop("client_id") == CLIENT
    assert first.pop("redirect_uri") == f"{PUBLIC}/sign-in/back"
    assert first.pop("scope") == "openid profile"
    assert set(first) == {"state", "nonce", "code_challenge"}
    for name, value in first.items():
        assert len(value) >= 43
        assert asked[1][name] != [value]


def test_the_cookies_are_bound_to_the_service(browser: TestClient, issuer: Issuer) -> None:
    """Both cookies go by https to this host alone, out of scripts' reach, and for a short time."""
    begun = browser.get("/sign-in/begin")
    flow = SimpleCookie(begun.headers["set-cookie"])[FLOW]
    answer = go_to(browser, issuer.authorize(begun.headers["location"]))
    lines = [SimpleCookie(line) for line in answer.headers.get_list("set-cookie")]
    session = next(line[SESSION] for line in lines if SESSION in line)
    gone = next(line[FLOW] for line in lines if FLOW in line)

    for cookie in (flow, session):
        assert (cookie["path"], cookie["domain"]) == ("/", "")
        assert cookie["secure"]
        assert cookie["httponly"]
    assert (flow["samesite"].lower(), flow["max-age"]) == ("lax", "600")
    assert (session["samesite"].lower(), session["max-age"]) == ("strict", "1800")
    assert gone["max-age"] == "0"


def test_the_page_of_the_sign_in_has_one_way(browser: TestClient) -> None:
    """The page offers the organisation's account alone: no form, no name, no script needed."""
    page = html.unescape(browser.get("/sign-in").text)

    assert page.count("Sign in with your organisation's account") == 1
    assert 'href="/sign-in/begin"' in page
    assert "<form" not in page
    assert "invented" not in page


def test_the_page_after_the_way_back_goes_on_by_itself(browser: TestClient, issuer: Issuer) -> None:
    """The way back ends with a page of ours, which leads to the list and names nothing else."""
    answer = sign_in(browser, issuer)

    assert 'http-equiv="refresh" content="0; url=/"' in answer.text
    assert "location" not in answer.headers
    assert "SYN Nightjar" not in answer.text


@pytest.mark.parametrize("given", ["next", "redirect", "return_to", "url"])
def test_nobody_is_led_elsewhere(browser: TestClient, issuer: Issuer, given: str) -> None:
    """Whatever an address asks for, both ways lead to the provider and to the list alone."""
    elsewhere = "https://elsewhere.example"
    begun = browser.get(f"/sign-in/begin?{given}={elsewhere}").headers["location"]
    assert begun.startswith(f"{issuer.address}/authorize?")
    assert "elsewhere" not in begun
    answer = go_to(browser, f"{issuer.authorize(begun)}&{given}={elsewhere}")
    assert "elsewhere" not in answer.text


def test_the_sign_in_on_this_machine_is_off(browser: TestClient) -> None:
    """Where people sign in through a provider, nobody names themselves."""
    who = {"name": "SYN Nightjar", "role": "administrator", "agency": "police"}

    answer = browser.post("/v1/sign-in", json=who, headers=HERE)
    page = browser.post("/sign-in", data=who, headers=HERE)

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "no_sign_in")
    assert page.status_code == 403
    assert "set-cookie" not in page.headers
    assert not is_in(browser)


def refuse(answer: Any, status: int = 403) -> None:
    """Check that nobody was signed in, on a page of ours that names nobody."""
    assert answer.status_code == status, answer.text
    assert SESSION not in answer.headers.get("set-cookie", "")
    assert "<h1" in answer.text
    for word in ("SYN", "Canary", "Nightjar", "Traceback"):
        assert word not in answer.text, word


def test_a_state_is_good_once(browser: TestClient, issuer: Issuer) -> None:
    """The same way back, taken again with the same cookie, signs nobody in."""
    begun = browser.get("/sign-in/begin")
    back = issuer.authorize(begun.headers["location"])
    flow = begun.cookies[FLOW]
    assert go_to(browser, back).status_code == 200
    browser.cookies.clear()
    browser.cookies.set(FLOW, flow, domain="caselight.example")
    refuse(go_to(browser, back))
    assert issuer.count()["token"] == 1


def test_a_code_is_good_once(browser: TestClient, issuer: Issuer) -> None:
    """A code that was used is refused by the provider, whatever state it comes with."""
    used = parse_qs(urlsplit(issuer.authorize(begin(browser))).query)["code"][0]
    browser.get(f"/sign-in/back?code={used}&state=x")
    first = begin(browser)
    state = parse_qs(urlsplit(issuer.authorize(first)).query)["state"][0]
    refuse(browser.get(f"/sign-in/back?code={used}&state={state}"))


def test_a_code_of_another_sign_in_is_refused(browser: TestClient, issuer: Issuer) -> None:
    """An attacker's code in a victim's sign-in fails: it answers another challenge."""
    stolen = parse_qs(urlsplit(issuer.authorize(begin(browser))).query)["code"][0]
    state = parse_qs(urlsplit(begin(browser)).query)["state"][0]
    refuse(browser.get(f"/sign-in/back?code={stolen}&state={state}"))
    assert issuer.count()["token"] == 1


@pytest.mark.parametrize("state", ["", "x", "é", "%C3%A9", "a" * 3_000])
def test_a_state_of_another_browser_is_refused(
    browser: TestClient, issuer: Issuer, state: str
) -> None:
    """A way back whose state is not the one of this browser is refused, and spoils nothing."""
    location = begin(browser)
    back = issuer.authorize(location)
    refuse(browser.get("/sign-in/back", params={"code": "x", "state": state}))
    assert issuer.count()["token"] == 0
    assert go_to(browser, back).status_code == 200


def test_a_way_back_without_a_beginning_is_refused(
    settings: Settings, watch: Watch, browser: TestClient, issuer: Issuer
) -> None:
    """Nobody is signed in by an address that somebody else sent them."""
    back = issuer.authorize(begin(browser))
    with open_browser(settings, watch) as victim:
        refuse(go_to(victim, back))
        victim.cookies.set(FLOW, "forged.value", domain="caselight.example")
        refuse(go_to(victim, back))


def test_a_session_is_no_sign_in_under_way(browser: TestClient, issuer: Issuer) -> None:
    """What one cookie holds is worth nothing in the other, though one key signs both."""
    begun = browser.get("/sign-in/begin")
    flow = begun.cookies[FLOW]
    go_to(browser, issuer.authorize(begun.headers["location"]))
    session = browser.cookies[SESSION]
    browser.cookies.clear()
    browser.cookies.set(SESSION, flow, domain="caselight.example")
    assert not is_in(browser)
    browser.cookies.set(FLOW, session, domain="caselight.example")
    refuse(browser.get("/sign-in/back?code=x&state=x"))


@pytest.mark.parametrize(("seconds", "status"), [(600, 200), (601, 403)])
def test_a_sign_in_takes_ten_minutes_at_most(
    browser: TestClient, issuer: Issuer, watch: Watch, seconds: int, status: int
) -> None:
    """Who stays at the provider for longer than ten minutes begins again."""
    back = issuer.authorize(begin(browser))
    watch.pass_seconds(seconds)
    issuer.control("set", now_s=NOW_S + seconds)
    assert go_to(browser, back).status_code == status


@pytest.mark.parametrize("error", ["access_denied", "server_error", "<script>", "SYN Canary"])
def test_a_refusal_of_the_provider_shows_a_page(
    browser: TestClient, issuer: Issuer, capsys: pytest.CaptureFixture[str], error: str
) -> None:
    """What the provider says of a person is neither shown nor logged; the way back is offered."""
    issuer.control("set", refuses=error)

    answer = sign_in(browser, issuer)

    refuse(answer)
    assert "did not sign you in" in answer.text
    assert "<script>" not in answer.text
    assert 'href="/sign-in/begin"' in answer.text
    told = capsys.readouterr()
    assert "Canary" not in told.out + told.err


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": ["another"]},
        {"aud": "another-client"},
        {"aud": [CLIENT, "another-client"]},
        {"azp": "another-client"},
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"exp": NOW_S - 60},
        {"exp": None},
        {"iat": NOW_S + 61},
        {"nbf": NOW_S + 61},
    ],
    ids=str,
)
def test_an_id_token_that_is_not_an_answer_to_us_is_refused(
    browser: TestClient, issuer: Issuer, claims: dict[str, Any]
) -> None:
    """Who, for whom, in answer to what and when: each must be right."""
    issuer.control("set", claims=claims)

    answer = sign_in(browser, issuer)

    refuse(answer)
    assert "proves nothing" in answer.text


@pytest.mark.parametrize(
    "claims",
    [{"exp": NOW_S - 59}, {"iat": NOW_S + 60}, {"nbf": NOW_S + 60}, {"azp": CLIENT}],
    ids=str,
)
def test_the_providers_clock_may_differ(
    browser: TestClient, issuer: Issuer, claims: dict[str, Any]
) -> None:
    """Up to the seconds of the setting the provider's clock may be ahead or behind."""
    issuer.control("set", claims=claims)

    assert sign_in(browser, issuer).status_code == 200


def test_an_id_token_of_an_earlier_sign_in_is_refused(browser: TestClient, issuer: Issuer) -> None:
    """A token that answered one sign-in does not answer the next: its nonce is another."""
    first = parse_qs(urlsplit(begin(browser)).query)["nonce"][0]
    issuer.control("set", claims={"nonce": first})
    refuse(sign_in(browser, issuer))


@pytest.mark.parametrize(
    "person",
    [
        {"groups": ["other"]},
        {"groups": []},
        {"groups": None},
        {"groups": "caselight"},
        {"sub": ""},
        {"sub": "s" * 256},
        {"sub": "syn\n1"},
        {"name": None},
        {"name": "  "},
        {"name": "SYN" * 40},
    ],
    ids=str,
)
def test_who_has_no_access_is_told_whom_to_ask(
    browser: TestClient,
    issuer: Issuer,
    person: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A person whom the file gives nothing sees a page that names nobody, not even them."""
    issuer.control("set", person=PERSON | person)

    answer = sign_in(browser, issuer)

    refuse(answer)
    assert "ask the service desk of the test force" in answer.text
    assert not is_in(browser)
    told = capsys.readouterr()
    assert "Nightjar" not in told.out + told.err
    assert "part_of_access_file" in told.out + told.err


def test_the_first_matching_group_gives_the_role(browser: TestClient, issuer: Issuer) -> None:
    """A person of two groups does not choose: the file's order does."""
    groups = ["caselight-health", "caselight-halton", "caselight-administrators"]
    issuer.control("set", person=PERSON | {"groups": groups})
    sign_in(browser, issuer)
    assert browser.get("/who").json()["role"] == "administrator"


def test_a_name_with_any_letters_survives(browser: TestClient, issuer: Issuer) -> None:
    """A name in any script is who acts, as it is written."""
    issuer.control("set", person=PERSON | {"name": "SYN Zoë  Ünal-Ó Néill 王"})
    sign_in(browser, issuer)
    assert browser.get("/v1/me").json()["name"] == "SYN Zoë Ünal-Ó Néill 王"


def test_a_wide_session_fits_into_a_cookie(tmp_path: Path, issuer: Issuer, watch: Watch) -> None:
    """The longest names, subjects and areas that are taken fit into what a browser keeps."""
    areas = [f"Area {number:02d} {hash_text(number)}" for number in range(90)]
    text = ACCESS.replace("[Halton, Warrington]", json.dumps(areas))
    issuer.control("set", person=PERSON | {"name": "王" * 100, "sub": hash_text(7) * 20})
    with open_browser(write_settings(tmp_path, issuer, access=text), watch) as browser:
        answer = sign_in(browser, issuer)
        assert browser.get("/who").json()["areas"] == areas
    assert max(len(line) for line in answer.headers.get_list("set-cookie")) < 4_096


def hash_text(number: int) -> str:
    """Return letters that compression hardly makes shorter."""
    return hashlib.sha256(str(number).encode()).hexdigest()[:12]


def test_each_sign_in_is_a_new_session(browser: TestClient, issuer: Issuer) -> None:
    """A session that was there before is not taken over: it ends, and a new one begins."""
    sign_in(browser, issuer)
    first = browser.cookies[SESSION]
    begun = browser.get("/sign-in/begin")
    # On the way back from another site a browser keeps the session's cookie to itself.
    browser.cookies.delete(SESSION)
    go_to(browser, issuer.authorize(begun.headers["location"]))
    second = browser.cookies[SESSION]

    assert first != second
    assert is_in(browser)
    browser.cookies.set(SESSION, first, domain="caselight.example")
    assert not is_in(browser)


def test_a_planted_session_is_not_taken_over(browser: TestClient, issuer: Issuer) -> None:
    """Whatever value stood in the cookie before, the signed-in session has another."""
    browser.cookies.set(SESSION, "planted", domain="caselight.example")
    sign_in(browser, issuer)
    values = [cookie.value for cookie in browser.cookies.jar if cookie.name == SESSION]
    assert values
    assert "planted" not in values


def test_a_session_ends_after_half_an_hour_without_a_request(
    browser: TestClient, issuer: Issuer, watch: Watch
) -> None:
    """To the second of the limit a session waits; each request within it begins the wait anew."""
    sign_in(browser, issuer)
    for _ in range(3):
        watch.pass_seconds(30 * MINUTE_S)
        assert is_in(browser)
    watch.pass_seconds(30 * MINUTE_S + 1)
    assert not is_in(browser)


def test_a_session_ends_after_eight_hours(
    browser: TestClient, issuer: Issuer, watch: Watch
) -> None:
    """However often it is used, a session is over eight hours after the sign-in."""
    sign_in(browser, issuer)
    for _ in range(8 * 3):
        watch.pass_seconds(20 * MINUTE_S)
        assert is_in(browser)
    watch.pass_seconds(1)
    assert not is_in(browser)


def test_an_old_copy_of_a_used_session_ends_by_itself(
    browser: TestClient, issuer: Issuer, watch: Watch
) -> None:
    """A copied value ends half an hour after it was made, though the session itself goes on."""
    sign_in(browser, issuer)
    copied = browser.cookies[SESSION]
    for _ in range(2):
        watch.pass_seconds(20 * MINUTE_S)
        assert is_in(browser)
    current = browser.cookies[SESSION]
    assert current != copied
    browser.cookies.set(SESSION, copied, domain="caselight.example")
    assert not is_in(browser)


def test_signing_out_ends_every_copy(browser: TestClient, issuer: Issuer, watch: Watch) -> None:
    """A sign-out ends the session under every value that it had."""
    sign_in(browser, issuer)
    values = [browser.cookies[SESSION]]
    watch.pass_seconds(10 * MINUTE_S)
    assert is_in(browser)
    values.append(browser.cookies[SESSION])
    assert values[0] != values[1]
    answer = browser.post("/sign-out", headers=HERE)
    assert answer.status_code == 200
    for value in values:
        browser.cookies.set(SESSION, value, domain="caselight.example")
        assert not is_in(browser)


def test_signing_out_goes_on_to_the_provider(browser: TestClient, issuer: Issuer) -> None:
    """The page after a sign-out leads to the provider's, which is told of no person."""
    sign_in(browser, issuer)

    answer = browser.post("/sign-out", headers=HERE)

    found = re.search(r'content="0; url=([^"]+)"', answer.text)
    assert found is not None
    parts = urlsplit(found[1].replace("&amp;", "&"))
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{issuer.address}/end"
    assert parse_qs(parts.query) == {
        "client_id": [CLIENT],
        "post_logout_redirect_uri": [f"{PUBLIC}/sign-in"],
    }
    assert "SYN Nightjar" not in answer.text
    assert SimpleCookie(answer.headers["set-cookie"])[SESSION]["max-age"] == "0"


@pytest.mark.parametrize("is_down", [True, False])
def test_signing_out_works_without_the_provider(
    browser: TestClient, issuer: Issuer, watch: Watch, is_down: bool
) -> None:
    """Where the provider is down or has no such place, the session here ends all the same."""
    issuer.control("set", told={"end_session_endpoint": None})
    sign_in(browser, issuer)
    value = browser.cookies[SESSION]
    issuer.control("set", is_down=is_down)
    answer = browser.post("/sign-out", headers=HERE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    browser.cookies.set(SESSION, value, domain="caselight.example")
    assert not is_in(browser)


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({"origin": PUBLIC}, True),
        ({"origin": PUBLIC, "sec-fetch-site": "same-origin"}, True),
        ({"origin": "null", "sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({}, False),
        ({"origin": "http://caselight.example"}, False),
        ({"origin": "https://caselight.example:8443"}, False),
        ({"origin": "https://elsewhere.example"}, False),
        ({"origin": "https://caselight.example.elsewhere.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": PUBLIC, "sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
    ],
)
def test_only_our_own_pages_change_anything(
    browser: TestClient, issuer: Issuer, headers: dict[str, str], passes: bool
) -> None:
    """Behind https, our own pages are those of the public address, whatever host is called."""
    sign_in(browser, issuer)

    answer = browser.post("/act", headers=headers)

    assert answer.status_code == (200 if passes else 403)
    forged = headers | {"host": "elsewhere.example"}
    if headers.get("origin") == "https://elsewhere.example":
        assert browser.post("/act", headers=forged).status_code == 403


def test_a_session_counts_behind_another_server(browser: TestClient, issuer: Issuer) -> None:
    """Behind the server that speaks https for us, forwarded requests are those of people."""
    sign_in(browser, issuer)

    assert browser.get("/v1/me", headers={"x-forwarded-for": "203.0.113.9"}).status_code == 200


def test_the_provider_may_be_down_when_somebody_begins(
    browser: TestClient, issuer: Issuer, watch: Watch
) -> None:
    """A page says that the provider does not answer; after a while the sign-in works again."""
    issuer.control("set", is_down=True)
    refuse(browser.get("/sign-in/begin"), 503)
    issuer.control("set", is_down=False)
    watch.pass_seconds(10)
    assert sign_in(browser, issuer).status_code == 200


def test_the_provider_may_fail_on_the_way_back(browser: TestClient, issuer: Issuer) -> None:
    """Where the provider does not take the code for a while, a page says so."""
    back = issuer.authorize(begin(browser))
    issuer.control("set", is_down=True)
    refuse(go_to(browser, back), 503)


def test_a_wrong_secret_signs_nobody_in(browser: TestClient, issuer: Issuer) -> None:
    """The provider takes the code from this service alone, which proves itself by its secret."""
    issuer.control("set", secret="another")
    refuse(sign_in(browser, issuer))


def test_a_provider_that_names_itself_is_held_to_it(browser: TestClient, issuer: Issuer) -> None:
    """Where the way back names the provider, it is the one that the person was sent to."""
    back = issuer.authorize(begin(browser))
    refuse(go_to(browser, f"{back}&iss=https://elsewhere.example"))
    good = issuer.authorize(begin(browser))
    assert go_to(browser, f"{good}&iss={issuer.address}").status_code == 200


def test_keys_change_between_two_sign_ins(
    browser: TestClient, issuer: Issuer, watch: Watch
) -> None:
    """After the provider changed its keys people sign in as before."""
    assert sign_in(browser, issuer).status_code == 200
    issuer.control("rotate")
    watch.pass_seconds(10)
    assert sign_in(browser, issuer).status_code == 200
    assert issuer.count()["jwks"] == 2


def test_nothing_of_a_sign_in_is_logged(
    make_app: Callable[..., FastAPI],
    tmp_path: Path,
    issuer: Issuer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The log of requests holds route templates: no code, no state, no person, no cookie."""
    issuer.control("set", now_s=None)
    given = settings_for(tmp_path, issuer)
    with TestClient(make_app(**given), base_url=PUBLIC, follow_redirects=False) as browser:
        begun = browser.get("/sign-in/begin")
        back = issuer.authorize(begun.headers["location"])
        assert go_to(browser, back).status_code == 200
        session = browser.cookies[SESSION]
        assert browser.get("/v1/me").status_code == 200
        assert go_to(browser, back).status_code == 403
    told = capsys.readouterr()
    log = told.out + told.err
    assert '"route": "/sign-in/back"' in log
    asked = parse_qs(urlsplit(back).query)
    for secret in (asked["code"][0], asked["state"][0], session, "Nightjar", "syn-1"):
        assert secret not in log


def settings_for(folder: Path, issuer: Issuer, **given: Any) -> dict[str, Any]:
    """Return the settings of the sign-in alone, to be given with others."""
    made = write_settings(folder, issuer, **given)
    names = ("oidc_issuer", "oidc_client_id", "oidc_client_secret_file", "token_audience")
    names += ("access_file", "public_url", "session_key_file")
    return {name: getattr(made, name) for name in names}


def test_the_service_answers_under_its_public_name(
    make_app: Callable[..., FastAPI], tmp_path: Path, issuer: Issuer
) -> None:
    """The hosts are that of the public address, and this machine's own for probes; no others."""
    app = make_app(host="0.0.0.0", **settings_for(tmp_path, issuer))
    for host, status in (
        ("caselight.example", 200),
        ("CASELIGHT.EXAMPLE:443", 200),
        ("127.0.0.1:8000", 200),
        ("elsewhere.example", 400),
        ("caselight.example.elsewhere.example", 400),
    ):
        client = TestClient(app, base_url=PUBLIC, headers={"host": host})
        assert client.get("/healthz").status_code == status


def test_real_cases_need_a_provider(tmp_path: Path, issuer: Issuer) -> None:
    """A store that is not synthetic, and a host that others reach, open with a provider alone."""
    real = Unit("Europe/London", synthetic=False)
    with pytest.raises(ConfigError, match=r"not marked synthetic.*set oidc_issuer"):
        check_sign_in(make_settings(), real)
    with pytest.raises(ConfigError, match="set oidc_issuer"):
        make_settings(host="0.0.0.0")
    settings = write_settings(tmp_path, issuer, host="0.0.0.0")
    check_sign_in(settings, real)
    assert settings.host == "0.0.0.0"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"oidc_client_id": None}, "needs oidc_client_id"),
        ({"access_file": None}, "needs access_file"),
        ({"access_file": Path("absent.yaml")}, "access_file cannot be read"),
        ({"public_url": None}, "needs public_url"),
        ({"public_url": "http://caselight.example"}, "public_url must be an https"),
        ({"public_url": "https://caselight.example/app"}, "leave the path out"),
        ({"public_url": "https://caselight.example?x"}, "leave the path out"),
        ({"public_url": "https://who@caselight.example"}, "public_url must be an https"),
        ({"public_url": "https://caselight.example:port"}, "public_url must be an https"),
        ({"public_url": "caselight.example"}, "public_url must be an https"),
        ({"oidc_issuer": "http://issuer.example"}, "oidc_issuer must be an https"),
        ({"oidc_issuer": "https://issuer.example?x=1"}, "oidc_issuer must be an https"),
        ({"oidc_client_secret_file": Path("absent")}, "oidc_client_secret_file cannot be read"),
        ({"token_audience": CLIENT}, "token_audience must be another word"),
        ({"access": "version: 1\n"}, "'people' is missing"),
    ],
    ids=str,
)
def test_a_sign_in_that_cannot_work_does_not_start(
    tmp_path: Path, issuer: Issuer, given: dict[str, Any], words: str
) -> None:
    """What is missing or cannot be used is told when the service starts, with its setting."""
    settings = write_settings(tmp_path, issuer, **given)

    with pytest.raises((ConfigError, CatalogueError), match=words):
        read_openid(settings)
    with pytest.raises((ConfigError, CatalogueError), match=words):
        create_app(settings)


def test_a_secret_that_everybody_can_read_is_refused(tmp_path: Path, issuer: Issuer) -> None:
    """The client's secret is for the service alone; an empty file holds none."""
    settings = write_settings(tmp_path, issuer)
    path = tmp_path / "client.secret"
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="mode 0600"):
        read_openid(settings)
    path.chmod(0o600)
    path.write_text("\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="is empty"):
        read_openid(settings)


@pytest.mark.parametrize(
    ("public_url", "origin", "host"),
    [
        ("https://caselight.example", "https://caselight.example", "caselight.example"),
        ("https://CASELIGHT.example:443/", "https://caselight.example", "caselight.example"),
        ("https://caselight.example:8443", "https://caselight.example:8443", "caselight.example"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000", "127.0.0.1"),
        ("http://[::1]:80", "http://[::1]", "[::1]"),
    ],
)
def test_the_public_address_is_written_as_browsers_do(
    tmp_path: Path, issuer: Issuer, public_url: str, origin: str, host: str
) -> None:
    """The origin has no usual port and no capitals, so that it equals what a browser sends."""
    openid = read_openid(write_settings(tmp_path, issuer, public_url=public_url))

    assert openid is not None
    assert (openid.public.origin, openid.public.host) == (origin, host)


USER = json.dumps({"sub": "syn-1", "name": "SYN Nightjar", "groups": ["caselight-halton"]})


def authorize_at_mock(location: str) -> str:
    """Return where oidc-provider-mock sends the person who says yes on its page."""
    assert httpx2.get(location, trust_env=False).status_code == 200
    answer = httpx2.post(location, data={"sub": "syn-1"}, trust_env=False)
    assert answer.status_code == 302, answer.text
    return str(answer.headers["location"])


def test_a_real_provider_signs_people_in_and_changes_its_keys(tmp_path: Path) -> None:
    """Another project's provider is taken as it is, and again after it started with other keys."""
    port, watch = find_port(), Watch(int(time.time()))
    issuer = Issuer(f"http://127.0.0.1:{port}")
    with open_browser(write_settings(tmp_path, issuer), watch) as browser:
        with run_provider_mock(USER, port=port):
            back = authorize_at_mock(begin(browser))
            assert go_to(browser, back).status_code == 200
            told = browser.get("/who").json()
            assert (told["name"], told["role"]) == ("SYN Nightjar", "screener")
            assert told["subject"] == f"{issuer.address}|syn-1"
            assert go_to(browser, back).status_code == 403
            denied = httpx2.post(begin(browser), data={"action": "deny"}, trust_env=False)
            assert go_to(browser, str(denied.headers["location"])).status_code == 403
            assert f"{issuer.address}/oauth2/end_session?" in browser.post(
                "/sign-out", headers=HERE
            ).text.replace("&amp;", "&")
        assert not is_in(browser)
        watch.pass_seconds(10)
        with run_provider_mock(USER, port=port):
            assert go_to(browser, authorize_at_mock(begin(browser))).status_code == 200
            assert is_in(browser)


@pytest.fixture
def served(make_app: Callable[..., FastAPI], tmp_path: Path) -> Iterator[tuple[str, Issuer]]:
    """Return the addresses of a service and of its provider, which is another site."""
    port = find_port()
    address = f"http://127.0.0.1:{port}"
    with run_issuer("localhost") as issuer:
        issuer.control("set", person=PERSON | {"groups": ["caselight-administrators"]})
        app = make_app(**settings_for(tmp_path, issuer, public_url=address))
        config = uvicorn.Config(app, port=port, access_log=False, log_level="warning")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.02)
        yield address, issuer
        server.should_exit = True
        thread.join()


def check_access(page: Page) -> None:
    """Check that everybody can use a page, as far as a program can tell."""
    found = Axe().run(page)
    assert [f"{one['id']}: {one['help']}" for one in found.response["violations"]] == []


@pytest.mark.browser
@pytest.mark.parametrize("groups", [["other"], None], ids=["no-access", "refused"])
def test_a_browser_that_is_refused_sees_a_page(
    served: tuple[str, Issuer], chromium: str, groups: list[str] | None
) -> None:
    """Who has no access, and whom the provider refuses, sees a page that everybody can use."""
    address, issuer = served
    issuer.control("set", person=PERSON | {"groups": groups})
    issuer.control("set", refuses="" if groups else "access_denied")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = opened.new_context(base_url=address).new_page()
        page.goto("/sign-in/begin")
        heading = "This account has no access to Caselight" if groups else "Sign in"
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        check_access(page)
        opened.close()


@pytest.mark.browser
@pytest.mark.parametrize("javascript", [True, False], ids=["with-scripts", "without-scripts"])
def test_a_browser_goes_there_and_back_and_out(
    served: tuple[str, Issuer], chromium: str, javascript: bool
) -> None:
    """A real browser keeps its rules of sites and content, and the person gets in and out."""
    address, _ = served
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = opened.new_context(base_url=address, java_script_enabled=javascript).new_page()
        complaints: list[str] = []
        page.on("console", lambda said: complaints.append(f"{said.type}: {said.text}"))
        page.goto("/")
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
        if javascript:
            check_access(page)
        page.get_by_role("button", name="Sign in with your organisation's account").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("This week's list")
        assert page.url == f"{address}/"
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
        assert page.url == f"{address}/sign-in"
        page.goto("/")
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
        opened.close()
    assert complaints == []
