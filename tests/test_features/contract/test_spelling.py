"""No spelling of a word walks through a rule that compares words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.contract.spelling import fold
from features.contract.tables import EVENTS, HEALTH_SOURCE
from features.history.assembly import assemble_history
from features.intake.contract_folder import assemble_folder

SPELLINGS = [
    "health",
    "Health",
    "HEALTH",
    " health ",
    "heal\u200bth",  # a blank without width
    "\ufeffhealth",
    "h\u00adealth",  # a hyphen that is not shown
    "\uff28\uff45\uff41\uff4c\uff54\uff48",  # full width
    "hea\u2060lth",
    "he\x01alth",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_health_record_is_kept_apart_however_its_source_is_spelled(spelling):
    """The wall round health records holds for every spelling that a reader takes for the word."""
    cases = [{"case_id": "c1", "recorded_at": "2024-01-01"}]
    event = {"event_id": "e1", "case_id": "c1", "kind": "threat", "source": spelling}
    event |= {"occurred_at": "2024-02-01", "recorded_at": "2024-02-01"}
    folder = assemble_folder(
        {"cases": cases, "events": [event]}, time_zone="UTC", extract_at_us=1_735_689_600_000_000
    )
    history = assemble_history(folder)
    assert history.events.source.values == (HEALTH_SOURCE,)
    assert not history.events.measured.any()


@pytest.mark.parametrize("kind", ["Retracted", "RETRACTED", "re\u200btracted", "Closed", "OPENED"])
def test_a_reserved_kind_is_itself_however_it_is_spelled(kind):
    """A withdrawal in capitals withdraws; another kind keeps its letters."""
    cases = [{"case_id": "c1", "recorded_at": "2024-01-01"}]
    event = {"case_id": "c1", "occurred_at": "2024-02-01", "recorded_at": "2024-02-01"}
    rows = [event | {"event_id": "e1", "kind": kind}, event | {"event_id": "e2", "kind": "Threat"}]
    folder = assemble_folder(
        {"cases": cases, "events": rows}, time_zone="UTC", extract_at_us=1_735_689_600_000_000
    )
    assert folder.frame("events")["kind"].tolist() == [fold(kind), "Threat"]


@pytest.mark.parametrize(
    ("column", "given", "kept"),
    [
        ("target", "Victim", "victim"),
        ("handling", " Agency_Only", "agency_only"),
        ("handling", "agency\u200b_only", "agency_only"),
        ("channel", "Text", "text"),
        ("actor", "SUBJECT", "subject"),
    ],
)
def test_choices_and_channels_are_spelled_in_one_way(column, given, kept):
    """Letter case and letters that nobody sees decide nothing."""
    assert column in EVENTS.column_names
    cases = [{"case_id": "c1", "recorded_at": "2024-01-01"}]
    event = {"event_id": "e1", "case_id": "c1", "kind": "threat", column: given}
    event |= {"occurred_at": "2024-02-01", "recorded_at": "2024-02-01"}
    folder = assemble_folder(
        {"cases": cases, "events": [event]}, time_zone="UTC", extract_at_us=1_735_689_600_000_000
    )
    assert folder.frame("events")[column].tolist() == [kept]


@given(word=st.text())
def test_folding_twice_changes_nothing(word):
    """A folded word is its own spelling, so that comparing is enough."""
    assert fold(fold(word)) == fold(word)
