"""The running service against its own description: every check of schemathesis, at its usual name.

What is left out, and why, stands beside it; see also docs/security.md.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from serving.access.route_rules import RULES
from tests.test_serving.entrances import write_settings
from tests.test_serving.issuers import Issuer
from tests.test_serving.server_process import ROOT, Server, run_over_copy, sign_in, write_request

pytestmark = pytest.mark.long

CONFIGURATION = """\
# A description cannot say that a cursor or a key must exist, that two dates must fit each other, or
# which version of a case a decision was made on: these refusals of a request of the right shape are
# described, and no failure.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 401, 403, 404, 409, 412, 413, 422, 428, 429, 503]
"""
LEFT_OUT = {
    "/v1/sign-in": "signing in anew ends the session of the others; asked in test_sign_in.py",
    "/v1/sign-out": "as above",
    "/v1/imports/{import_key}/rows": "lines of JSON, which are asked in test_api_records.py",
}


@pytest.fixture(scope="module")
def server(
    unit: Any, filled: Path, now: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Return the service over the unit, started as an operator starts it."""
    folder = tmp_path_factory.mktemp("described")
    with run_over_copy(folder, filled, {}, bundle=unit.bundle_path, now=now) as running:
        yield running


@pytest.mark.parametrize(
    ("role", "chosen"),
    [
        (None, ["--checks", "all"]),
        ("duty", ["--checks", "all"]),
    ],
    ids=["not-signed-in", "signed-in"],
)
def test_every_check_passes(
    server: Server, role: str | None, chosen: list[str], tmp_path: Path
) -> None:
    """Signed in and not, with good requests and bad ones: no check of schemathesis fails."""
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION, encoding="utf-8")
    address = f"http://127.0.0.1:{server.port}"
    command = [str(ROOT / ".venv" / "bin" / "schemathesis"), "--config-file"]
    command += [str(tmp_path / "schemathesis.toml"), "run", f"{address}/openapi.json"]
    command += [*chosen, "--phases", "examples,coverage,fuzzing", "--max-examples", "3"]
    command += ["--header", f"Origin: {address}", "--seed", "7", "--no-color"]
    # NUL, which no database holds in a text, is refused at the door: see test_errors.py. A cookie
    # is given below, and changing it would change nothing that is sent.
    command += ["--generation-allow-x00", "false"]
    command += ["--generation-with-security-parameters", "false"]
    for path in () if "--include-path" in chosen else LEFT_OUT:
        command += ["--exclude-path", path]
    if role is not None:
        command += ["--header", sign_in(server, role)]
    result = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600
    )
    assert result.returncode == 0, result.stdout[-6_000:]
    assert " passed" in result.stdout


@pytest.mark.parametrize("with_provider", [False, True])
def test_every_operation_says_how_to_sign_in(
    make_app: Any, tmp_path: Path, with_provider: bool
) -> None:
    """Each operation of the table that is not public names its ways, and a public one none."""
    given = {}
    if with_provider:
        told = write_settings(tmp_path, Issuer("https://issuer.example"))
        given = {name: getattr(told, name) for name in told.model_fields_set}
    app: FastAPI = make_app(**given)
    described = app.openapi()
    kinds = {one["type"] for one in described["components"]["securitySchemes"].values()}
    assert kinds == ({"apiKey", "http", "openIdConnect"} if with_provider else {"apiKey"})
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            rule = RULES[method.upper(), path]
            ways = operation["security"]
            assert bool(ways) != rule.public, (method, path)
            scopes = {scope for way in ways for scope in way.get("provider", [])}
            assert scopes == ({rule.scope} if with_provider and rule.scope else set())
            free = rule.keeps_nothing and not with_provider
            assert ({} in ways) == free, (method, path)


def test_a_refused_method_names_every_method_of_the_address(server: Server) -> None:
    """Where an address takes two methods both are named, whichever route comes first."""
    for path in ("/v1/sittings", "/v1/imports", f"/v1/cases/{'A' * 24}/decisions"):
        answer = server.ask(write_request("DELETE", path)).lower()
        assert b"allow: get, head, post\r\n" in answer, path
