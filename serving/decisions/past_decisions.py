"""Decisions that were made, as they were made."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, select

from serving.decisions.case_versions import read_version
from serving.decisions.outputs import DecisionOut, DecisionsOut, DischargeOut, ReasonViewOut
from serving.store.case_places import count_rows_until
from serving.store.database import Unit
from serving.store.lookups import is_among
from serving.store.paging import cut_page, find_named
from serving.store.row_text import Clockface, name_actor
from serving.store.schema import decision_reasons, decisions, discharges, flag_raisings

_AGREEMENT: Final = {True: "yes", False: "no", None: "not_seen"}


def read_decisions(
    connection: Connection,
    case_key: str,
    unit: Unit,
    *,
    size: int,
    cursor: str | None = None,
    withheld: bool = False,
) -> DecisionsOut:
    """Return decisions on a case, the latest first.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    case_key
        The case.
    unit
        What holds for the whole store.
    size
        How many at most.
    cursor
        ``next_cursor`` of the part before; the latest where absent.
    withheld
        Whether what they say of the score is left out.

    Raises
    ------
    ServiceError
        If the cursor is none (422).
    """
    query = (
        _select_decisions()
        .where(decisions.c.case_key == case_key)
        .order_by(decisions.c.version.desc())
        .limit(size + 1)
    )
    if cursor is not None:
        there = select(decisions.c.version).where(
            decisions.c.decision_key == cursor, decisions.c.case_key == case_key
        )
        after = find_named(connection, cursor, there)
        query = query.where(decisions.c.version < after.version)
    page = cut_page(connection.execute(query).all(), size, lambda row: str(row.decision_key))
    is_first = cursor is None and page.items
    return DecisionsOut(
        version=page.items[0].version if is_first else read_version(connection, case_key),
        decisions=_describe_all(connection, page.items, unit, withheld=withheld),
        next_cursor=page.next_cursor,
    )


def read_decision(connection: Connection, decision_key: str, unit: Unit) -> DecisionOut:
    """Return one decision, which is there."""
    query = _select_decisions().where(decisions.c.decision_key == decision_key)
    return _describe_all(connection, [connection.execute(query).one()], unit, withheld=False)[0]


def read_some_decisions(
    connection: Connection, rows: Sequence[Row[Any]], unit: Unit, *, withheld: Collection[str]
) -> dict[str, tuple[DecisionOut, ...]]:
    """Return decisions of several cases, by case, in the order in which they are given.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    rows
        Rows of ``decisions``.
    unit
        What holds for the whole store.
    withheld
        Cases of which nothing is told of the score.
    """
    by_case: dict[str, list[str]] = {}
    for row in rows:
        by_case.setdefault(row.case_key, []).append(row.decision_key)
    found = {}
    for case_key, keys in by_case.items():
        query = (
            _select_decisions()
            .where(is_among(connection, decisions.c.decision_key, keys))
            .order_by(decisions.c.stored_seq)
        )
        some = connection.execute(query).all()
        found[case_key] = _describe_all(connection, some, unit, withheld=case_key in withheld)
    return found


def _select_decisions() -> Select[Any]:
    """Return the query for decisions, each with the latest one that reversed it."""
    later = decisions.alias("later")
    reversed_by = (
        select(later.c.decision_key)
        .where(
            later.c.case_key == decisions.c.case_key, later.c.reverses == decisions.c.decision_key
        )
        .order_by(later.c.version.desc())
        .limit(1)
    )
    return select(decisions, reversed_by.scalar_subquery().label("reversed_by"))


def _describe_all(
    connection: Connection, rows: Sequence[Row[Any]], unit: Unit, *, withheld: bool
) -> tuple[DecisionOut, ...]:
    """Return decisions on one case."""
    keys = [row.decision_key for row in rows]
    reasons = {} if withheld or not keys else _read_reasons(connection, keys)
    dealt_with = _read_discharges(connection, keys) if keys else {}
    places = [row.seen_seq for row in rows]
    seen = count_rows_until(connection, rows[0].case_key, places) if rows else {}
    face = Clockface(unit.time_zone)
    return tuple(
        DecisionOut(
            **name_actor(row),
            decision_key=row.decision_key,
            version=row.version,
            decided_at=face.show(row.decided_at_us),
            sitting_key=row.sitting_key,
            # What somebody agreed with would show what the model says (ADR 15).
            score_key=None if withheld else row.score_key,
            seen_seq=seen[row.seen_seq],
            agrees_with_score=None if withheld else _AGREEMENT[row.agrees_with_score],  # type: ignore[arg-type]
            ways=row.routes,
            owner=row.owner,
            review_on=row.review_on,
            note=row.note,
            reverses=row.reverses,
            reversed_by=row.reversed_by,
            reasons=tuple(reasons.get(row.decision_key, ())),
            discharges=tuple(dealt_with.get(row.decision_key, ())),
            score_direction=None if withheld else row.score_direction,
            score_why=None if withheld else row.score_why,
            n_opened=None if row.opened is None else len(row.opened),
            reading_seconds=row.reading_seconds,
            first_view=row.first_view,
            unopened_why=row.unopened_why,
        )
        for row in rows
    )


def _read_reasons(connection: Connection, keys: Sequence[str]) -> dict[str, list[ReasonViewOut]]:
    query = (
        select(decision_reasons)
        .where(is_among(connection, decision_reasons.c.decision_key, keys))
        .order_by(decision_reasons.c.stored_seq)
    )
    found: dict[str, list[ReasonViewOut]] = {}
    for row in connection.execute(query):
        told = ReasonViewOut(
            outcome=row.outcome, indicator=row.indicator, agrees=row.agrees, note=row.note
        )
        found.setdefault(row.decision_key, []).append(told)
    return found


def _read_discharges(connection: Connection, keys: Sequence[str]) -> dict[str, list[DischargeOut]]:
    query = (
        select(discharges.c.decision_key, flag_raisings.c.flag, flag_raisings.c.record_id)
        .join(flag_raisings, flag_raisings.c.raising_key == discharges.c.raising_key)
        .where(is_among(connection, discharges.c.decision_key, keys))
        .order_by(discharges.c.stored_seq)
    )
    found: dict[str, list[DischargeOut]] = {}
    for row in connection.execute(query):
        told = DischargeOut(flag=row.flag, record_id=row.record_id)
        found.setdefault(row.decision_key, []).append(told)
    return found
