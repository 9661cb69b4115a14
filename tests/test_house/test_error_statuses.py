"""HTTP ends at the edge: rooms below it give codes, and one table says which status a code has."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from serving.errors import ErrorCode
from serving.web.error_answers import STATUSES

SERVING = Path(__file__).resolve().parents[2] / "serving"
EDGE = {"api", "pages", "web", "probes", "folder_view", "app.py"}
NAMES = {"HTTPStatus", "HTTPException", "status_code", "JSONResponse"}
SIZES = {400, 500}
"""Statuses that are as often a number of letters or of units."""


def find_http(path: Path) -> Iterator[str]:
    """Find what a file says of HTTP answers: the number of a status, or a name of the framework."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        is_status = isinstance(node, ast.Constant) and type(node.value) is int
        if is_status and node.value in set(STATUSES.values()) - SIZES:
            yield f"{path.relative_to(SERVING)}:{node.lineno}: {node.value}"
        name = getattr(node, "id", None) or getattr(node, "arg", None) or getattr(node, "name", "")
        if name in NAMES:
            yield f"{path.relative_to(SERVING)}:{node.lineno}: {name}"


def find_all(*, at_the_edge: bool) -> list[str]:
    """Return what is found in the edge's own rooms, or in all others."""
    return [
        found
        for path in sorted(SERVING.rglob("*.py"))
        if (path.relative_to(SERVING).parts[0] in EDGE) == at_the_edge
        for found in find_http(path)
    ]


def test_no_room_below_the_edge_knows_a_status() -> None:
    """Stores, lists and decisions give codes; a status number or a response there is an error."""
    assert find_all(at_the_edge=False) == []
    assert len(find_all(at_the_edge=True)) > 10


def test_every_code_has_one_status() -> None:
    """Each code that an error may carry is in the table, with a status that is an error's."""
    codes = [code for kind in get_args(ErrorCode) for code in get_args(kind) or (kind,)]
    assert len(codes) == len(set(codes))
    assert set(codes) <= set(STATUSES)
    assert all(400 <= status <= 503 for status in STATUSES.values())
