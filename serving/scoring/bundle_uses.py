"""Which bundle was put to use when."""

from sqlalchemy import Connection, func, insert, select

from serving.store.database import Writing, make_key
from serving.store.schema import model_uses


def read_use(connection: Connection, bundle_id: str) -> int | None:
    """Return since when a bundle is in use, microseconds UTC: where it was put to use again after
    another one, since then; ``None`` where it never was.
    """
    query = select(func.max(model_uses.c.first_used_at_us))
    found = connection.execute(query.where(model_uses.c.bundle_id == bundle_id)).scalar()
    return None if found is None else int(found)


def note_first_use(writing: Writing, bundle_id: str, at_us: int) -> None:
    """Record that a bundle is used for the first time, unless that is on record."""
    if read_use(writing.connection, bundle_id) is None:
        _add(writing, bundle_id, at_us)


def note_switch(writing: Writing, bundle_id: str) -> None:
    """Record that a bundle is in use now, unless it was the last one to be."""
    writing.take_seq(0)  # several servers may see one switch
    query = select(model_uses.c.bundle_id).order_by(model_uses.c.stored_seq.desc()).limit(1)
    if writing.connection.execute(query).scalar() != bundle_id:
        _add(writing, bundle_id, writing.now_us)


def _add(writing: Writing, bundle_id: str, at_us: int) -> None:
    writing.connection.execute(
        insert(model_uses).values(
            use_key=make_key(),
            bundle_id=bundle_id,
            first_used_at_us=at_us,
            stored_seq=writing.take_seq(),
        )
    )
