"""The versions of a record: which later one took the place of an earlier one (design section 4).

A history keeps when a version was superseded, not by which; where the caller knows, it is told, and
otherwise it is read off the clocks: the next version is one that was recorded at that very moment.
"""

from collections.abc import Mapping

import numpy as np

from features.contract.arrays import MISSING, NEVER, Int64
from features.history.columns import Events, Facts


def next_versions(
    table: Events | Facts, rows: slice, as_of_us: int, supersedes: Mapping[str, str] | None
) -> dict[int, int]:
    """Return, for each version that another had superseded by a moment, the place of that other.

    Parameters
    ----------
    table, rows
        The records and which of them are the case's; places are counted from its first.
    as_of_us
        Microseconds UTC, exclusive.
    supersedes
        For a record that corrects another, the key of that one; read off the clocks where ``None``.
    """
    keys = table.event_id[rows] if isinstance(table, Events) else table.fact_id[rows]
    recorded, until = table.recorded_at[rows], table.superseded_at[rows]
    if supersedes is not None:
        place_of = {str(key): place for place, key in enumerate(keys)}
        pairs = ((place_of.get(old), place_of.get(new)) for new, old in supersedes.items())
        return {
            old: new
            for old, new in pairs
            if old is not None and new is not None and recorded[new] < as_of_us
        }
    found = {}
    for old in np.flatnonzero((until < as_of_us) & (until != NEVER)).tolist():
        nexts = np.flatnonzero(recorded == until[old])
        nexts = nexts[nexts != old]
        if len(nexts):
            found[old] = int(nexts[np.argmax(_likeness(table, rows, old, nexts))])
    return found


def _likeness(table: Events | Facts, rows: slice, old: int, nexts: Int64) -> Int64:
    """Return how like a record those are that came in at the moment at which it was corrected."""
    if isinstance(table, Facts):
        name = table.name.codes[rows]
        return np.asarray(name[nexts] == name[old], dtype=np.int64)
    incident, at, kind = table.incident[rows], table.occurred_at[rows], table.kind.codes[rows]
    same_incident = (incident[nexts] == incident[old]) & (incident[old] != MISSING)
    same_kind = kind[nexts] == kind[old]
    return np.asarray(4 * same_incident + 2 * same_kind + (at[nexts] == at[old]), dtype=np.int64)


def last_version(versions: Mapping[int, int], place: int) -> int:
    """Return the place of the latest version of the record at a place."""
    at = place
    for _ in range(len(versions)):
        if at not in versions:
            break
        at = versions[at]
    return at
