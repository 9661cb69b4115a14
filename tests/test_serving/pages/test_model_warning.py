"""The list says when the model in use is not the one that two people approved."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import insert
from starlette.testclient import TestClient

from serving.persons import Person
from serving.scoring import model_in_use
from serving.store.database import Store, make_key
from serving.store.schema import promotions

BEN = Person("SYN Ben", "reviewer", "health", "issuer|ben")
WARNING = "The model in use is not the one that was approved"


def approve(store: Store, bundle_id: str) -> None:
    """Put on record that a bundle was put to use."""
    row = {"promotion_key": make_key(), "step": "approved", "bundle_id": bundle_id}
    row |= {"about": {}, "gates": []} | BEN.columns()
    with store.writing() as writing:
        told = {"done_at_us": writing.now_us, "stored_seq": writing.take_seq()}
        writing.connection.execute(insert(promotions).values(row | told))


def test_the_list_tells_of_a_model_that_nobody_approved(
    unit: Any,
    make_app: Callable[..., FastAPI],
    make_client: Callable[..., TestClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The warning stands on the list while another bundle is on record, and is gone with it."""
    monkeypatch.setattr(model_in_use, "_RECORD_S", -1.0)
    app = make_app()
    client = make_client(app)
    assert WARNING not in client.get("/").text
    approve(app.state.service.store, "f" * 64)
    assert WARNING in client.get("/").text
    approve(app.state.service.store, unit.bundle.id)
    assert WARNING not in client.get("/").text
