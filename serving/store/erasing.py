"""Erasing: the row that ties a case's random key to its identifier is emptied.

What the store and the audit chain hold goes on under the key alone, which says nothing of the case.
Records that come for the identifier afterwards make a case of their own.
"""

from sqlalchemy import select, update

from features.errors import ConfigError
from serving.store.database import Writing
from serving.store.schema import case_keys


def erase_identifier(writing: Writing, case_id: str) -> str:
    """Part a case's key from its identifier for good; return the key.

    Parameters
    ----------
    writing
        The open transaction; the act says who erases.
    case_id
        The case's own identifier.

    Raises
    ------
    ConfigError
        If no case has it.
    """
    query = select(case_keys.c.case_key).where(case_keys.c.case_id == case_id)
    key = writing.connection.execute(query).scalar_one_or_none()
    if key is None:
        raise ConfigError("no case has this identifier; it may have been erased before")
    writing.connection.execute(
        update(case_keys)
        .where(case_keys.c.case_key == key)
        .values(case_id=None, erased_at_us=writing.now_us)
    )
    writing.note(operation="erasure", case_key=key)
    return str(key)
