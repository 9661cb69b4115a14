"""A sealed case and a case that is not there: one answer to an outsider, whatever they send first.

Differences of time are not compared.
"""

import re
from collections.abc import Iterable
from typing import Any

import pytest
from sqlalchemy import select

from serving.intake.chunks import Chunk, take_at_once
from serving.intake.mandates import Sender
from serving.intake.row_lines import make_raw_row, normalise_rows
from serving.standing.standings import StandingRules, check_standings
from serving.store.database import Store
from serving.store.schema import standings
from tests.test_serving.access.test_rights import INSIDER, add, seal
from tests.test_serving.access.two_worlds import Ask, MakeWorlds, Visitor
from tests.test_serving.acts import decide_now, write
from tests.test_serving.sent_rows import (
    CLOCK,
    make_case,
    make_event,
    make_link,
    send,
)

OWN = "A"
HIDDEN = "C"


def add_own(store: Store) -> str:
    """Store the visitor's own case."""
    return add(store, OWN)


def add_sealed(store: Store) -> None:
    """Store a case that was sent, decided on and sealed by others."""
    rows = [("cases", make_case("D")), ("events", make_event("D-E", "D"))]
    raw = [make_raw_row(number, name, row) for number, (name, row) in enumerate(rows, 1)]
    chunk = Chunk(1, len(raw), normalise_rows(raw, CLOCK))
    unit, rules = store.read_unit(), StandingRules()
    taken = take_at_once(store, Sender(INSIDER), chunk, unit, rules, "d" * 64, may_turn=False)
    (sent,) = taken.changed_keys
    key = add(store, HIDDEN)
    decide_now(store, key, write(discharges=[{"flag": "new_strangulation", "record_id": "C-E"}]))
    for one in (sent, key):
        seal(store, one)


def send_event(**more: Any) -> Ask:
    """Return the sending of an event of the visitor's own case."""
    event = {name: one for name, one in make_event("new", OWN, **more).items() if one is not None}
    return Ask("POST", "/v1/records", {"json": {"events": [event]}}, "/v1/records")


def send_link() -> Ask:
    """Return the sending of a link of the visitor's own case with the hidden number."""
    link = make_link("L", OWN, HIDDEN)
    return Ask("POST", "/v1/records", {"json": {"links": [link]}}, "/v1/records")


def find_own(visitor: Visitor) -> str:
    """Return the key of the visitor's own case, the same in both worlds."""
    store: Store = visitor.worlds.without.state.service.need_store()
    with store.reading() as connection:
        return str(connection.execute(select(standings.c.case_key)).scalars().one())


def list_reads(key: str) -> list[Ask]:
    """Return what a visitor reads to see whether anything moved."""
    paths = (
        f"/v1/cases/{key}", f"/v1/cases/{key}/looks", f"/cases/{key}", "/v1/cases", "/v1/imports",
        "/v1/findings", "/v1/duty", "/v1/caseload",
    )  # fmt: skip
    return [Ask("GET", path) for path in paths]


def split(key: str, *events: str) -> Ask:
    """Return a split of the visitor's own case into the hidden number."""
    body = {"json": {"case_id": HIDDEN, "events": list(events), "facts": []}}
    return Ask("POST", f"/v1/cases/{key}/split", body, "/v1/cases/{key}/split")


def leave_out_place(body: bytes) -> bytes:
    """Take the place of the own case's last row out of an answer: rows of all cases are numbered
    together, so that a row sent after others of any case has a higher one.
    """
    return re.sub(rb'("seen_seq":|name="seen_seq" value=")\d+', rb"\1", body)


def list_probes(key: str) -> Iterable[Ask]:
    """Return what a visitor may send to see whether a number is there."""
    return [split(key, "A-E", "no such record"), send_event(supersedes="C-E")]


@pytest.mark.parametrize("role", ["screener", "administrator"])
def test_no_probe_tells_a_sealed_case_from_none(make_worlds: MakeWorlds, role: str) -> None:
    """A split, a correction and a link that name it, and all that is read after each, are alike."""
    visitor = make_worlds(add_own, add_sealed).enter(role)
    key = find_own(visitor)
    reads = [one for one in list_reads(key) if role == "screener" or "looks" not in one.path]
    assert visitor.compare(reads) == []
    leave_out = {str(one): leave_out_place for one in reads}
    assert visitor.compare_pairs(list_probes(key), reads, leave_out=leave_out) == []
    # The own case's pages are not compared here: they do not show a link with a sealed case yet.
    others = [one for one in reads if key not in one.path]
    assert visitor.compare_pairs([send_link()], others) == []


def test_looks_of_a_case_name_no_other(make_worlds: MakeWorlds) -> None:
    """An answer that held several cases is told to a decider as one that held this case."""

    def add_two(store: Store) -> None:
        add(store, OWN)
        add(store, "B")

    visitor = make_worlds(add_two, lambda store: None).enter("screener")
    listed, _ = visitor.ask(Ask("GET", "/v1/cases"))
    keys = [row["key"] for row in listed.json()["rows"]]
    told, _ = visitor.ask(Ask("GET", f"/v1/cases/{keys[0]}/looks"))
    assert [(one["case_key"], one["cases"]) for one in told.json()["lines"]][-1] == (keys[0], [])
    assert len(keys) == 2
    assert keys[1] not in told.text


def test_a_record_of_a_sealed_case_moves_no_linked_case(store: Store) -> None:
    """Neither the link nor a record there makes the own case one to score again, or the other."""
    own, hidden = add(store, OWN), add(store, HIDDEN)
    seal(store, hidden)
    linked = send(store, {"links": [make_link("L", OWN, HIDDEN)]})
    assert linked.changed_keys == {own}
    with store.reading() as connection:
        query = select(standings.c.record_seq).where(standings.c.case_key == own)
        before = connection.execute(query).scalar_one()
    there = send(store, {"events": [make_event("C-F", HIDDEN)]})
    assert there.changed_keys == {hidden}
    with store.reading() as connection:
        assert connection.execute(query).scalar_one() == before
        assert check_standings(connection, now_us=store.clock()) == []
