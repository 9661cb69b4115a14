"""The parameters that many routes share: keys in paths, and which part of a long answer is wanted.

A cursor is the ``next_cursor`` of the part before; the first part comes where there is none. What
it names is found by :mod:`serving.store.paging`.
"""

from typing import Annotated, Final

from fastapi import Path, Query

from serving.store.opaque_keys import KEY_PATTERN

MOST_ROWS: Final = 200
MOST_ITEMS: Final = 500
LAST_SEQ: Final = 2**63 - 1
"""No row has a higher place in the store's order: the part from here is the latest."""
_NEXT: Final = "``next_cursor`` of the part before."

Key = Annotated[str, Path(pattern=KEY_PATTERN, description="An opaque key.")]
KeyCursor = Annotated[str | None, Query(pattern=KEY_PATTERN, description=_NEXT)]
DutyCursor = Annotated[str | None, Query(max_length=40, description=_NEXT)]
"""A key, in the duty queue with the letter of its section before it."""
CaseCursor = Annotated[str | None, Query(min_length=1, max_length=100, description=_NEXT)]
"""The letter of a stretch of open cases, and the keys of its last ones."""
SeqCursor = Annotated[int, Query(ge=1, le=LAST_SEQ, description=_NEXT)]
LineCursor = Annotated[int | None, Query(ge=1, le=LAST_SEQ, description=_NEXT)]
RejectCursor = Annotated[int, Query(ge=0, le=10**12, description=_NEXT)]
Limit = Annotated[int, Query(ge=1, le=MOST_ROWS, description="How many rows at most.")]
LongLimit = Annotated[int, Query(ge=1, le=MOST_ITEMS, description="How many rows at most.")]
