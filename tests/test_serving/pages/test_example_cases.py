"""What the example unit's people see of a case: what its page shows, on both databases."""

from typing import Any

from serving.store.database import Store
from synthetic.demo.seen_cases import find_record, read_cases
from tests.test_serving.acts import add_case, decide_now
from tests.test_serving.sent_rows import make_event, send


def test_people_see_what_a_page_shows_and_no_more(store: Store, clock: Any) -> None:
    """Days of quiet count from the latest record that is shown: not from the unit's own work, and
    not from what an agency keeps to itself.
    """
    key = add_case(store, "A", events_of=0)
    kept = {"recorded_at": "2026-02-24", "handling": "agency_only"}
    sent = [
        make_event("OLD", recorded_at="2026-01-20", occurred_at="2026-01-20", kind="threat"),
        make_event(
            "NEW", source="police", recorded_at="2026-02-04", occurred_at="2026-02-04", kind="call"
        ),
        make_event("KEPT", kind="letter", **kept),
        make_event("WORK", recorded_at="2026-02-24", kind="taken_on"),
    ]
    send(store, {"events": sent})
    with store.reading() as connection:
        (case,) = read_cases(connection, clock(), [key])
        assert find_record(connection, key, {"police"}) == "NEW"
        assert find_record(connection, key, {"health"}) is None
    assert (case.quiet_days, case.kinds) == (20, {"call"})
    assert (case.state, case.is_flagged) == ("awaiting", False)


def test_a_case_that_was_taken_on_is_seen_with_its_owner(store: Store, clock: Any) -> None:
    """Who has it and when it is due is seen; a case with nothing on record is quiet since then."""
    key = add_case(store, "A", events_of=0)
    decide_now(store, key)
    clock.pass_days(3)
    with store.reading() as connection:
        (case,) = read_cases(connection, clock())
        assert find_record(connection, key, {"police"}) is None
    assert case.state == "managed"
    assert case.owner is not None
    assert case.review_due_us is not None
