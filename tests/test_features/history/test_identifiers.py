"""Identifiers of a history: held as Arrow has them, given out as texts."""

import numpy as np
import pyarrow as pa

from features.contract.moments import parse_date
from features.history.assembly import assemble_history
from features.history.columns import Identifiers
from features.history.subsets import take_cases
from features.intake.contract_folder import assemble_folder

TEXTS = ("c", "a", "b")
ORDER = np.array([1, 2, 0])


def test_identifiers_are_given_out_as_an_array_of_texts_would():
    """By place, by several places, by a slice, by a mask, one after another and all at once."""
    held, plain = Identifiers(ORDER, pa.array(TEXTS, pa.large_string())), np.array(["a", "b", "c"])
    assert len(held) == 3
    assert held[1] == "b"
    assert held[-1] == "c"
    mask = np.array([True, False, True])
    for rows in (slice(1, None), slice(0, 0), np.array([2, 0, 2]), mask, np.array([], np.int64)):
        assert held[rows].tolist() == plain[rows].tolist()
    assert list(held) == held.tolist() == np.asarray(held).tolist() == plain.tolist()
    assert "b" in held
    assert "d" not in held


def test_identifiers_stay_with_their_records_in_a_subset():
    """A history of some cases names the same records as the whole does."""
    zone = "Europe/London"
    recorded = {"recorded_at": "2025-01-01"}
    events = [
        {"event_id": name, "case_id": case, "kind": "k", "occurred_at": day, **recorded}
        for name, case, day in (
            ("9", "B", "2024-01-02"),
            ("2", "A", "2024-01-01"),
            ("1", "B", "2024-01-01"),
        )
    ]
    tables = {"cases": [{"case_id": case, **recorded} for case in "AB"], "events": events}
    extract_at = parse_date("2026-01-01", zone)
    history = assemble_history(assemble_folder(tables, time_zone=zone, extract_at_us=extract_at))
    assert history.events.event_id.tolist() == ["2", "1", "9"]
    some = take_cases(history, np.array([1]))
    assert some.events.event_id.tolist() == ["1", "9"]
