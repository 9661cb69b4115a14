"""Who may see a health or agency-only record is said once in the service."""

import ast
from collections.abc import Iterator
from pathlib import Path

SERVING = Path(__file__).resolve().parents[2] / "serving"
SAID_IN = SERVING / "store" / "record_conditions.py"
CONSTANTS = frozenset({"AGENCY_ONLY", "HEALTH_SOURCE"})
VALUES = frozenset({"agency_only", "not_for_disclosure"})
WORDED = frozenset({"pages/case/record_words.py"})
"""Where the page says in words how a record that is shown is handled."""


def find_uses(path: Path) -> Iterator[str]:
    """Give each use of a constant of visibility, or of what it stands for, in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.alias) and node.name in CONSTANTS:
            yield node.name
        if isinstance(node, ast.Attribute) and node.attr in CONSTANTS:
            yield node.attr
        if isinstance(node, ast.Constant) and node.value in VALUES:
            yield str(node.value)


def test_one_file_of_the_service_says_what_is_kept_apart() -> None:
    """No other file of the service names the handlings and the source that are kept apart."""
    found = {
        f"{path.relative_to(SERVING)}: {use}"
        for path in SERVING.rglob("*.py")
        if path != SAID_IN and str(path.relative_to(SERVING)) not in WORDED
        for use in find_uses(path)
    }
    assert found == set()
    assert {*find_uses(SAID_IN)} >= CONSTANTS
