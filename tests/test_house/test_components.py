"""What is locked was held against the newest releases lately, and is not far behind them."""

import datetime as dt
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from scripts import components
from scripts.check_locks import locked_versions

ROOT = Path(__file__).resolve().parents[2]
MOST_DAYS = 183
"""A release that mends a vulnerability is found within half a year at the latest."""
HELD = {
    "govuk-frontend": "the macros of govuk-frontend-jinja are made for one release of the styles",
    "import-linter": "checks the code and is no part of what runs",
}
"""Packages that the project names itself and that are behind by more than mended faults, and why
that is so."""


@pytest.fixture
def record() -> dict[str, Any]:
    """Return what was answered last."""
    told: dict[str, Any] = json.loads(components.RECORD.read_text(encoding="utf-8"))
    return told


def test_the_answer_is_of_these_locks_and_not_old(record: dict[str, Any]) -> None:
    """Whoever changes a lock asks again, and somebody does within half a year."""
    asked_on = dt.date.fromisoformat(record["asked_on"])
    assert record["locks"] == components.name_locks(), "run `make components`"
    assert (dt.date.today() - asked_on).days <= MOST_DAYS, "run `make components`"


def test_no_component_is_far_behind_or_withdrawn(record: dict[str, Any]) -> None:
    """Of what the project names itself only mended faults are missing, but for what has a reason.

    No release that runs or makes the project was taken back by its makers.
    """
    assert record["withdrawn"] == []
    far = {
        name
        for name, (locked, newest) in record["newer_direct"].items()
        if read_release(locked) != read_release(newest)
    }
    assert far == set(HELD)


def test_the_answer_is_about_what_is_locked(record: dict[str, Any]) -> None:
    """Each release that it calls locked is, and each newer one is another; it holds no address."""
    locked = locked_versions((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    pages = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["dependencies"]
    for name, (ours, newest) in (record["newer_direct"] | record["newer_others"]).items():
        assert (locked | pages)[name] == ours != newest
    assert not re.search(r"https?:|//", components.RECORD.read_text(encoding="utf-8"))


def test_newer_releases_are_found() -> None:
    """A package that resolves to another version is told with both; one that is new is not."""
    locked = {"a": "1.0", "b": "2.0", "gone": "1"}
    assert components.find_newer(locked, {"a": "1.1", "b": "2.0", "new": "3"}) == {
        "a": ["1.0", "1.1"]
    }


def test_a_withdrawn_release_is_found() -> None:
    """Each that the resolver warns of is named once."""
    said = (
        'warning: `mlflow==3.18.0` is yanked (reason: "broken")\nResolved 193 packages in 2s\n'
        "warning: `mlflow==3.18.0` is yanked\nwarning: `b==2` is yanked\n"
    )
    assert components.find_withdrawn(said) == ["b==2", "mlflow==3.18.0"]


def test_what_the_project_names_itself_is_read() -> None:
    """Both for running and for making it, without versions and markers, and no included group."""
    project = tomllib.loads(
        '[project]\ndependencies = ["psycopg[binary]>=3.3", "Jinja2>=3 ; sys_platform == \'x\'"]\n'
        '[dependency-groups]\nbuild = ["setuptools>=80"]\n'
        'dev = [{ include-group = "build" }, "types-PyYAML>=6"]\n'
    )
    wanted = {"psycopg", "jinja2", "setuptools", "types-pyyaml"}
    assert components.read_direct(project) == wanted


def read_release(version: str) -> list[str]:
    """Return the parts of a version that change with more than mended faults."""
    return version.split(".")[:2]
