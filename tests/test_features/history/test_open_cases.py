"""A case is open from just after it was recorded."""

import pytest

from features.contract.moments import parse_date
from features.history.assembly import assemble_history
from features.history.open_cases import open_cases
from features.intake.contract_folder import assemble_folder

RECORDED = "2025-05-01T12:00:00Z"


@pytest.mark.parametrize(
    ("as_of", "is_open"),
    [
        ("2025-05-01T11:59:59.999999Z", False),
        ("2025-05-01T12:00:00Z", False),
        ("2025-05-01T12:00:00.000001Z", True),
    ],
)
def test_a_case_is_open_once_it_was_recorded_and_not_at_that_moment(as_of, is_open):
    """What was recorded exactly at a moment is not yet known at it: neither is the case."""
    folder = assemble_folder(
        {"cases": [{"case_id": "C", "recorded_at": RECORDED}]},
        time_zone="Europe/London",
        extract_at_us=parse_date("2025-06-01", "UTC"),
    )
    history = assemble_history(folder)

    assert open_cases(history, parse_date(as_of, "UTC")).tolist() == ([0] if is_open else [])
