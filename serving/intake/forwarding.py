"""New records of a case that was merged: copied on to the case that took it in.

A source goes on writing under the identifier that it knows. What it writes is stored there and
reaches the people who have the other file, known there from now on.
"""

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from sqlalchemy import select

from features.contract.tables import CLOSING_KINDS, OPENING_KINDS, TABLES
from serving.intake.move_records import rename
from serving.store import schema
from serving.store.database import Writing
from serving.store.lookups import is_among

_ABOUT_THE_FILE = (*OPENING_KINDS, *CLOSING_KINDS, "transferred")


def forward_rows(writing: Writing, stored: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return copies of the events and answers that were just stored for merged cases.

    Parameters
    ----------
    writing
        The transaction that stored them.
    stored
        Normalised frames by table, with case keys.

    Returns
    -------
    dict
        Frames under the keys of the cases that took the others in; empty where no case was
        merged. What corrects or withdraws a record does so to its copy.
    """
    frames = {name: stored[name] for name in ("events", "facts") if len(stored.get(name, ()))}
    targets = _find_targets(writing, {key for frame in frames.values() for key in frame["case_id"]})
    if not targets:
        return {}
    copies = {}
    for name, frame in frames.items():
        some = frame[frame["case_id"].isin(targets.keys())]
        if name == "events":
            some = some[~some["kind"].isin(_ABOUT_THE_FILE)]
        if len(some):
            copies[name] = _copy(name, some, targets, writing.now_us)
    return copies


def _find_targets(writing: Writing, keys: Collection[str]) -> dict[str, str]:
    """Return the key of the case that took each merged case in, where that has a number still."""
    moves, names = schema.case_moves, schema.case_keys
    query = (
        select(moves.c.case_key, names.c.case_key.label("into"))
        .join(names, names.c.case_key == moves.c.other_case_key)
        .where(
            moves.c.kind == "merge",
            names.c.case_id.is_not(None),
            is_among(writing.connection, moves.c.case_key, keys),
        )
    )
    return {row.case_key: row.into for row in writing.connection.execute(query)}


def _copy(name: str, rows: pd.DataFrame, targets: Mapping[str, str], now_us: int) -> pd.DataFrame:
    parts = []
    for key, some in rows.groupby("case_id", sort=True):
        columns = [TABLES[name].id_column, "supersedes"]
        columns += ["incident_id"] if name == "events" else []
        since = np.maximum(now_us, some["recorded_at"].to_numpy(dtype=np.int64))
        renamed = {column: rename(str(key), some[column]) for column in columns}
        parts.append(some.assign(case_id=targets[str(key)], recorded_at=since, **renamed))
    return pd.concat(parts, ignore_index=True)
