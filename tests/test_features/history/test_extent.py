"""How many records are known of a case at a moment: both clocks, both tables."""

import numpy as np

from features.contract.moments import parse_date
from features.history.assembly import assemble_history
from features.history.extent import count_known_records
from features.intake.contract_folder import assemble_folder

ZONE = "Europe/London"


def event(number, occurred, recorded, **more):
    """Return one event of case C1."""
    return {
        "event_id": f"E{number}",
        "case_id": "C1",
        "kind": "message",
        "occurred_at": occurred,
        "recorded_at": recorded,
        **more,
    }


def test_only_what_was_known_counts():
    """Late, corrected, kept apart and future records each count where they should."""
    folder = assemble_folder(
        {
            "cases": [
                {"case_id": "C1", "recorded_at": "2026-01-01"},
                {"case_id": "C2", "recorded_at": "2026-01-01"},
            ],
            "events": [
                event(1, "2026-01-02", "2026-01-03"),
                event(2, "2026-01-02", "2026-02-10"),
                event(3, "2026-01-04", "2026-02-20", supersedes="E1"),
                event(4, "2026-01-05", "2026-01-05", handling="agency_only"),
                event(5, "2026-03-05", "2026-01-05"),
            ],
            "facts": [
                {
                    "fact_id": "F1",
                    "case_id": "C1",
                    "name": "stranger",
                    "asked": "yes",
                    "value": "no",
                    "recorded_at": "2026-01-06",
                }
            ],
        },
        time_zone=ZONE,
        extract_at_us=parse_date("2026-04-01", ZONE),
    )
    history = assemble_history(folder)
    #          date          what is known of C1
    expected = {
        "2026-01-03": 0,  # recorded on that day: known after it
        "2026-01-10": 2,  # E1, F1
        "2026-02-15": 3,  # and E2, late
        "2026-03-01": 3,  # E3 in E1's place
        "2026-03-20": 4,  # and E5, which lay ahead
    }
    moments = np.array([parse_date(date, ZONE) for date in expected])
    case = np.zeros(len(moments), dtype=np.int64)
    assert count_known_records(history, case, moments).tolist() == list(expected.values())
    assert count_known_records(history, case + 1, moments).tolist() == [0] * len(moments)
