"""One case's records as of several places in the order of rows, read as seldom as can be.

A case page needs them as they are now, as its score had read them and as an earlier score had.
Most of the time two of these are one, or the earlier one is the later without some rows: a folder
is read anew only where a row came between that bears on others.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, Row, literal, or_, select, union_all

from features.contract.tables import TABLES
from features.history.assembly import assemble_history
from features.history.columns import History
from features.history.subsets import take_cases
from features.intake.contract_folder import ContractFolder
from serving.store import schema
from serving.store.database import Unit
from serving.store.histories import read_case_folder, read_head
from serving.store.lookups import is_among
from serving.store.narratives import NARRATIVE_CHARACTERS

_MEASURED: Final = ("cases", "events", "facts", "links")
_SEALS: Final = "seals"
_KEYS: Final[Mapping[str, Any]] = {
    name: schema.RECORDS[name].c[TABLES[name].id_column] for name in ("events", "facts", "links")
} | {"cases": schema.cases.c.case_key, _SEALS: schema.seals.c.seal_key}


@dataclass(frozen=True)
class CaseFolders:
    """Folders of one case in one transaction.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    case_key, unit
        The case, and what holds for the whole store.
    """

    connection: Connection
    case_key: str
    unit: Unit
    _held: list[tuple[int, ContractFolder]] = field(default_factory=list)
    _rows: dict[tuple[str, ...], list[Row[Any]]] = field(default_factory=dict)
    _assembled: dict[tuple[int, int], tuple[ContractFolder, History]] = field(default_factory=dict)

    def read(self, extract_at_us: int, known_seq: int | None = None) -> ContractFolder:
        """Return what :func:`serving.store.histories.read_case_folder` does."""
        until = read_head(self.connection) if known_seq is None else known_seq
        for seq, folder in self._held:
            same = self._take_away(folder, *sorted((seq, until)), is_later=seq > until)
            if same is not None:
                manifest = dataclasses.replace(same.manifest, extract_at_us=extract_at_us)
                return dataclasses.replace(same, manifest=manifest)
        found = read_case_folder(
            self.connection,
            [self.case_key],
            self.unit,
            extract_at_us=extract_at_us,
            known_seq=until,
            most_narrative=NARRATIVE_CHARACTERS + 1,
        )
        self._held.append((until, found))
        return found

    def assemble(self, extract_at_us: int, known_seq: int) -> tuple[ContractFolder, History]:
        """Return a folder and the history of the one case that it makes; of no case where the
        folder does not hold it.
        """
        found = self._assembled.get((extract_at_us, known_seq))
        if found is None:
            folder = self.read(extract_at_us, known_seq)
            history = assemble_history(folder)
            case = np.flatnonzero(history.case_id == self.case_key).astype(np.int64)
            found = folder, take_cases(history, case)
            self._assembled[extract_at_us, known_seq] = found
        return found

    def _take_away(
        self, folder: ContractFolder, after: int, until: int, *, is_later: bool
    ) -> ContractFolder | None:
        """Return a folder without the rows that came between; ``None`` where that cannot be told.

        A row that corrects another, or is corrected, changes what is in force among the rest; a
        case or a link changes which cases are read.
        """
        came = self._list_between(folder, after, until)
        if came[_SEALS]:  # a seal that came or went may put a link in or out of sight
            return None
        if not any(came.values()):
            return folder
        if not is_later or came["cases"] or came["links"] or len(folder.rejects):
            return None
        left: dict[str, pa.Table] = {}
        for name in ("events", "facts"):
            if not came[name]:
                continue
            rows: pa.Table = getattr(folder, name)
            cases, keys, corrected = (
                rows[column].to_pylist()
                for column in ("case_id", TABLES[name].id_column, "supersedes")
            )
            new, named = set(came[name]), {key for _, key in came[name]}
            stays = [pair not in new for pair in zip(cases, keys, strict=True)]
            if any(
                key in named or not (stay or key is None)
                for key, stay in zip(corrected, stays, strict=True)
            ):
                return None
            left[name] = rows.filter(pa.array(stays, pa.bool_()))
        return dataclasses.replace(folder, **left)

    def _list_between(
        self, folder: ContractFolder, after: int, until: int
    ) -> dict[str, list[tuple[str, str]]]:
        """Return, by table, case and key of each row that came between and that a folder might
        hold; and of each seal of any case.
        """
        own = tuple(sorted({self.case_key, *folder.cases["case_id"].to_pylist()}))
        came: dict[str, list[tuple[str, str]]] = {name: [] for name in (*_MEASURED, _SEALS)}
        if after < until:
            for name, case_key, key, seq in map(tuple, self._read_rows(own)):
                if after < seq <= until:
                    came[name].append((case_key, key))
        return came

    def _read_rows(self, own: tuple[str, ...]) -> list[Row[Any]]:
        """Return table, case, key and place of every row that a folder might hold: once, since
        several folders are compared.
        """
        if own not in self._rows:
            parts = []
            for name, key in _KEYS.items():
                columns = key.table.c
                query = select(literal(name), columns.case_key, key, columns.stored_seq)
                parts.append(query if name == _SEALS else query.where(self._concerns(name, own)))
            self._rows[own] = list(self.connection.execute(union_all(*parts)))
        return self._rows[own]

    def _concerns(self, name: str, keys: tuple[str, ...]) -> "ColumnElement[bool]":
        own = is_among(self.connection, schema.RECORDS[name].c.case_key, keys)
        if name != "links":
            return own
        # A link to the case may be corrected by the case that stated it, whomever it names then.
        links = schema.links
        to_case = select(links.c.case_key).where(links.c.linked_case_key == self.case_key)
        return or_(own, links.c.linked_case_key == self.case_key, links.c.case_key.in_(to_case))
