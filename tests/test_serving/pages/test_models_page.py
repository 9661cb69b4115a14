"""The page of models: what is in use, how well it does, its card, and the switch of the order."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page, expect
from starlette.testclient import TestClient

from models.run_figures.audit import AuditFigures
from models.run_figures.codec import decode
from models.run_figures.run import RunFigures, read_run_figures
from models.run_figures.screening_list import RankIntervals
from serving.oversight.at_capacity import describe_at_capacity
from serving.oversight.card import CardValue, write_card, write_record
from serving.oversight.groups import describe_audit
from serving.oversight.metrics import read_figures
from serving.oversight.rank_intervals import show_rank_intervals
from serving.oversight.reported_performance import describe_performance
from serving.oversight.run_words import format_needed
from serving.pages.model_page import describe_about
from serving.settings import make_settings
from tests.test_serving.reading_pages import part_of, read_text

GIVEN = {"value": 0.2, "low": 0.1, "high": 0.3}
WITHHELD = "withheld, so that a smaller group's count stays hidden"
ODD = {"n": "many", "orders": {"list": [{"places": "5", "precision": 0.1}, 7], "rfs": "x"}}


@pytest.fixture(scope="module")
def app(make_app: Callable[..., FastAPI]) -> FastAPI:
    """Return an application over a copy of the store, for the tests of this file alone."""
    return make_app()


@pytest.fixture
def client(app: FastAPI, make_client: Callable[..., TestClient]) -> TestClient:
    """Return a client of it, signed in as a screener."""
    return make_client(app)


def test_the_page_says_that_its_figures_are_invented_and_the_card_has_none(
    client: TestClient, unit: Any
) -> None:
    """On a synthetic store figures are of an invented unit, and never in card or record."""
    told = make_told(unit, is_synthetic=True).performance
    assert told is not None
    figures = [told.in_short, *(one.verdict for one in told.verdicts)]
    page = client.get("/models").text
    assert all(line in read_text(part_of(page, "well")) for line in figures)
    assert "Figures of an invented unit." in read_text(part_of(page, "well"))
    for anchor in ("card", "record"):
        said = read_text(part_of(page, anchor))
        assert "No figure." in said
        assert not [line for line in figures if line in said]


def make_told(unit: Any, *, is_synthetic: bool) -> CardValue:
    """Return what the card of the unit's own model rests on."""
    settings = make_settings(bundle=unit.bundle_path)
    found = read_figures(settings, unit.bundle.id, None)
    assert found.why_none is None
    told = describe_performance(found.run, unit.bundle, settings.capacity)
    return CardValue(unit.bundle, settings, told, is_synthetic=is_synthetic)


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
    """Places found, estimates and what acting is worth are those of metrics.json."""
    metrics = json.loads((unit.bundle_path / "metrics.json").read_text())
    well = read_text(part_of(client.get("/models").text, "well"))
    for name, lengths in metrics["list"]["lengths"].items():
        five = next(one for one in lengths["orders"]["list"] if one["places"] == 5)
        assert f"Of 5 places, {5 * five['precision']:.0f} went to a case" in well, name
    for name in unit.bundle.outcomes:
        found = metrics["outcomes"][name][metrics["trained_for"]]
        for part in found["curve"]:
            assert f" {100 * part['mean_probability']:.0f} " in well
        for one in found["net_benefit"]["curves"]["model"]:
            assert f"{round(100 * one['net_benefit'], 1) or 0.0:.1f}" in well


def test_the_unit_s_own_places_are_told_or_the_nearest_that_were_measured(
    client: TestClient, unit: Any
) -> None:
    """A list of 6 has the figures of 5 places, and the page says so; one of 30 has its own."""
    told = read_text(part_of(client.get("/models").text, "well"))
    assert "This unit's list has 6 places a week. The nearest that was measured has 5" in told
    found = read_figures(make_settings(bundle=unit.bundle_path), unit.bundle.id, None)
    labels = {one.name: one.label for one in unit.bundle.catalogue.outcomes}
    own = describe_at_capacity(found.run, labels, 30)
    assert own is not None
    assert (own.asked, own.measured, own.absent) == (30, 30, ())
    lengths = found.run.list.lengths
    for one, (name, _) in zip(own.outcomes, lengths.items(), strict=True):
        share = next(x for x in lengths[name].orders["list"] if x.places == 30).precision
        assert share is not None
        assert f"{30 * share:.0f} went to a case" in one.sentence
        assert [row[0] for row in one.table.rows] == [
            *("the list's order", "the simple rule", "the longest known first"),
            "drawn by chance",
        ]


def test_a_run_that_measured_one_length_is_told_with_what_it_lacks(unit: Any) -> None:
    """A run from before the other lengths were measured: its own places, and what is missing."""
    old = json.loads((unit.bundle_path / "metrics.json").read_text())
    del old["list"]["lengths"]
    told = describe_performance(read_run_figures(old), unit.bundle, 6)
    assert told.at_capacity is not None
    assert told.at_capacity.measured == 30
    assert told.at_capacity.outcomes[0].lengths is None
    assert "what the longest known first would find" in told.absent
    assert len(told.places) == len(told.at_capacity.outcomes) > 0


@pytest.mark.parametrize(
    ("share", "ends", "said"),
    [
        (0.5, (0.25, 0.8), "2.0 (1.2 to 4.0)"),
        (0.02, (0.0, 0.1), "50 (10 or more)"),
        (0.0, (0.0, 0.1), "none found"),
        (None, None, "too few to tell"),
    ],
)
def test_how_many_are_looked_at_to_find_one(
    share: float | None, ends: tuple[float, float] | None, said: str
) -> None:
    """Half of the places find one: two looks; where none may be found there is no upper end."""
    assert format_needed(share, ends) == said


def test_settled_ranks_are_told_where_the_run_was_asked(unit: Any) -> None:
    """Bands of the listed places alone, with what could not be told apart from the last place."""
    places = [{"place": n, "low": 1.0, "median": float(n), "high": 2.0 * n} for n in range(1, 9)]
    bands = {"n_refits": 50, "capacity": 5, "share_stable": 0.8, "n_tied_listed": 2}
    told = show_rank_intervals(decode(RankIntervals, {**bands, "places": places}))
    assert told is not None
    assert "fitted 50 times more" in told.words
    assert "of 100 cases on the list 80 were on it in nearly every fit, and 2 cannot" in told.words
    assert [row[0] for row in told.table.rows] == ["1", "2", "3", "4", "5"]
    assert show_rank_intervals(None) is None


def test_small_groups_stay_hidden_as_in_the_report() -> None:
    """A count that the run withheld is told as that, and a share that it left out as too few."""
    groups = [
        {"group": "a", "n": 400, "positives": 40, "figures": {"selection_rate": GIVEN}},
        {"group": "b", "n": "fewer than 10", "positives": WITHHELD, "figures": {}},
    ]
    one = {"characteristic": "victim sex", "is_pair": False, "groups": groups}
    told = describe_audit(decode(AuditFigures, {"primary": [], "characteristics": [one]}))
    assert told is not None
    assert told.shown[0].table.rows == (
        ("victim sex: a", "400", "20 (10 to 30)"),
        ("victim sex: b", "fewer than 10", "too few to tell"),
    )
    assert told.shown[0].chart is not None
    assert len(told.shown[0].chart.rows) == 1
    assert told.shown[1].table.rows[1] == ("victim sex: b", "withheld", "too few to tell")


def test_what_a_run_did_not_measure_is_named(unit: Any) -> None:
    """Figures without sections, with odd values or with nothing at all are told as not measured."""
    nothing = describe_performance(RunFigures(), unit.bundle, 30)
    assert nothing.at_capacity is None
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
    odd["list"] = {"planner": None, "lengths": dict.fromkeys(unit.bundle.outcomes, ODD)}
    told = describe_performance(read_run_figures(odd), unit.bundle, 30)
    assert (told.at_capacity, told.tested_on, told.extract_on) == (None, "", "")
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
    assert found.run == RunFigures()


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


def test_what_a_check_was_about_is_told_in_plain_words() -> None:
    """The whole model, an outcome by its words, and a comparison by what it asks."""
    labels = {"breach": "breach of conditions recorded"}
    told = [
        describe_about(one, labels=labels)
        for one in ("bundle", "breach", "recall_at_capacity by victim sex", "some_thing")
    ]
    assert told == [
        "the whole model",
        "breach of conditions recorded",
        "who of those with the outcome gets a place, by victim sex",
        "some thing",
    ]


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
def test_the_page_prints_without_its_form(open_page: Callable[..., Page]) -> None:
    """In print no form and no menu is left, the advisory line is, and nothing is cut off."""
    page = open_page("/models", "administrator", viewport={"width": 700, "height": 1000})
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="Switch the order")).to_be_hidden()
    expect(page.get_by_role("link", name="Data", exact=True)).to_be_hidden()
    expect(page.get_by_text("must not support arrest").last).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 700
