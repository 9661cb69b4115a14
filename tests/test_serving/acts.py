"""People acting on cases, for the tests of decisions."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from sqlalchemy import func, insert, select
from starlette.testclient import TestClient

from serving.api.cases import router as cases_router
from serving.api.decisions import router as decisions_router
from serving.decisions.deciding import Decided, DecisionRequest, decide
from serving.decisions.drafts import DecisionIn
from serving.persons import Person
from serving.scoring.model_in_use import Champion
from serving.service import Service
from serving.settings import Settings
from serving.standing.standings import StandingRules
from serving.store.database import Store, make_key
from serving.store.histories import read_head
from serving.store.schema import (
    APPEND_ONLY,
    events,
    flag_raisings,
    list_places,
    metadata,
    scores,
    sittings,
    standings,
)
from serving.web.error_answers import install_handlers
from tests.test_serving.sent_rows import key_of, make_case, make_event, send

NOW_US = 1_772_000_000_000_000
REVIEW = "2026-04-01"
SCREENER = Person("SYN Anne", "screener", "police")
NURSE = Person("SYN Ben", "health", "health")
ADVOCATE = Person("SYN Cleo", "reviewer", "advocacy")
RULES = StandingRules()
Ask = Callable[..., TestClient]


def name_of(person: Person) -> dict[str, str]:
    """Return a person as an answer tells them."""
    return {"person": person.name, "role": person.role, "agency": person.agency}


def add_case(store: Store, case_id: str = "A", *, events_of: int = 1) -> str:
    """Put a case with some events into the store; return its key."""
    rows = [make_event(f"{case_id}{n}", case_id) for n in range(events_of)]
    send(store, {"cases": [make_case(case_id)], "events": rows})
    return key_of(store, case_id)


def write(**more: Any) -> dict[str, Any]:
    """Return a decision as a request holds it: enforcement, an owner and a review."""
    plain = {
        "ways": {"enforcement": {}},
        "owner": "SYN Officer",
        "review_on": REVIEW,
        "agrees_with_score": "not_seen",
        "seen_seq": 0,
    }
    return plain | more


def write_closing(**more: Any) -> dict[str, Any]:
    """Return a decision to do nothing more."""
    ways = {"no_further_action": {"reason": "nothing new since June"}}
    return write(ways=ways, owner=None, review_on=None) | more


def decide_now(
    store: Store,
    key: str,
    draft: dict[str, Any] | None = None,
    *,
    version: int | None = 0,
    person: Person = SCREENER,
) -> Decided:
    """Decide on a case, having seen all that is there unless the draft says otherwise."""
    given = draft or write()
    with store.writing() as writing:
        if not given["seen_seq"]:
            given = given | {"seen_seq": read_head(writing.connection)}
        act = DecisionRequest(key, person, DecisionIn.model_validate(given), version)
        return decide(writing, act, store.read_unit(), RULES)


def stand_of(store: Store, key: str) -> Any:
    """Return where a case stands."""
    with store.reading() as connection:
        return connection.execute(select(standings).where(standings.c.case_key == key)).one()


def turns_of(store: Store, key: str) -> list[str]:
    """Return the kinds of the records that the unit itself wrote on a case, in order."""
    query = (
        select(events.c.kind)
        .where(events.c.case_key == key, events.c.source == "unit")
        .order_by(events.c.stored_seq)
    )
    with store.reading() as connection:
        return list(connection.execute(query).scalars())


def count_all(store: Store) -> dict[str, int]:
    """Return how many rows each append-only table holds, beside the log and its digests."""
    with store.reading() as connection:
        return {
            name: connection.execute(
                select(func.count()).select_from(metadata.tables[name])
            ).scalar_one()
            for name in APPEND_ONLY
            if name not in ("audit_lines", "row_digests")
        }


def add_flag(
    store: Store, key: str, flag: str, record_id: str, *, due_us: int | None = None
) -> str:
    """Raise a flag of a case by a record; return the raising's key.

    It is an urgent one, due after ``due_us``, where that is given, and a review flag otherwise.
    """
    raising = make_key()
    with store.writing() as writing:
        writing.connection.execute(
            insert(flag_raisings).values(
                raising_key=raising,
                case_key=key,
                flag=flag,
                urgent=due_us is not None,
                record_id=record_id,
                raised_at_us=writing.now_us,
                due_at_us=None if due_us is None else writing.now_us + due_us,
                stored_seq=writing.take_seq(),
            )
        )
    return raising


def add_score(store: Store, key: str, priority: float = 0.5, bundle_id: str = "b1") -> str:
    """Put a score of a case into the store; return its key."""
    score = make_key()
    with store.writing() as writing:
        head = read_head(writing.connection)
        writing.connection.execute(
            insert(scores).values(
                score_key=score,
                case_key=key,
                as_of_us=writing.now_us,
                known_seq=head,
                occasion="import",
                bundle_id=bundle_id,
                catalogue_digest="d",
                engine_version="1",
                priority=priority,
                priority_as_recorded=priority,
                leading_outcome="harm",
                log_odds={},
                stored_seq=writing.take_seq(),
            )
        )
    return score


def add_sitting(store: Store, *blind_keys: str) -> str:
    """Open a sitting with some cases on its list, all of them blind; return its key."""
    sitting = make_key()
    with store.writing() as writing:
        seq = writing.take_seq(1 + len(blind_keys))
        writing.connection.execute(
            insert(sittings).values(
                sitting_key=sitting,
                opened_at_us=writing.now_us,
                as_of_us=writing.now_us,
                capacity=30,
                ordering="model",
                policy={},
                seed="s",
                n_eligible=1,
                n_open=1,
                standing={},
                stored_seq=seq,
                **SCREENER.columns(),
            )
        )
        for number, key in enumerate(blind_keys, 1):
            writing.connection.execute(
                insert(list_places).values(
                    sitting_key=sitting,
                    position=number,
                    case_key=key,
                    rule="priority",
                    probability=0.25,
                    by_lot=True,
                    blind=True,
                    newly_referred=False,
                    waiting_since_us=0,
                    rank=7,
                    shown={},
                    stored_seq=seq + number,
                )
            )
    return sitting


def open_client(
    store: Store, person: Person | None = SCREENER, champion: Champion | None = None
) -> TestClient:
    """Return a client of the routes, as somebody or nobody."""
    app = FastAPI()
    install_handlers(app)
    app.state.service = Service(
        Settings(), store, store.read_unit(), champion or Champion(None, None)
    )
    app.include_router(decisions_router)
    app.include_router(cases_router)

    @app.middleware("http")
    async def sign_in(request: Request, call_next: Any) -> Any:
        request.state.person = person
        return await call_next(request)

    return TestClient(app)
