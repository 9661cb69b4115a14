"""New cases above a sender's daily number, each with what a second person is to confirm."""

import sqlalchemy as sa
from alembic import op

from serving.store.triggers import write_triggers

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "held_cases",
        sa.Column("case_key", sa.String(length=24), nullable=False),
        sa.Column("confirmation_key", sa.String(length=24), nullable=False),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["confirmation_key"],
            ["confirmations.confirmation_key"],
            name="fk_held_cases_confirmation_key",
        ),
        sa.PrimaryKeyConstraint("case_key", name="pk_held_cases"),
    )
    op.create_index("ix_held_cases_confirmation_key", "held_cases", ["confirmation_key"])
    for statement in write_triggers(op.get_bind().dialect.name, {"held_cases": True}):
        op.execute(statement)
