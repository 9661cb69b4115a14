"""A stored score computed again, and whether it comes out as it was stored (promise 7).

Exactly the same is owed under the recorded engine version, lock and processor; elsewhere the same
within ``WITHIN``.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from sqlalchemy import Connection, select

from models.bundle.folder import Bundle
from models.explanations.facade import CaseExplanation, IncidentReasons, explain_case
from models.ranking.order import RankedCases, order_cases
from serving.explanations.case_folders import CaseFolders
from serving.explanations.files_then import FileThen, read_file_then
from serving.explanations.stored_scores import StoredScore
from serving.store.database import Unit
from serving.store.schema import disposals

WITHIN: Final = 1e-9
"""Largest difference of one number, in log-odds or in priority (design section 1, promise 7)."""
Verdict = Literal["equal", "close", "different"]


@dataclass(frozen=True)
class ScoreDifference:
    """A number, or the leading outcome, that did not come out as it was stored.

    ``stored`` and ``now`` are numbers, or names as texts; ``None`` where one of the two is not
    there.
    """

    name: str
    stored: float | str | None
    now: float | str | None

    @property
    def is_close(self) -> bool:
        """Whether both are numbers no more than ``WITHIN`` apart."""
        numbers = isinstance(self.stored, float) and isinstance(self.now, float)
        return numbers and abs(self.stored - self.now) <= WITHIN  # type: ignore[operator]


@dataclass(frozen=True)
class Replay:
    """How a stored score came out again.

    Parameters
    ----------
    score
        As it was stored.
    differences
        What did not come out to the last bit.
    explanation
        What the score says, told anew; ``None`` where the case's records are not there.
    """

    score: StoredScore
    differences: tuple[ScoreDifference, ...]
    explanation: CaseExplanation | None

    @property
    def verdict(self) -> Verdict:
        """``equal`` to the last bit, ``close`` within ``WITHIN``, or ``different``."""
        if not self.differences:
            return "equal"
        return "close" if all(one.is_close for one in self.differences) else "different"


def find_disposal(connection: Connection, case_key: str) -> int | None:
    """Return when a case was disposed of, microseconds UTC; ``None`` where it was not."""
    query = select(disposals.c.disposed_at_us).where(disposals.c.case_key == case_key)
    found = connection.execute(query).scalar_one_or_none()
    return None if found is None else int(found)


def replay_score(connection: Connection, bundle: Bundle, score: StoredScore, unit: Unit) -> Replay:
    """Compute a stored score again from the rows that it had read, and compare.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    bundle
        The one that the score names.
    score, unit
        The score, and what holds for the whole store.
    """
    folders = CaseFolders(connection, score.case_key, unit)
    then = read_file_then(folders, bundle, score)
    if not then.is_there:
        return Replay(score, (ScoreDifference("records of the case", "there", None),), None)
    moment = then.moment
    standing = order_cases(bundle, moment.history, score.as_of_us, np.zeros(1, dtype=np.int64))
    found = tuple(one for one in _compare(score, bundle, standing) if one.stored != one.now)
    explanation = explain_case(bundle, moment.history, moment.case, moment.as_of_us)
    return Replay(score, found, _leave_out_apart(explanation, then))


def _compare(
    score: StoredScore, bundle: Bundle, standing: RankedCases
) -> Iterator[ScoreDifference]:
    yield ScoreDifference("catalogue", score.catalogue_digest, bundle.catalogue.digest)
    yield ScoreDifference("leading outcome", score.leading_outcome, standing.leading[0])
    yield ScoreDifference("priority", score.priority, float(standing.priority[0]))
    recorded = float(standing.as_recorded[0])
    yield ScoreDifference("priority as recorded", score.priority_as_recorded, recorded)
    for name in sorted({*score.log_odds, *standing.log_odds}):
        now = float(standing.log_odds[name][0]) if name in standing.log_odds else None
        yield ScoreDifference(f"log-odds of {name}", score.log_odds.get(name), now)


def _leave_out_apart(explanation: CaseExplanation, then: FileThen) -> CaseExplanation:
    """Return an explanation whose incidents name no record that is kept apart."""
    incidents = tuple(_strip(one, then) for one in explanation.incidents)
    return dataclasses.replace(explanation, incidents=incidents)


def _strip(reasons: IncidentReasons, then: FileThen) -> IncidentReasons:
    shares = tuple(
        dataclasses.replace(
            one,
            unit=dataclasses.replace(one.unit, records=then.name_records(one.unit.records)),
        )
        for one in reasons.shares
    )
    return dataclasses.replace(reasons, shares=shares)
