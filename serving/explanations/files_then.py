"""A case's file as a stored score had read it: up to its ``known_seq``, at its ``as_of_us``."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from features.intake.contract_folder import ContractFolder
from models.bundle.folder import Bundle
from models.explanations.facade import Moment
from serving.explanations.case_folders import CaseFolders
from serving.explanations.stored_scores import StoredScore
from serving.store.record_conditions import are_kept_apart


@dataclass(frozen=True)
class FileThen:
    """A stored score with what is needed to compute and explain it again.

    Parameters
    ----------
    score
        As it was stored.
    moment
        The bundle that gave it and the case's history as it had been read.
    kept_apart
        Keys of records that are never named: health's, and those an agency keeps to itself.
    """

    score: StoredScore
    moment: Moment
    kept_apart: frozenset[str]

    @property
    def is_there(self) -> bool:
        """Whether the store still holds the case's records of then."""
        return len(self.moment.history) == 1

    def name_records(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Return the keys that may be named, in their order."""
        return tuple(key for key in keys if key not in self.kept_apart)


def read_file_then(folders: CaseFolders, bundle: Bundle, score: StoredScore) -> FileThen:
    """Read a case's file as a stored score had read it.

    Parameters
    ----------
    folders
        The case's records.
    bundle
        The one that gave the score.
    score
        The score.
    """
    key = score.case_key
    folder, history = folders.assemble(score.as_of_us, score.known_seq)
    moment = Moment(bundle, history, 0, score.as_of_us, _read_supersedes(folder, key))
    return FileThen(score, moment, _find_kept_apart(folder.events, key))


def _read_supersedes(folder: ContractFolder, case_key: str) -> dict[str, str] | None:
    """Return, for each record that took another's place, the key of that one.

    ``None`` where a key named here is both an event's and an answer's: one mapping serves both
    tables, and would then say too much; the clocks tell it as well.
    """
    facts = folder.facts[folder.facts["case_id"] == case_key]
    pairs = _pair(folder.events, "event_id", case_key) | _pair(facts, "fact_id", case_key)
    shared = set(_name(folder.events, "event_id", case_key)) & set(facts["fact_id"])
    return None if shared & {*pairs, *pairs.values()} else pairs


def _pair(frame: pd.DataFrame, column: str, case_key: str) -> dict[str, str]:
    """Return each version of a record with the one before it.

    All versions of one record follow each other by (recorded_at, steps from the first, key), as
    where it is worked out when each was superseded (design section 4).
    """
    stated = frame[frame["supersedes"].notna()]
    if not len(stated):
        return {}
    above = dict(
        zip(_name(stated, column, case_key), _name(stated, "supersedes", case_key), strict=True)
    )
    recorded = dict(zip(_name(frame, column, case_key), frame["recorded_at"], strict=True))
    versions: dict[str, list[tuple[int, int, str]]] = {}
    for key in {*above, *above.values()} & set(recorded):
        first, steps = key, 0
        while above.get(first) in recorded:
            first, steps = above[first], steps + 1
        versions.setdefault(first, []).append((int(recorded[key]), steps, key))
    found: dict[str, str] = {}
    for some in map(sorted, versions.values()):
        found |= {new[2]: old[2] for old, new in itertools.pairwise(some)}
    return found


def _find_kept_apart(events: pd.DataFrame, case_key: str) -> frozenset[str]:
    return frozenset(_name(events[are_kept_apart(events)], "event_id", case_key))


def _name(events: pd.DataFrame, column: str, case_key: str) -> list[str]:
    """Return keys as a history has them: those of a linked case go by its key as well."""
    pairs = zip(events["case_id"], events[column], strict=True)
    return [str(key) if owner == case_key else f"{owner}/{key}" for owner, key in pairs]
