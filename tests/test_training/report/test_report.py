"""The report of a run: what it says, in which order, and what it must never hold."""

import copy
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from features.errors import ArtefactError
from models.run_figures.codec import encode
from models.run_figures.fitting import DriftShift
from models.run_figures.run import read_run_figures
from training.audit import audit_list, find_proxies
from training.evaluation.origin_openings import Opening
from training.figures.calibration import assess_calibration
from training.fitting.bootstrap_refits import assess_list, measure_distinguishable, refit_ranks
from training.practice.breaks import Break
from training.report import render_report, write_report
from training.report.listing import cut_ranks
from training.report.page import OPTIONAL
from training.report.report_tables import AUC, COUNT, GAIN, IN_100, NOTHING

pytestmark = pytest.mark.long

CANARY = "CASE-4711-CANARY"


@dataclass
class Read:
    """What a reader finds on a page: headings, tables, and the text in order."""

    headings: list[tuple[str, str]] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)
    cells: list[tuple[dict[str, str], str]] = field(default_factory=list)
    rows: dict[str, list[list[str]]] = field(default_factory=dict)
    svgs: list[dict[str, str]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    text: str = ""


class Reader(HTMLParser):
    """Reads a page with the standard library alone."""

    def __init__(self) -> None:
        super().__init__()
        self.found = Read()
        self.open: list[tuple[str, dict[str, str]]] = []
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of what begins."""
        given = {name: value or "" for name, value in attrs}
        self.found.ids += [given["id"]] if "id" in given else []
        if tag == "svg":
            self.found.svgs.append(given)
        if tag == "tr" and self.found.captions:
            self.found.rows.setdefault(self.found.captions[-1], []).append([])
        if tag in ("h1", "h2", "h3", "caption", "td", "th"):
            self.open.append((tag, given))
            self.parts = []

    def handle_data(self, data: str) -> None:
        """Collect the text."""
        self.found.text += data
        self.parts.append(data)

    def handle_endtag(self, tag: str) -> None:
        """Keep what ends."""
        if not self.open or self.open[-1][0] != tag:
            return
        _, given = self.open.pop()
        text = " ".join("".join(self.parts).split())
        if tag == "caption":
            self.found.captions.append(text)
        elif tag in ("td", "th"):
            self.found.cells.append((given, text))
            self.found.rows[self.found.captions[-1]][-1].append(text)
        else:
            self.found.headings.append((tag, text))


def read_page(page: str) -> Read:
    """Return what stands on a page."""
    reader = Reader()
    reader.feed(page)
    return reader.found


def render_metrics(metrics: dict[str, Any]) -> str:
    """Return the page of what ``metrics.json`` holds."""
    return render_report(read_run_figures(metrics))


def make_cases(n: int = 1_200) -> dict[str, Any]:
    """Return cases with estimates, outcomes and a characteristic."""
    random = np.random.default_rng(5)
    probability = random.uniform(0.02, 0.7, n)
    return {
        "y_true": random.uniform(size=n) < probability,
        "probability": probability,
        "person": np.arange(n),
        "sex": np.array(
            random.choice(["female", "male", "other"], n, p=[0.6, 0.397, 0.003]), object
        ),
    }


def make_bands(probability: Any, person: Any) -> dict[str, object]:
    """Return rank bands of a list, from refits that differ by noise."""
    bands = refit_ranks(
        lambda _, seed: probability + np.random.default_rng(seed).normal(0, 0.02, len(person)),
        person,
        50,
        1,
        lambda _: None,
    )
    order = np.argsort(-probability)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(1, len(order) + 1)
    stability = assess_list(bands, place, 20)
    return {
        "n_refits": bands.n_refits,
        "capacity": stability.capacity,
        "share_stable": stability.share_stable,
        "told_apart": measure_distinguishable(stability, probability, place),
        "n_tied_listed": stability.n_tied_listed,
        "n_tied": len(stability.tied_with_last),
        "places": [
            {
                "place": number,
                "low": float(bands.low[row]),
                "median": float(bands.median[row]),
                "high": float(bands.high[row]),
            }
            for number, row in enumerate(order[:30], 1)
        ],
    }


def make_optional(outcomes: list[str]) -> dict[str, object]:
    """Return the sections that a run may have, made by what makes them where that is possible."""
    cases = make_cases()
    y_true, probability, person = cases["y_true"], cases["probability"], cases["person"]
    values = np.stack([probability, (cases["sex"] == "male") + 0.1 * probability], axis=1)
    audit = audit_list(
        y_true=y_true,
        probability=probability,
        score=probability,
        person=person,
        capacity=200,
        characteristics={"victim sex": cases["sex"]},
        primary=[("recall_at_capacity", "victim sex")],
        n_draws=40,
        seed=1,
    )
    proxies = find_proxies(values, ["incidents_90d", "told_by_him"], cases["sex"], person, 1)
    area = np.where(person % 2, "north", "south").astype(object)
    calibration = assess_calibration(y_true, probability, person, {"area": area})
    drift = DriftShift(
        -0.2, -0.4, (-0.6, -0.2), 0.05, 0.11, 0.17, 900, 5, "365 days", 0, 1, "the rate has moved"
    )
    truth = {
        "n": 400,
        "runs": 400,
        "largest_standard_error": 0.0244,
        "ceiling_auc": 0.781,
        "auc": 0.744,
        "share_of_ceiling": 0.868,
        "recall_of_truth_at_capacity": 0.131,
        "parts": [
            {"n": 40, "mean_probability": 0.05, "mean_truth": 0.04, "relative_error": 0.25},
            {"n": 40, "mean_probability": 0.5, "mean_truth": 0.6, "relative_error": -0.1667},
        ],
        "managed": {
            "n": 60,
            "median_place": 0.41,
            "median_untreated_place": 0.22,
            "mean_probability": 0.11,
            "mean_untreated": 0.19,
        },
    }
    return {
        "audit": encode(audit.figures),
        "proxies": {"victim sex": encode(proxies.figures)},
        "calibration": {name: encode(calibration) for name in outcomes},
        "drift": {outcomes[0]: encode(drift)},
        "breaks": [{**asdict(Break(0, "contact", 2.13, 0.0005)), "date": "2020-04-01"}],
        "openings": [{"origin": "2025-01-01", "words": Opening(2, "2025-03-01", 1).describe()}],
        "truth": {outcomes[0]: truth},
        "held_out_area": {
            outcomes[0]: {"n": 310, "positives": 44, "model": 0.71, "rfs": 0.66, "logistic": 0.69}
        },
        "bands": make_bands(probability, person),
    }


@pytest.fixture(scope="module")
def metrics(small_unit: Any) -> dict[str, Any]:
    """Return the metrics of a real run with every section that a run may have."""
    found = json.loads((small_unit.bundle / "metrics.json").read_text())
    optional = make_optional(list(found["outcomes"]))
    full: dict[str, Any] = json.loads(json.dumps(found | optional, allow_nan=False))
    return full


@pytest.fixture(scope="module")
def page(metrics: dict[str, Any]) -> str:
    """Return the page of that run."""
    return render_metrics(metrics)


@pytest.fixture(scope="module")
def read(page: str) -> Read:
    """Return what stands on that page."""
    return read_page(page)


def follow(metrics: Any, pointer: str) -> Any:
    """Return the value at a JSON pointer."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        metrics = metrics[int(key) if isinstance(metrics, list) else key]
    return metrics


def test_every_figure_of_a_table_is_the_one_in_the_metrics(
    metrics: dict[str, Any], read: Read
) -> None:
    """Each figure names its place, and what stands there rounds to it; so do both interval ends."""
    checked = 0
    for marks, text in read.cells:
        if "data-from" not in marks:
            continue
        shown = re.findall(r"[-+]?\d[\d,]*(?:\.\d+)?", text.replace(", ", " "))
        pointers = marks["data-from"].split("\n")
        assert len(shown) == len(pointers) in (1, 3)
        for figure, pointer in zip(shown, pointers, strict=True):
            value = follow(metrics, pointer) * float(marks.get("data-scale", 1))
            digits = len(figure.partition(".")[2])
            assert float(figure.replace(",", "")) == pytest.approx(value, abs=0.5001 * 10**-digits)
            checked += 1
    assert checked > 500


def test_no_figure_stands_in_a_table_without_its_place(read: Read) -> None:
    """Only counts of ranks by band are made by the page; every other figure is read."""
    made = [
        text
        for marks, text in read.cells
        if marks.get("class") == "figure"
        and marks.get("scope") != "col"
        and "data-from" not in marks
        and text != NOTHING
        and re.fullmatch(r"[-+]?[\d,.]+.*", text)
    ]
    bands = [row[1] for name, rows in read.rows.items() if "missed" in name for row in rows[1:]]
    assert made == [one for one in bands if one in made]


def test_missed_cases_are_all_in_the_bands(metrics: dict[str, Any], read: Read) -> None:
    """The bands of ranks add up to the missed cases of the gravest outcome."""
    gravest = metrics["list"]["gravest"]
    (rows,) = [of for name, of in read.rows.items() if name.startswith("Ranks of missed")]
    assert (
        sum(int(row[1].replace(",", "")) for row in rows[1:])
        == (metrics["list"]["missed"][gravest]["n"])
    )


def test_headlines_come_first_and_what_cannot_be_said_second(
    metrics: dict[str, Any], read: Read
) -> None:
    """The first two headings after the title, with every headline and every limit in full."""
    seconds = [text for level, text in read.headings if level == "h2"]
    assert seconds[:3] == [
        "Does the model beat a simple rule?",
        "What this report cannot say",
        "Sections",
    ]
    before, _, after = read.text.partition("What this report cannot say")
    squeezed = re.sub(r"\W", "", before).lower()
    assert all(re.sub(r"\W", "", line).lower() in squeezed for line in metrics["headlines"])
    assert all(one["words"] in before for one in metrics["findings"])
    assert all(line in after.partition("Sections")[0] for line in metrics["cannot_say"])


def test_warnings_stand_before_everything_else() -> None:
    """Headlines and findings that warn come first, whatever their order in the metrics."""
    page = render_metrics(
        {
            "headlines": [
                "a at 2020: the model beats the rule: +0.1",
                "b at 2020: NO SIGNAL: AUC 0.5",
            ],
            "findings": [
                {"words": "fine", "is_warning": False},
                {"words": "not fine", "is_warning": True},
            ],
        }
    )
    text = read_page(page).text
    assert text.index("NO SIGNAL") < text.index("The model beats the rule")
    assert text.index("Warning. not fine") < text.rindex("fine")


@pytest.mark.parametrize("key", OPTIONAL)
def test_a_section_that_a_run_lacks_is_named(key: str, metrics: dict[str, Any]) -> None:
    """It stands among those not asked for; one that a run has does not."""
    last = metrics["trained_for"]
    outcomes = {
        name: {last: {"curve": of[last]["curve"]} if key == "curve" else {}}
        for name, of in metrics["outcomes"].items()
    }
    section = {key: metrics[key]} if key in metrics else {}
    with_it = render_metrics({"trained_for": last, "outcomes": outcomes, **section})
    without = render_metrics({"outcomes": {}})

    def named(page: str) -> str:
        return page.partition("Not asked for in this run")[2].partition("</ul>")[0]

    assert f"<li>{OPTIONAL[key]}</li>" in named(without)
    assert f"<li>{OPTIONAL[key]}</li>" not in named(with_it)


def test_every_section_of_a_full_run_is_shown(read: Read) -> None:
    """In the order in which a reader needs them."""
    seconds = [text for level, text in read.headings if level == "h2"]
    assert [text.partition(". ")[2] for text in seconds[3:]] == [
        "At a glance",
        "The list",
        "Calibration",
        "Is acting on it worth more than acting on all, or on none?",
        "Other readings of the outcome",
        "Audit of the list",
        "Back-tests and choice",
        "Do reasons hold?",
        "Doubt about the order",
        "Held against the known truth",
        "How it was made",
        "Where TRIPOD+AI's items are answered",
    ]
    assert "Not asked for in this run" not in read.text


def test_the_same_run_gives_the_same_bytes(
    metrics: dict[str, Any], page: str, tmp_path: Path
) -> None:
    """Plots included: nothing of the moment or of chance is in the file."""
    write_report(read_run_figures(metrics), tmp_path / "runs" / "report.html")
    assert (tmp_path / "runs" / "report.html").read_text(encoding="utf-8") == page


def test_the_page_runs_nothing_and_fetches_nothing(page: str) -> None:
    """No script, no address, no file beside it, and a policy that would stop them."""
    assert "<script" not in page
    assert "://" not in page.replace("http://www.w3.org/", "")
    assert not re.search(r"<(link|img|iframe|object|embed|form|base)\b|@import|url\((?!#)", page)
    assert not re.search(r"\son\w+=|javascript:", page)
    assert "default-src 'none'" in page


def spread_canary(value: Any, *, by_name: bool) -> Any:
    """Return the metrics with a canary beside every entry, and among the ranks and the figures."""
    if isinstance(value, dict):
        inner = {key: spread_canary(one, by_name=by_name) for key, one in value.items()}
        added: dict[str, Any] = {"case_id": CANARY, "cases": [CANARY], "who": {"id": {"x": CANARY}}}
        return {**inner, **added, **({CANARY: 1} if by_name else {})}
    if isinstance(value, list):
        each = [spread_canary(one, by_name=by_name) for one in value]
        is_of_texts = bool(value) and all(isinstance(one, str) for one in value)
        return each if is_of_texts else [*each, CANARY]
    return value


def test_no_case_identifier_reaches_the_page(metrics: dict[str, Any]) -> None:
    """A canary in every mapping, in every list of figures and as a name is nowhere on the page."""
    assert CANARY not in render_metrics(spread_canary(metrics, by_name=True))


def test_a_text_where_a_figure_belongs_is_not_shown(metrics: dict[str, Any]) -> None:
    """A key in the place of a rank, of a count or of an interval's end stays off the page."""
    changed = copy.deepcopy(metrics)
    gravest = changed["list"]["gravest"]
    changed["list"]["missed"][gravest]["ranks"] = [CANARY] * 3
    changed["list"]["missed"][gravest]["n"] = CANARY
    changed["audit"]["characteristics"][0]["groups"][0]["n"] = CANARY
    for origin in changed["outcomes"][gravest].values():
        origin["auc_ci"] = [CANARY, CANARY]
    assert CANARY not in render_metrics(changed)


def test_what_a_page_does_not_know_is_counted_and_not_shown(metrics: dict[str, Any]) -> None:
    """An entry of a later version breaks nothing, and a reader is told that there is one."""
    page = render_metrics({**metrics, "seances": {"n": 31_337}})
    assert "does not know and does not show: 1." in page
    assert "31,337" not in page
    assert "seances" not in page


def test_text_from_the_metrics_is_never_markup(metrics: dict[str, Any]) -> None:
    """Tags, quotes and formulas in names and sentences come out as they are written."""
    name = '<script>"$x_5$&'
    changed = copy.deepcopy(metrics)
    for part in ("outcomes", "training"):
        changed[part] = {name: next(iter(changed[part].values()))}
    changed["headlines"] = [f"{name}: NO SIGNAL: none"]
    page = render_metrics(changed)
    assert "<script" not in page
    assert name in read_page(page).text
    assert "$x 5$&amp;" in page


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=True)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = [*OPTIONAL, "headlines", "findings", "run", "training", "outcomes", "list", "cannot_say"]


@given(st.dictionaries(st.sampled_from(KEYS), JSON))
def test_whatever_the_metrics_hold_there_is_a_page(junk: dict[str, Any]) -> None:
    """With the advisory sentence at the top and at the bottom."""
    text = read_page(render_metrics(junk)).text.split()
    assert text.count("Advisory.") >= 2


@settings(max_examples=5)
@given(st.data())
def test_a_part_of_another_kind_breaks_nothing(
    metrics: dict[str, Any], data: st.DataObject
) -> None:
    """One entry, two or three levels down, replaced by anything."""
    changed = copy.deepcopy(metrics)
    place: Any = changed
    for _ in range(data.draw(st.integers(1, 3))):
        inner = [key for key, value in place.items() if isinstance(value, dict) and value]
        if not inner:
            break
        place = place[data.draw(st.sampled_from(inner))]
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(JSON)
    assert render_metrics(changed).rstrip().endswith("</html>")


def test_every_chart_is_described_in_words_and_has_a_table(page: str, read: Read) -> None:
    """Each has a title, a role and what it shows, and a table stands in the same part."""
    assert len(read.svgs) >= 10
    for one in read.svgs:
        assert one["role"] == "img"
        assert {one["aria-labelledby"], one["aria-describedby"]} <= set(read.ids)
    assert all(len(said) > 40 for said in re.findall(r"<desc [^>]*>([^<]*)</desc>", page))
    for part in page.split("<h3>")[1:]:
        assert part.count("<figure") == part.count("<figcaption")
        assert part.count("<table") >= 1 or "<figure" not in part


def test_no_name_is_given_twice(read: Read) -> None:
    """Plots of one page do not share the names of their marks."""
    assert len(read.ids) == len(set(read.ids))


def test_the_band_tells_a_synthetic_unit() -> None:
    """It is there for a synthetic unit and for no other."""
    assert "SYNTHETIC" in render_metrics({"run": {"synthetic": True}})
    assert "SYNTHETIC" not in render_metrics({"run": {"synthetic": False}})
    assert "SYNTHETIC" not in render_metrics({})


def test_hidden_counts_stay_hidden(metrics: dict[str, Any], read: Read) -> None:
    """A count under ten is told in words, and the audit's verdicts are told as they are."""
    (groups,) = [rows for name, rows in read.rows.items() if name == "Figures by victim sex"]
    small = next(row for row in groups if row[0] == "other")
    assert small[1:3] == ["fewer than 10", "fewer than 10"]
    assert set(small[3:]) == {NOTHING}
    (fixed,) = [rows for name, rows in read.rows.items() if name.startswith("Comparisons fixed")]
    said = [row[3] for row in fixed[1:]]
    assert said == [one["words"] for one in metrics["audit"]["primary"]]


@pytest.mark.parametrize(
    ("style", "value", "shown"),
    [
        (AUC, 0.75249, "0.752"),
        (GAIN, 0.0439, "+0.044"),
        (GAIN, -0.0001, "0.000"),
        (IN_100, 0.1737, "17"),
        (IN_100, 0.0697, "7.0"),
        (IN_100, 0.00614, "0.61"),
        (IN_100, 0.996, "99.6"),
        (IN_100, 1.0, "100"),
        (IN_100, 0.0, "0"),
        (COUNT, 12_799, "12,799"),
    ],
)
def test_figures_have_fixed_formats(style: Any, value: float, shown: str) -> None:
    """Three digits for an AUC; shares in 100, with more digits the smaller they are."""
    assert style.write(value) == shown


def test_bands_of_ranks_double() -> None:
    """The first band is the next week's list."""
    assert cut_ranks([31, 60, 61, 120, 121, 500], 30) == [
        (31, 60, 2),
        (61, 120, 2),
        (121, 240, 1),
        (241, 480, 0),
        (481, 960, 1),
    ]


@given(st.lists(st.integers(31, 10**7)), st.integers(1, 30))
def test_no_rank_is_lost_between_bands(ranks: list[int], capacity: int) -> None:
    """Bands follow one another without a gap, and every rank is counted once."""
    bands = cut_ranks(ranks, capacity)
    assert sum(size for _, _, size in bands) == len(ranks)
    assert all(one[1] + 1 == other[0] for one, other in itertools.pairwise(bands))


def test_a_report_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """The error names the file and the remedy."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtefactError, match=r"report\.html: .* name another file"):
        write_report(read_run_figures({}), tmp_path / "file" / "report.html")


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Return a real browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


A4_INSIDE: ViewportSize = {"width": 688, "height": 980}
"""What is left of an A4 page at 96 dots an inch, within the margins."""


def open_report(browser: Browser, path: Path, size: ViewportSize) -> tuple[Page, list[str]]:
    """Open a report as a file; also what the browser complained of or asked for."""
    opened = browser.new_page(viewport=size)
    met: list[str] = []
    opened.on("console", lambda said: met.append(said.text))
    opened.on("request", lambda asked: met.append(asked.url))
    opened.goto(path.as_uri())
    return opened, [one for one in met if one != path.as_uri()]


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 360])
def test_the_report_can_be_read_by_everybody(
    browser: Browser, page: str, tmp_path: Path, width: int
) -> None:
    """No rule of axe is broken, a phone need not scroll sideways, nothing else is asked for."""
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    opened, met = open_report(browser, path, {"width": width, "height": 900})
    found = Axe().run(opened)
    assert found.violations_count == 0, found.generate_report()
    assert met == []
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    opened.close()


@pytest.mark.browser
def test_the_report_prints_on_a4(browser: Browser, page: str, tmp_path: Path) -> None:
    """No table or plot is wider than the page, and the PDF has A4 pages."""
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    opened, _ = open_report(browser, path, A4_INSIDE)
    opened.emulate_media(media="print")
    too_wide = opened.evaluate(
        "[...document.querySelectorAll('table, svg')].filter("
        "one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)"
        ".map(one => one.textContent.slice(0, 60))"
    )
    assert too_wide == []
    printed = opened.pdf(prefer_css_page_size=True)
    assert printed.startswith(b"%PDF")
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", printed)
    assert len(boxes) >= 5
    assert {(round(float(wide)), round(float(high))) for wide, high in boxes} == {(595, 842)}
    opened.close()
