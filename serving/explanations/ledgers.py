"""Why a case's place on the list changed, between the lists on which two scores stood.

Only rows that may be shown now are counted, and none of the blind ones until each of them was
viewed. Nobody can then work out from a ledger where a row stands that is still looked at without
anything of the model, nor which of the others was drawn at random.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from models.explanations.facade import RankLedger, explain_rank
from serving.access.case_sight import EVERYTHING, Sight
from serving.explanations.stored_scores import StoredScore, read_latest
from serving.lists.blind_review import find_unsettled
from serving.lists.listed import find_shown
from serving.lists.sittings import Sitting, current_sitting, read_sitting
from serving.store.read_once import read_once
from serving.store.schema import list_places


@dataclass(frozen=True)
class ListLedger:
    """A ledger of places and the two sittings whose lists it compares."""

    before: Sitting
    after: Sitting
    ledger: RankLedger


def find_ledger(
    connection: Connection, before: StoredScore, after: StoredScore, sight: Sight = EVERYTHING
) -> ListLedger | None:
    """Return why a case's place among the rows shown changed between two lists.

    A score stood on a list that placed the case by it; a case's latest score also stands for its
    row on the current list, which an earlier one may have placed.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    before, after
        Two scores of one case.
    sight
        Which cases of the lists are counted.

    Returns
    -------
    ListLedger | None
        ``None`` where one of them stood on no list, had no place by priority there, or may not be
        shown on it.
    """
    now = _find_sitting(connection, after) or _find_current(connection, after)
    then = None if now is None else _find_sitting(connection, before, now.stored_seq)
    if now is None or then is None:
        return None
    old, new = (_read_order(connection, sitting, sight) for sitting in (then, now))
    if after.case_key not in old or after.case_key not in new:
        return None
    return ListLedger(then, now, explain_rank(old, new, after.case_key))


def _find_sitting(
    connection: Connection, score: StoredScore, before_seq: int | None = None
) -> Sitting | None:
    """Return the latest sitting whose list placed the case by a score."""
    for key, score_key, seq in _read_places(connection, score.case_key):
        if score_key == score.key and (before_seq is None or seq < before_seq):
            return read_sitting(connection, key)
    return None


@read_once
def _read_places(connection: Connection, case_key: str) -> tuple[tuple[str, str | None, int], ...]:
    """Return the case's places on lists, the latest first: sitting, score and place in the order
    of rows.
    """
    columns = (list_places.c[name] for name in ("sitting_key", "score_key", "stored_seq"))
    query = select(*columns).where(list_places.c.case_key == case_key)
    rows = connection.execute(query.order_by(list_places.c.stored_seq.desc()))
    return tuple((row.sitting_key, row.score_key, row.stored_seq) for row in rows)


def _find_current(connection: Connection, score: StoredScore) -> Sitting | None:
    """Return the current sitting where a score is the latest of its case."""
    latest = read_latest(connection, score.case_key)
    return current_sitting(connection) if latest is not None and latest.key == score.key else None


def _read_order(connection: Connection, sitting: Sitting, sight: Sight) -> list[str]:
    """Return the cases of a list in order, those alone whose place in it may be shown."""
    settled = not find_unsettled(connection, [sitting.key])
    shown = find_shown(connection, sitting, with_blind=settled, sight=sight)
    query = (
        select(list_places.c.case_key)
        .where(list_places.c.sitting_key == sitting.key, list_places.c.rank.is_not(None))
        .order_by(list_places.c.rank, list_places.c.position)
    )
    return [key for key in connection.execute(query).scalars() if key in shown]
