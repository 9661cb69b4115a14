"""What a merge, split or transfer adds: copies under another case, withdrawals, notes.

Frames here are normalised, with the cases' own identifiers.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from sqlalchemy import Connection, select

from features.contract.arrays import NEVER, Int64
from features.contract.kept_apart import is_shown_to
from features.contract.moments import UNREADABLE
from features.contract.tables import (
    CLOSING_KINDS,
    MAX_TEXT_LENGTH,
    OPENING_KINDS,
    PEOPLE,
    RETRACTED,
    TABLES,
)
from features.intake.contract_folder import ContractFolder
from features.intake.frames import empty_rows, to_frame
from features.intake.integrity import SUPERSEDED_AT, SUPERSESSION
from serving.errors import RefusedError
from serving.store import schema
from serving.store.frames import make_frame, select_rows
from serving.store.lookups import is_among

_NOT_COPIED: Final = (RETRACTED, *OPENING_KINDS, *CLOSING_KINDS, "transferred")
"""What was decided about a file stays with it; what withdraws a record has nothing to withdraw
where only records in force are copied."""


class MoveRefusedError(RefusedError):
    """A move that cannot be made.

    Parameters
    ----------
    code
        ``no_case``, ``no_record``, ``no_such_move``, ``same_case``, ``case_merged``,
        ``case_exists``, ``target_closed`` or ``nothing_to_move``.
    message
        What is wrong and how to mend it.
    """


@dataclass(frozen=True)
class CaseFile:
    """A case's key, and its records as they are now."""

    key: str
    folder: ContractFolder

    @property
    def events(self) -> pd.DataFrame:
        """Events of the case itself in force, those about the file left out."""
        events = self.folder.frame("events")
        here = (events["case_id"] == self.key) & (events[SUPERSEDED_AT] == NEVER)
        return events[here & ~events["kind"].isin(_NOT_COPIED)]

    @property
    def facts(self) -> pd.DataFrame:
        """Answers in force."""
        facts = self.folder.frame("facts")
        return facts[(facts["case_id"] == self.key) & (facts[SUPERSEDED_AT] == NEVER)]

    def cut(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a frame without what no table has."""
        return frame.drop(columns=[*SUPERSESSION])


@dataclass(frozen=True)
class Copier:
    """Makes the records of one move.

    Parameters
    ----------
    move_key
        The move's key; what is said about a file is called after it.
    now_us
        The moment of the move, microseconds UTC.
    """

    move_key: str
    now_us: int

    def _since(self, recorded_at: "pd.Series[Any]") -> Int64:
        """Return when a copy was recorded: now, and never before its origin."""
        since: Int64 = np.maximum(self.now_us, recorded_at.to_numpy(dtype=np.int64))
        return since

    def copy_events(self, source: CaseFile, events: pd.DataFrame, case_key: str) -> pd.DataFrame:
        """Return copies of events under another case."""
        return events.assign(
            case_id=case_key,
            event_id=rename(source.key, events["event_id"]),
            incident_id=rename(source.key, events["incident_id"]),
            recorded_at=self._since(events["recorded_at"]),
            supersedes=pd.Series(None, index=events.index, dtype="str"),
        )

    def copy_facts(self, source: CaseFile, facts: pd.DataFrame, case_key: str) -> pd.DataFrame:
        """Return copies of answers under another case."""
        return facts.assign(
            case_id=case_key,
            fact_id=rename(source.key, facts["fact_id"]),
            recorded_at=self._since(facts["recorded_at"]),
            supersedes=pd.Series(None, index=facts.index, dtype="str"),
        )

    def copy_links(
        self, connection: Connection, source: CaseFile, target: CaseFile
    ) -> pd.DataFrame:
        """Return the source's links, both ways, as the target's; not one between the two."""
        links = source.folder.frame("links")
        links = links[(links[SUPERSEDED_AT] == NEVER) & (links["kind"] != RETRACTED)]
        back = links["linked_case_id"] == source.key
        others = links["linked_case_id"].where(~back, links["case_id"])
        keep = ~others.isin([source.key, target.key])
        links, others = links[keep], others[keep]
        # A case whose identifier was erased has no links.
        known = others.isin(_list_numbered(connection, others))
        links, others = links[known], others[known]
        return source.cut(links).assign(
            case_id=target.key,
            linked_case_id=others,
            # The same identifier may be used by several cases that name the source.
            link_id=rename(source.key, links["case_id"] + ":" + links["link_id"]),
            recorded_at=self._since(links["recorded_at"]),
            supersedes=pd.Series(None, index=links.index, dtype="str"),
        )

    def make_event(self, case: CaseFile, name: str, cells: Mapping[str, str]) -> pd.DataFrame:
        """Return one event about the file itself, that happens now."""
        now = self.now_us
        row = _fill_event(
            {"event_id": [f"{self.move_key}:{name}"], "case_id": [case.key]}
            | {column: [cell] for column, cell in cells.items()}
        )
        return row.assign(occurred_at=now, recorded_at=now)

    def withdraw_events(self, source: CaseFile, events: pd.DataFrame) -> pd.DataFrame:
        """Return a withdrawal of each event."""
        rows = _fill_event(
            {
                "event_id": rename(self.move_key, events["event_id"]).tolist(),
                "case_id": [source.key] * len(events),
                "kind": [RETRACTED] * len(events),
                "supersedes": events["event_id"].tolist(),
            }
        )
        since = self._since(events["recorded_at"])
        return rows.assign(occurred_at=since, recorded_at=since)

    def withdraw_facts(self, source: CaseFile, facts: pd.DataFrame) -> pd.DataFrame:
        """Return for each answer that the question was not asked: nothing else withdraws one."""
        return facts.assign(
            case_id=source.key,
            fact_id=rename(self.move_key, facts["fact_id"]),
            asked="no",
            value=pd.Series(None, index=facts.index, dtype="str"),
            recorded_at=self._since(facts["recorded_at"]),
            supersedes=facts["fact_id"],
        )


def rename(prefix: str, names: "pd.Series[str]") -> "pd.Series[str]":
    """Return identifiers after their origin; see :func:`rename_one`."""
    renamed = names.map(lambda one: rename_one(prefix, one), na_action="ignore")
    return renamed.astype("str")


def rename_one(prefix: str, name: str) -> str:
    """Return an identifier after its origin; by digest where the name would be too long.

    Not ``prefix/name``, which is what an event is called that is seen through a link.
    """
    whole = f"{prefix}:{name}"
    if len(whole) <= MAX_TEXT_LENGTH:
        return whole
    return f"{prefix}:{hashlib.sha256(name.encode()).hexdigest()}"


def list_copies(names: "pd.Series[str]", prefix: str) -> list[str]:
    """Return those identifiers that :func:`rename_one` made after an origin."""
    return names[names.str.startswith(f"{prefix}:")].tolist()


def _fill_event(columns: Mapping[str, list[str]]) -> pd.DataFrame:
    """Return events of the unit's own, with the defaults of what is not given."""
    frame = pd.DataFrame(
        {
            column.name: pd.Series(columns[column.name], dtype="str")
            if column.name in columns
            else pd.Series([column.default] * len(columns["event_id"]), dtype="str")
            for column in TABLES["events"].columns
        }
    )
    return frame.assign(
        source=frame["source"].fillna("unit"),
        value=np.nan,
        occurred_until=pd.array([None] * len(frame), dtype="Int64"),
    )


def join(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of several frames with the same columns."""
    columns = list(frames[0].columns)
    return pd.concat([frame[columns] for frame in frames], ignore_index=True)


def choose(source: CaseFile, name: str, wanted: Sequence[str]) -> pd.DataFrame:
    """Return named records in force.

    Raises
    ------
    MoveRefusedError
        If one of them is not.
    """
    frame: pd.DataFrame = getattr(source, name)
    column = TABLES[name].id_column
    if not set(wanted) <= set(frame[column]):
        raise _make_absent(name)
    return source.cut(frame[frame[column].isin(wanted)])


def need_shown(source: CaseFile, wanted: Collection[str], agency: str) -> None:
    """Check that the people of an agency see some events.

    Raises
    ------
    MoveRefusedError
        If another agency keeps one of them to itself, as where it is not there.
    """
    events = source.events
    named = events[events["event_id"].isin(list(wanted))]
    if not is_shown_to(named["source"], named["handling"], agency).all():
        raise _make_absent("events")


def _make_absent(name: str) -> MoveRefusedError:
    return MoveRefusedError(
        "no_record", f"some of the {name} are not in force in the case; read it again"
    )


def choose_facts(source: CaseFile, target: CaseFile) -> pd.DataFrame:
    """Return the source's last answers that are later than the target's."""
    order = ["recorded_at", "fact_id"]
    last = source.facts.sort_values(order).drop_duplicates("name", keep="last")
    known = target.facts.groupby("name")["recorded_at"].max().to_dict()
    later = [
        # Before every moment, where the target has no answer to the question.
        recorded_at > known.get(name, UNREADABLE)
        for name, recorded_at in zip(last["name"], last["recorded_at"], strict=True)
    ]
    return source.cut(last[np.array(later, dtype=np.bool_)])


def read_people(connection: Connection, case_key: str) -> pd.DataFrame:
    """Return what the audit knows of the persons of a case."""
    query = select_rows("people").where(schema.people.c.case_key == case_key)
    found = make_frame("people", connection.execute(query).all())
    return found


def choose_people(connection: Connection, source: CaseFile, target: CaseFile) -> pd.DataFrame:
    """Return what the audit knows of persons whom the target does not know."""
    there = set(read_people(connection, target.key)["person_id"])
    found = read_people(connection, source.key)
    if found.empty:
        return to_frame(PEOPLE, empty_rows(PEOPLE))
    return found[~found["person_id"].isin(there)].assign(case_id=target.key)


def _list_numbered(connection: Connection, keys: "pd.Series[str]") -> list[str]:
    """Return those of some cases whose number was not erased."""
    table = schema.case_keys
    query = select(table.c.case_key).where(
        is_among(connection, table.c.case_key, keys), table.c.case_id.is_not(None)
    )
    return list(connection.execute(query).scalars())
