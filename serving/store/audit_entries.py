"""What an open transaction will say of itself in the log of changes."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from serving.store.audit_lines import AuditEntry
from serving.store.current_act import Act, Operation, current_act


@dataclass(frozen=True)
class _Note:
    """A line that was asked for, and the last row that had been stored by then."""

    act: Act
    cases: tuple[str, ...]
    last_seq: int | None


@dataclass(frozen=True)
class WrittenRows:
    """Rows that were written from Arrow's columns, so that nobody need read them again."""

    table: str
    rows: pa.Table
    first_seq: int

    @property
    def last_seq(self) -> int:
        """Place of the last of them."""
        return self.first_seq + int(self.rows.num_rows) - 1


@dataclass
class Ledger:
    """The rows that a transaction stored and what was noted of them.

    The rows of one transaction follow one another without a gap: whoever takes a place in the
    order keeps others out until the end.
    """

    _first_seq: int | None = None
    _last_seq: int | None = None
    _notes: list[_Note] = field(default_factory=list)
    written: list[WrittenRows] = field(default_factory=list)
    tables: set[str] = field(default_factory=set)
    """Names of the tables that the transaction inserted into, as far as its statements say."""
    renewed: dict[str, set[int]] = field(default_factory=dict)
    """Places of rows from before that were changed lawfully, by the names of their tables."""

    def add_rows(self, first_seq: int, n_rows: int) -> None:
        """Count rows that took their places in the order, from ``first_seq`` on."""
        if self._first_seq is None:
            self._first_seq = first_seq
        self._last_seq = first_seq + n_rows - 1

    def add_table(self, rest: str) -> None:
        """Note which table is inserted into, by what follows in the statement."""
        self.tables.add(rest.split(None, 1)[0].split("(", 1)[0].strip('"'))

    def note(
        self,
        operation: Operation | None,
        case_key: str | None,
        cases: Sequence[str],
        recipient: str | None,
    ) -> None:
        """Ask for a line; see :meth:`serving.store.database.Writing.note`."""
        act = current_act()
        if case_key is None and not cases:
            case_key = act.case_key
        act = replace(
            act,
            operation=operation or act.operation,
            case_key=case_key,
            recipient=recipient or act.recipient,
        )
        self._notes.append(_Note(act, tuple(cases), self._last_seq))

    def list_entries(self, touched: Sequence[str] = ()) -> list[AuditEntry]:
        """Return the lines that the transaction owes: none where it stored and noted nothing.

        Parameters
        ----------
        touched
            Keys of the cases that it changed: a line that names no case itself names these.
        """
        if not self._notes:
            if self._first_seq is None and not self.renewed:
                return []
            act = current_act()
            cases = () if act.case_key is not None else tuple(touched)
            entry = AuditEntry(act, cases=cases)
            return [replace(entry, first_seq=self._first_seq, last_seq=self._last_seq)]
        entries, first = [], self._first_seq
        for note in self._notes:
            # The last entry covers what was stored after its note as well: every row is in one.
            last = self._last_seq if note is self._notes[-1] else note.last_seq
            if first is None or last is None or last < first:
                entries.append(AuditEntry(note.act, cases=note.cases))
                continue
            entries.append(AuditEntry(note.act, cases=note.cases, first_seq=first, last_seq=last))
            first = last + 1
        return entries
