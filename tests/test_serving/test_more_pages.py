"""The pages on models, data, oversight and help: what they say, to whom, and in a real browser."""

import html
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect, sync_playwright
from starlette.testclient import TestClient

from serving.oversight.card import Told, write_card, write_record
from serving.oversight.metrics import Node, RunFigures, read_figures
from serving.oversight.performance import describe_performance
from serving.pages.charts import Point, Row, draw_holds, draw_rows, find_round
from serving.pages.data_page import tell_days, tell_share
from serving.pages.help_page import DOCUMENTS, GLOSSARY, READING, WORDS, read_words
from serving.persons import ROLES, Person
from serving.problems import ServiceError
from serving.rights.gate import check_rule
from serving.rights.rules import RULES
from serving.settings import make_settings

PAGES = ("/models", "/data", "/oversight", "/help", "/accessibility")
NAVIGATION = ("/", "/urgent", "/caseload", "/cases", "/sealed", *PAGES[:-1])
MOST_BYTES = 200_000
SIZES = {1280: 900, 768: 1024, 375: 800}


def read_text(page: str) -> str:
    """Return a page's words, without marks and with single spaces."""
    without = re.sub(r"<(script|style|svg).*?</\1>", " ", page, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", without)).split())


def part_of(page: str, anchor: str) -> str:
    """Return the section of a page that a heading names."""
    found = re.search(rf'<section[^>]*aria-labelledby="{anchor}".*?</section>', page, flags=re.S)
    assert found is not None, anchor
    return found[0]


def may_open(role: str, path: str, areas: frozenset[str] | None = None) -> bool:
    """Return whether the table of rights lets somebody open a page."""
    try:
        check_rule(Person("SYN", role, "unit", areas=areas), RULES["GET", path])
    except ServiceError:
        return False
    return True


@pytest.fixture(scope="module")
def app(make_app: Callable[..., FastAPI]) -> FastAPI:
    """Return an application over a copy of the store, for the tests of this file alone."""
    return make_app()


@pytest.mark.parametrize("role", ROLES)
def test_the_navigation_shows_what_a_role_may_open(
    app: FastAPI, make_client: Callable[..., TestClient], role: str
) -> None:
    """Each role finds links to the pages that the table of rights opens to it, and to no other."""
    page = make_client(app, role=role).get("/help", headers={"accept": "text/html"}).text
    bar = re.search(r'<nav aria-label="Pages">.*?</nav>', page, flags=re.S)
    assert bar is not None
    shown = set(re.findall(r'href="([^"]+)"', bar[0]))
    assert shown == {path for path in NAVIGATION if may_open(role, path)}


def test_somebody_of_one_area_finds_no_page_about_the_whole_unit(
    app: FastAPI, make_client: Callable[..., TestClient]
) -> None:
    """Data and oversight are of all areas: who sees one area has no link, and is told why not."""
    client = make_client(app, role=None)
    who = {"name": "SYN", "role": "auditor", "agency": "unit", "areas": ["Halton"]}
    client.post("/v1/sign-in", json=who)
    page = client.get("/models").text
    assert 'href="/data"' not in page
    assert 'href="/oversight"' not in page
    refused = client.get("/data", headers={"accept": "text/html"})
    assert refused.status_code == 403
    assert "This is about the whole unit" in read_text(refused.text)


@pytest.mark.parametrize("role", ROLES)
def test_every_page_is_small_and_has_no_style_or_script_of_its_own(
    app: FastAPI, make_client: Callable[..., TestClient], role: str
) -> None:
    """Under 200 kB each, and nothing that the policy of the page would not let run."""
    client = make_client(app, role=role)
    for path in PAGES:
        answer = client.get(path, headers={"accept": "text/html"})
        assert answer.status_code == (200 if may_open(role, path) or path == PAGES[-1] else 403)
        assert len(answer.content) < MOST_BYTES
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=", answer.text), path
        scripts = re.findall(r"<script([^>]*)>", answer.text)
        assert all("nonce=" in one or 'src="/static/' in one for one in scripts), path


@pytest.mark.parametrize("path", ["/models", "/data"])
def test_every_chart_has_a_title_a_description_and_its_figures_in_a_table(
    app: FastAPI, make_client: Callable[..., TestClient], path: str
) -> None:
    """No chart stands alone: what it shows is told in words, and in a table beside it."""
    page = make_client(app, role="administrator").get(path).text
    charts = re.findall(r"<svg class=\"caselight-chart.*?</svg>", page, flags=re.S)
    assert charts
    for chart in charts:
        title = re.search(r"<title id=\"([^\"]+)\">([^<]+)</title>", chart)
        says = re.search(r"<desc id=\"([^\"]+)\">([^<]+)</desc>", chart)
        assert title is not None
        assert says is not None
        assert f'aria-labelledby="{title[1]}"' in chart
        assert f'aria-describedby="{says[1]}"' in chart
    beside = re.findall(r'<div class="caselight-beside">(.*?)</table>', page, flags=re.S)
    assert sum(block.count("<svg") for block in beside) == len(charts)
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


# --- models -----------------------------------------------------------------------------------


def test_the_page_says_that_its_figures_are_invented_and_the_card_has_none(
    client: TestClient, unit: Any
) -> None:
    """On a synthetic store figures are of an invented unit, and never in card or record."""
    told = make_told(unit, is_synthetic=True).performance
    assert told is not None
    figures = [*told.places, *(one.verdict for one in told.verdicts)]
    page = client.get("/models").text
    assert all(line in read_text(part_of(page, "well")) for line in figures)
    assert "Figures of an invented unit." in read_text(part_of(page, "well"))
    for anchor in ("card", "record"):
        said = read_text(part_of(page, anchor))
        assert "No figure." in said
        assert not [line for line in figures if line in said]


def make_told(unit: Any, *, is_synthetic: bool) -> Told:
    """Return what the card of the unit's own model rests on."""
    settings = make_settings(bundle=unit.bundle_path)
    found = read_figures(settings, unit.bundle.id, None)
    assert found.why_none is None
    return Told(
        unit.bundle, settings, describe_performance(found, unit.bundle), is_synthetic=is_synthetic
    )


def test_figures_of_a_real_unit_enter_card_and_record(unit: Any) -> None:
    """What the run says of its model stands in both texts, unless it is of invented cases."""
    for write, heading in ((write_card, "How well it does"), (write_record, "Performance")):
        real = {one.heading: one for one in write(make_told(unit, is_synthetic=False))}
        invented = {one.heading: one for one in write(make_told(unit, is_synthetic=True))}
        verdicts = make_told(unit, is_synthetic=False).performance
        assert verdicts is not None
        assert verdicts.places
        assert set(verdicts.places) < set(real[heading].said)
        assert len(invented[heading].said) == 1
        assert not any(line in str(invented) for line in verdicts.places)


def test_the_record_has_the_headings_of_the_standard_and_says_what_is_to_fill_in(
    unit: Any,
) -> None:
    """Every heading is there, and what only the unit can say is marked and not made up."""
    record = write_record(make_told(unit, is_synthetic=True))
    assert [one.heading for one in record] == [
        *("Owner", "Purpose", "How it is used in decisions", "Data", "Performance", "Risks"),
        "Oversight",
    ]
    assert all(one.to_fill for one in record)
    assert record[0].said == ()


def test_every_figure_on_the_page_is_the_run_s_own(client: TestClient, unit: Any) -> None:
    """Places found, estimates and groups are those of metrics.json, told in hundreds."""
    metrics = json.loads((unit.bundle_path / "metrics.json").read_text())
    well = read_text(part_of(client.get("/models").text, "well"))
    day, n_checked = metrics["trained_for"], 0
    for name in unit.bundle.outcomes:
        found = metrics["outcomes"][name][day]
        groups = found["at_capacity"]["model"]["groups"]
        whole = next(one for one in groups if one["group"] == "all")
        places = round(whole["precision_at_capacity"] * metrics["capacity"])
        assert f"of {metrics['capacity']} places, {places} went to a case" in well
        for part in found["curve"]:
            assert f" {100 * part['mean_probability']:.0f} " in well
            n_checked += 1
    assert n_checked
    assert f"The figures are of a list of {metrics['capacity']} places" in well


def test_what_a_run_did_not_measure_is_named(unit: Any) -> None:
    """Figures without sections, with odd values or with nothing at all are told as not measured."""
    nothing = describe_performance(RunFigures(Node({})), unit.bundle)
    assert nothing.places_chart is None
    assert nothing.audit is None
    assert "whether the estimates hold" in nothing.absent
    odd = {
        "trained_for": "soon",
        "run": {"extract_at": 3},
        "capacity": "30",
        "outcomes": [1],
        "list": {"planner": None},
    }
    odd |= {"audit": {"primary": "x", "characteristics": [{"groups": 4}]}, "headlines": [7, "x"]}
    told = describe_performance(RunFigures(Node(odd)), unit.bundle)
    assert (told.capacity, told.tested_on, told.extract_on) == (None, "", "")
    assert told.verdicts == ()


@pytest.mark.parametrize(
    ("content", "judged", "said"),
    [
        (None, None, "no figures lie beside"),
        ("{", None, "cannot be read"),
        ("[" * 100_000, None, "cannot be read"),
        ('{"bundle_id": "other"}', None, "are another model's"),
        ('{"bundle_id": "own"}', "0" * 64, "not those that were judged"),
    ],
)
def test_figures_that_are_not_the_model_s_are_not_shown(
    tmp_path: Path, content: str | None, judged: str | None, said: str
) -> None:
    """Absent, broken, another model's or changed since they were judged: none, and why."""
    folder = tmp_path / "own"
    folder.mkdir()
    if content is not None:
        (folder / "metrics.json").write_text(content)
    found = read_figures(make_settings(models_dir=tmp_path), "own", judged)
    assert found.why_none is not None
    assert said in found.why_none
    assert not found.root


def test_without_a_model_the_pages_say_so(
    make_app: Callable[..., FastAPI], make_client: Callable[..., TestClient]
) -> None:
    """No model, no card: the longest wait comes first, and nothing is told of what is missing."""
    without = make_app(bundle=None)
    page = make_client(without, role="administrator").get("/models").text
    assert "No model is in use" in read_text(part_of(page, "in-use"))
    assert 'id="card"' not in page
    assert "the longest wait first" in read_text(part_of(page, "order"))
    data = make_client(without, role="administrator").get("/data").text
    assert "nothing can be told" in read_text(part_of(data, "unasked"))
    oversight = make_client(without, role="auditor").get("/oversight").text
    assert "nothing can be told" in read_text(part_of(oversight, "missed"))


def test_the_order_is_switched_with_a_reason(
    make_app: Callable[..., FastAPI], make_client: Callable[..., TestClient]
) -> None:
    """The duty role turns it and says why; everybody reads who did, and only two roles may."""
    app = make_app()
    duty = make_client(app, role="duty")
    sent = duty.post("/models/ordering", data={"ordering": "longest_wait", "why": "SYN a doubt"})
    assert (sent.status_code, sent.headers["location"]) == (303, "/models?done=ordering")
    told = read_text(part_of(make_client(app, role="screener").get("/models").text, "order"))
    assert "Switched by Reviewer" in told
    assert "SYN a doubt" in told
    assert "The duty role and administrators may switch it" in told
    for role in ("screener", "data_scientist", "auditor"):
        refused = make_client(app, role=role).post(
            "/models/ordering", data={"ordering": "model", "why": "SYN"}
        )
        assert refused.status_code == 403
    assert duty.get("/v1/model").json()["ordering"]["switch"] == "longest_wait"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ordering": "longest_wait", "why": "  "}, "Say why the order is switched"),
        ({"ordering": "longest_wait"}, "Say why the order is switched"),
        ({"ordering": "alphabet", "why": "SYN"}, "Choose an order"),
    ],
)
def test_a_switch_without_a_reason_is_not_turned_and_loses_nothing(
    app: FastAPI, make_client: Callable[..., TestClient], given: dict[str, str], said: str
) -> None:
    """What is missing is told beside its field; what was chosen stays chosen."""
    duty = make_client(app, role="duty")
    answer = duty.post("/models/ordering", data=given)
    assert answer.status_code == 422
    assert said in read_text(answer.text)
    assert duty.get("/v1/model").json()["ordering"]["person"] is None
    if given["ordering"] == "longest_wait":
        assert re.search(r'value="longest_wait" checked', answer.text)


# --- data -------------------------------------------------------------------------------------


def test_imports_are_told_with_their_counts_and_rejects(
    make_app: Callable[..., FastAPI], make_client: Callable[..., TestClient]
) -> None:
    """Counts are those of the API; rejected rows are for those alone who may read them."""
    app = make_app()
    sender = make_client(app, role="administrator")
    begun = sender.post("/v1/imports", json={"source_digest": "d" * 64, "rows_total": 2}).json()
    rows = ['{"table": "cases", "row": {"case_id": "SYN-NEW"}}', "not a row"]
    sender.put(
        f"/v1/imports/{begun['import_key']}/rows",
        content="\n".join(rows),
        headers={"content-type": "application/x-ndjson"},
    )
    told = sender.get("/v1/imports").json()["imports"]
    assert told[0]["rejects"] > 0
    page = part_of(sender.get("/data").text, "imports")
    for one in told:
        for name in ("rows_done", "added", "repeats", "conflicts", "rejects"):
            assert f"{one[name]:,}" in page
    links = re.findall(r'href="(/v1/imports/[^"]+)"', page)
    assert links == [f"/v1/imports/{begun['import_key']}/rejects.csv"]
    assert sender.get(links[0]).headers["content-type"].startswith("text/csv")
    for role in ("auditor", "data_scientist"):
        other = make_client(app, role=role)
        assert "rejects.csv" not in other.get("/data").text
        assert other.get(links[0]).status_code == 403


def test_shares_of_flags_and_questions_are_those_of_the_open_cases(
    app: FastAPI, make_client: Callable[..., TestClient]
) -> None:
    """Each flag with the API's count, and the questions as the cases themselves ask them."""
    client = make_client(app, role="reviewer")
    page = client.get("/data").text
    flags = client.get("/v1/flags").json()
    told = read_text(part_of(page, "flags"))
    for one in flags["flags"]:
        kind = "urgent" if one["urgent"] else "review"
        assert f"{one['wording']} {kind} {one['cases']:,} {tell_share(one['share'])}" in told
    assert f"all {flags['n_open']} of them" in read_text(part_of(page, "unasked"))


def test_the_questions_never_asked_agree_with_the_engine(
    app: FastAPI,
    make_client: Callable[..., TestClient],
    list_whole: Callable[[TestClient], list[dict[str, Any]]],
) -> None:
    """Asked of every open case one by one, the same questions are missing as often."""
    client = make_client(app, role="reviewer")
    service = app.state.service
    counts: dict[str, int] = {}
    n_seen = 0
    for row in list_whole(client):
        case = client.get(f"/v1/cases/{row['key']}").json()
        if case["withheld"]:
            continue
        n_seen += 1
        for question in case["ask_first"]:
            counts[question] = counts.get(question, 0) + 1
    n_blind = len(list_whole(client)) - n_seen
    from serving.oversight.unasked import read_unasked

    with service.need_store().reading() as connection:
        found = read_unasked(
            connection, service.champion.find().catalogue, service.need_store().clock()
        )
    assert found.sample.n_all == n_seen + n_blind
    for one in found.questions:
        assert counts.get(one.question, 0) <= one.n_cases <= counts.get(one.question, 0) + n_blind


@pytest.mark.parametrize(
    ("days", "said"), [(0, "the same day"), (1, "1 day"), (1_200, "1,200 days"), (None, "too few")]
)
def test_a_delay_is_told_as_people_say_it(days: int | None, said: str) -> None:
    """Days in words, and what cannot be told as that."""
    assert tell_days(days).startswith(said)


def test_a_small_share_is_never_told_as_none() -> None:
    """One case in a thousand is fewer than one in a hundred, and not nought."""
    assert [tell_share(one) for one in (0.0, 0.001, 0.01, 0.154)] == [
        "0",
        "fewer than 1",
        "1",
        "15",
    ]


# --- oversight --------------------------------------------------------------------------------


def test_oversight_finds_lines_by_person_case_and_day(
    make_app: Callable[..., FastAPI], make_client: Callable[..., TestClient]
) -> None:
    """Who looked at a case stands there at once, and each part of the form narrows it."""
    app = make_app()
    looker, auditor = make_client(app, role="screener"), make_client(app, role="auditor")
    key = looker.get("/v1/cases").json()["rows"][0]["key"]
    looker.get(f"/cases/{key}", headers={"caselight-purpose": "SYN weekly meeting"})
    lines = read_text(part_of(auditor.get("/oversight", params={"case": key}).text, "lines"))
    assert "Opened the case" in lines
    assert "SYN weekly meeting" in lines
    assert key in lines
    by_name = part_of(auditor.get("/oversight", params={"who": "reviewer"}).text, "lines")
    assert "Opened the case" in read_text(by_name)
    nobody = part_of(auditor.get("/oversight", params={"who": "SYN Nobody"}).text, "lines")
    assert "Nobody of that name stands in this book" in read_text(nobody)
    other_day = auditor.get("/oversight", params={"day": "2001-01-01"}).text
    assert "No line answers to this" in read_text(part_of(other_day, "lines"))
    changes = auditor.get("/oversight", params={"book": "changes"}).text
    assert "Who changed what" in read_text(part_of(changes, "lines"))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"day": "2026-02-31"}, "Write the day such as"),
        ({"day": "9999-12-31"}, "Write the day such as"),
        ({"day": "' or 1=1"}, "Write the day such as"),
        ({"case": "SYN-C1"}, "Write the case's key"),
        ({"case": "<b>SYN"}, "Write the case's key"),
    ],
)
def test_what_oversight_cannot_read_is_told_beside_its_field(
    app: FastAPI, make_client: Callable[..., TestClient], asked: dict[str, str], said: str
) -> None:
    """A day that is none and a key that is none are problems to mend, not errors."""
    answer = make_client(app, role="auditor").get("/oversight", params=asked)
    assert answer.status_code == 422
    assert said in read_text(answer.text)
    assert "<b>" not in part_of(answer.text, "lines")


def test_oversight_says_when_a_book_is_not_whole(
    make_app: Callable[..., FastAPI], make_client: Callable[..., TestClient]
) -> None:
    """A line that was changed behind the service's back stands at the top of the page."""
    from sqlalchemy import text

    app = make_app()
    auditor = make_client(app, role="auditor")
    assert "Nothing is wrong" in read_text(part_of(auditor.get("/oversight").text, "chain"))
    auditor.get("/oversight")
    looks = app.state.service.need_store().looks
    with looks.connect().execution_options(caselight_writes=True) as connection:
        for (name,) in connection.execute(
            text("select name from sqlite_master where type = 'trigger'")
        ).all():
            connection.execute(text(f'drop trigger "{name}"'))
        connection.execute(
            text("update audit_lines set person = 'SYN Other' where book = 'looks' and number = 1")
        )
        connection.commit()
    told = read_text(part_of(auditor.get("/oversight").text, "chain"))
    assert "A book is not whole" in told


def test_looking_at_the_oversight_is_a_look_itself(
    make_app: Callable[..., FastAPI], make_client: Callable[..., TestClient]
) -> None:
    """Whoever oversees stands in the book as well."""
    auditor = make_client(make_app(), role="auditor")
    auditor.get("/oversight")
    assert "Looked at this oversight" in read_text(auditor.get("/oversight").text)


# --- help -------------------------------------------------------------------------------------


def test_help_says_what_the_documentation_says(client: TestClient) -> None:
    """Every sentence of the page on reading a score stands in the help, in the same words."""
    told = read_text(part_of(client.get("/help").text, "reading"))
    source = (DOCUMENTS / READING).read_text(encoding="utf-8").split("\n\n", 1)[1]
    plain = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", source)
    wanted = " ".join(re.sub(r"\*+", " ", plain).split())

    def squeeze(words: str) -> str:
        return re.sub(r"\s+([.,:;])", r"\1", words)

    assert squeeze(told).endswith(squeeze(wanted))


def test_every_word_of_the_help_is_in_the_glossary() -> None:
    """No word is left out because the glossary calls it otherwise now."""
    assert [one.name for one in read_words(DOCUMENTS / GLOSSARY)] == list(WORDS)


def test_help_without_the_documentation_says_where_it_is(tmp_path: Path) -> None:
    """Where only the code was installed there is no text, and no error."""
    assert read_words(tmp_path / GLOSSARY) == ()


def test_the_accessibility_statement_is_there_for_everybody(
    app: FastAPI, make_client: Callable[..., TestClient]
) -> None:
    """Nobody need sign in to learn what does not work and how to say so."""
    page = make_client(app, role=None).get("/accessibility")
    assert page.status_code == 200
    told = read_text(page.text)
    for said in ("It is not known to conform", "What is known not to work", "Not tested:"):
        assert said in told


# --- charts -----------------------------------------------------------------------------------


def test_an_axis_ends_at_a_round_number() -> None:
    """The smallest of 1, 2 or 5 times a power of ten that takes every value in."""
    values = (0.0, 0.03, 1.0, 1.01, 7.0, 216.0, 501.0)
    assert [find_round(one) for one in values] == [1.0, 0.05, 1.0, 2.0, 10.0, 500.0, 1_000.0]


def test_marks_stand_where_their_figures_say() -> None:
    """Half of the axis is half of the track; what is missing has no mark; nothing leaves it."""
    rows = [Row("a", 50.0, "50", 25.0, 120.0), Row("b", None, "too few to tell")]
    chart = draw_rows("k", "t", "s", rows, most=100.0)
    track = chart.rows[0].high
    assert track is not None
    assert chart.rows[0].width == pytest.approx(track / 2)
    assert chart.rows[0].low == pytest.approx(track / 4, abs=0.1)
    assert chart.rows[1].width is None
    assert chart.rows[1].bar_y > chart.rows[0].bar_y


def test_a_point_that_is_right_stands_on_the_line() -> None:
    """What was estimated and seen alike is as far from the left as from below."""
    chart = draw_holds("k", "t", "s", [Point(0.3, 0.3, 0.2, 0.4), Point(0.1, 0.4, None, None)])
    on_line, above = chart.points
    assert on_line.x - chart.left == pytest.approx(chart.bottom - on_line.y)
    assert chart.bottom - above.y > above.x - chart.left
    assert on_line.high is not None
    assert on_line.low is not None
    assert on_line.high < on_line.y < on_line.low


# --- in a real browser ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def address(make_app: Callable[..., FastAPI]) -> Iterator[str]:
    """Return the address of a service over a store of its own, listening on a free port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(make_app(), access_log=False, log_level="warning"))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Return a real browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """Return a way to open a page as somebody; what the browser complains of fails the test."""
    contexts, complaints = [], []

    def open_it(path: str, role: str, **given: Any) -> Page:
        context = browser.new_context(base_url=address, **given)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: complaints.append(asked.url) if is_away(asked.url) else 0)
        page.goto("/accessibility")
        who = {"name": f"SYN {role}", "role": role, "agency": "police", "areas": ""}
        headers = {"origin": address}
        context.request.post("/sign-in", form=who, headers=headers, max_redirects=0)
        page.goto(path)
        return page

    def is_away(url: str) -> bool:
        return not url.startswith(f"{address}/")

    yield open_it
    for context in contexts:
        context.close()
    assert [one for one in complaints if "422" not in one] == []


WHO_OPENS = {
    "/models": "administrator",
    "/data": "administrator",
    "/oversight": "auditor",
    "/oversight?day=never": "auditor",
    "/oversight?book=changes&who=SYN+Nobody": "auditor",
    "/help": "screener",
    "/accessibility": "screener",
}


@pytest.mark.browser
@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("path", WHO_OPENS)
def test_everybody_can_use_the_pages(open_page: Callable[..., Page], path: str, width: int) -> None:
    """The rules of axe find nothing, folds open, and no page is wider than its screen."""
    page = open_page(path, WHO_OPENS[path], viewport={"width": width, "height": SIZES[width]})
    for fold in page.locator("main details").all():
        fold.locator("summary").first.click()
    found = Axe().run(page)
    told = [f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in found.response["violations"]]
    assert told == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.browser
@pytest.mark.parametrize("javascript", [True, False], ids=["with-scripts", "without-scripts"])
def test_the_order_is_switched_in_a_browser(
    open_page: Callable[..., Page], javascript: bool
) -> None:
    """Without a reason the field says so; with one it is recorded; with and without scripts."""
    page = open_page("/models", "duty", java_script_enabled=javascript)
    page.get_by_label("The longest wait first").check()
    page.get_by_role("button", name="Switch the order").click()
    expect(page.get_by_role("alert")).to_contain_text("Say why the order is switched")
    expect(page.get_by_label("The longest wait first")).to_be_checked()
    page.get_by_role("textbox", name="Why").fill("SYN the figures are asked about")
    page.get_by_role("button", name="Switch the order").click()
    expect(page.get_by_text("The next list is made the longest wait first.")).to_be_visible()
    expect(page.get_by_text("SYN the figures are asked about")).to_be_visible()


@pytest.mark.browser
@pytest.mark.parametrize("javascript", [True, False], ids=["with-scripts", "without-scripts"])
def test_oversight_is_filtered_by_keyboard(
    open_page: Callable[..., Page], javascript: bool
) -> None:
    """A name and Enter show that person's lines; a link leads back to all of them."""
    page = open_page("/oversight", "auditor", java_script_enabled=javascript)
    page.get_by_label("Person").focus()
    page.keyboard.type("SYN auditor")
    page.keyboard.press("Enter")
    rows = page.get_by_role("region", name="Table: Lines").get_by_role("row")
    expect(rows.nth(1)).to_contain_text("Looked at this oversight")
    expect(page.get_by_label("Person")).to_have_value("SYN auditor")
    page.get_by_role("link", name="Show all").click()
    expect(page.get_by_label("Person")).to_have_value("")


@pytest.mark.browser
def test_the_pages_print_without_their_forms(open_page: Callable[..., Page]) -> None:
    """In print no form and no menu is left, the advisory line is, and nothing is cut off."""
    page = open_page("/models", "administrator", viewport={"width": 700, "height": 1000})
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="Switch the order")).to_be_hidden()
    expect(page.get_by_role("link", name="Data", exact=True)).to_be_hidden()
    expect(page.get_by_text("must not support arrest").last).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 700
