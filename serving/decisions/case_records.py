"""A case's records as they are told, each with the reasons that it is behind.

Health records, and those that an agency keeps to itself, are kept apart: their agency alone sees
them, and nobody else learns that they are there. What is shared of them is that agency's view.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from features.catalogue.declarations import Catalogue, Measure
from features.contract.kept_apart import is_kept_apart, is_shown_to
from features.contract.tables import EVENTS, RESERVED_KINDS, RETRACTED
from features.intake.contract_folder import ContractFolder
from features.intake.frames import to_frame
from features.intake.integrity import SUPERSEDED_AT, SUPERSEDED_BY
from models.ranking.advice import Advice
from serving.decisions.case_corrections import (
    CLOSED_COLUMNS,
    NOTHING_BESIDE,
    BesideRecords,
)
from serving.schemas import RecordOut
from serving.store.narratives import CASE_CHARACTERS, NARRATIVE_CHARACTERS, name_narrative
from serving.store.row_text import Clockface

_EVENT_TEXTS: Final = (
    "view",
    "source",
    "channel",
    "actor",
    "target",
    "detail",
    "assurance",
    "handling",
    "narrative",
)
NOT_ASKED: Final = "not asked"
"""The answer of a question that somebody noted as not asked."""
_MARKS: Final = ["event_id", "source", "handling", SUPERSEDED_AT, SUPERSEDED_BY]
"""By which it is decided who sees an event."""
_ACTORS: Final = ("subject", "proxy")
_NO_TEXTS: Final[dict[str, Any]] = dict.fromkeys(
    (*_EVENT_TEXTS, "incident_id", "occurred_at", "occurred_until")
)


class RecordTeller:
    """Tells the records of one case, the latest first.

    Parameters
    ----------
    catalogue
        Labels of kinds and wording of questions; plain names where there is none.
    advice
        What the latest score says; ``None`` where nothing of it is to be told.
    face
        Tells moments.
    now_us
        What was corrected by now is told as no longer in force; microseconds UTC.
    """

    def __init__(
        self, catalogue: Catalogue | None, advice: Advice | None, face: Clockface, now_us: int
    ) -> None:
        self._catalogue = catalogue
        self._behind = _find_behind(catalogue, advice)
        self._acts = frozenset(
            kind
            for outcome in (catalogue.outcomes if catalogue else ())
            for kind in outcome.of.kind
        )
        self._face = face
        self._now_us = now_us

    def describe(
        self,
        folder: ContractFolder,
        case_key: str,
        *,
        agency: str | None = None,
        beside: BesideRecords = NOTHING_BESIDE,
    ) -> tuple[tuple[RecordOut, ...], int]:
        """Return the case's records, and how many of them one agency alone sees.

        Parameters
        ----------
        folder, case_key
            The case and its records.
        agency
            Agency of the person who asks: what it keeps to itself is among the records.
        beside
            What is said of the records by others: corrections that wait, and disputes.
        """
        events = _of_case(folder.events, case_key)
        marks = to_frame(EVENTS, events.select(_MARKS))
        apart = is_kept_apart(marks["source"], marks["handling"])
        shown = is_shown_to(marks["source"], marks["handling"], agency)
        closed = beside.find_closed(marks, agency)
        told = [
            self._describe_event(_hide(row) if row["event_id"] in closed else row)
            for row in events.filter(pa.array(shown, pa.bool_())).to_pylist()
        ]
        told += [self._describe_fact(row) for row in _of_case(folder.facts, case_key).to_pylist()]
        # A link with a sealed case is told as one with a case that never came: it is a record of
        # this case, and what is no longer there would tell of the seal.
        told += [self._describe_link(row) for row in _of_case(folder.links, case_key).to_pylist()]
        told.sort(key=lambda pair: pair[0], reverse=True)
        records = bound_narratives([beside.add(record, closed) for _, record in told], case_key)
        return records, int((apart & shown).sum())

    def _describe_event(self, row: dict[str, Any]) -> tuple[tuple[int, str], RecordOut]:
        until = row["occurred_until"]
        return (int(row["occurred_at"]), row["event_id"]), RecordOut(
            table="events",
            record_id=row["event_id"],
            kind=row["kind"],
            label=self._label(row["kind"]),
            incident_id=row["incident_id"] or row["event_id"],
            occurred_at=self._face.show(row["occurred_at"]),
            occurred_until=None if until is None else self._face.show(until),
            recorded_at=self._face.show(row["recorded_at"]),
            value=None if row["value"] is None else float(row["value"]),
            in_force=self._is_in_force(row),
            is_act=row["kind"] in self._acts and row["actor"] in _ACTORS,
            behind=tuple(self._behind.get(("events", row["event_id"]), ())),
            **{name: row[name] for name in _EVENT_TEXTS},
        )

    def _describe_fact(self, row: dict[str, Any]) -> tuple[tuple[int, str], RecordOut]:
        name = row["name"]
        known = self._catalogue.facts.get(name) if self._catalogue else None
        return (int(row["recorded_at"]), row["fact_id"]), RecordOut(
            table="facts",
            record_id=row["fact_id"],
            kind=name,
            label=known.question if known else _plain(name),
            recorded_at=self._face.show(row["recorded_at"]),
            value=row["value"] if row["asked"] == "yes" else NOT_ASKED,
            in_force=self._is_in_force(row),
            is_act=False,
            behind=tuple(self._behind.get(("facts", row["fact_id"]), ())),
            **_NO_TEXTS,
        )

    def _describe_link(self, row: dict[str, Any]) -> tuple[tuple[int, str], RecordOut]:
        kind = row["kind"]
        label = "link withdrawn" if kind == RETRACTED else f"linked case: {_plain(kind)}"
        return (int(row["recorded_at"]), row["link_id"]), RecordOut(
            table="links",
            record_id=row["link_id"],
            kind=kind,
            label=label,
            recorded_at=self._face.show(row["recorded_at"]),
            value=row["linked_case_id"],
            in_force=self._is_in_force(row),
            is_act=False,
            behind=(),
            **_NO_TEXTS,
        )

    def _label(self, kind: str) -> str:
        if kind == RETRACTED:
            return "record withdrawn"
        if kind in RESERVED_KINDS:
            return f"case {kind}"
        known = self._catalogue.kinds.get(kind) if self._catalogue else None
        return known.label if known else _plain(kind)

    def _is_in_force(self, row: dict[str, Any]) -> bool:
        return bool(row[SUPERSEDED_AT] > self._now_us)


def bound_narratives(records: Sequence[RecordOut], case_key: str) -> tuple[RecordOut, ...]:
    """Return records with what may be told of their narratives; the rest is at its own address.

    Parameters
    ----------
    records
        The latest first: where a case holds more than is told, the later ones are told.
    case_key
        The case, which their addresses name.
    """
    left = CASE_CHARACTERS
    told: list[RecordOut] = []
    for record in records:
        text, most = record.narrative or "", min(NARRATIVE_CHARACTERS, left)
        left -= min(len(text), most)
        if len(text) <= most:
            told.append(record)
            continue
        rest = f"/v1/cases/{case_key}/narratives/{name_narrative(record.record_id)}"
        told.append(replace(record, narrative=text[:most], narrative_rest=rest))
    return tuple(told)


def _hide(row: dict[str, Any]) -> dict[str, Any]:
    """Return an event without its texts and places, which its agency keeps to itself."""
    return row | dict.fromkeys(CLOSED_COLUMNS)


def _of_case(table: pa.Table, case_key: str) -> pa.Table:
    return table.filter(pc.field("case_id") == case_key)


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _find_behind(
    catalogue: Catalogue | None, advice: Advice | None
) -> dict[tuple[str, str], list[str]]:
    """Return for each record, by table and key, the indicators of the reasons it is behind."""
    behind: dict[tuple[str, str], list[str]] = {}
    if catalogue is None or advice is None:
        return behind
    of_facts = {
        entry.name
        for entry in catalogue.indicators
        if entry.expression.measure is Measure.LAST_FACT
    }
    for reason in (*advice.reasons, *advice.counter_reasons):
        table = "facts" if reason.indicator in of_facts else "events"
        for key in reason.records:
            behind.setdefault((table, key), []).append(reason.indicator)
    return behind
