"""People who ask for what needs a second person, and people of other agencies who confirm it."""

from typing import Any

from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from serving.decisions.case_versions import write_tag
from serving.persons import Person
from serving.store.database import Store
from serving.store.histories import read_head
from serving.store.schema import audit_lines
from tests.test_serving.acts import NURSE, SCREENER, write
from tests.test_serving.entered import enter

COLLEAGUE = Person("SYN Colleague", "reviewer", "police")


def come_in(app: FastAPI, person: Person) -> TestClient:
    """Return a browser of somebody who is signed in."""
    return enter(app, person.role, name=person.name, agency=person.agency)


def settle(
    app: FastAPI, key: str, outcome: str = "confirmed", person: Person = NURSE
) -> tuple[int, str | None]:
    """Settle what waits; return the status, and the code of the error where it is one."""
    said = {"outcome": outcome, "why": "I looked at it myself"}
    answer = come_in(app, person).post(f"/v1/confirmations/{key}", json=said)
    return answer.status_code, answer.json().get("error", {}).get("code")


def list_waiting(app: FastAPI, person: Person = NURSE) -> list[dict[str, Any]]:
    """Return what waits for somebody."""
    found: list[dict[str, Any]] = (
        come_in(app, person).get("/v1/confirmations").json()["confirmations"]
    )
    return found


def decide(
    app: FastAPI,
    store: Store,
    key: str,
    draft: dict[str, Any] | None = None,
    *,
    version: int = 0,
    person: Person = SCREENER,
) -> Any:
    """Decide on a case over HTTP, having seen all that is there."""
    with store.reading() as connection:
        seen = read_head(connection)
    body = (draft or write()) | {"seen_seq": seen}
    headers = {"if-match": write_tag(version)}
    return come_in(app, person).post(f"/v1/cases/{key}/decisions", json=body, headers=headers)


def lines_since(store: Store, number: int) -> list[tuple[str | None, list[str] | None]]:
    """Return which cases the lines of the log of changes name after one of them."""
    query = select(audit_lines.c.case_key, audit_lines.c.cases).where(
        audit_lines.c.book == "changes", audit_lines.c.number > number
    )
    with store.reading() as connection:
        return [tuple(row) for row in connection.execute(query.order_by(audit_lines.c.number))]


def last_line(store: Store) -> int:
    """Return the number of the latest line of the log of changes."""
    query = select(audit_lines.c.number).where(audit_lines.c.book == "changes")
    with store.reading() as connection:
        latest = query.order_by(audit_lines.c.number.desc()).limit(1)
        return int(connection.execute(latest).scalar_one_or_none() or 0)
