"""Grave incidents before and after a case is handed back, beside cases never managed."""

import numpy as np
import pytest

from features.catalogue.file import load_catalogue
from features.contract.moments import parse_date
from features.history.assembly import assemble_history
from features.intake.contract_folder import assemble_folder
from training.practice.handbacks import LEAST_INCIDENTS, compare_handbacks

ZONE = "Europe/London"
EXTRACT = parse_date("2026-06-01", ZONE)
CATALOGUE = load_catalogue("stalking")


def make_history(managed, never):
    """Return cases with so many grave incidents in the weeks before and after 1 March.

    `managed` cases are taken on on 1 January and handed back on 1 March; all are known since 1
    December. Each pair says how many assaults come on either side.
    """
    cases, events = [], []

    def add(case, kind, day, value=""):
        events.append(
            {
                "event_id": f"E{len(events)}",
                "case_id": case,
                "kind": kind,
                "occurred_at": day,
                "recorded_at": day,
                "value": value,
            }
        )

    for number, ((before, after), is_managed) in enumerate(
        [(pair, True) for pair in managed] + [(pair, False) for pair in never]
    ):
        case = f"C{number:03d}"
        cases.append({"case_id": case, "recorded_at": "2025-12-01"})
        add(case, "opened", "2025-12-01")
        if is_managed:
            add(case, "taken_on", "2026-01-01")
            add(case, "handed_back", "2026-03-01")
        for count, month in ((before, "2026-02"), (after, "2026-03")):
            for day in range(count):
                add(case, "assault", f"{month}-{10 + day:02d}", "8")
            for day in range(4):
                add(case, "message", f"{month}-{20 + day:02d}", "1")
    folder = assemble_folder(
        {"cases": cases, "events": events, "facts": []}, time_zone=ZONE, extract_at_us=EXTRACT
    )
    assert not len(folder.rejects)
    return assemble_history(folder)


def test_counts_and_ratio_by_hand():
    """Half as many before as after, where others had as many: 0.5 times, and a warning."""
    history = make_history(managed=[(1, 2)] * 40, never=[(2, 2)] * 40)
    found = compare_handbacks(history, CATALOGUE, "managed", until_us=EXTRACT)
    assert (found.before, found.after) == (40, 80)
    assert (found.control_before, found.control_after) == (80, 80)
    assert found.relative == pytest.approx(0.5)
    assert found.looks_safer
    assert found.describe().startswith("WARNING: managed cases look safer than they are")


def test_what_time_alone_changes_is_taken_off():
    """Where the others doubled as well, nothing is left for the unit's work."""
    history = make_history(managed=[(1, 2)] * 40, never=[(1, 2)] * 40)
    found = compare_handbacks(history, CATALOGUE, "managed", until_us=EXTRACT)
    assert found.relative == pytest.approx(1.0)
    assert not found.looks_safer


def test_few_incidents_say_nothing():
    """Under the least number of incidents there is no figure, and that is no pass."""
    history = make_history(managed=[(1, 2)] * (LEAST_INCIDENTS - 1), never=[(2, 2)] * 40)
    found = compare_handbacks(history, CATALOGUE, "managed", until_us=EXTRACT)
    assert found.relative is None
    assert not found.looks_safer
    assert found.describe().startswith("too few")


def test_without_a_handback_there_is_nothing_to_say():
    """A unit that never handed a case back gives no comparison."""
    history = make_history(managed=[], never=[(2, 2)] * 5)
    assert compare_handbacks(history, CATALOGUE, "managed", until_us=EXTRACT) is None


def test_bursts_widen_the_interval():
    """The same incidents in fewer cases are weaker evidence."""
    even = make_history(managed=[(1, 2)] * 40, never=[(2, 2)] * 40)
    bursts = make_history(managed=[(4, 8)] * 10 + [(0, 0)] * 30, never=[(2, 2)] * 40)
    one, other = (
        compare_handbacks(history, CATALOGUE, "managed", until_us=EXTRACT)
        for history in (even, bursts)
    )
    assert one.relative == pytest.approx(other.relative)
    assert one.high - one.low <= other.high - other.low
    assert np.isfinite(other.high)
