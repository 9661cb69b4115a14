"""Room for what is sent in: how much one person may send, and what stays free on the disk.

Whoever may send records could fill the disk, and then nobody could decide or acknowledge anything.
An import as a whole and what somebody sends in a day have a bound, and no rows are taken any more
while little is free: decisions, acknowledgements and the logs go on.
"""

import shutil
from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, Connection, cast, func, or_, select

from serving.errors import ServiceError
from serving.settings import Settings
from serving.store.database import Store
from serving.store.engines import find_file
from serving.store.schema import imports

_DAY_US: Final = 86_400_000_000
_GB: Final = 1_000_000_000


@dataclass(frozen=True)
class Amount:
    """How much was sent: rows, and their bytes as they came."""

    n_rows: int = 0
    n_bytes: int = 0

    def add(self, n_rows: int, n_bytes: int) -> "Amount":
        """Return the amount with some more."""
        return Amount(self.n_rows + n_rows, self.n_bytes + n_bytes)


def read_sent(connection: Connection, subject: str, now_us: int) -> Amount:
    """Return how much somebody's imports took: of the last 24 hours, and those that are open.

    Parameters
    ----------
    connection
        An open transaction.
    subject
        Who began the imports, by what the sign-in knows them.
    now_us
        The moment, microseconds UTC.
    """
    sizes = cast(imports.c.position["bytes"].as_string(), BigInteger)
    query = select(func.sum(imports.c.rows_done), func.sum(sizes)).where(
        imports.c.subject == subject,
        or_(imports.c.ended_at_us.is_(None), imports.c.ended_at_us > now_us - _DAY_US),
    )
    n_rows, n_bytes = connection.execute(query).one()
    return Amount(int(n_rows or 0), int(n_bytes or 0))


def check_amount(day: Amount, import_bytes: int, settings: Settings) -> None:
    """Check that rows may still be taken.

    Parameters
    ----------
    day
        What the sender sent within a day, these rows among it.
    import_bytes
        How large the import is with these rows.
    settings
        The bounds.

    Raises
    ------
    ServiceError
        If the import or what was sent within a day is above its bound (413).
    """
    if import_bytes > settings.max_import_bytes:
        raise ServiceError(
            "import_too_large",
            f"an import has at most {settings.max_import_bytes / _GB:,.1f} GB",
            "end this import and begin another for the rest, or have the operator raise "
            "CASELIGHT_MAX_IMPORT_BYTES",
        )
    if day.n_bytes > settings.sender_bytes_per_day or day.n_rows > settings.sender_rows_per_day:
        raise ServiceError(
            "sent_too_much",
            f"one sender sends at most {settings.sender_rows_per_day:,} rows and "
            f"{settings.sender_bytes_per_day / _GB:,.1f} GB within 24 hours",
            "send the rest a day later, or have the operator raise CASELIGHT_SENDER_ROWS_PER_DAY "
            "and CASELIGHT_SENDER_BYTES_PER_DAY",
        )


def check_disk(store: Store, least_free_bytes: int) -> None:
    """Check that enough is free on the disk of a SQLite store for more rows.

    A server's disk cannot be seen from here; it refuses by itself what it has no room for.

    Raises
    ------
    ServiceError
        If less is free (503).
    """
    file = find_file(store.engine)
    if file is None or shutil.disk_usage(file.parent).free >= least_free_bytes:
        return
    raise ServiceError(
        "store_low",
        "little is free on the disk of the store, and no rows are taken; decisions are",
        "tell the operator to make room on the disk of the database; then send them again",
    )
