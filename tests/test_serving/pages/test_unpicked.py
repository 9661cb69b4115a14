"""A case that no list took says when it will be read at the latest."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI

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
    told = shown[shown.index("To be read by") : shown.index(" at the latest")]
    assert told == "To be read by 4 January 2025"
    send(store, {"events": [make_event("W1", "A", kind="support_withdrawn")]})
    standing = stand_of(store, key)
    assert (standing.state, standing.first_read_due_us) == ("awaiting", due_us)
    assert told in read_text(client.get(f"/cases/{key}").text)
    assert f"to {told[3:]} at the latest" in read_text(client.get("/cases").text)
    client.post(f"/cases/{key}/first-read")
    assert "To be read by" not in read_text(client.get(f"/cases/{key}").text)
    assert "to be read by" not in read_text(client.get("/cases").text)
