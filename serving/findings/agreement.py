"""How far decisions agree with scores and their reasons: counts, and never by person."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, select

from serving.store.schema import decision_reasons, decisions


@dataclass(frozen=True)
class Agreement:
    """How many said yes, no or nothing."""

    n_agree: int
    n_disagree: int
    n_silent: int = 0

    @property
    def share(self) -> float | None:
        """Share of those who said something that agree; ``None`` where nobody did."""
        said = self.n_agree + self.n_disagree
        return self.n_agree / said if said else None


def read_score_agreement(connection: Connection) -> Agreement:
    """Return how many decisions agree with the score they were made beside."""
    counts = _count(connection, decisions.c.agrees_with_score)
    return Agreement(counts.get(True, 0), counts.get(False, 0), counts.get(None, 0))


def read_reason_agreement(connection: Connection) -> Agreement:
    """Return how many of the reasons that were judged were agreed with."""
    counts = _count(connection, decision_reasons.c.agrees)
    return Agreement(counts.get(True, 0), counts.get(False, 0))


def _count(connection: Connection, column: ColumnElement[bool]) -> dict[bool | None, int]:
    query = select(column, func.count()).group_by(column)
    return {said: int(count) for said, count in connection.execute(query)}
