"""The switch between the model's order and the longest wait first; every turn of it is kept."""

from typing import Any, Final, Literal, get_args

from sqlalchemy import Connection, insert, select
from sqlalchemy.engine import Row

from serving.errors import ServiceError
from serving.persons import Person
from serving.store.database import Writing, make_key
from serving.store.schema import orderings

Ordering = Literal["model", "longest_wait"]
ORDERINGS: Final = get_args(Ordering)
SWITCHERS: Final = ("duty", "administrator")
"""Roles that may turn the switch."""


def read_ordering(connection: Connection, *, has_model: bool = True) -> Ordering:
    """Return the order in which priority places are given.

    Where no model is in use (``has_model``) the longest wait comes first, whatever the switch says.
    """
    latest = read_switch(connection)
    if not has_model or (latest is not None and latest.ordering == "longest_wait"):
        return "longest_wait"
    return "model"


def read_switch(connection: Connection) -> Row[Any] | None:
    """Return the latest turn of the switch: who, when and why; ``None`` where it was never used."""
    query = select(orderings).order_by(orderings.c.stored_seq.desc()).limit(1)
    return connection.execute(query).one_or_none()


def switch_ordering(writing: Writing, person: Person, ordering: Ordering, why: str) -> str:
    """Turn the switch and return the key of the row that says so.

    Raises
    ------
    ServiceError
        If the person's role may not.
    """
    if person.role not in SWITCHERS:
        raise ServiceError(
            "role_may_not",
            "this role does not switch the order",
            "ask the duty role or an administrator",
        )
    key = make_key()
    writing.connection.execute(
        insert(orderings).values(
            ordering_key=key,
            ordering=ordering,
            why=why,
            switched_at_us=writing.now_us,
            stored_seq=writing.take_seq(),
            **person.columns(),
        )
    )
    return key
