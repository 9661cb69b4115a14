"""Docstrings of the inner packages say what comes in, what comes back and what is raised."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Its functions take the pass's own state by position; the modules say what the names mean.
COMPILED = "features/engine/kernel/"
# Leaves the house with the intake that it belongs to.
LEAVING = tuple(
    f"features/engine/{name}.py" for name in ("columnar", "whole_units", "typed_tables", "placing")
)
# Readers of one YAML grammar, whose entries the grammar describes.
YAML = ("features/catalogue/", "features/contract/yaml_file.py", "features/intake/mapping.py")
# Formulas: what a shape or a unit is cannot be guessed from a name, so each parameter is described.
FIGURES = "training/figures"
FEW_PARAMETERS = 2


def list_functions():
    """Return every public function and method that the rule is about."""
    for package in ("features", "models", FIGURES):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if name.startswith((COMPILED, *LEAVING, *YAML)):
                continue
            for qualified, node in find_public(ast.parse(path.read_text(encoding="utf-8"))):
                yield f"{name}:{qualified}", node


def find_public(node, within=""):
    """Return the public functions of a module or class, and the methods of its public classes."""
    for below in node.body:
        if isinstance(below, ast.ClassDef) and not below.name.startswith("_"):
            yield from find_public(below, f"{below.name}.")
        elif isinstance(below, ast.FunctionDef) and not below.name.startswith("_"):
            yield within + below.name, below


def find_missing(name, function):
    """Return the sections that a function's docstring lacks."""
    said = ast.get_docstring(function) or ""
    returned = ast.unparse(function.returns) if function.returns else "None"
    names = [one.arg for one in (*function.args.args, *function.args.kwonlyargs)]
    given = [one for one in names if one not in ("self", "cls")]
    many = len(given) > (0 if name.startswith(FIGURES) else FEW_PARAMETERS)
    needed = {"Parameters"} if many else set()
    if (many or "Parameters\n" in said) and returned not in ("None", "bool"):
        needed |= {"Yields" if returned.startswith("Iterator") else "Returns"}
    if any(isinstance(node, ast.Raise) for node in walk_body(function)):
        needed |= {"Raises"}
    return {section for section in needed if f"{section}\n{'-' * len(section)}" not in said}


def walk_body(function):
    """Return the nodes of a function's body, those of functions inside it left out."""
    waiting = list(function.body)
    while waiting:
        node = waiting.pop()
        if not isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            yield node
            waiting += ast.iter_child_nodes(node)


FUNCTIONS = dict(list_functions())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_docstring_says_what_comes_in_and_what_comes_back(name):
    """A function of three parameters or more (a figure's: of any) describes them and what it
    returns; one that describes its parameters says what it returns; one that raises says so.
    """
    assert find_missing(name, FUNCTIONS[name]) == set()
