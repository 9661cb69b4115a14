"""Secrets under which rows are digested: one for each case, so that erasing can destroy it.

A digest of a short field can be guessed by trying every value that it may have. Without the secret
nobody can, whatever else they hold: the rows, the digests, the audit key. The audit key goes into
the digests as well, so that whoever holds the database alone can neither guess nor make one.
"""

import hmac
import secrets
from collections.abc import Collection, Mapping
from hashlib import blake2b
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, FromClause, Table, delete, literal, select

from serving.store.frames import insert_columns
from serving.store.lookups import is_among
from serving.store.schema import NAMING, row_secrets

STORE: Final = ""
"""Owner of the rows that are of no case."""
_SECRET_BYTES: Final = 32


def name_row(table: str, place: int) -> str:
    """Return the owner of a row that is its own, by its place in the order of rows.

    What a row of :data:`serving.store.schema.NAMING` holds may name another case than its own, and
    erasing that case changes it alone.
    """
    return f"{table}:{place}"


def find_owners(table: Table) -> tuple[FromClause, ColumnElement[Any]]:
    """Return what to select a table's rows from, and the case that each is of, empty for none.

    A row that names no case itself is of the case of the row that it belongs to.
    """
    if "case_key" in table.c:
        return table, table.c.case_key
    for reference in sorted(table.foreign_keys, key=lambda one: one.target_fullname):
        parent = reference.column.table
        if "case_key" in parent.c:
            joined = table.outerjoin(parent, reference.parent == reference.column)
            return joined, parent.c.case_key
    return table, literal(None)


def name_owner(table: Table, place: int, case_key: str | None) -> str:
    """Return a row's owner."""
    return name_row(table.name, place) if table.name in NAMING else case_key or STORE


class OwnerKeys:
    """Keys under which rows are digested: of each owner's secret and the audit key."""

    def __init__(self, connection: Connection, audit_key: bytes) -> None:
        self._connection = connection
        self._key = hmac.digest(audit_key, b"caselight row digests", "sha256")
        self._known: dict[str, bytes] = {}

    def read(self, owners: Collection[str]) -> Mapping[str, bytes]:
        """Return the keys of some owners; those without a secret are left out."""
        wanted = set(owners) - self._known.keys()
        if wanted:
            query = select(row_secrets.c.owner, row_secrets.c.secret).where(
                is_among(self._connection, row_secrets.c.owner, wanted)
            )
            for owner, secret in self._connection.execute(query):
                self._known[owner] = self._make_key(secret)
        return self._known

    def need(self, owners: Collection[str]) -> Mapping[str, bytes]:
        """Return the keys of some owners; who has no secret gets one now."""
        known = self.read(owners)
        new = sorted(set(owners) - known.keys())
        if new:
            made = [secrets.token_bytes(_SECRET_BYTES) for _ in new]
            insert_columns(self._connection, row_secrets, {"owner": new, "secret": made})
            self._known |= {
                owner: self._make_key(secret) for owner, secret in zip(new, made, strict=True)
            }
        return self._known

    def _make_key(self, secret: bytes) -> bytes:
        return blake2b(bytes(secret), key=self._key, digest_size=_SECRET_BYTES).digest()


def destroy_secrets(connection: Connection, owners: Collection[str]) -> None:
    """Destroy the secrets of some owners: no digest of their rows can be made or guessed again."""
    if connection.dialect.name == "sqlite":
        # Else what is deleted would stay in the file until its page is used again.
        connection.exec_driver_sql("PRAGMA secure_delete = ON")
    connection.execute(delete(row_secrets).where(is_among(connection, row_secrets.c.owner, owners)))
