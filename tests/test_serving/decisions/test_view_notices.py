"""An agency is told the same day of a view that another one recorded for it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.decisions.agency_views import ViewIn, confirm_view, give_view, read_views
from serving.decisions.view_rounds import RoundIn, open_round
from serving.flags.webhooks import sign
from serving.persons import Person
from serving.scoring.model_in_use import Champion
from serving.service import Service
from serving.settings import Settings
from serving.store.database import Store
from serving.worker.worker import work_once
from tests.test_serving.access.test_rights import seal
from tests.test_serving.acts import ADVOCATE, RULES, SCREENER, add_case
from tests.test_serving.flags.test_deliveries import KEY, Receiver

NURSE = Person("SYN Ben", "health", "health")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def settings(receiver: Receiver, tmp_path: Path) -> Settings:
    """Return settings that name where agencies are told."""
    key_file = tmp_path / "webhook.key"
    key_file.write_bytes(KEY)
    key_file.chmod(0o600)
    return Settings(views_webhook_url=receiver.url, webhook_key_file=key_file)


def work(store: Store, settings: Settings) -> None:
    """Do a round of the store's own work, as a server does."""
    work_once(Service(settings, store, store.read_unit(), Champion(None, None)))


def record(store: Store, key: str, *agencies: str) -> None:
    """Have the police record a dissent for each of some agencies."""
    said = [{"agency": one, "stance": "dissent", "words": "not safe"} for one in agencies]
    with store.writing() as writing:
        open_round(writing, key, SCREENER, RoundIn.model_validate({"agencies": said}))


def list_told(receiver: Receiver) -> list[str]:
    return sorted(json.loads(body)["for"][0] for _, _, body in receiver.got)


def test_a_message_names_the_agency_and_where_to_look(
    store: Store, receiver: Receiver, settings: Settings
) -> None:
    """It is sent at once, signed, and holds no case, no person and nothing of the view."""
    key = add_case(store)
    record(store, key, "advocacy", "police")
    work(store, settings)
    ((_, headers, body),) = receiver.got
    assert json.loads(body) == {
        "what": "view_recorded",
        "for": ["advocacy"],
        "change_days": 7,
        "path": "/views",
    }
    signature = sign(KEY, headers["caselight-timestamp"], body)
    assert headers["caselight-signature"] == f"v1={signature}"
    work(store, settings)
    assert len(receiver.got) == 1


@pytest.mark.parametrize("answer", ["confirms", "changes"])
def test_an_agency_that_has_answered_is_told_no_more(
    store: Store, receiver: Receiver, settings: Settings, answer: str
) -> None:
    """A message that was not sent yet ends with the agency's own answer; the other's goes out."""
    key = add_case(store)
    record(store, key, "advocacy", "health")
    with store.writing() as writing:
        views = read_views(writing.connection, key, store.read_unit()).all
        view_key = next(one.view_key for one in views if one.agency == "advocacy")
        if answer == "confirms":
            confirm_view(writing, key, view_key, ADVOCATE)
        else:
            give_view(writing, key, ADVOCATE, ViewIn(stance="agree", replaces=view_key))
    work(store, settings)
    assert list_told(receiver) == ["health"]


def test_of_a_sealed_case_no_agency_is_told(
    store: Store, receiver: Receiver, settings: Settings
) -> None:
    """A message to a whole agency would say that there is something to see."""
    hidden, plain = add_case(store), add_case(store, "B")
    record(store, hidden, "advocacy")
    record(store, plain, "health")
    seal(store, hidden)
    with store.writing() as writing:
        writing.touch([hidden], RULES)
    work(store, settings)
    assert list_told(receiver) == ["health"]


def test_without_an_address_nothing_is_sent(store: Store, receiver: Receiver) -> None:
    """The message waits in the store and the agency's page has the view."""
    record(store, add_case(store), "advocacy")
    work(store, Settings())
    assert receiver.got == []


def test_each_message_is_for_one_agency(
    store: Store, receiver: Receiver, settings: Settings, clock: Any
) -> None:
    """Two agencies have a message each, and one that nobody answered is sent once."""
    record(store, add_case(store), "advocacy", "health", "probation")
    work(store, settings)
    clock.pass_days(1)
    work(store, settings)
    assert list_told(receiver) == ["advocacy", "health", "probation"]
