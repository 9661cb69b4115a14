"""Whether a store is whole: its schema, its order, its references, and the status of cases."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from sqlalchemy import ColumnElement, Connection, Table, exists, func, select, union

from features.contract.tables import RESERVED_KINDS
from serving.standing.standings import StandingRules, check_standings
from serving.standing.states import MERGED, either
from serving.store import schema
from serving.store.audit_lines import CHANGES
from serving.store.covered_rows import COVERED, TABLES
from serving.store.database import Store
from serving.store.record_conditions import is_for_all
from serving.store.row_digests import RowDigests
from serving.store.upgrading import SchemaFault, check_looks, check_schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NOT_OF_CASES: Final = (
    "case_keys",
    "cases",
    "disposals",
    "standings",
    "import_rejects",
    "audit_lines",
)
"""Tables whose rows need no case: a key may stand for a linked case that is not here yet, a row
that was refused may name any, and a line of the audit outlasts its case."""
_KEYS: Final = (
    ("scores", "score_key", ("standings", "list_places", "decisions", "flag_raisings")),
    ("decisions", "decision_key", ("agency_views",)),
    ("sittings", "sitting_key", ("decisions", "agency_views", "view_rounds")),
    ("view_rounds", "round_key", ("agency_views",)),
    ("imports", "import_key", ("import_rejects", *schema.RECORDS)),
)
"""Tables, their keys, and the tables whose columns of that name lead there."""
_MOST_NAMED: Final = 10
"""Rows that are named one by one; of more the number is told."""
_BACKUP: Final = "restore the store from a backup"


def check_store(store: Store, rules: StandingRules | None = None) -> list[SchemaFault]:
    """Return everything that is not as it should be, each with what mends it; nothing is changed.

    Where the schema itself is not right, nothing else is looked at.
    """
    found = check_schema(store) + check_looks(store)
    if found:
        return found
    with store.reading() as connection:
        found += _check_order(connection)
        found += _check_references(connection)
        wrong = check_standings(connection, rules, now_us=store.clock())
    if wrong:
        found.append(
            SchemaFault(
                f"{len(wrong):,} cases stand elsewhere than their records say: {_name_some(wrong)}",
                "run `caselight db upgrade`, which works all standings out again",
            )
        )
    return found


def _check_order(connection: Connection) -> list[SchemaFault]:
    """Check that every place in the order of rows up to its head has its one row.

    Where cases were erased or disposed of the places of rows that went are empty, and rightly so.
    """
    head = int(connection.execute(select(schema.unit.c.last_seq)).scalar_one())
    rows = {
        name: np.fromiter(connection.execute(select(table.c.stored_seq)).scalars(), dtype=np.int64)
        for name, table in TABLES.items()
    }
    places, counts = np.unique(np.concatenate(list(rows.values())), return_counts=True)
    empty = np.setdiff1d(np.arange(1, head + 1, dtype=np.int64), places, assume_unique=True)
    found = []
    for wrong, problem in (
        (places[(places > head) | (places < 1)], "stand outside the order of rows"),
        (places[counts > 1], "share a place in the order of rows"),
    ):
        if len(wrong):
            named = [
                f"{name} {place:,}" for name in rows for place in np.intersect1d(rows[name], wrong)
            ]
            found.append(SchemaFault(f"rows {problem}: {_name_some(named)}", _BACKUP))
    lost = _find_lost(connection, empty) if len(empty) else []
    if lost:
        found.append(
            SchemaFault(
                f"{len(lost):,} places in the order of rows are empty: {_name_some(lost)}", _BACKUP
            )
        )
    return found


def _find_lost(connection: Connection, empty: "NDArray[np.int64]") -> list[str]:
    """Return the places that no row has, with the table of the row that was there.

    Left out are rows of cases that were erased or disposed of, and places that earlier releases
    left empty: up to where the contents of older rows were digested, no digest stands for them.
    """
    keys, gone = schema.case_keys.c, schema.disposals.c
    erased = select(keys.case_key).where(keys.erased_at_us.is_not(None))
    lawful = set(connection.execute(union(erased, select(gone.case_key))).scalars())
    was_in: dict[int, str] = dict.fromkeys(empty.tolist(), "")
    table, lines = schema.row_digests, schema.audit_lines.c
    covering = select(lines.number).where(lines.book == CHANGES, lines.route == COVERED)
    older = select(func.max(table.c.last_seq)).where(table.c.number.in_(covering))
    last_older = connection.execute(older).scalar_one() or 0
    reach = (table.c.last_seq >= int(empty[0])) & (table.c.first_seq <= int(empty[-1]))
    for row in connection.execute(select(table).where(reach), execution_options={"yield_per": 500}):
        part = RowDigests(row.first_seq, row.last_seq, row.table, row.owners, bytes(row.digests))
        for place, _, owner in part.list_rows():
            if owner in lawful:
                was_in.pop(place, None)
            elif place in was_in:
                was_in[place] = row.table
    return [
        f"{name} {place:,}".strip() for place, name in was_in.items() if name or place > last_older
    ]


def _name_some(names: Sequence[str]) -> str:
    rest = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {rest:,} more" if rest > 0 else "")


def _check_references(connection: Connection) -> list[SchemaFault]:
    """Check that every row of a case has its case, and that keys lead somewhere."""
    found = []
    tables = schema.metadata.tables
    for table in schema.metadata.sorted_tables:
        if "case_key" in table.c and table.name not in _NOT_OF_CASES:
            found += _count(connection, table, "case_key", schema.cases)
    found += _count(connection, schema.cases, "case_key", schema.case_keys)
    found += _count(connection, schema.links, "linked_case_key", schema.case_keys)
    for name, column, others in _KEYS:
        for other in others:
            found += _count(connection, tables[other], column, tables[name])
    by_move = exists().where(schema.case_moves.c.move_key == schema.discharges.c.decision_key)
    found += _count(
        connection, schema.discharges, "decision_key", schema.decisions, but_for=by_move
    )
    return found


def _count(
    connection: Connection,
    table: Table,
    column: str,
    target: Table,
    *,
    but_for: ColumnElement[bool] | None = None,
) -> list[SchemaFault]:
    """Count the rows whose ``column`` is not the key of any row of ``target``, but for some."""
    own = table.c[column]
    key = next(iter(target.primary_key.columns))
    lost = own.is_not(None) & ~exists().where(key == own)
    if but_for is not None:
        lost &= ~but_for
    n_lost = connection.execute(select(func.count()).select_from(table).where(lost)).scalar_one()
    if n_lost == 0:
        return []
    problem = f"{n_lost:,} rows of {table.name} name a row of {target.name} that is not there"
    name = table.c.stored_seq if "stored_seq" in table.c else next(iter(table.primary_key))
    some = connection.execute(select(name).where(lost).order_by(name).limit(n_lost)).scalars()
    named = [f"{table.name} {one}" for one in some.fetchmany(_MOST_NAMED + 1)]
    return [SchemaFault(f"{problem}: {_name_some(named)}", _BACKUP)]


def count_known_since_merge(connection: Connection, rules: StandingRules | None = None) -> int:
    """Return how many merged cases have records of conduct that came to be known since; they stay
    closed, as :func:`features.history.open_cases.count_known_since_closing` counts them.
    """
    events, merge = schema.events, schema.events.alias()
    work_kinds = (rules or StandingRules()).work_kinds
    known_since = exists().where(
        events.c.case_key == merge.c.case_key,
        events.c.recorded_at >= merge.c.recorded_at,
        events.c.kind.not_in((*RESERVED_KINDS, *work_kinds)),
        is_for_all(),
    )
    closed = exists().where(
        schema.standings.c.case_key == merge.c.case_key,
        schema.standings.c.state.in_(either("closed")),
    )
    query = select(func.count(merge.c.case_key.distinct())).where(
        merge.c.kind == MERGED, closed, known_since
    )
    return int(connection.execute(query).scalar_one())


def count_waiting_corrections(connection: Connection) -> int:
    """Return how many records correct one that is not here yet; they are kept, and no fault."""
    total = 0
    for name in ("events", "facts", "links"):
        table = schema.RECORDS[name]
        target = table.alias()
        id_column = list(table.primary_key.columns)[1].name
        lost = ~exists().where(
            target.c.case_key == table.c.case_key, target.c[id_column] == table.c.supersedes
        )
        query = select(func.count()).where(table.c.supersedes.is_not(None), lost)
        total += connection.execute(query).scalar_one()
    return total
