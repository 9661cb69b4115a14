"""SQL statements of one imported event, one decision, one case page and the list.

Counted on a demonstration unit (``python -m caselight demo --no-serve --folder FOLDER``), on SQLite
and on PostgreSQL, each act in an application that was just made, from request to last byte, with
what the audit log writes and the beginning of each transaction.
"""

import argparse
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from fastapi.testclient import TestClient
from sqlalchemy import Connection, Engine, event, insert, select, text

from benchmarks.store_lists import open_postgresql
from serving.app import create_app
from serving.settings import make_settings
from serving.store.database import Store, open_store
from serving.store.engines import WRITES
from serving.store.schema import (
    audit_heads,
    audit_lines,
    case_keys,
    list_places,
    metadata,
    sittings,
    standings,
)

_ORIGIN: Final = "http://127.0.0.1"
_HOUR_US: Final = 3_600_000_000
_BOOKS: Final = (audit_heads, audit_lines)
_SCREENER: Final = {"name": "SYN Anne Reader", "role": "screener", "agency": "police"}
_ADMINISTRATOR: Final = {"name": "SYN Adam Keeper", "role": "administrator", "agency": "police"}
_Statements = list[str]


@dataclass(frozen=True)
class _Request:
    method: str
    path: str
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def describe_statements(folder: Path, *, whole: bool = False) -> str:
    """Return the table: an act a row, a database a column; with ``whole``, each statement too."""
    with tempfile.TemporaryDirectory() as place:
        copied = Path(place) / "demo"
        shutil.copytree(folder, copied, ignore=shutil.ignore_patterns("mlartifacts", "weeks"))
        address = f"sqlite:///{copied / 'unit.db'}"
        with open_postgresql() as make:
            # The copy keeps its own audit key: its lines were written with it.
            os.environ["CASELIGHT_AUDIT_KEY_FILE"] = str(copied / "unit.db.audit-key")
            store = make()
            _copy(open_store(address), store)
            found = {"SQLite": _count(address, copied)}
            address = store.engine.url.render_as_string(hide_password=False)
            store.close()
            found["PostgreSQL"] = _count(address, copied)
    lines = [f"| act | {' | '.join(found)} |", "|---|---|---|"]
    for name in found["SQLite"]:
        counts = " | ".join(str(len(acts[name])) for acts in found.values())
        lines.append(f"| {name} | {counts} |")
    if whole:
        lines += [*_write_out(found["SQLite"])]
    return "\n".join(lines)


def _write_out(acts: Mapping[str, _Statements]) -> Iterator[str]:
    for name, statements in acts.items():
        yield f"\n## {name}\n"
        yield from (f"{number}. {one}" for number, one in enumerate(statements, 1))
        again = [(one, n) for one, n in Counter(statements).most_common() if n > 1]
        yield "\nMore than once:\n"
        yield from (f"- {n} times {one}" for one, n in again)


def _copy(source: Store, target: Store) -> None:
    """Put every row of one store into another, triggers and all order aside."""
    with target.engine.connect().execution_options(**{WRITES: True}) as into, into.begin():
        into.execute(text("SET session_replication_role = replica"))
        for table in metadata.sorted_tables:
            into.execute(table.delete())
        with source.reading() as connection, source.reading_looks() as looks:
            for table in metadata.sorted_tables:
                books = (connection, looks) if table in _BOOKS else (connection,)
                rows = [dict(row._mapping) for one in books for row in one.execute(select(table))]
                if rows:
                    into.execute(insert(table), rows)
        into.execute(text("SET session_replication_role = origin"))
    source.close()


def _count(address: str, folder: Path) -> dict[str, _Statements]:
    store = open_store(address)
    with store.reading() as connection:
        case_key, number, now_us = _find_case(connection)
    store.close()
    now = datetime.fromtimestamp(now_us / 1e6, UTC)
    named = {"database_url": address, "models_dir": folder / "models", "now": now.isoformat()}
    acts = {
        "one imported event": (_ADMINISTRATOR, partial(_ask_event, number, now)),
        "one decision": (_SCREENER, partial(_ask_decision, case_key, now)),
        "one case page": (_SCREENER, lambda _: _Request("GET", f"/cases/{case_key}")),
        "the list page": (_SCREENER, lambda _: _Request("GET", "/")),
    }
    found = {}
    for name, (person, ask) in acts.items():
        # What is asked beforehand is asked of another application: the one that is counted is new.
        request = ask(_sign_in(named, person))
        client = _sign_in(named, person)
        with _listening() as statements:
            answer = client.request(
                request.method, request.path, json=request.body, headers=request.headers
            )
        if answer.status_code not in (200, 201):
            raise RuntimeError(f"{name}: {answer.status_code} {answer.text[:400]}")
        found[name] = list(statements)
    return found


def _find_case(connection: Connection) -> tuple[str, str, int]:
    """Return the latest list's first case that is new and flagged, and an hour later than it."""
    query = (
        select(case_keys.c.case_key, case_keys.c.case_id, sittings.c.opened_at_us)
        .join(list_places, list_places.c.sitting_key == sittings.c.sitting_key)
        .join(standings, standings.c.case_key == list_places.c.case_key)
        .join(case_keys, case_keys.c.case_key == list_places.c.case_key)
        .where(
            standings.c.state == "awaiting",
            standings.c.first_read_at_us.is_(None),
            standings.c.flagged_since_us.is_not(None),
            list_places.c.blind.is_(False),
        )
        .order_by(sittings.c.stored_seq.desc(), list_places.c.position)
        .limit(1)
    )
    row = connection.execute(query).one()
    return row.case_key, row.case_id, row.opened_at_us + _HOUR_US


def _sign_in(named: Mapping[str, Any], person: Mapping[str, str]) -> TestClient:
    app = create_app(make_settings(**named, work=False, least_reading_seconds=1e-6))
    client = TestClient(app, base_url=_ORIGIN, headers={"origin": _ORIGIN})
    client.post("/v1/sign-in", json=dict(person)).raise_for_status()
    return client


def _ask_event(number: str, now: datetime, _: TestClient) -> _Request:
    at = (now - timedelta(hours=2)).isoformat()
    row = {"event_id": "COUNTED", "case_id": number, "kind": "threat_of_violence"}
    row |= {"occurred_at": at, "recorded_at": at, "source": "police"}
    return _Request("POST", "/v1/records", {"events": [row]})


def _ask_decision(case_key: str, now: datetime, client: TestClient) -> _Request:
    """Return a decision that deals with every flag and says something of two reasons."""
    case = client.get(f"/v1/cases/{case_key}").raise_for_status().json()
    flags = [
        {"flag": flag["name"], "record_id": record}
        for flag in case["flags"]
        for record in flag["records"]
    ]
    reasons = [
        {"outcome": one["outcome"], "indicator": one["indicator"], "agrees": True}
        for one in case["advice"]["reasons"][:2]
    ]
    draft = {
        "ways": {"victim_safety_planning": {}},
        "owner": _SCREENER["name"],
        "review_on": (now + timedelta(days=28)).date().isoformat(),
        "agrees_with_score": "yes",
        "score_key": case["advice"]["score_key"],
        "seen_seq": case["seen_seq"],
        "discharges": flags,
        "reasons": reasons,
    }
    headers = {"if-match": f'"v{case["version"]}"'}
    return _Request("POST", f"/v1/cases/{case_key}/decisions", draft, headers)


@contextmanager
def _listening() -> Iterator[_Statements]:
    """Give the statements that any database is sent meanwhile."""
    found: _Statements = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith("BEGIN"):  # only SQLite's is sent by us
            found.append(" ".join(statement.split()))

    def begin(_connection: Any) -> None:
        found.append("BEGIN")

    event.listen(Engine, "before_cursor_execute", note)
    event.listen(Engine, "begin", begin)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)
        event.remove(Engine, "begin", begin)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the demonstration unit")
    parser.add_argument("--whole", action="store_true", help="write every statement out")
    given = parser.parse_args()
    print(describe_statements(given.folder, whole=given.whole))
