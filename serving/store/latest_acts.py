"""When the store was last acted on, by its own clock: a service that lives earlier shows a past
moment.
"""

from typing import Final

from sqlalchemy import Connection, func, select

from serving.store.schema import acknowledgements, case_notes, decisions, imports, scores, sittings

_BY_PLACE: Final = (
    (decisions, decisions.c.decided_at_us),
    (scores, scores.c.as_of_us),
    (acknowledgements, acknowledgements.c.acknowledged_at_us),
    (case_notes, case_notes.c.added_at_us),
)


def read_latest_act(connection: Connection) -> int | None:
    """Return the moment of the latest import, score, list, note, acknowledgement or decision.

    Parameters
    ----------
    connection
        A transaction.

    Returns
    -------
    int or None
        Microseconds UTC; ``None`` for a store in which nothing was done yet.
    """
    found = [
        connection.execute(select(moment).order_by(table.c.stored_seq.desc()).limit(1)).scalar()
        for table, moment in _BY_PLACE
    ]
    for moment in (imports.c.begun_at_us, sittings.c.opened_at_us):
        found.append(connection.execute(select(func.max(moment))).scalar())
    return max((int(one) for one in found if one is not None), default=None)
