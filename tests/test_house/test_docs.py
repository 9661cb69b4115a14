"""The documents are true: links lead somewhere, commands exist and print what is shown."""

import functools
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from caselight.__main__ import app, run

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = {".venv", "node_modules", ".cache", "var"}
DOCUMENTS = sorted(
    path for path in ROOT.rglob("*.md") if not SKIPPED & set(path.relative_to(ROOT).parts)
)
README = (ROOT / "README.md").read_text(encoding="utf-8")


@functools.cache
def call_make(target: str) -> None:
    """Have `make` say what it would do for a target, once however many documents name it."""
    subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True)


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file(path):
    """Links and pictures of every document name files that are there."""
    text = path.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text)
    assert not [link for link in links if "://" not in link and not (path.parent / link).exists()]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_in_a_document_exists(path):
    """A `make` target or a verb of `caselight` that a document names can be called."""
    text = path.read_text(encoding="utf-8")
    targets = set(re.findall(r"`make ([a-z-]+)`", text)) | set(
        re.findall(r"^make ([a-z-]+)", text, re.M)
    )
    for target in targets:
        call_make(target)
    verbs = set(re.findall(r"`(?:\.venv/bin/)?caselight ([a-z][a-z-]+)", text))
    verbs |= set(re.findall(r"^\.venv/bin/caselight ([a-z][a-z-]+)", text, re.M))
    there = {command.name for command in app.registered_commands}
    assert verbs <= there | {group.name for group in app.registered_groups}


ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PACKAGES = ("features", "models", "training", "serving", "synthetic", "caselight")


def test_files_and_tests_that_the_architecture_names_are_there():
    """The places and the tests that hold the promises exist under their names."""
    places = re.findall(rf"`((?:{'|'.join(PACKAGES)}|tests)/[\w/.]+)`", ARCHITECTURE)
    assert len(places) > 50
    assert not [name for name in places if not (ROOT / name).exists()]
    tests = set(re.findall(r"`(test_\w+\.py)`", ARCHITECTURE))
    assert tests <= {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    promises = re.findall(r"^(\d+)\. \*\*", ARCHITECTURE.split("## Promises")[1], re.M)
    assert promises == [str(number) for number in range(1, 13)]


def test_the_tree_of_the_architecture_is_the_tree():
    """Every room of every package stands in the drawn tree, and no other does."""
    (tree,) = [block for block in blocks(ARCHITECTURE, "") if block.startswith("features/")]
    package, drawn = "", set()
    for line in tree.splitlines():
        name = line.split("/")[0]
        package = package if line.startswith(" ") else name
        drawn |= {f"{package}/{name.strip()}"} if line.startswith(" ") else set()
    rooms = {
        str(place.parent.relative_to(ROOT))
        for package in PACKAGES
        for place in (ROOT / package).glob("*/__init__.py")
    }
    assert drawn == rooms


DECISIONS = sorted((ROOT / "docs" / "adr").glob("0*.md"))


def test_the_list_of_decision_records_has_every_title():
    """A decision record is listed under the number and the title that it has itself."""
    listed = re.findall(
        r"^\| \[(\d+)\]\((.+?)\) \| (.+) \|$",
        (DECISIONS[0].parent / "README.md").read_text(encoding="utf-8"),
        re.M,
    )
    titles = [path.read_text(encoding="utf-8").splitlines()[0] for path in DECISIONS]
    assert [f"# {number}. {title}" for number, _, title in listed] == titles
    assert [name for _, name, _ in listed] == [path.name for path in DECISIONS]


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_record_ends_with_what_remains(path):
    """The last part of every decision record says what it leaves open."""
    parts = re.findall(r"^\*\*([A-Z][^*]*?)\.?\*\*", path.read_text(encoding="utf-8"), re.M)
    assert parts[-1] == "What remains"


@pytest.mark.parametrize("heading", ["One record's way", "One decision's way"])
def test_a_way_through_the_house_has_at_most_twenty_stations(heading):
    """A record and a decision pass few hands, each a file that exists."""
    part = ARCHITECTURE.split(f"## {heading}")[1].split("\n## ")[0]
    stations = re.findall(r"^(\d+)\. `", part, re.M)
    assert [int(number) for number in stations] == list(range(1, len(stations) + 1))
    assert 5 < len(stations) <= 20


def test_the_first_run_prints_what_the_readme_shows(tmp_path, monkeypatch, capfd):
    """`make run` prints headlines, the registered model, the list and its first reasons."""
    monkeypatch.chdir(ROOT)
    arguments = ["demo", "--no-serve", "--folder", str(tmp_path)]
    assert run(arguments) == 0
    first = capfd.readouterr()
    shown = [
        line for line in blocks(README, "text")[0].splitlines() if line.strip() not in ("", "...")
    ]
    shapes = {_shape(line) for line in first.out.splitlines()}
    for line in shown[:-1]:
        assert _shape(line) in shapes, line
    assert first.out.count("\n     + ") == 30
    assert run(arguments) == 0
    second = capfd.readouterr()
    assert "the synthetic unit is there" in second.err
    assert "the model is there" in second.err
    assert "fitting" not in second.err
    listed = first.out[first.out.index("SYNTHETIC DATA") :]
    assert second.out.endswith(listed)


def _shape(line: str) -> str:
    """Return what a line has in common with those of another unit: its beginning, no numbers."""
    line = re.sub(r": (THE MODEL IS NOT|the model beats|NO SIGNAL|NO MODEL).*", ": found", line)
    line = re.sub(r"^warning: .*", "warning", line)
    line = re.sub(r"(\+|\[).*", r"\1", re.sub(r"[0-9a-f]{12}", "0", line))
    return re.sub(r"[\d,.]+", "0", line).strip()[:40]


def test_the_request_of_the_readme_is_answered(small_unit):
    """The request beside the README is scored, with reasons and record keys."""
    from serving.app import create_app
    from serving.settings import make_settings

    (line,) = [line for line in blocks(README, "sh") if line.startswith("curl")]
    words = shlex.split(line)
    body = (ROOT / words[words.index("--data") + 1].removeprefix("@")).read_bytes()
    client = TestClient(create_app(make_settings(bundle=small_unit.bundle)))
    client.base_url = "http://127.0.0.1:8000"
    answer = client.post("/v1/scores", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200
    told = answer.json()
    assert [score["case_id"] for score in told["scores"]] == ["SYN-1", "SYN-2"]
    assert told["scores"][0]["reasons"][0]["records"]
    assert "Advisory" in told["advisory"]


def test_the_help_of_the_readme_is_printed():
    """`caselight --help` works as the README calls it."""
    script = ROOT / ".venv" / "bin" / "caselight"
    environment = os.environ | {"COLUMNS": "100"}
    result = subprocess.run(
        [str(script), "--help"], env=environment, capture_output=True, text=True, check=True
    )
    assert "import" in result.stdout
