"""What tells a demonstration store from a real one: the one rule, which everything else asks.

A store is a demonstration where its row says synthetic *and* carries a mark made under the audit
key when the store was made. Whoever can write in the database can change the row and not make the
mark, since the key is kept elsewhere; every store without a mark that fits is a real one. The mark
is given when a store is made, before it holds a case, and never to a store that holds some: with
one exception, for stores made before there were marks (:mod:`serving.store.older_stores`).

Two stores must not share an audit key: the mark of one would fit the other.
"""

import hmac
from typing import Any

from sqlalchemy import Row


def make_mark(key: bytes, made_at_us: int) -> str:
    """Return the mark of a demonstration store: an HMAC-SHA256 in hexadecimal letters.

    Parameters
    ----------
    key
        The audit key.
    made_at_us
        When the store was made, microseconds UTC.
    """
    said = f"caselight demonstration store made at {made_at_us}"
    return hmac.digest(key, said.encode(), "sha256").hex()


def is_demonstration(key: bytes, row: Row[Any]) -> bool:
    """Return whether the row of ``unit`` is that of a demonstration store.

    Parameters
    ----------
    key
        The audit key.
    row
        The row, with every column.
    """
    mark = make_mark(key, int(row.made_at_us))
    return bool(row.synthetic) and hmac.compare_digest(str(row.synthetic_mark or ""), mark)
