"""A case's file as a stored score had read it: up to its ``known_seq``, at its ``as_of_us``."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from features.contract.kept_apart import is_kept_apart
from models.bundle.folder import Bundle
from models.explanations.facade import MovementEnd
from serving.explanations.case_folders import CaseFolders
from serving.explanations.stored_scores import StoredScore


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
    moment: MovementEnd
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
    moment = MovementEnd(bundle, history, 0, score.as_of_us)
    return FileThen(score, moment, _find_kept_apart(folder.frame("events"), key))


def _find_kept_apart(events: pd.DataFrame, case_key: str) -> frozenset[str]:
    apart = is_kept_apart(events["source"], events["handling"])
    return frozenset(_name(events[apart], "event_id", case_key))


def _name(events: pd.DataFrame, column: str, case_key: str) -> list[str]:
    """Return keys as a history has them: those of a linked case go by its key as well."""
    pairs = zip(events["case_id"], events[column], strict=True)
    return [str(key) if owner == case_key else f"{owner}/{key}" for owner, key in pairs]
