"""Lines of the audit log cover what rows hold, and name the key that they were written with."""

import sqlalchemy as sa
from alembic import op

from serving.store.triggers import write_triggers

revision = "0007"
down_revision = "0006"

_BY_PLACE = (
    "case_keys",
    "people",
    "import_rejects",
    "scores",
    "flag_raisings",
    "acknowledgements",
    "discharges",
    "first_reads",
    "list_places",
    "overflow",
    "first_views",
    "decision_reasons",
    "agency_views",
)
"""Tables that grow large and are now read by the places of their rows, at every commit."""


def upgrade() -> None:
    """Take the step."""
    op.add_column("audit_lines", sa.Column("content", sa.String(length=64), nullable=True))
    op.add_column("audit_heads", sa.Column("key_name", sa.String(length=16), nullable=True))
    op.create_table(
        "row_digests",
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("table", sa.Text(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("owners", sa.Text(), nullable=False),
        sa.Column("digests", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", "first_seq", "table", name="pk_row_digests"),
    )
    op.create_table(
        "row_secrets",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("owner", name="pk_row_secrets"),
    )
    for table in _BY_PLACE:
        op.create_index(f"ix_{table}_stored_seq", table, ["stored_seq"], unique=False)
    for statement in write_triggers(op.get_bind().dialect.name, {"row_digests": False}):
        op.execute(statement)
