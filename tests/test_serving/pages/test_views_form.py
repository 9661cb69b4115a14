"""The forms of the agencies' views on a case's page: what they ask for, keep and hide."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from serving.store.database import Store
from tests.test_serving.acts import add_case
from tests.test_serving.entered import close_application, enter, make_application
from tests.test_serving.reading_pages import read_text


@pytest.fixture
def app(store: Store, address: str) -> Iterator[FastAPI]:
    """Return the application over the store, by the test's clock."""
    made = make_application(address, store.clock, least_reading_seconds=0)
    yield made
    close_application(made)


def read_case(client: TestClient, key: str) -> str:
    return read_text(client.get(f"/cases/{key}").text)


def test_a_dissent_without_its_reason_is_told_at_its_field(app: FastAPI, store: Store) -> None:
    """Nothing is recorded, the error leads to the field, and what was written is there still."""
    key, client = add_case(store), enter(app)
    form = {"stance|advocacy": "dissent", "who|advocacy": "SYN Cleo"}
    answer = client.post(f"/cases/{key}/round-table", data=form)
    assert answer.status_code == 422
    assert 'href="#words-advocacy"' in answer.text
    assert "Enter why advocacy dissents" in read_text(answer.text)
    assert 'value="SYN Cleo"' in answer.text
    assert client.get(f"/v1/cases/{key}/views").json()["all"] == []


def test_a_table_at_which_nobody_said_anything_is_refused(app: FastAPI, store: Store) -> None:
    """Every agency was absent: there is nothing to record, and the page says what to do."""
    key, client = add_case(store), enter(app)
    answer = client.post(f"/cases/{key}/round-table", data={"stance|police": ""})
    assert answer.status_code == 422
    assert "Select what one agency at least thinks" in read_text(answer.text)
    answer = client.post(f"/cases/{key}/ask-views", data={})
    assert "Select the agencies that are asked" in read_text(answer.text)


def test_what_is_asked_for_blind_is_on_no_other_agencys_page(app: FastAPI, store: Store) -> None:
    """Until all are in a page says how many are; the words of the first are on its own alone."""
    key, police = add_case(store), enter(app)
    advocate = enter(app, "reviewer", agency="advocacy")
    asked = police.post(f"/cases/{key}/ask-views", data={"agency": ["police", "advocacy"]})
    assert asked.status_code == 303
    said = {"stance": "dissent", "words": "not safe at work", "direction": "more"}
    assert advocate.post(f"/cases/{key}/views", data=said).status_code == 303
    assert "not safe at work" in read_case(advocate, key)
    page = read_case(police, key)
    assert "1 of 2 are in" in page
    for client in (police, enter(app, "auditor", agency="unit")):
        told = [read_case(client, key), client.get(f"/v1/cases/{key}").text]
        told += [client.get(f"/v1/cases/{key}/views").text]
        assert not any("not safe at work" in one or "Advocacy dissents" in one for one in told)
        assert not any('"stance":"dissent"' in one for one in told)
    assert police.post(f"/cases/{key}/views", data={"stance": "agree"}).status_code == 303
    page = read_case(police, key)
    assert "Advocacy dissents" in page and "not safe at work" in page
    assert ", given blind: not safe at work" in page


def test_a_recorded_view_is_changed_on_the_page(app: FastAPI, store: Store) -> None:
    """Its agency puts its own in the place of what was recorded, and the page says so."""
    key, police = add_case(store), enter(app)
    form = {"stance|advocacy": "agree", "who|advocacy": "SYN Cleo"}
    assert police.post(f"/cases/{key}/round-table", data=form).status_code == 303
    advocate = enter(app, "reviewer", agency="advocacy")
    page = advocate.get(f"/cases/{key}").text
    assert "SYN screener recorded for your agency: agrees." in read_text(page)
    view_key = advocate.get("/v1/views").json()["views"][0]["view"]["view_key"]
    said = {"stance": "dissent", "words": "no", "direction": "more", "replaces": view_key}
    assert advocate.post(f"/cases/{key}/views", data=said).status_code == 303
    page = read_case(advocate, key)
    assert "Advocacy: dissents, would do more, or sooner" in page
    assert "Changed since." in page and "recorded for your agency" not in page
