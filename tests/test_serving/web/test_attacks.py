"""What an attacker tried on the running service, kept: each of these once was somebody's idea."""

import contextlib
import csv
import io
import json
import shutil
import string
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from features.catalogue.file import parse_catalogue
from features.errors import CaselightError, ConfigError
from features.intake.cells import write_cells
from features.intake.files import read_pieces
from features.intake.mapping import load_mapping
from serving.access.route_rules import RULES
from serving.api.imports import _to_cell
from serving.identity.access_file import parse_access_file
from serving.lists.csv_export import disarm
from serving.scoring.model_in_use import Champion
from training.config import load_config, load_limits

ORIGIN = "http://127.0.0.1"
UNSAFE = sorted(route for route in RULES if route[0] not in ("GET", "HEAD", "OPTIONS"))
FORMULAS = ("=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "|x", "%0", "   =1+1")


# --- other sites ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "says",
    [
        {"origin": "http://elsewhere.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1.elsewhere.example"},
        {"origin": "https://127.0.0.1"},
        {"origin": ORIGIN, "sec-fetch-site": "cross-site"},
        {"origin": ORIGIN, "sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"referer": f"{ORIGIN}/"},
        {},
    ],
    ids=str,
)
def test_no_other_site_changes_anything(
    app: Any, make_client: Callable[..., TestClient], says: dict[str, str]
) -> None:
    """Every unsafe route of the table refuses what another site could have a browser send."""
    client = make_client(app)
    client.headers.pop("origin")
    answered = {}
    for method, path in UNSAFE:
        url = path
        for name in ("key", "raising_key", "request_key", "sitting_key", "import_key"):
            url = url.replace("{" + name + "}", "A" * 24)
        for kind in ("application/json", "application/x-www-form-urlencoded", "text/plain"):
            answer = client.request(
                method, url, content=b"{}", headers={"content-type": kind, **says}
            )
            answered[method, path, kind] = (answer.status_code, answer.json()["error"]["code"])
    assert len(answered) > 60
    assert set(answered.values()) == {(403, "other_origin")}


def test_a_read_changes_nothing_of_a_session(client: TestClient) -> None:
    """No GET signs anybody out or in, whatever it carries."""
    for path in ("/sign-out", "/v1/sign-out", "/v1/sign-in"):
        assert client.get(path, params={"name": "SYN B"}).status_code == 405
    assert client.get("/v1/me").status_code == 200


def test_a_planted_session_is_not_taken_over(
    app: Any, make_client: Callable[..., TestClient]
) -> None:
    """Whoever planted a cookie before a sign-in does not hold the session after it."""
    victim = make_client(app, role=None)
    attacker = make_client(app)
    planted = attacker.cookies["caselight_session"]
    victim.cookies.set("caselight_session", planted)
    who = {"name": "SYN Victim", "role": "duty", "agency": "police"}
    answer = victim.post("/v1/sign-in", json=who)
    value = answer.cookies["caselight_session"]
    assert value != planted
    for held in (planted, "", "planted", value[:-1], f"{value}x"):
        other = make_client(app, role=None)
        other.cookies.set("caselight_session", held)
        assert other.get("/v1/me").status_code == 401


# --- addresses and letters --------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/%2e%2e%2fapp",
        "/static//etc/passwd", "/static/vendor/../../app.py", "/static/..%5capp.py",
        "/static/%c0%ae%c0%ae/app.py", "/static/", "/static/vendor/", "/static/.git/config",
        "/v1/cases/..%2f..%2fhealthz", "/V1/cases", "/v1//cases", "/v1/cases;x",
    ],
)  # fmt: skip
def test_no_address_leads_out_of_its_place(client: TestClient, path: str) -> None:
    """Dots, strokes and codes lead to no file and no other route, and no folder is listed."""
    answer = client.send(client.build_request("GET", f"{ORIGIN}{path}"))
    assert answer.status_code in (404, 405)
    assert "import" not in answer.text


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("SYN \u202egnorw", 422),
        ("SYN\u200b", 422),
        ("SYN\x07", 422),
        ("\ud800", 400),
        ("SYN \x00", 400),
        ("<script>alert(1)</script>", 200),
        ("{{7*7}}", 200),
        ('" onmouseover="alert(1)', 200),
        ("SYN\u00a0A", 200),
    ],
    ids=ascii,
)
def test_letters_in_a_name_stay_letters(
    app: Any, make_client: Callable[..., TestClient], name: str, status: int
) -> None:
    """A name that turns a line around or cannot be seen is refused; markup is shown as text."""
    client = make_client(app, role=None)
    body = json.dumps({"name": name, "role": "screener", "agency": "police"}).encode()
    answer = client.post("/v1/sign-in", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    if status == 200:
        page = client.get("/").text
        assert "<script>alert" not in page
        assert '" onmouseover="' not in page
        assert ">49<" not in page


@pytest.mark.parametrize("where", ["/v1/cases", "/v1/duty", "/v1/first-reads", "/v1/corrections"])
@pytest.mark.parametrize("cursor", ["s' OR '1'='1", "w'; DROP TABLE cases --", "s%", "\u0000"])
def test_no_parameter_becomes_a_question_to_the_database(
    client: TestClient, where: str, cursor: str
) -> None:
    """Quotes in a parameter are refused or find nothing, and the next list is as before."""
    before = client.get("/v1/cases").json()["states"]
    assert client.get(where, params={"cursor": cursor}).status_code == 422
    assert client.get("/v1/cases").json()["states"] == before


def test_no_answer_lists_people(client: TestClient) -> None:
    """There is no list of users: no address of the description speaks of any."""
    described = client.get("/openapi.json").json()["paths"]
    paths = [path for path, methods in described.items() if "get" in methods]
    words = ("user", "people", "person", "account", "staff")
    assert [path for path in paths if any(word in path.lower() for word in words)] == []
    for path in ("/v1/users", "/v1/people", "/v1/persons", "/users", "/people"):
        assert client.get(path).status_code == 404


# --- bodies -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted({path for _, path in UNSAFE}))
def test_no_body_in_parts_is_taken_and_nothing_is_spooled(
    client: TestClient, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A form with files, which would be spooled to a temporary file, is refused by every route."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    method = next(method for method, one in UNSAFE if one == path)
    url = path
    for name in ("key", "raising_key", "request_key", "sitting_key", "import_key"):
        url = url.replace("{" + name + "}", "A" * 24)
    answer = client.request(method, url, files={"record": ("CANARY7731", b"x" * 2_000_000)})
    assert answer.status_code in (404, 413, 415)
    assert list(tmp_path.iterdir()) == []


def test_a_form_is_small_and_kept_in_memory(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page's form of more than a hundred kilobytes is refused, a smaller one leaves no file."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for size, statuses in ((90_000, {422, 404}), (200_000, {413})):
        answer = client.post(f"/cases/{'A' * 24}/views", data={"words": "x" * size})
        assert answer.status_code in statuses
    assert list(tmp_path.iterdir()) == []


# --- spreadsheets -----------------------------------------------------------------------------


@given(st.sampled_from(FORMULAS), st.text(string.printable, max_size=20))
def test_no_cell_is_run_by_a_spreadsheet(start: str, rest: str) -> None:
    """Whatever follows it, a beginning that a spreadsheet runs is made text."""
    for cell in (disarm(start + rest), _to_cell(start + rest)):
        assert cell.startswith("'")
    assert _to_cell({"cell": start}).startswith("{")


@pytest.mark.parametrize(
    "text",
    ["\uff1d1+1", "\uff0b1", "\uff0d1", "\uff201", "\u00a0=1+1", "\ufeff=1+1", "\u200b\u2060 =1"],
)
def test_no_wide_sign_is_run_by_a_spreadsheet(text: str) -> None:
    """Some spreadsheets run full-width signs, and pass over a space that does not break."""
    assert disarm(text).startswith("'")


def test_every_cell_of_the_list_is_plain(client: TestClient) -> None:
    """No cell of the list's CSV begins as a formula does."""
    rows = list(csv.reader(io.StringIO(client.get("/v1/list.csv").text)))
    assert len(rows) > 5
    begun = [cell for row in rows for cell in row if cell.startswith(FORMULAS)]
    assert begun == []


def test_a_files_name_is_ours(client: TestClient) -> None:
    """The name under which a browser keeps a CSV holds a day and nothing of a request."""
    told = client.get("/v1/list.csv?x=%22;filename=a.exe").headers["content-disposition"]
    assert told.startswith('attachment; filename="list-')
    assert "exe" not in told


# --- files ------------------------------------------------------------------------------------

_BOMB = "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9) if before else 'x, x, x'}]\n"
    for before, name in zip(["", *"abcdefgh"], "abcdefghi", strict=True)
).encode()
HOSTILE_YAML = {
    "aliases": _BOMB,
    "code": b"!!python/object/apply:os.system ['echo']\n",
    "name": b"version: !!python/name:os.system\n",
    "merge": b"a: &x {b: 1}\nc:\n  <<: *x\n",
    "not text": b"\xff\xfe\x00",
    "control": b"a: \x00",
    "two documents": b"a: 1\n---\nb: 2\n",
    "list": b"- 1\n",
    "empty": b"",
    "twice": b"version: 1\nversion: 2\n",
    "huge": b"version: '" + b"x" * 9_000_000 + b"'",
    "long": b"version: '" + b"x" * 7_900_000 + b"'",
    "number": b"version: " + b"9" * 100_000,
    "infinite": b"seed: .inf",
}
DEEP_YAML = {
    "deep list": b"[" * 5_000,
    "deep map": b"\n".join(b" " * level + b"a:" for level in range(2_000)),
}


@pytest.mark.parametrize(
    "content", (HOSTILE_YAML | DEEP_YAML).values(), ids=[*HOSTILE_YAML, *DEEP_YAML]
)
def test_hostile_yaml_is_one_clear_error(content: bytes, tmp_path: Path) -> None:
    """A catalogue, a mapping and the access file unfold nothing, build nothing and run nothing."""
    path = tmp_path / "hostile.yaml"
    path.write_bytes(content)
    for read in (
        lambda: parse_catalogue(content, "hostile.yaml"),
        lambda: parse_access_file(content, "hostile.yaml"),
        lambda: load_mapping(path),
    ):
        with pytest.raises(CaselightError):
            read()


@pytest.mark.parametrize("content", HOSTILE_YAML.values(), ids=HOSTILE_YAML)
def test_a_hostile_training_configuration_is_refused(content: bytes, tmp_path: Path) -> None:
    """The choices of a training run come from a plain file of ours or not at all."""
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    for read in (load_config, load_limits):
        with pytest.raises(ConfigError):
            read(path)


@pytest.mark.parametrize("content", DEEP_YAML.values(), ids=DEEP_YAML)
def test_a_deep_training_configuration_is_refused(content: bytes, tmp_path: Path) -> None:
    """Depth that exhausts the stack is an error of the file and no fault of ours."""
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError):
        load_config(path)


def write_parquet(path: Path, column: Any) -> bytes:
    """Write a table of one column, and return the file's bytes."""
    pq.write_table(pa.table({"case_id": column}), path, compression="zstd")
    return path.read_bytes()


def read_whole(path: Path) -> int:
    """Return how many rows a file gives."""
    return sum(len(piece.rows) for piece in read_pieces(path, rows_per_piece=1_000))


def test_a_broken_parquet_file_is_one_clear_error(tmp_path: Path) -> None:
    """Cut anywhere, with a footer of another length or letters changed, it is refused in words."""
    path = tmp_path / "cases.parquet"
    good = write_parquet(path, ["a", "b"])
    assert read_whole(path) == 2
    broken = [good[:size] for size in range(0, len(good), 7)]
    broken.append(good[:-8] + (2**31 - 1).to_bytes(4, "little") + good[-4:])
    for content in broken:
        path.write_bytes(content)
        with pytest.raises(CaselightError):
            read_whole(path)
    random = np.random.default_rng(7)
    for _ in range(200):
        changed = np.frombuffer(good, dtype=np.uint8).copy()
        changed[random.integers(0, len(good), 3)] = random.integers(0, 256, 3)
        path.write_bytes(changed.tobytes())
        with contextlib.suppress(CaselightError):
            read_whole(path)  # a letter within a cell may change, and is another cell then


def test_a_nested_parquet_column_is_refused(tmp_path: Path) -> None:
    """Lists, records and sixty lists in each other are no cells."""
    kind = pa.string()
    for _ in range(60):
        kind = pa.list_(kind)
    columns = (pa.array([["a"]]), pa.array([{"a": 1}]), pa.array([None], kind))
    for column in columns:
        write_parquet(tmp_path / "cases.parquet", column)
        (piece,) = read_pieces(tmp_path / "cases.parquet")
        with pytest.raises(CaselightError, match="one value per cell"):
            write_cells(piece.table.column(0), place="cases.parquet")


def test_any_file_of_a_bundle_that_was_changed_is_not_served(unit: Any, tmp_path: Path) -> None:
    """Every file that makes scores, changed, cut, emptied or taken away, is found in time."""
    names = [
        path.relative_to(unit.bundle_path)
        for path in sorted(unit.bundle_path.rglob("*"))
        if path.is_file() and path.name != "metrics.json"
    ]
    (tmp_path / "champion").write_text(unit.bundle.id, encoding="ascii")
    promoted = tmp_path / unit.bundle.id
    shutil.copytree(unit.bundle_path, promoted)
    assert Champion(tmp_path, None).find() is not None
    assert len(names) >= 4
    for name in names:
        whole = (promoted / name).read_bytes()
        for changed in (whole[:-1], b"", whole + b" ", whole.replace(b"1", b"2", 1), None):
            (promoted / name).unlink()
            if changed is not None:
                (promoted / name).write_bytes(changed)
            champion = Champion(tmp_path, None)
            assert champion.find() is None, name
            assert champion.fault
        (promoted / name).write_bytes(whole)
