"""What is in force and what may be shown is each decided in one place."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("features", "models", "training", "serving", "synthetic", "caselight", "scripts")
CONSTANTS = {"HEALTH_SOURCE", "AGENCY_ONLY", "NOT_FOR_DISCLOSURE"}
IN_COLUMNS = "features/contract/kept_apart.py"
IN_SQL = "serving/store/record_conditions.py"
# It reads codes, not text, and goes with the intake that it belongs to.
IN_CODES = "features/engine/whole_units.py"


def list_modules():
    """Return every module of the packages with its syntax tree."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def test_who_may_see_a_record_is_decided_in_one_place():
    """What makes a record a health service's or an agency's own is imported by the rule alone."""
    importing = {
        name
        for name, tree in list_modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and CONSTANTS & {one.name for one in node.names}
    }
    assert IN_COLUMNS in importing
    assert importing <= {IN_COLUMNS, IN_SQL, IN_CODES}


def test_what_is_in_force_is_decided_in_one_place():
    """In columns, no module but the rule's own holds both clocks of a record against a moment."""
    by_hand = {
        name
        for name, tree in list_modules()
        if name.startswith(("features/", "models/", "training/"))
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        if {"recorded_at", "superseded_at"} <= compared_in(function)
    }
    # The other says of a record which of the two clocks keeps it from being in force.
    assert by_hand == {"features/history/in_force.py", "features/evidence/exclusions.py"}


def compared_in(function):
    """Return the names, attributes and columns that stand in comparisons of a function."""
    found = set()
    for comparison in ast.walk(function):
        if isinstance(comparison, ast.Compare):
            for node in ast.walk(comparison):
                if isinstance(node, ast.Name):
                    found.add(node.id)
                elif isinstance(node, ast.Attribute):
                    found.add(node.attr)
                elif isinstance(node, ast.Constant):
                    found.add(node.value)
    return found
