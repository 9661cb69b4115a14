"""Events of linked cases are seen through the link alone, when both were known."""

import numpy as np
import pytest

from features.catalogue.declarations import Selector
from features.contract.moments import parse_date
from features.engine.measurement import compile_plan, measure
from features.evidence.records_behind import records_behind
from features.history.assembly import assemble_history
from features.history.open_cases import open_cases
from features.intake.contract_folder import assemble_folder

ZONE = "Europe/London"
CASES = [{"case_id": name, "recorded_at": "2024-01-01"} for name in ("C", "D", "E")]
EVENTS = [
    {"event_id": "c1", "case_id": "C", "kind": "threat", "occurred_at": "2025-03-01"},
    {"event_id": "d1", "case_id": "D", "kind": "threat", "occurred_at": "2025-02-01"},
    {"event_id": "d2", "case_id": "D", "kind": "contact", "occurred_at": "2025-02-10"},
    {"event_id": "d3", "case_id": "D", "kind": "threat", "occurred_at": "2025-05-10"},
    {"event_id": "d4", "case_id": "D", "kind": "closed", "occurred_at": "2025-05-11"},
    {"event_id": "d5", "case_id": "D", "kind": "custody_started", "occurred_at": "2025-05-12"},
]
LINK = {"link_id": "l1", "case_id": "C", "linked_case_id": "D", "kind": "same_subject"}
EXPRESSIONS = {
    "own": "measure: count, of: {kind: conduct}",
    "linked": "measure: count, of: {kind: conduct, via: same_subject}",
    "other_link": "measure: count, of: {kind: conduct, via: same_victim}",
    "days_in": "measure: days_in_state, state: custody",
}


def history_with(links, events=EVENTS):
    """Return the history of three cases and some links between them."""
    rows = [row | {"recorded_at": row["occurred_at"]} for row in events]
    folder = assemble_folder(
        {"cases": CASES, "events": rows, "links": links},
        time_zone=ZONE,
        extract_at_us=parse_date("2026-01-01", ZONE),
    )
    assert not len(folder.rejects), folder.rejects.frame
    return assemble_history(folder)


def values(catalogue_of, history, as_of):
    """Return own, linked, other_link and days_in of each case."""
    plan = compile_plan(catalogue_of(EXPRESSIONS))
    return measure(history, plan, parse_date(as_of, ZONE), threads=1).values.tolist()


def test_a_link_shows_the_other_case_to_both(catalogue_of):
    """Each case counts its own events as before, and the other's under `via` alone."""
    history = history_with([LINK | {"recorded_at": "2025-03-05"}])
    assert values(catalogue_of, history, "2025-06-01") == [
        [1, 3, 0, 0],
        [3, 1, 0, 20],
        [0, 0, 0, 0],
    ]


@pytest.mark.parametrize(
    ("as_of", "linked"),
    [("2025-03-05", 0), ("2025-03-06", 2), ("2025-05-10", 2), ("2025-05-12", 3)],
)
def test_a_linked_event_counts_once_event_and_link_are_known(catalogue_of, as_of, linked):
    """Before the link was recorded nothing of the other case is known here."""
    history = history_with([LINK | {"recorded_at": "2025-03-05"}])
    assert values(catalogue_of, history, as_of)[0][1] == linked


def test_the_order_of_a_corrected_links_rows_changes_nothing():
    """An event seen through both versions of a link stands in one order, however rows came."""
    versions = [
        LINK | {"link_id": "l4", "recorded_at": "2025-01-05"},
        LINK | {"link_id": "l2", "recorded_at": "2025-01-06", "supersedes": "l4"},
    ]
    one, other = (history_with(some).events for some in (versions, versions[::-1]))
    twins = [str(key) for key in one.event_id].count("D/d1")
    assert twins == 2
    for name in ("event_id", "recorded_at", "superseded_at", "superseded_by"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist(), name


def test_an_ended_or_withdrawn_link_shows_no_more(catalogue_of):
    """What occurred after a link ended is not seen, nor anything once it was withdrawn."""
    ended = history_with([LINK | {"recorded_at": "2025-03-05", "ended_at": "2025-04-01"}])
    assert values(catalogue_of, ended, "2025-06-01")[0][1] == 2
    withdrawn = LINK | {"link_id": "l2", "kind": "retracted", "supersedes": "l1"}
    history = history_with(
        [LINK | {"recorded_at": "2025-03-05"}, withdrawn | {"recorded_at": "2025-04-01"}]
    )
    assert values(catalogue_of, history, "2025-03-20")[0][1] == 2
    assert values(catalogue_of, history, "2025-06-01")[0][1] == 0


def test_a_link_told_from_both_sides_counts_once(catalogue_of):
    """The same link recorded under each case does not double what it shows."""
    back = {"link_id": "l2", "case_id": "D", "linked_case_id": "C", "kind": "same_subject"}
    links = [row | {"recorded_at": "2025-03-05"} for row in (LINK, back)]
    assert values(catalogue_of, history_with(links), "2025-06-01")[0][1] == 3


def test_another_case_neither_closes_nor_holds_this_one(catalogue_of):
    """The other case's end and its custody are its own."""
    history = history_with([LINK | {"recorded_at": "2025-03-05"}])
    as_of = parse_date("2025-06-01", ZONE)
    assert open_cases(history, as_of).tolist() == [0, 2]
    without = history_with([])
    plan = compile_plan(catalogue_of({"own": EXPRESSIONS["own"], "in": EXPRESSIONS["days_in"]}))
    assert np.array_equal(
        measure(history, plan, as_of).values, measure(without, plan, as_of).values
    )


def test_the_records_behind_name_the_other_case(catalogue_of):
    """A reason from a linked case says whose record it is."""
    history = history_with([LINK | {"recorded_at": "2025-03-05"}])
    catalogue = catalogue_of(EXPRESSIONS)
    keys = records_behind(history, catalogue, 0, parse_date("2025-06-01", ZONE), "linked")
    assert keys == ("D/d1", "D/d2", "D/d3")


def test_a_selector_without_a_link_means_the_case_itself():
    """Nothing is taken from elsewhere unless the catalogue says so."""
    assert Selector().via == ()
