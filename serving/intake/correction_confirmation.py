"""A second person of the record's agency confirms corrections that could lower a count.

One confirmation stands for an import and an agency, however many corrections came with it: it names
the cases with how many of each, and the list of them is read page by page. Until it is settled the
worse version counts.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from sqlalchemy import Connection, Row, and_, insert, select

from features.contract.tables import RETRACTED, TABLES
from features.intake.frames import to_frame
from features.intake.reading import CASE_COLUMNS
from serving.access.roles import ADMINISTRATOR, DECIDERS
from serving.confirmations.asking import ActToConfirm, ask
from serving.confirmations.records import Confirmation, ConfirmedKind
from serving.intake.progress import Imported, need_import, note_end
from serving.intake.records import append_rows
from serving.schemas import Strict
from serving.standing.standings import StandingRules
from serving.store.database import Store, Unit, Writing
from serving.store.frames import Cell, make_rows
from serving.store.lookups import is_among, list_pairs, look_up_each
from serving.store.paging import Page, cut_page, find_named
from serving.store.record_conditions import BESIDE, HELD
from serving.store.schema import case_keys, events, withheld_corrections, withheld_settlements

LOWERING_CORRECTIONS: Final = ConfirmedKind(
    "lowering_corrections", "when_confirmed", 72, (*DECIDERS, ADMINISTRATOR), overseen=True
)
Cells = tuple[Cell, ...]
"""A row in the order of the contract's columns, with case keys."""
_WAITING_WAYS: Final = (HELD, BESIDE)
_held = withheld_corrections.c


class CorrectionsToConfirm(Strict):
    """Corrections of one agency's records that came with one import, with how many of each case."""

    import_key: str
    agency: str
    n_corrections: int
    by_case: dict[str, int]


def end_import(store: Store, import_key: str) -> Imported:
    """Note that an import has ended, and ask for what waits of it; an ended one stays as it is."""
    with store.writing() as writing:
        writing.take_seq(0)
        ended = note_end(writing, import_key)
        if ended is None:
            return need_import(writing.connection, import_key)
        ask_for_import(writing, ended)
        return ended


def ask_for_import(writing: Writing, imported: Imported) -> None:
    """Ask a second person of each agency to confirm what waits of its records.

    Parameters
    ----------
    writing
        The open transaction, in which the import ends.
    imported
        The import; whoever began it is who asks.
    """
    waiting = _read_waiting(writing.connection, imported.import_key)
    for agency in sorted({row.owner_agency for row in waiting}):
        by_case = Counter(row.case_key for row in waiting if row.owner_agency == agency)
        n_corrections = by_case.total()
        content = CorrectionsToConfirm(
            import_key=imported.import_key,
            agency=agency,
            n_corrections=n_corrections,
            by_case=dict(sorted(by_case.items())),
        )
        noun = "correction" if n_corrections == 1 else "corrections"
        why = f"{n_corrections:,} {noun} could lower a severity, a count, a score or a flag"
        act = ActToConfirm(
            LOWERING_CORRECTIONS, tuple(sorted(by_case)), content, why, needed_agency=agency
        )
        ask(writing, imported.person, act)


def carry_out_corrections(
    writing: Writing, one: Confirmation, unit: Unit, rules: StandingRules
) -> frozenset[str]:
    """Let corrections take effect, or nothing of them, as the confirmation was settled.

    Parameters
    ----------
    writing
        The transaction of the settlement.
    one
        The settled confirmation.
    unit
        What holds for the whole store.
    rules
        What standings rest on.

    Returns
    -------
    frozenset
        Cases that are to be scored again.
    """
    assert one.settlement is not None
    content = one.read_content(CorrectionsToConfirm)
    waiting = [
        row
        for row in _read_waiting(writing.connection, content.import_key)
        if row.owner_agency == content.agency
    ]
    is_confirmed = one.settlement.outcome == "confirmed"
    _note_outcomes(writing, waiting, one.settlement.outcome)
    cells = _list_withdrawals(writing, waiting, is_confirmed=is_confirmed)
    for one_held in waiting if is_confirmed else ():
        if one_held.way == HELD:
            cells[one_held.table].append(_read_cells(one_held))
    tables = {
        name: rows
        for name, some in cells.items()
        if len(rows := _make_rows(writing.connection, name, some))
    }
    if not tables:
        return frozenset()
    changed = append_rows(
        writing, tables, unit, import_key=content.import_key, rules=rules, by_key=True
    )
    return changed.changed_keys


@dataclass(frozen=True)
class ListedCorrection:
    """One correction of a confirmation: the record, what corrects it, and whether both count."""

    key: str
    case_key: str
    table: str
    corrects: str
    record_id: str
    both_count: bool


def list_corrections(
    connection: Connection, one: Confirmation, *, size: int, cursor: str | None = None
) -> Page[ListedCorrection, str]:
    """Return the corrections that a confirmation is about, in the order in which they came.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    one
        The confirmation, which is of :data:`LOWERING_CORRECTIONS`.
    size
        How many at most.
    cursor
        ``next_cursor`` of the part before.

    Raises
    ------
    ServiceError
        If the cursor is none (422).
    """
    content = one.read_content(CorrectionsToConfirm)
    wanted = and_(
        _held.import_key == content.import_key,
        _held.owner_agency == content.agency,
        _held.way.in_(_WAITING_WAYS),
    )
    query = select(withheld_corrections).where(wanted)
    if cursor is not None:
        named = select(_held.stored_seq).where(wanted, _held.withheld_key == cursor)
        after = find_named(connection, cursor, named)
        query = query.where(_held.stored_seq > after.stored_seq)
    rows = connection.execute(query.order_by(_held.stored_seq).limit(size + 1)).all()
    found = [
        ListedCorrection(
            row.withheld_key,
            row.case_key,
            row.table,
            row.corrects,
            row.record_id,
            row.way == BESIDE,
        )
        for row in rows
    ]
    return cut_page(found, size, lambda each: each.key)


def _read_waiting(connection: Connection, import_key: str) -> Sequence[Row[Any]]:
    settled = select(withheld_settlements.c.withheld_key)
    query = (
        select(withheld_corrections)
        .where(
            _held.import_key == import_key,
            _held.way.in_(_WAITING_WAYS),
            _held.withheld_key.not_in(settled),
        )
        .order_by(_held.stored_seq)
    )
    return connection.execute(query).all()


def _note_outcomes(writing: Writing, waiting: Sequence[Row[Any]], outcome: str) -> None:
    if not waiting:
        return
    first = writing.take_seq(len(waiting))
    writing.connection.execute(
        insert(withheld_settlements),
        [
            {
                "withheld_key": row.withheld_key,
                "case_key": row.case_key,
                "outcome": outcome,
                "settled_at_us": writing.now_us,
                "stored_seq": seq,
            }
            for seq, row in enumerate(waiting, first)
        ],
    )


def _make_rows(connection: Connection, name: str, cells: Sequence[Cells]) -> pd.DataFrame:
    """Return rows under the cases' keys, without those of a case that has no number left."""
    frame = to_frame(TABLES[name], make_rows(name, cells))
    columns = [one for one in CASE_COLUMNS if one in frame.columns]
    keys = {key for one in columns for key in frame[one]}
    query = select(case_keys.c.case_key).where(
        is_among(connection, case_keys.c.case_key, keys), case_keys.c.case_id.is_not(None)
    )
    known = list(connection.execute(query).scalars())
    return frame[frame[columns].isin(known).all(axis=1)]


def _read_cells(held: Row[Any]) -> Cells:
    return tuple(held.row[name] for name in TABLES[held.table].column_names)


def _list_withdrawals(
    writing: Writing, waiting: Sequence[Row[Any]], *, is_confirmed: bool
) -> dict[str, list[Cells]]:
    """Return withdrawals of events that stand beside each other: of the one that is to go."""
    gone = {
        (row.case_key, row.corrects if is_confirmed else row.record_id): row
        for row in waiting
        if row.way == BESIDE
    }
    found: dict[str, list[Cells]] = {name: [] for name in ("events", "facts", "links")}
    if not gone:
        return found
    connection = writing.connection
    wanted = list_pairs(connection, sorted(gone))
    query = select(events.c.case_key, events.c.event_id, events.c.recorded_at).where(
        events.c.case_key == wanted.c.case_key,
        events.c.event_id == wanted.c.id,
        events.c.kind != RETRACTED,
    )
    for row in connection.execute(look_up_each(connection, wanted, query)):
        one = gone[row.case_key, row.event_id]
        since = max(writing.now_us, row.recorded_at)
        cells: dict[str, Any] = {
            "event_id": f"{one.withheld_key}:withdrawn",
            "case_id": row.case_key,
            "kind": RETRACTED,
            "occurred_at": since,
            "recorded_at": since,
            "source": one.owner_agency,
            "supersedes": row.event_id,
        }
        columns = TABLES["events"].columns
        found["events"].append(tuple(cells.get(column.name, column.default) for column in columns))
    return found
