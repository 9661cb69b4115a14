"""What came to be known of some cases lately, counted by kind: for the list and the caseload.

The unit's own work and what became of a case are no news, and what an agency keeps to itself or
what health tells is counted nowhere: a count would say that it is there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)

from features.catalogue.declarations import DAY_US
from features.contract.tables import RESERVED_KINDS
from serving.lists.sittings import Sitting, sitting_before
from serving.schemas import NOT_SENT
from serving.standing.standings import StandingRules
from serving.store.lookups import is_among
from serving.store.record_conditions import is_for_all
from serving.store.schema import cases, events, facts, standings

FIRST_DAYS: Final = 7
"""At the first sitting what came to be known within so many days before it is new."""
IsNew = Callable[[Table], ColumnElement[bool]]


@dataclass(frozen=True)
class NewKind:
    """Records of one kind that are new.

    Parameters
    ----------
    table
        ``events`` or ``facts``.
    kind
        The kind of the events, or the name of the question.
    n
        How many.
    latest_us
        When the latest of them happened, microseconds UTC; of an answer when it was recorded.
    """

    table: str
    kind: str
    n: int
    latest_us: Annotated[int, NOT_SENT]


@dataclass(frozen=True)
class News:
    """What is new of one case.

    Parameters
    ----------
    kinds
        The most frequent first.
    whole_file
        Whether the case itself is new, and so all that is on file.
    """

    kinds: tuple[NewKind, ...] = ()
    whole_file: bool = False

    @property
    def n_records(self) -> int:
        """How many records are new."""
        return sum(one.n for one in self.kinds)


@dataclass(frozen=True)
class Since:
    """From when on something is new to the team.

    Parameters
    ----------
    at_us
        What was recorded at it or later is; microseconds UTC.
    seq
        What was stored after it is as well, however late it was sent; ``None`` at the first
        sitting, when all that was ever stored would be.
    """

    at_us: int
    seq: int | None

    @property
    def words(self) -> str:
        """From when on, in words."""
        if self.seq is None:
            return f"in the {FIRST_DAYS} days before this list"
        return "since the sitting before"

    def covers(self, table: Table) -> ColumnElement[bool]:
        """Return the condition that a row of a table of records is new."""
        recorded = table.c.recorded_at >= self.at_us
        return recorded if self.seq is None else or_(recorded, table.c.stored_seq > self.seq)


def find_since(connection: Connection, sitting: Sitting) -> Since:
    """Return from when on something is new at a sitting: from the sitting before."""
    before = sitting_before(connection, sitting)
    if before is None:
        return Since(sitting.opened_at_us - FIRST_DAYS * DAY_US, None)
    return Since(before.opened_at_us, before.stored_seq)


def read_news(
    connection: Connection, case_keys: Sequence[str], since: Since, rules: StandingRules
) -> dict[str, News]:
    """Return what is new of some cases, by one query; a case without news is left out.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    case_keys
        The cases.
    since
        From when on a record is new.
    rules
        Name the unit's own work, which is no news.
    """
    counts = count_new(connection, case_keys, since.covers, rules)
    files = select(
        cases.c.case_key, literal("cases"), literal(""), literal(1), null().label("latest_us")
    ).where(
        is_among(connection, cases.c.case_key, case_keys),
        cases.c.stored_seq > since.seq
        if since.seq is not None
        else cases.c.recorded_at >= since.at_us,
    )
    kinds: dict[str, list[NewKind]] = {}
    whole: set[str] = set()
    for case_key, table, kind, n, latest_us in connection.execute(union_all(*counts, files)):
        if table == "cases":
            whole.add(case_key)
        else:
            kinds.setdefault(case_key, []).append(NewKind(table, kind, n, latest_us))
    return {key: News(sort_kinds(kinds.get(key, [])), key in whole) for key in {*kinds, *whole}}


def count_new(
    connection: Connection, case_keys: Sequence[str], is_new: IsNew, rules: StandingRules
) -> "tuple[Select[Any], Select[Any]]":
    """Return the queries that count new events and new answers of some cases by kind.

    Each gives ``case_key``, the table, the kind, the count and when the latest happened;
    ``is_new`` may ask a case's row of ``standings``.
    """
    of_events = _count(connection, events, events.c.kind, events.c.occurred_at, case_keys).where(
        is_new(events),
        events.c.kind.not_in((*RESERVED_KINDS, *rules.work_kinds)),
        is_for_all(),
    )
    of_facts = _count(connection, facts, facts.c.name, facts.c.recorded_at, case_keys)
    return of_events, of_facts.where(is_new(facts))


def sort_kinds(kinds: Sequence[NewKind]) -> tuple[NewKind, ...]:
    """Return kinds with the most frequent first."""
    return tuple(sorted(kinds, key=lambda one: (-one.n, one.table, one.kind)))


def _count(
    connection: Connection,
    table: Table,
    kind: ColumnElement[Any],
    moment: ColumnElement[Any],
    case_keys: Sequence[str],
) -> "Select[Any]":
    return (
        select(
            table.c.case_key,
            literal(table.name).label("table"),
            kind.label("kind"),
            func.count().label("n"),
            func.max(moment).label("latest_us"),
        )
        .join(standings, standings.c.case_key == table.c.case_key)
        .where(is_among(connection, table.c.case_key, case_keys))
        .group_by(table.c.case_key, kind)
    )
