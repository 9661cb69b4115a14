"""What the first release wrote is opened, verified, replayed and upgraded by today's code.

``first_release.tar.xz`` holds the demonstration of that release with 300 invented cases: a
contract folder, a bundle, a store with its audit key, an MLflow registry, and in ``expected/`` what
the release itself gave for them. It is never made anew.
"""

import json
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import text

from caselight.__main__ import run
from features.catalogue.file import load_catalogue
from models.bundle.folder import load_bundle
from models.ranking.order import estimate_log_odds
from serving.store.database import open_store
from serving.store.upgrading import check_schema

pytestmark = pytest.mark.long

ARCHIVE = Path(__file__).with_name("first_release.tar.xz")
MADE_IN = "/caselight/var/first_release"
PLACES = (
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("experiments", "artifact_location"),
    ("model_versions", "storage_location"),
    ("model_versions", "source"),
)
"""Where an MLflow registry keeps the folder that it was made in."""
SERVE = """
import sys
import mlflow
import pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/caselight-stalking@champion")
table = pd.read_csv(sys.argv[2]).drop(columns=["case_id", "as_of"]).astype("float64")
model.predict(table).to_csv(sys.argv[3], index=False, float_format="%.17g")
"""


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the first release's demonstration, unpacked, with its own audit key."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    folder = tmp_path / "first_release"
    monkeypatch.setenv("CASELIGHT_AUDIT_KEY_FILE", str(folder / "unit.db.audit-key"))
    return folder


def address(release: Path) -> str:
    return f"sqlite:///{release / 'unit.db'}"


def read_score_keys(release: Path) -> list[str]:
    with sqlite3.connect(release / "unit.db") as connection:
        rows = connection.execute("SELECT score_key FROM scores ORDER BY score_key").fetchall()
    connection.close()
    return [key for (key,) in rows]


def test_the_store_is_upgraded_and_its_audit_log_verifies(
    release: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A store of the first release is brought up to date, and its audit log holds no fault."""
    assert run(["db", "upgrade", "--store", address(release)]) == 0
    assert run(["audit", "verify", "--store", address(release)]) == 0

    printed = capsys.readouterr()
    assert "changes: 18" in printed.out + printed.err
    assert "0 faults" in printed.out + printed.err


def test_the_upgraded_store_has_the_schema_of_today(release: Path) -> None:
    """Every step is taken from the first release on, and nothing of its rows is lost by it."""
    with sqlite3.connect(release / "unit.db") as connection:
        before = connection.execute("SELECT count(*), max(stored_seq) FROM events").fetchone()
    connection.close()
    assert run(["db", "upgrade", "--store", address(release)]) == 0

    store = open_store(address(release))
    assert check_schema(store) == []
    with store.reading() as connection:
        after = connection.execute(text("SELECT count(*), max(stored_seq) FROM events")).one()
        assert connection.execute(text("SELECT count(*) FROM confirmations")).scalar_one() == 0
    store.close()
    assert tuple(after) == before


def test_a_changed_line_of_the_old_audit_log_is_found(release: Path) -> None:
    """The audit log of the first release is really checked: a line altered in it is a fault."""
    assert run(["db", "upgrade", "--store", address(release)]) == 0
    with sqlite3.connect(release / "unit.db") as connection:
        for (trigger,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_lines'"
        ).fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute("UPDATE audit_lines SET person = 'somebody else' WHERE number = 7")
    connection.close()

    assert run(["audit", "verify", "--store", address(release)]) == 1


def test_every_fifth_score_of_the_store_replays(
    release: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A score that the first release stored comes out again, equal to the last bit."""
    assert run(["db", "upgrade", "--store", address(release)]) == 0
    keys = read_score_keys(release)[::5]
    assert len(keys) > 60
    for key in keys:
        capsys.readouterr()
        given = ["--store", address(release), "--models", str(release / "models")]
        assert run(["replay", key, *given]) == 0
        assert "equal to the last bit" in capsys.readouterr().out


def test_the_bundle_ranks_the_contract_folder_as_it_did(release: Path, tmp_path: Path) -> None:
    """Bundle and contract folder give the list of the first release: places, estimates, reasons.

    Told otherwise since: marks of a file, no interval and no rule beside an estimate, no zero as a
    reason up, and a blank as no answer rather than as a question that nobody asked (ADR 30).
    """
    out = tmp_path / "list.jsonl"
    given = [str(release / "bundle"), str(release / "unit"), "--as-of", "2026-11-01"]

    assert run(["score", *given, "--top", "40", "--out", str(out)]) == 0

    now, then = (
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for path in (out, release / "expected" / "list.jsonl")
    )
    assert len(then) == 40
    for told, before in zip(now, then, strict=True):
        same = before.keys() - {"marks", "estimates", "reasons", "unknowns"}
        assert {name: told[name] for name in same} == {name: before[name] for name in same}
        unknowns = [[one["indicator"] for one in row["unknowns"]] for row in (told, before)]
        assert unknowns[0] == unknowns[1]
        no_interval = {"low": None, "high": None, "rule_suffices": False}
        assert told["estimates"] == [one | no_interval for one in before["estimates"]]
        left_out = [one for one in before["reasons"] if one not in told["reasons"]]
        assert [one["value"] for one in left_out] == [0.0] * len(left_out)
        assert [one for one in told["reasons"] if one in before["reasons"]] == [
            one for one in before["reasons"] if one not in left_out
        ]


def test_the_catalogue_of_the_bundle_is_still_the_shipped_one(release: Path) -> None:
    """The digest of a catalogue does not change while its text stays the same."""
    assert (
        load_bundle(release / "bundle").catalogue.digest
        == load_catalogue(str(release / "bundle" / "catalogue.yaml")).digest
    )


def test_the_registered_model_is_served_as_it_was(release: Path, tmp_path: Path) -> None:
    """The champion in the old MLflow registry loads and gives the probabilities that it gave."""
    registry = release / "mlflow.db"
    with sqlite3.connect(registry) as connection:
        for table, column in PLACES:
            connection.execute(
                f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (MADE_IN, str(release))
            )
    connection.close()
    served = tmp_path / "served.csv"
    indicators = release / "expected" / "indicators.csv"
    words = [f"sqlite:///{registry}", str(indicators), str(served)]

    result = subprocess.run(
        [sys.executable, "-c", SERVE, *words],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    now, then = pd.read_csv(served), pd.read_csv(release / "expected" / "served.csv")
    assert list(now) == list(then)
    np.testing.assert_allclose(now.to_numpy(), then.to_numpy(), rtol=0, atol=1e-9)
    bundle = load_bundle(release / "bundle")
    values = pd.read_csv(indicators)[list(bundle.catalogue.columns)].to_numpy(dtype="float64")
    for outcome, log_odds in estimate_log_odds(bundle, values).items():
        np.testing.assert_allclose(
            now[outcome].to_numpy(), 1 / (1 + np.exp(-log_odds)), rtol=0, atol=1e-9
        )
