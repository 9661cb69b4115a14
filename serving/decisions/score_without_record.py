"""The score without a record: the history is built again without it, by the real engine.

It tells of association: what the same model gives for the same file without the record. Nothing of
it is kept, and no record is changed.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy.special import expit
from sqlalchemy import Connection

from features.contract.tables import TABLES
from features.history.assembly import assemble_history
from features.intake.contract_folder import ContractFolder
from features.intake.frames import to_frame, to_rows
from features.intake.integrity import SUPERSESSION, check_integrity
from features.intake.normalisation import FILE, ROW
from models.bundle.folder import Bundle
from models.ranking.order import RankedCases, order_cases
from serving.decisions.outputs import BesideOut, WithoutOut
from serving.store.database import Unit
from serving.store.histories import read_case_folder
from serving.store.row_text import Clockface

NOTE: Final = (
    "What the same model gives for the same file at the same moment, with the record and without "
    "it. This tells what goes together in past records. It does not tell what the record brought "
    "about, and it changes neither the record nor the score that stands."
)
CORRECTED_TABLES: Final = ("events", "facts", "links")
"""Tables whose records can be wrong by themselves and be corrected by a later one."""


@dataclass(frozen=True)
class Doubted:
    """A record that somebody says is wrong."""

    case_key: str
    table: str
    record_id: str


def score_without(
    connection: Connection, bundle: Bundle, doubted: Doubted, unit: Unit, as_of_us: int
) -> WithoutOut:
    """Return the score of a case beside the score without one of its records.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    bundle
        The model.
    doubted
        The record. What corrects it is left out with it; what it corrected is in force again.
    unit
        What holds for the whole store.
    as_of_us
        The moment of both, microseconds UTC.
    """
    folder = read_case_folder(connection, [doubted.case_key], unit, extract_at_us=as_of_us)
    lesser, left_out = leave_out(folder, doubted)
    whole, without = (_score(bundle, some, doubted.case_key, as_of_us) for some in (folder, lesser))
    return WithoutOut(
        bundle_id=bundle.id,
        as_of=Clockface(unit.time_zone).show(as_of_us),
        records_left_out=tuple(left_out),
        estimates=tuple(
            BesideOut(
                outcome=outcome.name,
                label=outcome.label,
                horizon=str(outcome.horizon),
                probability=float(expit(whole.log_odds[outcome.name][0])),
                without=float(expit(without.log_odds[outcome.name][0])),
            )
            for outcome in bundle.catalogue.outcomes
            if outcome.name in whole.log_odds
        ),
        priority=float(whole.priority[0]),
        priority_without=float(without.priority[0]),
        note=NOTE,
    )


def leave_out(folder: ContractFolder, doubted: Doubted) -> tuple[ContractFolder, list[str]]:
    """Return a folder without a record and what corrects it, and the keys of what was left out."""
    table = TABLES[doubted.table]
    frame = folder.frame(doubted.table)
    own = frame[frame["case_id"] == doubted.case_key]
    gone = {doubted.record_id}
    while True:
        # A correction whose record is gone would count as a record of its own.
        more = set(own[table.id_column][own["supersedes"].isin(gone)]) - gone
        if not more:
            break
        gone |= more
    left = own[~own[table.id_column].isin(gone)].drop(columns=[*SUPERSESSION])
    left = left.reset_index(drop=True)
    left[FILE], left[ROW] = "store", range(1, len(left) + 1)
    settled = to_frame(table, check_integrity(table, to_rows(table, left), None).rows)
    rest = frame[frame["case_id"] != doubted.case_key]
    joined = pd.concat([rest, settled.drop(columns=[FILE, ROW])], ignore_index=True)
    return folder.with_frames({doubted.table: joined}), sorted(gone)


def _score(bundle: Bundle, folder: ContractFolder, case_key: str, as_of_us: int) -> RankedCases:
    history = assemble_history(folder)
    case = np.flatnonzero(history.case_id == case_key).astype(np.int64)
    return order_cases(bundle, history, as_of_us, case)
