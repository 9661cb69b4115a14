"""Cases that are merged and split at once, as a move does that a second person confirmed."""

from typing import Any

from serving.intake.moves import Move, make_merge, make_split
from serving.store.database import Store


def merge_cases(store: Store, *given: Any, **more: Any) -> Move:
    """Merge a case into another in a transaction of its own."""
    with store.writing() as writing:
        return make_merge(writing, *given, **more)


def split_case(store: Store, *given: Any, **more: Any) -> Move:
    """Make a new case of some records of another in a transaction of its own."""
    with store.writing() as writing:
        return make_split(writing, *given, **more)
