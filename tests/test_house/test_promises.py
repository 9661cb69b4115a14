import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ENTRY_POINTS = yaml.safe_load((ROOT / "MLproject").read_text(encoding="utf-8"))["entry_points"]


def test_every_test_states_its_promise() -> None:
    """Each test has a docstring whose first paragraph is a sentence."""
    silent = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_test = isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
            if is_test and not (ast.get_docstring(node) or "").split("\n\n")[0].endswith("."):
                silent.append(f"{path.relative_to(ROOT)}: {node.name}")

    assert silent == []


@pytest.mark.parametrize("name", sorted(ENTRY_POINTS))
def test_an_mlflow_entry_point_calls_a_command_that_exists(name: str) -> None:
    """Every option that MLproject passes is one that the command line names in its help."""
    command = ENTRY_POINTS[name]["command"]
    options = set(re.findall(r"--[a-z-]+", command))

    result = subprocess.run(
        [sys.executable, "-m", "caselight", name, "--help"],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert command.startswith(f"python -m caselight {name} ")
    assert result.returncode == 0, result.stderr
    assert options <= set(re.findall(r"--[a-z-]+", result.stdout))
