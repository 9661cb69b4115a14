from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from sqlalchemy import insert, select
from starlette.testclient import TestClient

from features.engine.measurement import ENGINE_VERSION
from serving.api.models import router
from serving.persons import Person
from serving.scoring.model_in_use import Champion
from serving.scoring.rescoring import score_cases
from serving.service import Service
from serving.settings import Settings
from serving.store.database import Store, make_key
from serving.store.schema import list_places, scores, sittings, standings
from serving.web.error_answers import install_handlers
from tests.test_serving.scored import Scored, fill
from training.registry.promoted_bundles import promote

DUTY = Person("Police Screener", "duty", "police")
PERSON = DUTY.columns()


def make_client(service: Service, person: Person | None = DUTY) -> TestClient:
    """Return a client of an application with these routes alone, somebody signed in."""
    app = FastAPI()
    app.state.service = service
    install_handlers(app)
    app.include_router(router)

    @app.middleware("http")
    async def sign_in(request: Request, call_next: Any) -> Any:
        request.state.person = person
        return await call_next(request)

    return TestClient(app)


@pytest.fixture
def scored(store: Store, clock: Any, small_unit: Any) -> Scored:
    return fill(store, clock, small_unit, 3)


@pytest.fixture
def service(store: Store, scored: Scored) -> Service:
    return Service(Settings(), store, store.read_unit(), scored.champion)


@pytest.fixture
def client(service: Service) -> TestClient:
    return make_client(service)


def make_blind(store: Store, key: str) -> None:
    """Open a sitting in which the case is looked at blind first."""
    sitting = make_key()
    with store.writing() as writing:
        first = writing.take_seq(2)
        held: dict[str, Any] = {"sitting_key": sitting, "opened_at_us": writing.now_us}
        held |= {"as_of_us": writing.now_us, "capacity": 1, "ordering": "model", "policy": {}}
        held |= {"seed": "1", "n_eligible": 1, "n_open": 1, "standing": {}, "stored_seq": first}
        writing.connection.execute(insert(sittings).values(held | PERSON))
        place = {"sitting_key": sitting, "position": 1, "case_key": key, "rule": "random"}
        place |= {"by_lot": True, "blind": True, "newly_referred": False, "shown": {}}
        place |= {"waiting_since_us": writing.now_us, "stored_seq": first + 1}
        writing.connection.execute(insert(list_places).values(place))


def test_the_model_in_use_is_told(client: TestClient, scored: Scored) -> None:
    """Bundle, catalogue, engine and outcomes are those in use, since the first score."""
    body = client.get("/v1/model").json()
    assert body["bundle_id"] == scored.bundle.id
    assert body["in_use_since"] is not None
    assert body["catalogue"] == scored.bundle.catalogue.name
    assert body["catalogue_digest"] == scored.bundle.catalogue.digest
    assert body["engine_version"] == ENGINE_VERSION
    assert {one["name"] for one in body["outcomes"]} == set(scored.bundle.outcomes)
    assert body["fault"] is None
    assert body["ordering"]["ordering"] == "model"


def test_a_refused_bundle_is_told(
    service: Service, small_unit: Any, tmp_path: Path, store: Store
) -> None:
    """While a newer bundle is bad the last good one is told, with what is wrong."""
    promote(small_unit.bundle, tmp_path / "models")
    champion = Champion(tmp_path / "models", None)
    client = make_client(Service(service.settings, store, store.read_unit(), champion))
    good = client.get("/v1/model").json()["bundle_id"]
    (tmp_path / "models" / "champion").write_text("0" * 64)
    body = client.get("/v1/model").json()
    assert body["bundle_id"] == good
    assert "cannot be read" in body["fault"]


def test_without_a_model_the_longest_wait_comes_first(service: Service, store: Store) -> None:
    """No model is no error: what there is, is told."""
    bare = Service(service.settings, store, store.read_unit(), Champion(None, None))
    body = make_client(bare).get("/v1/model").json()
    assert (body["bundle_id"], body["outcomes"]) == (None, [])
    assert (body["ordering"]["ordering"], body["ordering"]["switch"]) == ("longest_wait", "model")


def test_the_switch_turns_the_models_order_off(client: TestClient) -> None:
    """After the switch the longest wait comes first, with who did it and why."""
    answer = client.post("/v1/ordering", json={"ordering": "longest_wait", "why": " a doubt "})
    assert answer.status_code == 200
    body = client.get("/v1/model").json()["ordering"]
    assert (body["ordering"], body["person"], body["why"]) == (
        "longest_wait",
        "Police Screener",
        "a doubt",
    )
    assert body["switched_at"] is not None


WITHOUT_SENSE = (
    {"ordering": "longest_wait", "why": ""},
    {"ordering": "longest_wait", "why": " \0"},
    {"ordering": "alphabet", "why": "a doubt"},
    {"ordering": "longest_wait"},
    {"ordering": "longest_wait", "why": "a doubt", "more": 1},
)


def test_a_switch_says_where_to_and_why(client: TestClient) -> None:
    """A switch without a reason, or to something unknown, changes nothing."""
    for sent in WITHOUT_SENSE:
        assert client.post("/v1/ordering", json=sent).status_code == 422, sent
    assert client.get("/v1/model").json()["ordering"]["switched_at"] is None


def test_roles_that_may_not_switch_are_refused(service: Service) -> None:
    """A screener is told whom to ask."""
    client = make_client(service, Person("Health Reviewer", "screener", "health"))
    answer = client.post("/v1/ordering", json={"ordering": "model", "why": "a doubt"})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "role_may_not"


def test_how_far_scores_are_behind_is_told(
    client: TestClient, store: Store, scored: Scored
) -> None:
    """Cases whose records are newer than their score, and cases without one, are counted."""
    body = client.get("/v1/rescoring").json()
    assert (body["n_open"], body["n_behind"], body["n_unscored"]) == (3, 0, 0)
    assert body["oldest_as_of"] is None
    with store.writing() as writing:
        late = standings.update().where(standings.c.case_key == scored.first)
        writing.connection.execute(late.values(record_seq=10**6))
    body = client.get("/v1/rescoring").json()
    assert body["n_behind"] == 1
    assert body["oldest_as_of"] is not None


def test_a_stored_score_is_given_as_it_is(client: TestClient, store: Store, scored: Scored) -> None:
    """Its numbers arrive to the last bit, with what is needed to compute them again."""
    with store.reading() as connection:
        row = connection.execute(select(scores).limit(1)).one()
    body = client.get(f"/v1/scores/{row.score_key}").json()
    assert body["priority"] == row.priority
    assert body["log_odds"] == row.log_odds
    assert (body["known_seq"], body["bundle_id"]) == (row.known_seq, scored.bundle.id)
    assert not body["withheld"]


def test_a_cases_scores_are_paged_latest_first(
    client: TestClient, store: Store, scored: Scored, clock: Any
) -> None:
    """Every score of a case is reached by the cursor, each once, the latest first."""
    for _ in range(4):
        clock.pass_days(1)
        score_cases(store, scored.bundle, [scored.first], store.read_unit(), "nightly")
    found, cursor = [], ""
    while cursor is not None:
        more = f"&cursor={cursor}" if cursor else ""
        body = client.get(f"/v1/cases/{scored.first}/scores?limit=2{more}").json()
        found += body["scores"]
        cursor = body["next_cursor"]
    assert [one["occasion"] for one in found] == ["nightly"] * 4 + ["import"]
    assert len({one["score_key"] for one in found}) == 5
    assert [one["as_of"] for one in found] == sorted((o["as_of"] for o in found), reverse=True)


NUMBERS = (
    "score_key",
    "priority",
    "priority_as_recorded",
    "leading_outcome",
    "log_odds",
    "probabilities",
)


def test_a_blind_case_shows_no_number(client: TestClient, store: Store, scored: Scored) -> None:
    """Until a first view is on record neither address gives away what the model thinks, nor the
    key of a score, from which the order of priority would go on.
    """
    path = f"/v1/cases/{scored.first}/scores"
    known = client.get(path).json()["scores"][0]["score_key"]
    make_blind(store, scored.first)
    listed = client.get(path).json()["scores"]
    assert known and known not in str(listed)
    single = client.get(f"/v1/scores/{known}").json()
    for one in (*listed, single):
        assert one["withheld"]
        assert all(one[name] is None for name in NUMBERS)


NOT_THERE = (
    ("/v1/scores/" + "x" * 24, 404),
    ("/v1/scores/short", 422),
    ("/v1/cases/" + "x" * 24 + "/scores", 404),
    ("/v1/cases/" + "%00" * 24 + "/scores", 422),
    ("/v1/cases/" + "x" * 24 + "/scores?cursor=0", 422),
    ("/v1/cases/" + "x" * 24 + "/scores?limit=100000", 422),
)


def test_what_is_not_there_is_refused(client: TestClient) -> None:
    """Unknown keys and what is no key are errors of one shape."""
    for path, status in NOT_THERE:
        answer = client.get(path)
        assert answer.status_code == status, path
        assert "code" in answer.json()["error"]


def test_somebody_must_be_signed_in(service: Service) -> None:
    """Without a person nothing is told."""
    client = make_client(service, None)
    for path in ("/v1/model", "/v1/rescoring", *(path for path, _ in NOT_THERE[:1])):
        assert client.get(path).status_code == 401
    assert client.post("/v1/ordering", json={}).status_code in (401, 422)
