"""Promise 8, looked for: a word in every field of every row, in everything that is written.

Rows hold it where they are sound and where they are not; then every route is called as everybody.
"""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from features.contract.tables import TABLES, Form
from serving.access.route_rules import RULES
from serving.persons import ROLES
from serving.store.database import Store
from serving.store.schema import audit_lines
from tests.test_serving.access.test_hidden_cases import PARTS
from tests.test_serving.access.test_rights import OTHER, OWN, add, keys_about, seal
from tests.test_serving.entered import (
    ORIGIN,
    close_application,
    enter,
    fill_path,
    make_application,
)
from tests.test_serving.sent_rows import key_of, make_case, make_event, make_fact, make_link, send

pytestmark = pytest.mark.long

CANARY = "CANARY7731"
_PLAIN = (Form.ID, Form.CODE, Form.TEXT)
_TIES = ("case_id", "linked_case_id", "supersedes", "kind", "name", "area")
"""Fields that tie rows together, or that a person's rights rest on."""
SPREADSHEETS = ("/v1/list.csv", "/v1/imports/{import_key}/rejects.csv")


@pytest.fixture
def app(store: Store, address: str) -> Iterator[FastAPI]:
    """Return the application over the test's store."""
    made = make_application(address, store.clock)
    yield made
    close_application(made)


def fill(name: str, row: dict[str, object]) -> dict[str, object]:
    """Return a row with the canary in every field that takes any text."""
    free = [one.name for one in TABLES[name].columns if one.form in _PLAIN]
    return {one: f"{CANARY}-{name}-{one}" for one in free if one not in _TIES} | {
        key: cell for key, cell in row.items() if key in _TIES or key not in free
    }


def add_canaries(store: Store, case_id: str, area: str) -> str:
    """Store a case whose rows hold the canary wherever they may, in its identifier as well."""
    name = f"{CANARY}-{case_id}"
    key = add(store, name, area)
    rows: dict[str, list[dict[str, object]]] = {
        "events": [fill("events", make_event("", name))],
        "facts": [fill("facts", make_fact("", name)) | {"name": f"{CANARY}-name"}],
        "links": [fill("links", make_link("", name, name))],
        "people": [fill("people", {"case_id": name})],
    }
    rows["cases"] = [make_case(f"{name}-2", area=area, referral_source=f"{CANARY}-source")]
    rows["links"][0]["linked_case_id"] = f"{name}-2"
    rows["events"].append(fill("events", make_event("", name, kind=f"{CANARY}-kind")))
    rows["events"][1]["event_id"] = f"{CANARY}-second"
    send(store, rows)
    return key


def send_bad_rows(client: TestClient) -> str:
    """Import rows that hold the canary where it cannot be; return the import's key."""
    begun = client.post("/v1/imports", json={"source_digest": "ab" * 32}).json()
    rows = []
    for name, table in TABLES.items():
        good: dict[str, object] = dict.fromkeys(table.column_names)
        for column in table.column_names:
            rows.append({"table": name, "row": good | {column: CANARY}})
    rows += [{"table": CANARY, "row": {}}, {"table": "events", "row": {CANARY: CANARY}}]
    lines = [json.dumps(row) for row in rows] + [CANARY, f'{{"{CANARY}']
    answer = client.put(
        f"/v1/imports/{begun['import_key']}/rows",
        content="\n".join(lines).encode(),
        headers={"content-type": "application/x-ndjson"},
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["rejects"] == len(lines)
    assert CANARY not in answer.text
    return str(begun["import_key"])


def list_bodies(method: str, path: str) -> list[dict[str, Any]]:
    """Return ways to call a route: plainly, with a canary in each part, and broken."""
    if method == "GET":
        return [{}, {"params": {CANARY: CANARY, "cursor": CANARY, "limit": CANARY}}]
    if path.endswith("/rows"):
        return [{"content": b"{", "headers": {"content-type": "text/plain"}}]
    if not path.startswith("/v1/"):
        return [{"data": {}}, {"data": {CANARY: CANARY, "words": CANARY, "why": CANARY}}]
    broken = {"content": f'{{"{CANARY}": ', "headers": {"content-type": "application/json"}}
    return [{"json": {}}, {"json": {CANARY: [CANARY], "why": {"x": CANARY}}}, broken]


def names_case(path: str) -> bool:
    """Return whether an address names a case, or something of one."""
    return any("{" + part + "}" in path for part in PARTS)


def is_page(answer: Any) -> bool:
    """Return whether an answer is a page for people."""
    return str(answer.headers.get("content-type", "")).startswith("text/html")


def read_written(store: Store) -> str:
    """Return what the audit books say, but for the keys of cases."""
    columns = [one for one in audit_lines.c if one.name not in ("case_key", "cases", "mac")]
    found = []
    for reading in (store.reading, store.reading_looks):
        with reading() as connection:
            found += [str(tuple(row)) for row in connection.execute(select(*columns))]
    return "\n".join(found)


def test_no_field_of_any_record_is_written_anywhere(
    app: FastAPI,
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """After every route was called by everybody, well and badly, no log line, metric, temporary
    file, audit line, error or spreadsheet for those without right holds a word of a record.
    """
    scratch = tmp_path / "temporary"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.setenv("TMPDIR", str(scratch))
    caplog.set_level("DEBUG", logger="caselight")
    parts = {
        "own": keys_about(store, add_canaries(store, "A", OWN)),
        "other": keys_about(store, add_canaries(store, "B", OTHER)),
        "sealed": keys_about(store, add_canaries(store, "C", OWN)),
        "none": dict.fromkeys(keys_about(store, key_of(store, f"{CANARY}-A")), "z" * 24),
    }
    seal(store, parts["sealed"]["key"])
    sender = enter(app, "administrator")
    import_key = send_bad_rows(sender)
    assert enter(app).post("/v1/sittings", json={}).status_code == 201
    for keys in parts.values():
        keys["import_key"] = import_key
    assert CANARY in sender.get(f"/v1/cases/{parts['own']['key']}").text, "the canary is there"

    told: list[str] = []
    asked = 0
    # The rules are the same code for every role; the other database is asked as one.
    roles = (*ROLES, None) if store.is_sqlite else ("screener", None)
    for role in roles:
        for areas in (None, [OWN]) if role is not None else (None,):
            client = enter(app, role, areas=areas) if role else enter(app, None)
            for (method, path), rule in RULES.items():
                if path in ("/v1/sign-out", "/sign-out", "/v1/sign-in", "/sign-in"):
                    continue
                for keys in parts.values() if "{" in path else (parts["own"],):
                    for body in list_bodies(method, path):
                        answer = client.request(method, fill_path(path, keys), **body)
                        asked += 1
                        whose = next(name for name, one in parts.items() if one is keys)
                        in_sight = whose == "own" or (whose == "other" and areas is None)
                        may_tell = role in rule.roles and (in_sight or not names_case(path))
                        if answer.status_code == 500:  # what did not come out held nothing
                            told.append(f"{role} {method} {path} {whose} a fault")
                        if CANARY in str(answer.headers):
                            told.append(f"{role} {method} {path} in a header")
                        # A page whose form was not in order is shown again, to who may see it.
                        fine = answer.status_code < 400 or is_page(answer)
                        if CANARY in answer.text and not (may_tell and fine):
                            told.append(f"{role} {method} {path} {whose} {answer.status_code}")
    assert asked > (3_000 if store.is_sqlite else 500)
    assert told == []

    here = TestClient(app, base_url=ORIGIN, client=("127.0.0.1", 50_000))
    metrics = here.get("/metrics").text
    assert "caselight_flags_waiting" in metrics
    assert CANARY not in metrics
    assert CANARY not in read_written(store)
    written = capfd.readouterr()
    assert '"event": "request"' in written.err
    assert CANARY not in written.err + written.out
    ours = [record for record in caplog.records if not record.name.startswith("httpx")]
    assert not [record for record in ours if CANARY in record.getMessage()]
    assert list(scratch.rglob("*")) == []


@pytest.mark.parametrize("role", [*ROLES, None])
def test_spreadsheets_are_for_those_who_may(app: FastAPI, store: Store, role: str | None) -> None:
    """Whoever may not read a list or rejects is given no cell of them; whoever may is shown that
    narratives are in neither list.
    """
    add_canaries(store, "A", OWN)
    import_key = send_bad_rows(enter(app, "administrator"))
    enter(app).post("/v1/sittings", json={})
    client = enter(app, role)
    for path in SPREADSHEETS:
        answer = client.get(fill_path(path, {"import_key": import_key}))
        may = role in RULES["GET", path].roles
        assert (answer.status_code == 200) == may, path
        assert may or CANARY not in answer.text
        assert f"{CANARY}-events-narrative" not in answer.text


def test_no_record_is_in_what_training_leaves(small_unit: Any, tmp_path: Path) -> None:
    """A run on records full of canaries leaves none in bundle, report, metrics or artifacts."""
    from features.catalogue.file import load_catalogue
    from features.contract.manifest import read_manifest
    from features.history.assembly import assemble_history
    from features.intake.contract_folder import read_folder, write_folder
    from features.intake.frames import to_rows
    from training.audit import read_characteristics
    from training.options import RunOptions
    from training.pipeline import train
    from training.registry.tracking import track

    folder = tmp_path / "unit"
    folder.mkdir()
    given = read_folder(small_unit.folder, people=True)
    frames = {name: mark(name, given.frame(name)) for name in ("cases", "events", "facts")}
    frames["people"] = mark("people", given.frame("people"))
    assert CANARY in str(frames["events"]["narrative"].iloc[0])
    tables = {name: to_rows(TABLES[name], frame) for name, frame in frames.items()}
    write_folder(folder, tables, read_manifest(small_unit.folder))
    read = read_folder(folder, people=True)
    history = assemble_history(read)
    catalogue, config = load_catalogue("stalking"), quick_config()
    bundle = tmp_path / "bundle"
    result = train(
        history,
        catalogue,
        list(small_unit.train_dates),
        [small_unit.test_date],
        bundle,
        capacity=30,
        config=config,
        progress=lambda message: None,
        options=RunOptions(
            characteristics=read_characteristics(read.frame("people"), history.case_id),
            synthetic=True,
        ),
    )
    kept = tmp_path / "tracked"
    kept.mkdir()
    track(
        result,
        bundle,
        catalogue,
        config,
        dates={"train_as_of": "x", "test_as_of": "y"},
        tracking_uri=f"sqlite:///{kept / 'mlflow.db'}",
        artifacts=kept / "artifacts",
    )
    files = [path for place in (bundle, kept) for path in place.rglob("*") if path.is_file()]
    assert len(files) > 10
    holding = [
        path.name for path in files if CANARY.encode() in path.read_bytes() or CANARY in path.name
    ]
    assert holding == []


def mark(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the canary in every identifier, and in every narrative."""
    marked = {
        one.name: frame[one.name].map(lambda cell: f"{CANARY}-{cell}", na_action="ignore")
        for one in TABLES[name].columns
        if one.form is Form.ID and one.name in frame
    }
    if "narrative" in TABLES[name].column_names:
        marked["narrative"] = pd.Series(f"{CANARY} said so", index=frame.index, dtype="str")
    return frame.assign(**marked)[list(TABLES[name].column_names)]


def quick_config() -> Any:
    """Return the choices of a small run."""
    import dataclasses

    from training.config import load_config

    return dataclasses.replace(
        load_config(),
        least_positives=20,
        most_rounds=40,
        early_stopping_rounds=10,
        bootstrap_draws=20,
    )
