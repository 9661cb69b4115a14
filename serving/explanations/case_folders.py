"""One case's records as of several places in the order of rows, read as seldom as can be.

A case page needs them as they are now, as its score had read them and as an earlier score had.
Most of the time two of these are one, or the earlier one is the later without some rows: a folder
is read anew only where a row came between that bears on others.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import ColumnElement, Connection, Row, or_, select

from features.contract.tables import TABLES
from features.history.assembly import assemble_history
from features.history.columns import History
from features.history.subsets import take_cases
from features.intake.contract_folder import ContractFolder
from serving.store import schema
from serving.store.database import Unit
from serving.store.histories import read_case_folder, read_head
from serving.store.lookups import is_among

_MEASURED = ("cases", "events", "facts", "links")


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
        came = {name: self._list_between(folder, name, after, until) for name in _MEASURED}
        if self._was_sealed_between(after, until):
            return None
        if not any(came.values()):
            return folder
        if not is_later or came["cases"] or came["links"] or len(folder.rejects):
            return None
        left: dict[str, pd.DataFrame] = {}
        for name in ("events", "facts"):
            frame: pd.DataFrame = getattr(folder, name)
            keys = pd.MultiIndex.from_frame(frame[["case_id", TABLES[name].id_column]])
            is_new = keys.isin([(row.case_key, row.id) for row in came[name]])
            named = frame["supersedes"].isin([row.id for row in came[name]])
            if named.any() or frame["supersedes"][is_new].notna().any():
                return None
            left[name] = frame[~is_new].reset_index(drop=True)
        return dataclasses.replace(folder, events=left["events"], facts=left["facts"])

    def _list_between(
        self, folder: ContractFolder, name: str, after: int, until: int
    ) -> list[Row[Any]]:
        """Return case and key of each row that came between and that a folder might hold."""
        if after == until:
            return []
        table = schema.RECORDS[name]
        own = [self.case_key, *folder.cases["case_id"]]
        key = table.c.case_key if name == "cases" else table.c[TABLES[name].id_column]
        query = select(table.c.case_key, key.label("id")).where(
            table.c.stored_seq > after, table.c.stored_seq <= until, self._concerns(name, own)
        )
        return list(self.connection.execute(query))

    def _was_sealed_between(self, after: int, until: int) -> bool:
        """Whether a seal came or went, which may put a link in or out of sight."""
        seals = schema.seals.c
        query = select(seals.seal_key).where(seals.stored_seq > after, seals.stored_seq <= until)
        return self.connection.execute(query.limit(1)).one_or_none() is not None

    def _concerns(self, name: str, keys: list[str]) -> "ColumnElement[bool]":
        own = is_among(self.connection, schema.RECORDS[name].c.case_key, keys)
        if name != "links":
            return own
        # A link to the case may be corrected by the case that stated it, whomever it names then.
        links = schema.links
        to_case = select(links.c.case_key).where(links.c.linked_case_key == self.case_key)
        return or_(own, links.c.linked_case_key == self.case_key, links.c.case_key.in_(to_case))
