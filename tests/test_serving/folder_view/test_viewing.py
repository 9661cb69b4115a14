"""A viewing of a contract folder: what it shows, to whom, and what it never shows."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from playwright.sync_api import Browser
from starlette.testclient import TestClient

from caselight.__main__ import run
from features.contract.moments import format_moment
from serving.folder_view.access_file import AccessFile, Viewer, read_lines
from serving.folder_view.application import create_viewing
from serving.folder_view.entry_token import Door
from serving.folder_view.viewed_folder import open_folder
from tests.test_serving.browsing import SIZES, Seen, list_violations, listening, make_viewport

TOKEN = "ABCD-EFGH-JKLM-NPQR"
NOW_US = 1_772_000_000_000_000
HIDDEN = "SYNHIDDEN"
"""Stands in everything that no page of a viewing may show."""


@dataclass(frozen=True)
class Viewing:
    """A viewing and what it is of."""

    folder: Path
    client: TestClient
    access: AccessFile
    case_ids: tuple[str, ...]

    def enter(self) -> None:
        """Type the token."""
        assert self.client.post("/enter", data={"token": TOKEN}).status_code == 200

    def list_cases(self) -> list[str]:
        """Return the addresses of the cases on the list."""
        return list_addresses(self.client.get("/").text)

    def opened(self) -> list[str]:
        """Return the cases that the access file says were opened."""
        lines = read_lines(self.access.path.read_text().splitlines(), "x")
        return [one.case_id for one in lines if one.act == "case"]


def list_addresses(page: str) -> list[str]:
    """Return the addresses of cases on a page."""
    return re.findall(r'href="(/cases/[0-9a-f]+)"', page)


@pytest.fixture(scope="module")
def folder(small_unit: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the small unit in which something hidden stands in every case."""
    place = tmp_path_factory.mktemp("viewed") / "unit"
    shutil.copytree(small_unit.folder, place)
    manifest = json.loads((place / "manifest.json").read_text())
    manifest.pop("tables")
    (place / "manifest.json").write_text(json.dumps(manifest))
    events = pd.read_parquet(place / "events.parquet")
    first = events.drop_duplicates("case_id")
    for name, more in {
        "health": {"source": "health"},
        "own": {"source": "police", "handling": "agency_only"},
    }.items():
        kept = first.assign(
            event_id=[f"{HIDDEN}-{name}-{number}" for number in range(len(first))],
            detail=HIDDEN,
            narrative=HIDDEN,
            incident_id=None,
            supersedes=None,
            **more,
        )
        events = pd.concat([events, kept], ignore_index=True)
    events["narrative"] = HIDDEN
    events.to_parquet(place / "events.parquet")
    return place


@pytest.fixture
def viewing(folder: Path, small_unit: Any, tmp_path: Path) -> Iterator[Viewing]:
    """Return a viewing of the folder at the unit's test date."""
    date = format_moment(small_unit.test_date, "Europe/London")
    viewed = open_folder(small_unit.bundle, folder, date, 10)
    (tmp_path / "unit").mkdir()
    access = AccessFile(tmp_path / "unit", Viewer("SYN Analyst", "an audit"), lambda: NOW_US)
    app = create_viewing(viewed, access, Door(TOKEN))
    with TestClient(app, base_url="http://127.0.0.1:8100") as client:
        yield Viewing(folder, client, access, tuple(row.advice.case_id for row in viewed.rows))


def test_nobody_sees_a_page_without_the_token(viewing: Viewing) -> None:
    """Every address leads to the door, and a wrong token is written down."""
    for path in ("/", "/cases/0", "/find", "/openapi.json", "/docs", "/nothing"):
        answer = viewing.client.get(path, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/enter")
    wrong = viewing.client.post("/enter", data={"token": "wrong"})
    assert wrong.status_code == 403
    assert "Type the token" in wrong.text
    lines = read_lines(viewing.access.path.read_text().splitlines(), "x")
    assert [one.act for one in lines] == ["refused"]


def test_a_closed_door_writes_nothing(viewing: Viewing) -> None:
    """After five wrong tokens, tries are refused and the file grows no more."""
    for _ in range(8):
        assert viewing.client.post("/enter", data={"token": "wrong"}).status_code == 403
    assert len(viewing.access.path.read_text().splitlines()) == 5


def test_a_case_is_written_down_before_it_is_shown(viewing: Viewing) -> None:
    """The list names no opened case; each case opened is a line, with who, what for and when."""
    viewing.enter()
    addresses = viewing.list_cases()
    assert viewing.opened() == []
    for address, case_id in list(zip(addresses, viewing.case_ids, strict=True))[:3]:
        assert f"Case {case_id}" in viewing.client.get(address).text
    assert viewing.opened() == list(viewing.case_ids[:3])


def test_a_case_is_found_by_its_number(viewing: Viewing) -> None:
    """By all of it, sent in the body; a number that is not ranked tells nothing and is no line."""
    viewing.enter()
    found = viewing.client.post("/find", data={"number": f" {viewing.case_ids[4]} "})
    assert f"Case {viewing.case_ids[4]}" in found.text
    assert viewing.case_ids[4] not in str(found.url)
    assert viewing.client.post("/find", data={"number": "none"}).status_code == 404
    assert viewing.opened() == [viewing.case_ids[4]]


def test_where_nothing_can_be_written_no_case_is_shown(viewing: Viewing) -> None:
    """The page says so and holds nothing of the case."""
    viewing.enter()
    address = viewing.list_cases()[0]
    viewing.access.path.unlink()
    viewing.access.path.mkdir()
    answer = viewing.client.get(address)
    assert answer.status_code == 503
    assert "cannot be written" in answer.text
    assert viewing.case_ids[0] not in answer.text


def test_nothing_hidden_is_on_any_page(viewing: Viewing) -> None:
    """No narrative, no characteristic, no record of health or of one agency alone is shown."""
    people = pd.read_parquet(viewing.folder / "people.parquet")
    persons = set(people["person_id"].astype(str))
    viewing.enter()
    pages = [viewing.client.get(path).text for path in ("/", *viewing.list_cases())]
    assert len(pages) == 11
    for page in pages:
        assert HIDDEN not in page
        assert not [one for one in persons if one in page]
    assert all("records in force" in page for page in pages[1:])


def test_pages_change_nothing_and_are_for_this_machine(viewing: Viewing) -> None:
    """No page is stored or framed; another name of the host and another method are refused."""
    viewing.enter()
    page = viewing.client.get("/")
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-frame-options"] == "DENY"
    assert viewing.client.get("/", headers={"host": "example.org"}).status_code == 400
    assert viewing.client.post("/").status_code == 405
    assert viewing.client.delete(viewing.list_cases()[0]).status_code == 405


def test_an_export_of_everything_is_refused(folder: Path, tmp_path: Path, capfd: Any) -> None:
    """A folder whose manifest says that it holds what is sealed is not read."""
    place = tmp_path / "unit"
    shutil.copytree(folder, place)
    manifest = json.loads((place / "manifest.json").read_text()) | {"everything": True}
    (place / "manifest.json").write_text(json.dumps(manifest))
    arguments = ["view", "no bundle", str(place), "--as-of", "2026-01-01"]
    assert run([*arguments, "--name", "SYN A", "--purpose", "x", "--port", str(free_port())]) == 2
    assert "without --everything" in capfd.readouterr().err


@pytest.mark.parametrize("option", ["--name", "--purpose"])
def test_nobody_looks_without_a_name_and_a_purpose(folder: Path, option: str, capfd: Any) -> None:
    """An empty one is refused before anything is read."""
    words = {"--name": "SYN A", "--purpose": "x"} | {option: "  "}
    stated = [part for pair in words.items() for part in pair]
    assert run(["view", "no bundle", str(folder), "--as-of", "2026-01-01", *stated]) == 2
    assert option in capfd.readouterr().err


def test_the_pages_pass_the_rules_of_axe(viewing: Viewing, browser: Browser) -> None:
    """The door, the list and a case, at every width; the console stays empty."""
    with listening(viewing.client.app) as address:  # type: ignore[arg-type]
        seen = Seen()
        context = browser.new_context(base_url=address)
        page = context.new_page()
        seen.watch(page)
        page.goto("/")
        assert list_violations(page) == []
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Enter").press("Enter")
        page.wait_for_selector("table")
        addresses = [page.url, address + list_addresses(page.content())[0]]
        for width in SIZES:
            page.set_viewport_size(make_viewport(width))
            for one in addresses:
                page.goto(one)
                assert list_violations(page) == []
                wide = page.evaluate("document.documentElement.scrollWidth")
                assert wide <= width
        context.close()
        assert seen.complaints == []


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_viewing_as_a_user_starts_it(folder: Path, small_unit: Any, tmp_path: Path) -> None:
    """The program says what it shows, prints the token, and closes the file when it is stopped."""
    place = tmp_path / "unit"
    shutil.copytree(folder, place)
    manifest = json.loads((place / "manifest.json").read_text()) | {"synthetic": False}
    (place / "manifest.json").write_text(json.dumps(manifest))
    port, date = free_port(), format_moment(small_unit.test_date, "Europe/London")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "caselight", "view", small_unit.bundle, place),
            *("--as-of", date, "--name", "SYN Analyst", "--purpose", "an audit"),
            *("--port", str(port)),
        ],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    assert process.stdout is not None
    printed = []
    for line in process.stdout:
        printed.append(line)
        if line.startswith("Press Ctrl+C"):
            break
    token = re.search(r"once: (\S+)", "".join(printed))
    assert token is not None
    assert printed[0].startswith("Real case histories of unit")
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", follow_redirects=True) as client:
        page = client.post("/enter", data={"token": token[1]})
        assert "Real case histories" in page.text
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=60)[0]
    written = (tmp_path / "unit.access.jsonl").read_text().splitlines()
    lines = read_lines(written, "x")
    assert [one.act for one in lines] == ["begun", "entered", "listed", "ended"]
    assert lines[-1].digest[:16] in rest
