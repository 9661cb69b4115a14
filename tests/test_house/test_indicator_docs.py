import json

import pytest

from features.catalogue.declarations import Catalogue, Expression, Measure, Selector
from features.catalogue.file import load_catalogue
from scripts import indicators

DAY_US = 86_400_000_000

BY_HAND = [  # as of 2026-06-01: indicator, words, records behind the value
    # r35 and r36 are one text of 2026-05-16 23:50, 15.0 days before; r34 was corrected by r35.
    ("threats_28d", "incidents with a threat in the last 28 days: 1", "r35"),
    ("days_since_last_threat", "days since the last threat: 15", "r35"),
    # Known only since 2025-12-30, by the victim's account; the other is one view of three.
    ("violence_ever", "incidents of physical violence on record: 2", "r2, r15"),
    # r43 with its breach r44; r45 is by a person not identified, r46 not known yet.
    ("incidents_7d", "incidents in the last 7 days: 1", "r43, r44"),
    # A letter and a call between 2026-03-06 and 2026-05-07, and the record that custody began.
    ("contacts_from_custody", "contacts while in custody: 2", "r26, r28, r29"),
    # From 2026-03-06 10:00 to 2026-05-07 09:00, less the hour that the clocks skipped: 61.9 days.
    ("custody_days_365d", "days in custody in the last 365: 62", "r26, r31"),
    # r20 breaches bail; r25 and r44 breach the same order.
    ("orders_breached", "different orders or conditions breached: 2", "r20, r25, r44"),
    # 2025-09-21 to 2025-12-06 is 76 days; no other gap between acts reaches 60.
    ("returns_after_quiet", "returns after 60 quiet days or more: 1", None),
    # (3 + 1/2) / 28 against (4 + 1/2) / 90: 0.125 to 0.05.
    (
        "rate_ratio_28d_90d",
        "rate of acts in the last 28 days against the 90 days before: 2.5",
        "r23, r24, r28, r29, r33, r39, r43",
    ),
    # 2025-10-06 to 2025-12-08 09:20: 25 + 30 + 8 days.
    (
        "days_nfa_to_report",
        "days from a decision of no further action to the next report: 63",
        "r11, r13",
    ),
    # f5 said no in 2025; the last answer holds.
    ("victim_very_frightened", "victim very frightened: yes", "f6"),
    ("weapons_access", "access to weapons: not known (asked, no answer)", "f10"),
    ("prior_stalking_of_others", "stalking of others before: not known (not asked)", "f11"),
    ("sexual_violence", "incidents of sexual violence on record: 0", indicators.NOTHING),
]
PHRASES = [  # of expressions that the catalogue may not hold
    (
        Expression(Measure.COUNT, Selector(kind=("threat_to_kill",)), within_us=28 * DAY_US),
        "number of incidents with *a threat to kill*, in the last 28 days",
    ),
    (
        Expression(Measure.COUNT, Selector(kind=("call",), actor=("proxy",), value_min=3.0)),
        "number of incidents with *a call* by others for the subject of severity 3 or more",
    ),
    (
        Expression(
            Measure.COUNT,
            Selector(kind=("loitering", "following"), target=("child", "other")),
            while_state="custody",
            since=Selector(kind=("arrest",), actor=("subject", "proxy", "victim", "unknown")),
        ),
        "number of incidents with *loitering or following* aimed at a child or others, in the "
        "state *custody*, since the latest record of *an arrest* (any actor)",
    ),
    (
        Expression(Measure.COUNT, Selector(kind=("gift",), detail_prefix=("x_",), value_max=2.0)),
        "number of incidents with *a gift or object sent or left* with detail beginning with `x_` "
        "of severity 2 or less",
    ),
    (
        Expression(
            Measure.QUIET_THEN_RETURN,
            Selector(view=("account",), source=("police",), detail_in=("bail",)),
            quiet_us=DAY_US // 2,
        ),
        "number of times that an incident with any event from police as the victim tells it with "
        "detail bail followed 12 hours or more without one",
    ),
]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(indicators.CATALOGUE)


@pytest.fixture(scope="module")
def readings(catalogue: Catalogue) -> dict[str, indicators.Reading]:
    return indicators.read_values(catalogue, indicators.read_example())


def test_the_document_is_what_the_generator_makes(capsys) -> None:
    """docs/indicators.md follows from the catalogue and the example as they are now."""
    assert indicators.main(["--check"]) == 0, capsys.readouterr().out


def test_a_stale_document_is_told(tmp_path, monkeypatch, capsys) -> None:
    """A document that differs ends with 1 and one line that names the remedy; writing mends it."""
    monkeypatch.setattr(indicators, "DOCUMENT", tmp_path / "indicators.md")

    assert indicators.main(["--check"]) == 1
    told = capsys.readouterr().out
    assert told.count("\n") == 1
    assert "`make docs`" in told

    assert indicators.main([]) == 0
    assert indicators.main(["--check"]) == 0


def test_every_indicator_has_a_row(catalogue: Catalogue) -> None:
    """Each indicator stands in one row with what it measures, its source and its value in words."""
    lines = indicators.DOCUMENT.read_text(encoding="utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| `")]
    found = {row[0].strip("`"): row for row in rows}

    assert len(rows) == len(found) == len(catalogue.indicators)
    for entry in catalogue.indicators:
        row = found[entry.name]
        assert len(row) == 7
        assert all(cell.strip() for cell in row)
        assert row[4] == entry.source


def test_most_indicators_say_something_of_the_example(readings) -> None:
    """At least 80 of 100 indicators have a value in the example that is neither 0 nor none."""
    silent = sorted(name for name, reading in readings.items() if not reading.says_something)

    assert len(silent) <= 0.2 * len(readings), silent


@pytest.mark.parametrize(("name", "words", "records"), BY_HAND, ids=[row[0] for row in BY_HAND])
def test_values_are_those_worked_out_by_hand(readings, name, words, records) -> None:
    """The document's values and records are those that a reader finds in the example's rows."""
    reading = readings[name]

    assert reading.words == words
    assert records is None or indicators.join_keys(reading.records) == records


def test_the_example_is_small_and_synthetic() -> None:
    """Every key begins with SYN-, so that nobody takes the example for a person."""
    rows = indicators.read_example().rows
    keys = [
        value
        for table in rows.values()
        for row in table
        for name, value in row.items()
        if name.endswith("_id") or name == "supersedes"
    ]

    assert all(key.startswith("SYN-") for key in keys)
    assert len(rows["events"]) + len(rows["facts"]) <= 70


def test_what_the_page_says_of_single_records_is_so(readings) -> None:
    """A late record counts; a corrected one and one not yet known stand behind no value."""
    behind = {indicators.shorten(key) for reading in readings.values() for key in reading.records}

    assert "r2" in behind
    assert behind.isdisjoint({"r34", "r46"})
    known = {row["event_id"] for row in indicators.read_example().rows["events"]}
    assert {"SYN-r34", "SYN-r46"} <= known


@pytest.mark.parametrize(("expression", "words"), PHRASES)
def test_expressions_are_put_in_words(catalogue: Catalogue, expression, words) -> None:
    """Every condition of an expression is said, so that no row claims more than is measured."""
    assert indicators.Phrases(catalogue).describe(expression) == words


@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        ((), indicators.NOTHING),
        (("SYN-r10", "SYN-r9"), "r9, r10"),
        (("SYN-r1", "SYN-r2", "SYN-r3", "SYN-r7"), "r1 to r3, r7"),
        (("SYN-2/SYN-r1", "SYN-f4"), "f4, r1"),
    ],
)
def test_keys_are_shown_in_short(keys, shown) -> None:
    """Keys lose the prefix, stand in order, and three in a row become first to last."""
    assert indicators.join_keys(keys) == shown


def test_a_row_that_the_contract_rejects_is_told(catalogue, tmp_path, monkeypatch) -> None:
    """An example with a bad row makes no document: its values would be of another case."""
    content = json.loads(indicators.EXAMPLE.read_text(encoding="utf-8"))
    content["cases"][0]["events"][0]["occurred_at"] = "some day"
    path = tmp_path / "case.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    monkeypatch.setattr(indicators, "EXAMPLE", path)

    with pytest.raises(ValueError, match="contract rejects"):
        indicators.read_values(catalogue, indicators.read_example())
