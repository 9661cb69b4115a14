import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings, strategies
from schemathesis import GenerationMode, checks
from starlette.testclient import TestClient

from features.errors import ConfigError
from serving.app import create_app
from serving.settings import check_loopback, make_settings

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[3]
ORIGIN = "http://127.0.0.1"
HEAVY = {"dask", "distributed", "matplotlib", "mlflow", "shap", "training"}
FIXED = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}

# What the service would do in its own process: start, answer, and show what it loaded and wrote.
PROCESS = """
import json, os, sys

bundle, database_url, now, body = sys.argv[1:]
written = []
watching = False

def watch(event, given):
    if watching and event == "open":
        path, mode, flags = given
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            written.append(str(path))
    elif watching and event in ("os.mkdir", "os.rename", "socket.connect", "subprocess.Popen"):
        written.append(event)

sys.addaudithook(watch)

from serving.app import create_app
from serving.settings import make_settings

app = create_app(
    make_settings(bundle=bundle, database_url=database_url, now=now, blind_share=0, work=False)
)

def list_modules():
    return sorted({name.partition(".")[0] for name in sys.modules})

started = list_modules()

from starlette.testclient import TestClient

origin = "http://127.0.0.1"
client = TestClient(app, base_url=origin, headers={"origin": origin})
client.post("/v1/sign-in", json={"name": "Reader", "role": "screener", "agency": "police"})

def answer():
    key = client.get("/v1/list").json()["rows"][0]["key"]
    posted = client.post("/v1/scores", content=body, headers={"content-type": "application/json"})
    wrong = client.post("/v1/scores", content=body[:-1], headers={"content-type": "text/plain"})
    gets = [client.get(url) for url in ("/", "/cases", f"/cases/{key}", f"/v1/cases/{key}")]
    return [one.status_code for one in (posted, wrong, *gets)]

answer()  # loads what is loaded only once
watching = True
statuses = answer()
watching = False
print(json.dumps({"started": started, "answered": list_modules(), "statuses": statuses,
                  "written": written}))
"""


@pytest.fixture(scope="module")
def process(
    unit: Any, filled: Path, now: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """Return what a process of its own loaded and wrote while it answered requests."""
    event = {"event_id": "SYN-E1", "kind": "letter"}
    event |= {"occurred_at": "2026-03-01", "recorded_at": "2026-03-02"}
    case = {"case_id": "SYN-C1", "recorded_at": "2026-03-01", "events": [event]}
    body = json.dumps({"as_of": "2026-03-10", "cases": [case]})
    scratch = tmp_path_factory.mktemp("scratch")
    store = tmp_path_factory.mktemp("copy") / "unit.db"
    for suffix in (".db", ".looks.db"):
        shutil.copyfile(filled.with_suffix(suffix), store.with_suffix(suffix))
    result = subprocess.run(
        [sys.executable, "-c", PROCESS, str(unit.bundle_path), f"sqlite:///{store}", now, body],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout) | {"left": [path.name for path in scratch.rglob("*")]}


def test_the_web_process_is_light(process: dict[str, Any]) -> None:
    """Having answered, the service has loaded no tracking, plots, cluster or trainer."""
    assert process["statuses"] == [200, 415, 200, 200, 200, 200]
    assert {"fastapi", "lightgbm", "serving"} <= set(process["answered"])
    assert HEAVY & set(process["started"]) == set()
    assert HEAVY & set(process["answered"]) == set()


def test_answering_opens_no_file_for_writing(process: dict[str, Any]) -> None:
    """While it answers, the process writes no file, starts no program and calls nobody."""
    assert process["written"] == []
    assert process["left"] == []


NOT_ASKED = {"/v1/imports/{import_key}/rows": "takes a stream; see test_api_records.py"}


@pytest.fixture(scope="module")
def described(make_app: Callable[..., FastAPI]) -> FastAPI:
    """Return an application whose description is held against its answers."""
    return make_app()


@pytest.fixture(scope="module")
def api_schema(described: FastAPI) -> Any:
    """Return the service's own description of its addresses."""
    return schemathesis.openapi.from_dict(described.openapi())


@pytest.fixture(scope="module")
def signed_in(described: FastAPI) -> TestClient:
    """Return a client that is signed in."""
    client = TestClient(described, base_url=ORIGIN, headers={"origin": ORIGIN})
    who = {"name": "Reader", "role": "duty", "agency": "police"}
    assert client.post("/v1/sign-in", json=who).status_code == 200
    return client


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("in_name", [True, False], ids=["signed-in", "not-signed-in"])
def test_every_answer_is_as_described(
    described: FastAPI,
    api_schema: Any,
    signed_in: TestClient,
    in_name: bool,
    mode: GenerationMode,
) -> None:
    """Whatever is sent, no answer is a fault and each has a status, type and shape as described."""
    stranger = TestClient(described, base_url=ORIGIN, headers={"origin": ORIGIN})
    client = signed_in if in_name else stranger
    operations = [result.ok() for result in api_schema.get_all_operations()]
    asked = [one for one in operations if one.path not in NOT_ASKED | {"/v1/sign-out": ""}]

    @settings(max_examples=200, suppress_health_check=list(HealthCheck))
    @given(data=strategies.data(), operation=strategies.sampled_from(asked))
    def ask(data: Any, operation: Any) -> None:
        case = data.draw(operation.as_strategy(generation_mode=mode))
        sent = case.as_transport_kwargs(base_url=ORIGIN)
        sent.pop("cookies", None)
        if isinstance(sent.get("data"), bytes):
            sent["content"] = sent.pop("data")
        case.validate_response(
            schemathesis.Response.from_any(client.request(**sent)),
            checks=[
                checks.not_a_server_error,
                checks.status_code_conformance,
                checks.content_type_conformance,
                checks.response_schema_conformance,
            ],
        )

    ask()


@pytest.fixture(scope="module")
def answers(app: FastAPI) -> dict[str, Any]:
    """Return one answer of every kind."""
    client = TestClient(app, base_url=ORIGIN, follow_redirects=False, headers={"origin": ORIGIN})
    client.post("/v1/sign-in", json={"name": "Reader", "role": "screener", "agency": "police"})
    key = client.get("/v1/list").json()["rows"][0]["key"]
    gets = ("/", "/cases", f"/cases/{key}", "/cases/none", "/nothing", "/v1/list", "/sign-in",
            "/urgent", "/caseload", "/v1/cases?limit=0", "/v1/list.csv",
            f"/v1/cases/{key}", "/healthz", "/readyz", "/metrics", "/openapi.json",
            "/static/app.css", "/static/nothing")  # fmt: skip
    found = {url: client.get(url) for url in gets}
    found["refused host"] = client.get("/", headers={"host": "example.org"})
    found["wrong method"] = client.delete("/v1/list")
    found["wrong type"] = client.post("/v1/scores", content=b"")
    found["bad body"] = client.post("/v1/scores", json={})
    found["redirect"] = client.get("/v1/list/")
    return found


def test_every_answer_keeps_itself_to_itself(answers: dict[str, Any]) -> None:
    """Pages, data, errors and refusals all carry the security headers, and only files are kept."""
    for name, answer in answers.items():
        for header, value in FIXED.items():
            assert answer.headers.get(header) == value, (name, header)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; "), name
        assert "frame-ancestors 'none'" in policy, name
        assert "unsafe" not in policy and "http" not in policy and "*" not in policy, name
        if not name.startswith("/static/"):
            assert answer.headers["cache-control"] == "no-store", name


def test_an_answer_for_programs_is_never_shown(answers: dict[str, Any]) -> None:
    """A browser that is led to data, a refusal or an error in JSON saves it; a page it shows."""
    told = 0
    for name, answer in answers.items():
        attached = answer.headers.get("content-disposition", "").startswith("attachment; filename=")
        told += (is_json := answer.headers["content-type"].startswith("application/json"))
        assert attached or not is_json, name
        assert not (attached and answer.headers["content-type"].startswith("text/html")), name
    assert told >= 4


def test_no_answer_sets_a_cookie_or_opens_to_others(answers: dict[str, Any]) -> None:
    """No answer but that to a sign-in sets a cookie, names its software or lets others read it."""
    for name, answer in answers.items():
        for header in ("set-cookie", "access-control-allow-origin", "x-powered-by", "server"):
            assert header not in answer.headers, (name, header)


def test_a_nonce_is_used_once(client: TestClient) -> None:
    """Each page's inline script has its own nonce, which the policy of that answer names."""
    nonces = set()
    for _ in range(3):
        answer = client.get("/")
        policy = answer.headers["content-security-policy"]
        nonce = policy.partition("'nonce-")[2].partition("'")[0]
        assert f'nonce="{nonce}"' in answer.text
        nonces.add(nonce)

    assert len(nonces) == 3


@pytest.mark.parametrize("url", ["/docs", "/redoc", "/docs/oauth2-redirect", "/admin", "/.env"])
def test_there_are_no_other_pages(client: TestClient, url: str) -> None:
    """Pages that would load scripts from elsewhere are absent."""
    assert client.get(url).status_code == 404


def test_the_description_says_that_it_is_advice(client: TestClient) -> None:
    """The description of the interface opens with what a score must not do."""
    said = client.get("/openapi.json").json()["info"]["description"]

    assert said.startswith("Advisory")
    assert "opens, closes, downgrades or allocates nothing" in said
    assert "What is sent to /v1/scores is not stored" in said


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.0.0.53"])
def test_this_machine_may_listen_to_itself(host: str) -> None:
    """Loopback addresses are taken."""
    assert make_settings(host=host).host == host


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "192.168.1.5", "10.0.0.1", "example.org", "127.0.0.1.example.org"]
)
def test_no_other_machine_can_reach_the_service(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that others could reach is refused, from an argument or from the environment."""
    with pytest.raises(ConfigError, match="set oidc_issuer"):
        make_settings(host=host)
    with pytest.raises(ConfigError, match="set oidc_issuer"):
        check_loopback(host)
    monkeypatch.setenv("CASELIGHT_HOST", host)
    with pytest.raises(ConfigError, match="set oidc_issuer"):
        make_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [("port", 0), ("port", 70_000), ("port", "CANARY7731"), ("capacity", 0), ("capacity", "many")],
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: object) -> None:
    """The error names the setting and not its value."""
    with pytest.raises(ConfigError, match=f"^setting {name} cannot be used") as caught:
        make_settings(**{name: value})

    assert str(value) not in str(caught.value)


@pytest.fixture
def changed_bundle(unit: Any, tmp_path: Path) -> Iterator[Path]:
    """Return a bundle in which one letter of one model was changed."""
    folder = tmp_path / "bundle"
    for path in unit.bundle_path.rglob("*"):
        if path.is_file():
            copy = folder / path.relative_to(unit.bundle_path)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    model = next(folder.rglob("model.txt"))
    model.write_bytes(model.read_bytes().replace(b"tree", b"tres", 1))
    yield folder


def test_a_changed_model_is_not_served(changed_bundle: Path) -> None:
    """The service does not start on a bundle whose checksums do not hold."""
    from features.errors import ArtefactError

    with pytest.raises(ArtefactError):
        create_app(make_settings(bundle=changed_bundle))


def test_the_champion_is_served(
    unit: Any, tmp_path: Path, make_app: Callable[..., FastAPI], make_client: Callable[..., Any]
) -> None:
    """Where no bundle is named, the one that the pointer names is loaded."""
    promoted = tmp_path / unit.bundle.id
    promoted.symlink_to(unit.bundle_path)
    (tmp_path / "champion").write_text(f"{unit.bundle.id}\n", encoding="ascii")

    client = make_client(make_app(models_dir=tmp_path, bundle=None))

    assert client.get("/v1/model").json()["bundle_id"] == unit.bundle.id


@pytest.mark.parametrize("pointer", [None, "", "../bundle", "caf\xe9"])
def test_a_pointer_that_leads_nowhere_leaves_the_longest_wait(
    tmp_path: Path,
    pointer: str | None,
    make_app: Callable[..., FastAPI],
    make_client: Callable[..., Any],
) -> None:
    """Without a model that can be used the service still lists cases, and says what is missing."""
    if pointer is not None:
        (tmp_path / "champion").write_text(pointer, encoding="utf-8")

    client = make_client(make_app(models_dir=tmp_path, bundle=None))

    assert client.get("/v1/list").status_code == 200
    assert client.get("/readyz").json() == {"ready": False, "missing": ["bundle"]}
