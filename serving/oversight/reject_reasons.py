"""Why rows of imports could not be used: counts by what is to be mended, and no cell of any row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, or_, select

from serving.access.case_sight import EVERYTHING, Sight
from serving.intake.import_sight import UNKNOWN_CASE
from serving.store.lookups import is_among
from serving.store.schema import import_rejects


@dataclass(frozen=True)
class RejectReason:
    """A problem of some rows of an import.

    Parameters
    ----------
    table, column
        Where it was; ``column`` is empty where it is of the whole row.
    remedy
        What to do.
    n
        How many rows have it.
    """

    table: str
    column: str
    remedy: str
    n: int


def read_reasons(
    connection: Connection, import_keys: Sequence[str], sight: Sight = EVERYTHING
) -> Mapping[str, tuple[RejectReason, ...]]:
    """Return by import why its rows could not be used, the most frequent reason first.

    Rows of health and of one agency alone are counted with the others: that a row could not be used
    says nothing of what it held. Rows of cases to which the person who asks is a party are not.
    """
    rejects = import_rejects.c
    query = (
        select(
            rejects.import_key,
            rejects.table,
            rejects.column,
            rejects.remedy,
            func.count().label("n"),
        )
        .where(
            is_among(connection, rejects.import_key, import_keys),
            or_(
                rejects.case_key.is_(None),
                rejects.code == UNKNOWN_CASE,
                ~is_among(connection, rejects.case_key, sight.tied),
            ),
        )
        .group_by(rejects.import_key, rejects.table, rejects.column, rejects.remedy)
    )
    found: dict[str, list[RejectReason]] = {}
    for row in connection.execute(query):
        reason = RejectReason(row.table, row.column, row.remedy, int(row.n))
        found.setdefault(row.import_key, []).append(reason)
    return {
        key: tuple(sorted(of, key=lambda one: (-one.n, one.table, one.column, one.remedy)))
        for key, of in found.items()
    }
