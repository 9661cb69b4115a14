"""Cases put straight into a store, where they stand as a test says."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert, select

from serving.lists.draws import Shares
from serving.lists.sitting_opening import Opened, Terms, open_sitting
from serving.persons import Person
from serving.store.database import Store, Unit
from serving.store.schema import case_keys, cases, list_places, scores, standings

DAY_US = 86_400_000_000
NOW_US = 1_772_000_000_000_000
UNIT = Unit("Europe/London", synthetic=True)
ANNE = Person("SYN Anne", "screener", "police")
BEN = Person("SYN Ben", "screener", "health")
NO_SHARES = Shares(random=0, waited=0, most_flagged=0)


def name_case(number: int) -> str:
    """Return the key of a test's case, in no order of number."""
    return f"{random.Random(number).getrandbits(64):016x}{number:08d}"


def stand(number: int, **given: Any) -> dict[str, Any]:
    """Return the standing of an awaiting case: three days' wait, no score, no flags."""
    arrived = given.pop("arrived_us", NOW_US - round(given.pop("days", 3) * DAY_US))
    key = name_case(number)
    state = given.get("state", "awaiting")
    row = {
        "case_key": key,
        "state": state,
        "area": "Halton",
        "referral_source": "police",
        "arrived_at_us": arrived,
        "state_since_us": arrived,
        "waiting_since_us": arrived if state in ("awaiting", "returned") else None,
        "version": 0 if state == "awaiting" else 1,
        "decided_seq": 0,
        "record_seq": 1,
        "known_seq": 1,
        "priority": None,
        "n_flags": 0,
        "n_urgent": 0,
        "first_read_due_us": arrived + 3 * DAY_US,
    }
    row["score_key"] = None if given.get("priority") is None else f"s{key[1:]}"
    return row | given


def put(store: Store, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put cases with their standings, and the scores that these name, into the store."""
    complete = [{column.name: row.get(column.name) for column in standings.c} for row in rows]
    with store.writing() as writing:
        seq = writing.take_seq(len(rows))
        connection = writing.connection
        known = [
            {
                "case_key": row["case_key"],
                "case_id": f"SYN-{row['case_key'][-8:]}",
                "retention_class": "standard",
                "stored_seq": seq + number,
            }
            for number, row in enumerate(complete)
        ]
        connection.execute(insert(case_keys), known)
        connection.execute(
            insert(cases),
            [
                {
                    "case_key": row["case_key"],
                    "recorded_at": row["arrived_at_us"],
                    "stored_seq": seq + number,
                }
                for number, row in enumerate(complete)
            ],
        )
        scored = [score_row(row, seq) for row in complete if row["score_key"]]
        if scored:
            connection.execute(insert(scores), scored)
        connection.execute(insert(standings), complete)


def score_row(row: Mapping[str, Any], seq: int) -> dict[str, Any]:
    """Return the score that a standing names."""
    return {
        "score_key": row["score_key"],
        "case_key": row["case_key"],
        "as_of_us": row["arrived_at_us"],
        "known_seq": seq,
        "occasion": "test",
        "bundle_id": "none",
        "catalogue_digest": "none",
        "engine_version": "none",
        "priority": row["priority"],
        "priority_as_recorded": row["priority"],
        "leading_outcome": "",
        "log_odds": {},
        "stored_seq": seq,
    }


def describe_nothing(*_: Any) -> dict[str, Any]:
    """Tell no advice: there is no model."""
    return {}


def open_list(
    store: Store, terms: Terms | None = None, person: Person = ANNE, **more: Any
) -> Opened:
    """Open a sitting without a model."""
    return open_sitting(store, UNIT, terms or Terms(), person, None, describe_nothing, **more)


def read_places(store: Store, sitting_key: str) -> list[Any]:
    """Return the stored places of a sitting."""
    query = select(list_places).where(list_places.c.sitting_key == sitting_key)
    with store.reading() as connection:
        return list(connection.execute(query.order_by(list_places.c.position)))
