"""Rows sent to a store and read back under the cases' own identifiers."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import func, select

from features.contract.manifest import Manifest
from features.contract.tables import TABLES
from features.history.assembly import assemble_history
from features.history.columns import Identifiers
from features.intake.contract_folder import ContractFolder, assemble_folder, write_folder
from features.intake.normalisation import Clock
from serving.intake.records import Appended, append_rows
from serving.intake.row_lines import make_raw_row, normalise_rows
from serving.persons import Person
from serving.store.database import Store
from serving.store.histories import read_case_folder
from serving.store.schema import RECORDS, case_keys, cases

NOW_US = 1_772_000_000_000_000
LONDON = "Europe/London"
CLOCK = Clock(LONDON, NOW_US)
PERSON = Person("Administrator", "administrator", "unit")
Rows = Mapping[str, Sequence[Mapping[str, object]]]


def make_event(event_id: str, case_id: str = "A", **more: object) -> dict[str, object]:
    """Return an event with what every event needs."""
    row = {"event_id": event_id, "case_id": case_id, "kind": "contact"}
    return row | {"occurred_at": "2025-06-01", "recorded_at": "2025-06-02"} | more


def make_case(case_id: str = "A", **more: object) -> dict[str, object]:
    """Return a case with what every case needs."""
    return {"case_id": case_id, "recorded_at": "2025-01-01"} | more


def make_fact(fact_id: str, case_id: str = "A", **more: object) -> dict[str, object]:
    """Return an answer with what every answer needs."""
    row = {"fact_id": fact_id, "case_id": case_id, "name": "frightened", "value": "yes"}
    return row | {"recorded_at": "2025-06-02"} | more


def make_link(link_id: str, case_id: str, other: str, **more: object) -> dict[str, object]:
    """Return a link with what every link needs."""
    row = {"link_id": link_id, "case_id": case_id, "linked_case_id": other}
    return row | {"kind": "same_subject", "recorded_at": "2025-06-02"} | more


def send(store: Store, rows: Rows) -> Appended:
    """Store rows in one transaction; all of them must be readable."""
    raw = [(name, row) for name, some in rows.items() for row in some]
    normal = normalise_rows(
        [make_raw_row(number, name, row) for number, (name, row) in enumerate(raw, 1)], CLOCK
    )
    assert not len(normal.rejects)
    with store.writing() as writing:
        return append_rows(writing, normal.tables, store.read_unit(), import_key=None)


def key_of(store: Store, case_id: str) -> str:
    """Return the key of a case."""
    with store.reading() as connection:
        query = select(case_keys.c.case_key).where(case_keys.c.case_id == case_id)
        return str(connection.execute(query).scalar_one())


def count_rows(store: Store) -> dict[str, int]:
    """Return how many rows each table of records holds."""
    with store.reading() as connection:
        return {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in RECORDS.items()
        }


def read_named(store: Store, *, known_seq: int | None = None) -> ContractFolder:
    """Read the whole store as a folder under the cases' own identifiers."""
    with store.reading() as connection:
        keys = list(connection.execute(select(cases.c.case_key)).scalars())
        folder = read_case_folder(
            connection, keys, store.read_unit(), extract_at_us=NOW_US, known_seq=known_seq
        )
        pairs = connection.execute(select(case_keys.c.case_key, case_keys.c.case_id)).all()
    names = dict(map(tuple, pairs))
    frames = {}
    for name in RECORDS:
        frame = folder.frame(name)
        for column in ("case_id", "linked_case_id"):
            if column in frame:
                frame = frame.assign(**{column: frame[column].map(names).astype("str")})
        frames[name] = frame
    return folder.with_frames(frames)


def lay_out(thing: Any) -> Any:
    """Return a history as plain values that can be compared, NaN and all."""
    if isinstance(thing, Identifiers):  # which code a text has says nothing
        return thing.tolist()
    if dataclasses.is_dataclass(thing):
        names = [field.name for field in dataclasses.fields(thing)]
        return {name: lay_out(getattr(thing, name)) for name in names}
    return str(thing.tolist()) if isinstance(thing, np.ndarray) else thing


def history_of(store: Store) -> Any:
    """Return what all cases' history is, under their own identifiers, to compare."""
    return lay_out(assemble_history(read_named(store)))


def history_of_rows(rows: Rows) -> Any:
    """Return what the history of a folder of these rows is, to compare."""
    folder = assemble_folder(rows, time_zone=LONDON, extract_at_us=NOW_US)
    return lay_out(assemble_history(folder))


def write_rows(place: Path, rows: Rows, *, synthetic: bool = True) -> Path:
    """Write rows as a contract folder, sound or not within their tables."""
    place.mkdir()
    raw = [
        make_raw_row(number, name, row)
        for number, (name, row) in enumerate(
            ((name, row) for name, some in rows.items() for row in some), 1
        )
    ]
    normal = normalise_rows(raw, CLOCK)
    tables = {
        name: rows.select(list(TABLES[name].column_names)) for name, rows in normal.tables.items()
    }
    write_folder(place, tables, Manifest(LONDON, NOW_US, synthetic))
    return place
