"""The day a case came to be known, where an export does not state it: that of its first record."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.contract.arrays import NEVER, Bools, Int64
from features.contract.rejects import Rejects, join_rejects, make_rejects
from features.contract.tables import CASES
from features.intake.normalisation import FILE, ROW, Normalised

_KNOWN: Final = "recorded_at"


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
    known = _join([part.rows.select([ROW, _KNOWN]) for part in records])
    return Candidates(cases, _find_first(known, ROW, cases.rows[ROW]))


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
    known = _join(
        [
            pa.table({"case_id": _write(part, "case_id"), _KNOWN: part.rows[_KNOWN]})
            for part in records
        ]
    )
    settled, rejects = [], []
    for one, chosen in zip(candidates, _choose(candidates), strict=True):
        rows = one.part.rows.filter(pa.array(chosen))
        first_us = _find_first(known, "case_id", _write(replace(one.part, rows=rows), "case_id"))
        rejects.append(_reject(rows.filter(pa.array(first_us == NEVER))))
        place = rows.column_names.index(_KNOWN)
        rows = rows.set_column(place, _KNOWN, pa.array(first_us))
        kept = rows.filter(pa.array(first_us != NEVER))
        settled.append(replace(one.part, rows=kept, midnights={}))
    return settled, join_rejects(rejects)


def _choose(candidates: Sequence[Candidates]) -> list[Bools]:
    """Return for each candidate's rows which of them speaks for its case."""
    if not candidates:
        return []
    ids = pa.chunked_array([_write(one.part, "case_id") for one in candidates])
    known = np.concatenate([one.known_us for one in candidates])
    order = np.argsort(known, kind="stable")
    codes = pc.dictionary_encode(ids).combine_chunks().indices.to_numpy(zero_copy_only=False)
    _, first = np.unique(codes[order], return_index=True)
    chosen = np.zeros(len(known), dtype=np.bool_)
    chosen[order[first]] = True
    return list(np.split(chosen, np.cumsum([len(one.known_us) for one in candidates])[:-1]))


def _find_first(known: pa.Table | None, key: str, wanted: pa.ChunkedArray | pa.Array) -> Int64:
    """Return for each wanted key the earliest moment known of it, ``NEVER`` for none."""
    if known is None:
        return np.full(len(wanted), NEVER, dtype=np.int64)
    first = known.group_by(key).aggregate([(_KNOWN, "min")])
    places = pc.index_in(wanted, value_set=first[key])
    moments = first[f"{_KNOWN}_min"].take(places)
    return np.asarray(moments.fill_null(int(NEVER)).to_numpy(), dtype=np.int64)


def _join(tables: Sequence[pa.Table]) -> pa.Table | None:
    return pa.concat_tables(tables) if tables else None


def _write(part: Normalised, name: str) -> pa.Array:
    return part.rows[name].cast(pa.large_string()).combine_chunks()


def _reject(rows: pa.Table) -> Rejects:
    return make_rejects(
        table=CASES.name,
        file=rows[FILE].to_pylist(),
        rows=rows[ROW].to_pylist(),
        column=_KNOWN,
        code="no_first_record",
        sources=[{"case_id": case} for case in rows["case_id"].to_pylist()],
    )
