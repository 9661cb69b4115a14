"""A case that no list took says when it will be read at the latest."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI

from serving.pages.rendering import describe_read_by
from serving.store.database import Store
from tests.test_serving.acts import add_case, stand_of
from tests.test_serving.entered import close_application, enter, make_application
from tests.test_serving.reading_pages import read_text
from tests.test_serving.sent_rows import make_event, send


@pytest.fixture
def app(store: Store, address: str) -> Iterator[FastAPI]:
    """Return the application over the store, by the test's clock."""
    made = make_application(address, store.clock, least_reading_seconds=0)
    yield made
    close_application(made)


def test_withdrawn_support_ends_no_date_of_reading(app: FastAPI, store: Store) -> None:
    """A case on no list has its date on its page and among all cases, before and after the victim
    withdrew support; once somebody has read it the date is gone.
    """
    key, client = add_case(store), enter(app)
    due_us = stand_of(store, key).first_read_due_us
    shown = read_text(client.get(f"/cases/{key}").text)
    told = "it was to be read by 4 January 2025"  # more than a year before the store's clock
    assert f"Nobody has read it yet ; {told}." in shown
    send(store, {"events": [make_event("W1", "A", kind="support_withdrawn")]})
    standing = stand_of(store, key)
    assert (standing.state, standing.first_read_due_us) == ("awaiting", due_us)
    assert told in read_text(client.get(f"/cases/{key}").text)
    assert told in read_text(client.get("/cases").text)
    client.post(f"/cases/{key}/first-read")
    assert "to be read by" not in read_text(client.get(f"/cases/{key}").text)
    assert "to be read by" not in read_text(client.get("/cases").text)


@pytest.mark.parametrize(
    ("today", "told"),
    [
        ("2026-11-03", "it is to be read by 4 November 2026 at the latest"),
        ("2026-11-04", "it is to be read by 4 November 2026 at the latest"),
        ("2026-11-05", "it was to be read by 4 November 2026"),
    ],
)
def test_a_day_of_reading_that_has_passed_is_told_as_passed(today: str, told: str) -> None:
    """On the day itself the case may still be read in time."""
    assert describe_read_by("2026-11-04 23:59:59+00:00", today) == told
