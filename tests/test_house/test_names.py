"""One word for one thing: no public class has two meanings, and module names say something."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("features", "models", "training", "serving", "synthetic", "caselight")


def test_no_public_class_has_two_meanings() -> None:
    """The name of a class that others may use stands for one class in the whole project."""
    found: dict[str, list[str]] = defaultdict(list)
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    found[node.name].append(str(path.relative_to(ROOT)))
    assert len(found) > 400
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


def test_no_room_is_called_by_a_word_that_says_nothing() -> None:
    """No module is called utils, helpers, common, manager or the like."""
    banned = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "base", "core"}
    names = {path.stem for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    assert len(names) > 300
    assert names & banned == set()
