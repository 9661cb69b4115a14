"""Scored cases whose files change, for the tests of what a stored score is laid open as."""

from typing import Any

import pandas as pd
from sqlalchemy import select

from features.contract.tables import TABLES
from models.bundle.folder import Bundle
from serving.explanations.case_folders import CaseFolders
from serving.explanations.files_then import FileThen, read_file_then
from serving.explanations.stored_scores import StoredScore, read_latest, read_score
from serving.intake.records import append_rows
from serving.scoring.rescoring import score_cases
from serving.store.database import Store, Writing
from serving.store.frames import make_frame
from serving.store.schema import case_keys
from tests.test_serving.acts import RULES

MINUTE_US = 60_000_000


def add_rows(store: Store, key: str, table: str, *rows: dict[str, Any]) -> None:
    """Add records of one table to a case, recorded just now; missing cells are filled in."""
    with store.writing() as writing:
        name = _name_case(writing, key)
        frames = {table: _make_rows(table, name, writing.now_us, rows)}
        append_rows(writing, frames, store.read_unit(), import_key=None)


def _name_case(writing: Writing, key: str) -> str:
    query = select(case_keys.c.case_id).where(case_keys.c.case_key == key)
    return str(writing.connection.execute(query).scalar_one())


def _make_rows(
    table: str, case_id: str, now_us: int, rows: tuple[dict[str, Any], ...]
) -> pd.DataFrame:
    plain: dict[str, Any] = dict.fromkeys(TABLES[table].column_names)
    plain |= {"case_id": case_id, "recorded_at": now_us - 1}
    if table == "events":
        plain |= {"kind": "threat", "occurred_at": now_us - MINUTE_US, "view": "recorded"}
        plain |= {"actor": "subject", "handling": "unit"}
    frame: pd.DataFrame = make_frame(table, [tuple((plain | row).values()) for row in rows])  # type: ignore[misc]
    return frame


def score_now(store: Store, bundle: Bundle, key: str) -> StoredScore:
    """Score a case as it is now; return the score."""
    score_cases(store, bundle, [key], store.read_unit(), "nightly", RULES)
    return latest_of(store, key)


def latest_of(store: Store, key: str) -> StoredScore:
    """Return the latest score of a case."""
    with store.reading() as connection:
        found = read_latest(connection, key)
    assert found is not None
    return found


def score_of(store: Store, score_key: str) -> StoredScore:
    """Return a score by its key."""
    with store.reading() as connection:
        found = read_score(connection, score_key)
    assert found is not None
    return found


def open_then(store: Store, bundle: Bundle, score: StoredScore) -> FileThen:
    """Return a case's file as a score had read it."""
    with store.reading() as connection:
        folders = CaseFolders(connection, score.case_key, store.read_unit())
        return read_file_then(folders, bundle, score)
