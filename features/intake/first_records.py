"""The day a case came to be known, where an export does not state it: that of its first record."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from features.contract.arrays import NEVER, Bools, Int64
from features.contract.rejects import Rejects, join_rejects, make_rejects
from features.contract.tables import CASES
from features.intake.normalisation import FILE, ROW, Normalised


@dataclass(frozen=True)
class Candidates:
    """Rows of which each says that there is a case.

    Parameters
    ----------
    part
        The cases; ``recorded_at`` is not settled yet.
    known_us
        Shape ``(rows of part,)``, when the records of the same row came to be known, microseconds
        UTC; ``NEVER`` for a row that made no record.
    """

    part: Normalised
    known_us: Int64


def find_candidates(cases: Normalised, records: Sequence[Normalised]) -> Candidates:
    """Return the cases of some rows with the moment at which each row's records became known.

    Parameters
    ----------
    cases
        What the rows say of cases.
    records
        What the same rows say of events, answers and links.

    Returns
    -------
    Candidates
        One for each case row.
    """
    known = _join([part.frame[[ROW, "recorded_at"]] for part in records if len(part.frame)])
    if known is None:
        return Candidates(cases, np.full(len(cases.frame), NEVER, dtype=np.int64))
    first = known.groupby(ROW)["recorded_at"].min()
    own = cases.frame[ROW].map(first).fillna(NEVER).astype("int64")
    return Candidates(cases, own.to_numpy(dtype=np.int64))


def settle_cases(
    candidates: Sequence[Candidates], records: Sequence[Normalised]
) -> tuple[list[Normalised], Rejects]:
    """Make one case of all rows that name it, known from the earliest of its records.

    What else a row says of a case is taken from the row that was known first, so that nothing
    learned later is known from the start; of rows known at one moment the first read counts.

    Parameters
    ----------
    candidates
        All case rows of the export whose day is not stated.
    records
        All events, answers and links of the export.

    Returns
    -------
    list of Normalised
        The cases, in place of the candidates' own.
    Rejects
        Cases of which nothing is on record.
    """
    if not candidates:
        return [], join_rejects([])
    order = _order(candidates)
    known = _join([part.frame[["case_id", "recorded_at"]] for part in records if len(part.frame)])
    first = (
        pd.Series(dtype="int64") if known is None else known.groupby("case_id").recorded_at.min()
    )
    settled, rejects = [], []
    for number, one in enumerate(candidates):
        frame = one.part.frame[order[number]]
        moments = frame["case_id"].map(first)
        empty = moments.isna()
        rejects.append(_reject(frame[empty]))
        kept = frame[~empty].assign(recorded_at=moments[~empty].astype("int64"))
        settled.append(replace(one.part, frame=kept.reset_index(drop=True)))
    return settled, join_rejects(rejects)


def _order(candidates: Sequence[Candidates]) -> list[Bools]:
    """Return for each candidate's rows which of them speaks for its case."""
    ids = pd.concat([one.part.frame["case_id"] for one in candidates], ignore_index=True)
    known = np.concatenate([one.known_us for one in candidates])
    order = np.argsort(known, kind="stable")
    chosen = np.zeros(len(ids), dtype=np.bool_)
    chosen[order[~ids.iloc[order].duplicated().to_numpy()]] = True
    ends = np.cumsum([len(one.part.frame) for one in candidates])[:-1]
    return list(np.split(chosen, ends))


def _join(frames: list[pd.DataFrame]) -> pd.DataFrame | None:
    return pd.concat(frames, ignore_index=True) if frames else None


def _reject(frame: pd.DataFrame) -> Rejects:
    return make_rejects(
        table=CASES.name,
        file=frame[FILE].tolist(),
        rows=frame[ROW].tolist(),
        column="recorded_at",
        code="no_first_record",
        sources=frame[["case_id"]].to_dict("records"),  # type: ignore[arg-type]
    )
