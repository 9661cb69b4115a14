"""Lines of code of every tracked file: Python without blanks, comments and docstrings.

``python scripts/code_lines.py [FOLDER ...]`` counts one checkout or several side by side. The
simulator and the example unit count as ``synthetic`` wherever they stood.
"""

import ast
import subprocess
import sys
import tokenize
from collections import Counter
from pathlib import Path
from typing import Final

SYNTHETIC: Final = ("training/simulator/", "caselight/example_unit/")
"""Where the synthetic unit stood before it had a package of its own."""
APART: Final = ("tests", "synthetic", "benchmarks")
"""Python that is listed and not part of the sum."""
OTHER: Final = {".html": "templates", ".sh": "shell", ".yaml": "YAML", ".yml": "YAML"}
_LAYOUT: Final = frozenset(
    {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENCODING,
        tokenize.ENDMARKER,
    }
)


def main() -> int:
    """Print one row a package and a sum, one column a checkout."""
    counts = [count_checkout(Path(name)) for name in sys.argv[1:] or ["."]]
    names = sorted({name for one in counts for name in one})
    parts = [name for name in names if name not in APART and name not in OTHER.values()]
    for name in [*parts, "all of these", *(name for name in names if name not in parts)]:
        row = [
            sum(one[part] for part in parts) if name[:3] == "all" else one[name] for one in counts
        ]
        print(f"{name:14}" + "".join(f"{lines:>10,}" for lines in row))
    return 0


def count_checkout(folder: Path) -> Counter[str]:
    """Return lines by package, or by kind for what is not Python."""
    command = ["git", "-C", str(folder), "ls-files"]
    tracked = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")
    found: Counter[str] = Counter()
    for name in filter(None, tracked):
        path = folder / name
        if path.suffix == ".py" and path.is_file():
            package = "synthetic" if name.startswith(SYNTHETIC) else name.split("/")[0]
            found[package] += count_code(path)
        elif path.suffix in OTHER and path.is_file():
            found[OTHER[path.suffix]] += sum(bool(line.strip()) for line in path.open())
    return found


def count_code(path: Path) -> int:
    """Return the lines of a Python file that hold code."""
    with tokenize.open(path) as opened:
        text = opened.read()
    held: set[int] = set()
    with path.open("rb") as opened_bytes:
        for token in tokenize.tokenize(opened_bytes.readline):
            if token.type not in _LAYOUT:
                held.update(range(token.start[0], token.end[0] + 1))
    return len(held - set(_list_docstring_lines(ast.parse(text))))


def _list_docstring_lines(tree: ast.Module) -> list[int]:
    """Return the lines of strings that stand alone: docstrings, and those below constants."""
    return [
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    ]


if __name__ == "__main__":
    sys.exit(main())
