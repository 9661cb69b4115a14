"""MLflow's store is made once, however many begin in one folder at the same moment."""

import os
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import pytest

from features.errors import ConfigError
from training.registry import tracking

ROOT = Path(__file__).resolve().parents[3]
START = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from training.registry import tracking
Path(sys.argv[2]).touch()
while not Path("go").exists():
    time.sleep(0.01)
tracking.start()
import mlflow
print(mlflow.get_experiment_by_name("caselight").experiment_id)
"""


def test_two_first_starts_at_once_make_one_store(tmp_path):
    """Two trainings that end at the same moment in a new folder are both recorded, in one
    experiment.
    """
    started = [
        subprocess.Popen(
            [sys.executable, "-c", START, str(ROOT), str(tmp_path / name)],
            cwd=tmp_path,
            env={name: held for name, held in os.environ.items() if "MLFLOW" not in name},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two", "three")
    ]
    while not all((tmp_path / name).exists() for name in ("one", "two", "three")):
        assert all(process.poll() is None for process in started)
        time.sleep(0.05)
    (tmp_path / "go").touch()
    ended = [process.communicate(timeout=300) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], ended
    assert {out for out, _ in ended} == {"1\n"}
    assert (tmp_path / "mlflow.db").exists()


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"x" * 4096])
def test_a_store_that_cannot_be_used_is_told(tmp_path, content):
    """Where MLflow's file is broken the words say so, and that the bundle is whole."""
    (tmp_path / "mlflow.db").write_bytes(content)
    address, before = f"sqlite:///{tmp_path}/mlflow.db", mlflow.get_tracking_uri()
    try:
        with pytest.raises(ConfigError, match="bundle and its report are whole"):
            tracking.track(None, tmp_path, None, None, dates={}, tracking_uri=address)
    finally:
        mlflow.set_tracking_uri(before)
