"""Corrections that correct nothing by themselves, and what came of each."""

import sqlalchemy as sa
from alembic import op

from serving.store.triggers import write_triggers

revision = "0006"
down_revision = "0005"

_APPEND_ONLY = {"withheld_corrections": True, "withheld_settlements": True}


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "withheld_corrections",
        sa.Column("withheld_key", sa.String(length=24), nullable=False),
        sa.Column("case_key", sa.String(length=24), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("table", "record_id", "corrects", "way")
        ),
        sa.Column("row", sa.JSON(), nullable=True),
        sa.Column("narrows", sa.Boolean(), nullable=False),
        sa.Column("owner_agency", sa.Text(), nullable=False),
        sa.Column("import_key", sa.String(length=24), nullable=True),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("person", "subject", "role", "agency")
        ),
        sa.Column("withheld_at_us", sa.BigInteger(), nullable=False),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("withheld_key", name="pk_withheld_corrections"),
    )
    for columns in (["stored_seq"], ["case_key", "record_id"], ["import_key"]):
        op.create_index(
            f"ix_withheld_corrections_{'_'.join(columns)}",
            "withheld_corrections",
            columns,
            unique=False,
        )
    op.create_table(
        "withheld_settlements",
        sa.Column("withheld_key", sa.String(length=24), nullable=False),
        sa.Column("case_key", sa.String(length=24), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("settled_at_us", sa.BigInteger(), nullable=False),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["withheld_key"],
            ["withheld_corrections.withheld_key"],
            name="fk_withheld_settlements_withheld_key",
        ),
        sa.PrimaryKeyConstraint("withheld_key", name="pk_withheld_settlements"),
    )
    op.create_index(
        "ix_withheld_settlements_stored_seq", "withheld_settlements", ["stored_seq"], unique=False
    )
    op.create_index(
        "ix_events_case_key_supersedes",
        "events",
        ["case_key", "supersedes"],
        unique=False,
        sqlite_where=sa.text("supersedes IS NOT NULL"),
        postgresql_where=sa.text("supersedes IS NOT NULL"),
    )
    for statement in write_triggers(op.get_bind().dialect.name, _APPEND_ONLY):
        op.execute(statement)
