"""Whether a store is whole: its schema, its order, its references, and the status of cases."""

from typing import Final

from sqlalchemy import ColumnElement, Connection, Table, exists, func, select, union_all

from features.contract.tables import RESERVED_KINDS
from serving.standing.standings import StandingRules, check_standings
from serving.standing.states import MERGED, either
from serving.store import schema
from serving.store.database import Store
from serving.store.record_conditions import is_for_all
from serving.store.upgrading import SchemaFault, check_looks, check_schema

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
    ("sittings", "sitting_key", ("decisions", "agency_views")),
    ("imports", "import_key", ("import_rejects", *schema.RECORDS)),
)
"""Tables, their keys, and the tables whose columns of that name lead there."""
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
                f"{len(wrong):,} cases stand elsewhere than their records say",
                "run `caselight db upgrade`, which works all standings out again",
            )
        )
    return found


def _check_order(connection: Connection) -> list[SchemaFault]:
    """Check that no place in the order of rows is past its head, or lost.

    Where cases were disposed of their rows' places are empty, and rightly so.
    """
    head = connection.execute(select(schema.unit.c.last_seq)).scalar_one()
    places = union_all(
        *(
            select(table.c.stored_seq)
            for table in schema.metadata.sorted_tables
            if "stored_seq" in table.c
        )
    ).subquery()
    seen = connection.execute(
        select(func.count(places.c.stored_seq.distinct()), func.max(places.c.stored_seq))
    ).one()
    if (seen[1] or 0) > head:
        return [SchemaFault("rows stand past the head of the order of rows", _BACKUP)]
    disposed = connection.execute(select(func.count()).select_from(schema.disposals)).scalar_one()
    if seen[0] < head and not disposed:
        return [SchemaFault(f"{head - seen[0]:,} places in the order of rows are empty", _BACKUP)]
    return []


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
    return [SchemaFault(problem, _BACKUP)]


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
