"""Erasing reaches every table: what it leaves in a column of text is listed with its ground."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
from fastapi import FastAPI
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Float,
    LargeBinary,
    String,
    Table,
    Text,
    insert,
    select,
)
from sqlalchemy.types import JSON

from features.errors import ConfigError
from serving.intake.checks import check_store
from serving.oversight.audit_verification import list_problems, verify_store
from serving.persons import Person
from serving.store.current_act import Act, acting
from serving.store.database import Store, make_key
from serving.store.erasing import clean_files, erase_identifier
from serving.store.remains import EVIDENCE, KEPT, OTHER_CASE, find_remains
from serving.store.row_digests import digest_row, list_columns, write_row
from serving.store.row_secrets import OwnerKeys
from serving.store.schema import (
    ERASABLE,
    KEY_LENGTH,
    NAMING,
    confirmations,
    metadata,
    row_secrets,
    withheld_corrections,
)
from tests.test_serving.acts import SCREENER
from tests.test_serving.confirmations.confirming import come_in, settle
from tests.test_serving.entered import close_application, enter, make_application
from tests.test_serving.oversight.test_content_verification import list_digests
from tests.test_serving.sent_rows import key_of, make_case, make_event, send

NUMBER: Final = "SYN-NIGHTJAR-77"
OPERATOR: Final = Person("SYN Operator", "administrator", "unit")
OFFICER: Final = {"name": "SYN Officer", "role": "screener", "agency": "police"}
PERSON: Final = ("person", "subject", "role", "agency")
LOG: Final = ("audit_lines", "audit_heads", "row_digests", "row_secrets")
OWN_TABLES: Final = {"unit", "case_keys", "leases", "ended_sessions", *LOG}
"""The store's own tables, of which none has a column that somebody else fills: what a case's row of
``case_keys`` holds is what is erased, and for the log :func:`serving.store.remains.find_remains`
has one ground."""

OURS: Final = "one of the program's own words, or a digest"
WHO: Final = "who did it: a person of the unit, as the sign-in names them"
VOCABULARY: Final = "a word of the contract or the catalogue, as the sender wrote it"
CLOSED: Final[dict[str, dict[str, str]]] = {
    "cases": {"area": VOCABULARY, "referral_source": VOCABULARY},
    "events": dict.fromkeys(
        [
            *("kind", "view", "source", "reporter_role", "assurance"),
            *("actor", "target", "channel", "handling"),
        ],
        VOCABULARY,
    ),
    "facts": {"name": VOCABULARY, "asked": VOCABULARY},
    "links": {"kind": VOCABULARY},
    "people": {"characteristic": VOCABULARY, "role": VOCABULARY, "value": VOCABULARY},
    "imports": {"source_digest": OURS, "position": "places within the files of an import"},
    "import_rejects": dict.fromkeys(("place", "table", "column", "code", "remedy"), OURS),
    "case_moves": {"kind": OURS, "area": VOCABULARY},
    "scores": dict.fromkeys(
        [
            *("occasion", "bundle_id", "catalogue_digest", "engine_version"),
            *("leading_outcome", "log_odds"),
        ],
        OURS,
    ),
    "flag_raisings": {"flag": VOCABULARY},
    "acknowledgements": {"contact": OURS},
    "deliveries": {"last_status": OURS, "audience": OURS},
    "standards_notices": {"day": "a date", "recipient": WHO, "last_status": OURS},
    "sittings": dict.fromkeys(("ordering", "policy", "seed", "bundle_id", "standing"), OURS),
    "list_places": {"rule": OURS},
    "first_views": {"view": OURS},
    "decisions": {
        "review_on": "a date",
        "score_direction": OURS,
        "opened": "places in the order of rows",
        "first_view": OURS,
    },
    "decision_reasons": {"outcome": VOCABULARY, "indicator": VOCABULARY},
    "agency_views": {"stance": OURS, "of_agency": VOCABULARY, "direction": OURS},
    "view_notices": {"last_status": OURS},
    "case_notes": dict.fromkeys(
        ("kind", "handling", "contact_with", "contact_way", "contact_on", "wish"), OURS
    ),
    "case_searches": {"session": OURS},
    "digest_choices": {"areas": VOCABULARY},
    "daily_digests": {"day": "a date", "recipient": WHO, "last_status": OURS},
    "correction_requests": {"table": OURS},
    "correction_answers": {"answer": OURS},
    "orderings": {"ordering": OURS},
    "model_uses": {"bundle_id": OURS},
    "case_parties": {"party": WHO},
    "confirmations": {
        "kind": OURS,
        "effect": OURS,
        "cases": "keys of cases",
        "roles": OURS,
        "needed_agency": VOCABULARY,
        "excluded": WHO,
        "only": WHO,
    },
    "confirmation_settlements": {"outcome": OURS},
    "withheld_corrections": {"table": OURS, "way": OURS, "owner_agency": VOCABULARY},
    "withheld_settlements": {"outcome": OURS},
    "promotions": dict.fromkeys(
        ("step", "bundle_id", "figures_digest", "replaces", "about", "gates"), OURS
    ),
    "flag_catalogues": {"step": OURS, "digest": OURS, "text": "a catalogue, which names no case"},
    "standings": dict.fromkeys(
        ("state", "area", "referral_source", "returned_for", "review_on", "family"),
        "copied from the rows that it is worked out from",
    ),
}
"""Columns of text in which no identifier of a case belongs, and what stands there instead."""


def list_tables() -> list[Table]:
    return [table for table in metadata.sorted_tables if table.name not in OWN_TABLES]


def list_texts(table: Table) -> list[str]:
    """Return the columns in which somebody's words can stand: keys of 24 letters are our own."""
    return [
        column.name
        for column in table.columns
        if isinstance(column.type, String | Text | JSON)
        and getattr(column.type, "length", None) != KEY_LENGTH
    ]


def list_closed(table: Table) -> set[str]:
    """Return the columns in which no identifier belongs."""
    who = {name for name in PERSON if name in table.c} if "subject" in table.c else set()
    return who | CLOSED.get(table.name, {}).keys()


@pytest.mark.parametrize("table", list_tables(), ids=lambda table: table.name)
def test_each_column_of_text_is_erased_kept_on_a_ground_or_closed(table: Table) -> None:
    """A column that a later version adds has to be put in one of the three lists."""
    erased = set(ERASABLE.get(table.name, ()))
    kept = set(KEPT.get(table.name, {}))
    closed = list_closed(table)
    assert erased | kept | closed == set(list_texts(table))
    assert not closed & (erased | kept)
    for name in erased & kept:
        assert isinstance(table.c[name].type, JSON), "erased but for the words within it"


def fill(connection: Connection, table: Table, case_key: str, seq: int, texts: list[str]) -> None:
    """Store a row of a case that has the number in some columns of text."""
    row = {one.name: _fill_column(one, case_key, seq, one.name in texts) for one in table.columns}
    for reference in table.foreign_keys:
        parent = reference.column.table
        query = select(reference.column)
        if "case_key" in parent.c:
            query = query.where(parent.c.case_key == case_key)
        row[reference.parent.name] = connection.execute(query.limit(1)).scalar_one()
    connection.execute(insert(table).values(**row))


def _fill_column(column: "Column[Any]", case_key: str, seq: int, is_told: bool) -> Any:
    kind = column.type
    if column.name == "case_key":
        return case_key
    if isinstance(kind, JSON):
        return {"case": NUMBER, "several": [f"{NUMBER}/E1"], "note": NUMBER} if is_told else {}
    if isinstance(kind, String | Text):
        is_key = getattr(kind, "length", None) == KEY_LENGTH
        said = f"{NUMBER}/{column.name}" if is_told else f"w{seq}"
        return make_key() if is_key else said
    plain = {Boolean: False, Float: 0.5, LargeBinary: b""}
    return plain.get(type(kind), seq)


def erase(store: Store, case_id: str = NUMBER) -> str:
    with acting(Act(OPERATOR, "erasure", "caselight erase")), store.writing() as writing:
        key = erase_identifier(writing, case_id)
    clean_files(store)
    return key


def fill_all(store: Store, case_id: str) -> None:
    """Give a case a row in every table, with the number wherever somebody's words can stand."""
    key = key_of(store, case_id)
    for table in list_tables():
        if table.name in ("cases", "standings"):
            continue  # the case has its row
        is_told = case_id == NUMBER or "case_key" in table.c
        told = set(list_texts(table)) - list_closed(table) if is_told else ()
        with store.writing() as writing:
            seq = writing.take_seq() if "stored_seq" in table.c else 1
            fill(writing.connection, table, key, seq, sorted(told))


def test_erasing_leaves_nothing_without_a_ground_in_any_table(store: Store) -> None:
    """A case whose number stands in every column that can hold it: what is left has its ground, a
    log that holds, and no table was passed over.
    """
    send(store, {"cases": [make_case(NUMBER), make_case("SYN-OTHER-1")]})
    fill_all(store, NUMBER)
    before = find_remains(store, NUMBER, key_of(store, NUMBER))
    reached = {one.place for one in before if one.ground is None}
    wanted = {f"{name}.{column}" for name, columns in ERASABLE.items() for column in columns}
    assert wanted <= reached, "the row of a table that erasing reaches had the number"
    key = erase(store)
    left = find_remains(store, NUMBER, key)
    assert [one.place for one in left if one.ground is None] == []
    grounds = {f"{name}.{column}" for name, columns in KEPT.items() for column in columns}
    assert {one.place for one in left} == grounds - {"standings.owner"}
    assert list_problems(verify_store(store)) == []
    assert not [one for one in check_store(store) if "append" in one.problem]


def test_rows_of_another_case_name_the_erased_one_no_more(store: Store) -> None:
    """What another case's rows say of it stays as that case's account; the number by itself, where
    a row names a case, does not.
    """
    send(store, {"cases": [make_case(NUMBER), make_case("SYN-OTHER-1")]})
    fill_all(store, "SYN-OTHER-1")
    key = erase(store)
    left = find_remains(store, NUMBER, key)
    assert {one.ground for one in left} == {OTHER_CASE}
    with store.reading() as connection:
        content = connection.execute(select(confirmations.c.content)).scalar_one()
    assert content == {"case": key, "several": [f"{NUMBER}/E1"], "note": NUMBER}
    assert set(NAMING) == {"import_rejects", "confirmations", "case_searches"}
    assert list_problems(verify_store(store)) == []


@pytest.fixture
def app(store: Store, address: str) -> Iterator[FastAPI]:
    """Return the application over the test's store."""
    made = make_application(address, store.clock)
    yield made
    close_application(made)


def post(app: FastAPI, **tables: Any) -> None:
    answer = enter(app, **OFFICER).post("/v1/records", json=tables)
    assert answer.status_code == 200, answer.text


def make_act(number: str, **more: Any) -> dict[str, Any]:
    """Return an act of the case that the police recorded."""
    given = {"source": "police", "kind": "violence", "value": 8} | more
    return make_event(f"{NUMBER}/{number}", NUMBER, **given)


def test_a_withheld_correction_keeps_its_words_and_no_number(app: FastAPI, store: Store) -> None:
    """The attack: a correction that waits, in the table of its own, kept the number after erasing.
    Now the key stands there; its narrative is kept as every other, and it takes effect no more.
    """
    send(store, {"cases": [make_case(NUMBER, area="Halton")]})
    post(app, events=[make_act("E1", incident_id=f"{NUMBER}/I1")])
    lower = {"value": 1, "recorded_at": "2025-07-01", "incident_id": f"{NUMBER}/I1"}
    narrative = f"as told of {NUMBER}"
    post(app, events=[make_act("E2", supersedes=f"{NUMBER}/E1", narrative=narrative, **lower)])
    with store.reading() as connection:
        before = connection.execute(select(withheld_corrections)).one()
    assert (before.way, before.record_id) == ("held", f"{NUMBER}/E2")
    key = erase(store)
    with store.reading() as connection:
        row = connection.execute(select(withheld_corrections)).one()
        (asked,) = connection.execute(select(confirmations.c.confirmation_key)).scalars()
    assert (row.record_id, row.corrects) == (f"{key}/E2", f"{key}/E1")
    ids = {"event_id": f"{key}/E2", "supersedes": f"{key}/E1", "incident_id": f"{key}/I1"}
    assert row.row == before.row | ids
    left = {(one.place, one.ground) for one in find_remains(store, NUMBER, key)}
    assert left == {("withheld_corrections.row", EVIDENCE)}
    assert list_problems(verify_store(store)) == []
    colleague = Person("SYN Second", "reviewer", "police")
    assert settle(app, asked, person=colleague) == (201, None)
    assert {one.place for one in find_remains(store, NUMBER, key)} == {"withheld_corrections.row"}


def ask_split(app: FastAPI, store: Store) -> str:
    """Ask for a new case of the number, of one event of another case; return what waits."""
    moments = {"source": "police"}
    rows = [make_event("E1", "SYN-OTHER-1", **moments), make_event("E2", "SYN-OTHER-1", **moments)]
    send(store, {"cases": [make_case("SYN-OTHER-1", area="Halton")], "events": rows})
    body = {"case_id": NUMBER, "events": ["E2"], "why": "two people under one number"}
    path = f"/v1/cases/{key_of(store, 'SYN-OTHER-1')}/split"
    answer = come_in(app, SCREENER).post(path, json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["confirmation_key"])


def test_a_confirmed_split_keeps_no_number(app: FastAPI, store: Store) -> None:
    """The attack: what was asked of the other case named the one that was made, after erasing too.
    Now its key stands there, and the log tells of no change of the row.
    """
    asked = ask_split(app, store)
    assert settle(app, asked) == (201, None)
    key = erase(store)
    with store.reading() as connection:
        content = connection.execute(select(confirmations.c.content)).scalar_one()
    assert (content["case_id"], content["events"]) == (key, ["E2"])
    assert find_remains(store, NUMBER, key) == ()
    assert list_problems(verify_store(store)) == []


def test_no_number_of_a_split_can_be_guessed_after_erasing(app: FastAPI, store: Store) -> None:
    """The digest of what was asked is of a secret of its own, which erasing destroys: with every
    key that is left nobody tries out which case it named.
    """
    settle(app, ask_split(app, store))
    other = key_of(store, "SYN-OTHER-1")
    with store.reading() as connection:
        row = connection.execute(select(confirmations)).one()._asdict()

    def find_guessed(case_id: str) -> set[bytes]:
        guessed = row | {"content": row["content"] | {"case_id": case_id}}
        cells = [guessed[one.name] for one in list_columns(confirmations)]
        if store.is_sqlite:  # which keeps JSON as a text
            cells = [json.dumps(one) if isinstance(one, dict | list) else one for one in cells]
        with store.reading() as connection:
            owners = connection.execute(select(row_secrets.c.owner)).scalars().all()
            keys = OwnerKeys(connection, store.audit_key).read(owners)
        return {digest_row(keys[one], write_row("confirmations", cells)) for one in owners}

    owner = f"confirmations:{row['stored_seq']}"
    kept = list_digests(store, owner, "confirmations")
    assert kept & find_guessed(NUMBER)
    assert not list_digests(store, other, "confirmations")
    erase(store)
    assert not kept & find_guessed(NUMBER)


def test_a_split_for_an_erased_number_is_not_made(app: FastAPI, store: Store) -> None:
    """What waits for a number that was erased meanwhile makes no case under a key."""
    asked = ask_split(app, store)
    send(store, {"cases": [make_case(NUMBER, area="Halton")]})
    key = erase(store)
    status, code = settle(app, asked)
    assert (status, code) == (409, "case_exists")
    with pytest.raises(ConfigError, match="no case has this identifier"):
        erase(store, key)
