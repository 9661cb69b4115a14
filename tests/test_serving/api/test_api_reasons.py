"""A stored score laid open by the API, and on the page of its case."""

import re
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from sqlalchemy import event
from starlette.testclient import TestClient

from features.contract.tables import HEALTH_SOURCE
from serving.api.reasons import router
from serving.explanations import page_part
from serving.explanations.explained_score import WITHHELD
from serving.lists.blind_review import record_first_view
from serving.pages.case.page import router as page_router
from serving.persons import Person
from serving.scoring.model_in_use import Champion
from serving.service import Service
from serving.settings import Settings
from serving.store.database import Store
from serving.web.error_answers import install_handlers
from tests.test_models.wording.test_sentences import FORBIDDEN
from tests.test_serving.acts import SCREENER, add_case, add_score, add_sitting
from tests.test_serving.explained import add_rows, latest_of, score_now
from tests.test_serving.scored import Scored, fill

pytestmark = pytest.mark.long

STRANGER = "s" * 24
NAMES = ("reasons", "incidents", "movement", "open-questions")
TEMPLATES = Path(__file__).parents[3] / "serving" / "templates" / "case"


def make_client(
    store: Store, champion: Champion | None = None, person: Person | None = SCREENER
) -> TestClient:
    """Return a client of the API's answers and of the page, as somebody or nobody."""
    app = FastAPI()
    install_handlers(app)
    service = Service(Settings(), store, store.read_unit(), champion or Champion(None, None))
    app.state.service = service
    app.include_router(router)
    app.include_router(page_router)

    @app.middleware("http")
    async def sign_in(request: Request, call_next: Any) -> Any:
        request.state.person, request.state.csp_nonce = person, "n"
        return await call_next(request)

    return TestClient(app)


@pytest.fixture
def scored(store: Store, clock: Any, small_unit: Any) -> Scored:
    """Return a store with four cases, the first scored twice with new records between."""
    found = fill(store, clock, small_unit)
    clock.pass_days(5)
    add_rows(
        store,
        found.first,
        "events",
        {"event_id": "N1"},
        {"event_id": "APART", "source": HEALTH_SOURCE},
        {"event_id": "OWN", "handling": "agency_only"},
    )
    clock.pass_days(2)
    score_now(store, found.bundle, found.first)
    return found


@pytest.fixture
def client(store: Store, scored: Scored) -> TestClient:
    """Return a client of the store with the model that gave its scores."""
    return make_client(store, scored.champion)


def read(client: TestClient, key: str, name: str, **more: str) -> dict[str, Any]:
    answer = client.get(f"/v1/cases/{key}/{name}", params=more)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def refuse(client: TestClient, key: str, name: str, **more: str) -> tuple[int, str]:
    answer = client.get(f"/v1/cases/{key}/{name}", params=more)
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize("name", NAMES)
def test_every_answer_says_which_model_and_what_for(
    store: Store, scored: Scored, client: TestClient, name: str
) -> None:
    """The latest score is laid open, under the advisory sentence and the bundle's id."""
    told = read(client, scored.first, name)
    latest = latest_of(store, scored.first)
    assert (told["score_key"], told["bundle_id"]) == (latest.key, scored.bundle.id)
    assert told["advisory"] == scored.bundle.catalogue.wording["advisory"]
    assert told["catalogue_digest"] == latest.catalogue_digest
    assert (told["withheld"], told["why_nothing"]) == (False, None)


def test_the_answers_add_up_to_the_stored_log_odds(
    store: Store, scored: Scored, client: TestClient
) -> None:
    """Families, incidents and movement each come to the log-odds that were stored."""
    key, latest = scored.first, latest_of(store, scored.first)
    reasons = read(client, key, "reasons")
    leading = reasons["leading_outcome"]
    (estimate,) = [one for one in reasons["estimates"] if one["outcome"] == leading]
    told = estimate["base_log_odds"] + sum(one["share"] for one in reasons["families"])
    assert told == pytest.approx(latest.log_odds[leading], abs=1e-9)
    incidents = read(client, key, "incidents")["outcomes"]
    assert incidents[0]["outcome"] == leading
    for one in incidents:
        parts = [one["answers"], one["pattern"], one["others"]]
        parts += [share["share"] for share in one["shares"]]
        assert sum(parts) == pytest.approx(latest.log_odds[one["outcome"]], abs=1e-9)
        assert all(share["share"] > 0 for share in one["shares"])
    for one in read(client, key, "movement")["outcomes"]:
        told = one["before"]["log_odds"] + sum(share["share"] for share in one["shares"])
        assert told == pytest.approx(latest.log_odds[one["outcome"]], abs=1e-9)


def test_movement_names_what_came_since_and_nothing_kept_apart(
    store: Store, scored: Scored, client: TestClient
) -> None:
    """New records are named; those of health or of one agency alone are not."""
    told = read(client, scored.first, "movement")
    shares = {one["switch"]: one["records"] for one in told["outcomes"][0]["shares"]}
    assert shares["new_records"] == ["N1"]
    assert list(shares) == ["new_records", "corrections", "passing_time", "model", "catalogue"]
    assert told["rank"] is None
    for name in NAMES:
        text = str(read(client, scored.first, name))
        assert "APART" not in text and "'OWN'" not in text


def test_an_earlier_score_is_laid_open_as_it_was(
    store: Store, clock: Any, scored: Scored, client: TestClient
) -> None:
    """By its key a score is told from what it had read, whatever came since."""
    key = scored.first
    first = read(client, key, "movement")["since"]["score_key"]
    before = {name: read(client, key, name, score_key=first) for name in ("reasons", "incidents")}
    clock.pass_days(1)
    add_rows(store, key, "events", {"event_id": "N2"})
    clock.pass_days(1)
    last = score_now(store, scored.bundle, key)
    for name, told in before.items():
        assert read(client, key, name, score_key=first) == told
    named = read(client, key, "movement", **{"from": first})
    assert (named["since"]["score_key"], named["score_key"]) == (first, last.key)
    assert named["outcomes"][0]["shares"][0]["records"] == ["N1", "N2"]


def test_questions_come_with_their_range(scored: Scored, client: TestClient) -> None:
    """Each unanswered question has a range of every outcome, its ends in order."""
    questions = read(client, scored.first, "open-questions")["questions"]
    assert questions
    firsts = [one["key_question"] for one in questions]
    assert firsts == sorted(firsts, reverse=True)
    for one in questions:
        assert {some["outcome"] for some in one["ranges"]} == set(scored.bundle.outcomes)
        assert all(0 <= some["low"] <= some["high"] <= 1 for some in one["ranges"])


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_told_before_a_first_view(
    store: Store, scored: Scored, client: TestClient, name: str
) -> None:
    """While the case is blind each answer is empty and says why, whichever score is named."""
    key = scored.first
    whole = read(client, key, name)
    sitting = add_sitting(store, key)
    for more in ({}, {"score_key": whole["score_key"]}, {"score_key": STRANGER}):
        told = read(client, key, name, **more)
        assert (told["withheld"], told["why_nothing"]) == (True, WITHHELD)
        said = {"key", "withheld", "why_nothing", "bundle_id", "catalogue", "catalogue_digest"}
        rest = {field: value for field, value in told.items() if field not in said}
        rest = {field: value for field, value in rest.items() if field[-4:] not in ("sory", "note")}
        assert not any(rest.values())
    with store.writing() as writing:
        record_first_view(writing, sitting, key, SCREENER, "look_now")
    assert read(client, key, name)["withheld"] is False


@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_laid_open_has_a_stable_code(
    store: Store, scored: Scored, client: TestClient, name: str
) -> None:
    """Unknown cases and scores, cases without a score and models that are gone each have a code."""
    unscored = add_case(store, "NEW")
    other = list(scored.keys.values())[1]
    assert refuse(client, STRANGER, name) == (404, "no_such_case")
    assert refuse(client, scored.first, name, score_key=STRANGER) == (404, "no_such_score")
    of_other = latest_of(store, other).key
    assert refuse(client, scored.first, name, score_key=of_other) == (404, "no_such_score")
    assert refuse(client, unscored, name) == (409, "no_score")
    assert refuse(make_client(store), scored.first, name) == (503, "model_gone")
    assert refuse(client, scored.first, name, score_key="short") == (422, "invalid_request")
    assert refuse(make_client(store, person=None), scored.first, name)[0] == 401


def test_a_score_moves_since_an_earlier_one_alone(
    store: Store, scored: Scored, client: TestClient
) -> None:
    """A first score has nothing to compare with, and no score is compared with a later one."""
    other = list(scored.keys.values())[1]
    assert refuse(client, other, "movement") == (409, "no_earlier_score")
    first = read(client, scored.first, "movement")["since"]["score_key"]
    latest = latest_of(store, scored.first).key
    backwards = {"score_key": first, "from": latest}
    assert refuse(client, scored.first, "movement", **backwards) == (409, "not_earlier")
    assert refuse(client, scored.first, "movement", **{"from": latest}) == (409, "not_earlier")
    gone = add_score(store, other, bundle_id="gone")
    assert refuse(client, other, "reasons", score_key=gone) == (503, "model_gone")


def test_nothing_is_kept_of_an_answer(store: Store, scored: Scored, client: TestClient) -> None:
    """Every answer and the page are made by reading alone."""
    written: list[str] = []
    event.listen(
        store.engine,
        "before_cursor_execute",
        lambda *told: written.append(told[2]) if not told[2].startswith("SELECT") else None,
    )
    for name in NAMES:
        read(client, scored.first, name)
    assert client.get(f"/cases/{scored.first}").status_code == 200
    assert [one for one in written if re.match(r"\s*(INSERT|UPDATE|DELETE)", one)] == []


def test_the_page_lays_the_score_open(scored: Scored, client: TestClient) -> None:
    """Below the reasons: incidents, movement, what is open and what would settle it, linked."""
    page = client.get(f"/cases/{scored.first}?whole=yes").text
    headings = re.findall(r'<h3 class="govuk-heading-m" id="\w+">(.*?)</h3>', page)
    wanted = ["Incidents that mattered", "Why it moved", "What would settle it", "What is open"]
    assert [one for one in headings if one in wanted] == wanted
    movement = page[page.index('id="movement"') : page.index('id="open"')]
    (place,) = re.findall(r'id="(record-\d+)"(?:(?!id=").)*?\. N1\b', page, re.S)
    assert f'href="#{place}"' in movement
    assert "APART" not in page


def test_what_would_settle_it_is_for_the_screen_alone(scored: Scored, client: TestClient) -> None:
    """It stands in one section that is not printed, and in no answer of the API."""
    page = client.get(f"/cases/{scored.first}?whole=yes").text
    (section,) = re.findall(r"<section[^>]*data-noprint>", page)
    assert "caselight-screen-only govuk-!-display-none-print" in section
    body = page[page.index(section) :]
    body = body[: body.index("</section>")]
    assert "What would settle it" in body
    said = re.findall(r"After \d+ \w+ \d+ one record less within its period: [^<]*", page)
    assert all(one in body for one in said)
    for name in NAMES:
        text = str(read(client, scored.first, name)).lower()
        assert not re.search(r"\bsettl", text) and "within its period" not in text


def test_a_large_file_waits_to_be_asked_for(
    scored: Scored, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a large file the page leaves out what is slow, and a link gives it."""
    monkeypatch.setattr(page_part, "MOST_AT_ONCE", 1_000_000)
    whole = client.get(f"/cases/{scored.first}").text
    monkeypatch.setattr(page_part, "MOST_AT_ONCE", 1)
    short = client.get(f"/cases/{scored.first}").text
    link = f"/cases/{scored.first}?whole=yes"
    assert "This is a large file" in short and link in short
    assert "This is a large file" not in whole
    assert client.get(link).text == whole


def test_a_blind_case_and_one_without_a_model_show_none_of_it(
    store: Store, scored: Scored, client: TestClient
) -> None:
    """Nothing stands below where there is no score to lay open."""
    add_sitting(store, scored.first)
    for page in (
        client.get(f"/cases/{scored.first}").text,
        make_client(store).get(f"/cases/{scored.keys[sorted(scored.keys)[1]]}").text,
    ):
        assert "Incidents that mattered" not in page
        assert "What would settle it" not in page


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_templates_speak_of_no(what: str) -> None:
    """Their own sentences claim no cause, promise nothing, blame nobody, use no term of art."""
    written = "\n".join(one.read_text("utf-8") for one in sorted(TEMPLATES.glob("*.html")))
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<[^>]*>", " ", written)
    text += " ".join(re.findall(r'"([A-Z][^"]*)"', written))
    text = text.replace("that does not say it is safe", "")
    assert re.findall(rf"\b(?:{FORBIDDEN[what]})\b", text, re.IGNORECASE) == []
