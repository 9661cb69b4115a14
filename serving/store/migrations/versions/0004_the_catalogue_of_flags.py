"""The catalogue by which flags are raised is on record apart from the model."""

import sqlalchemy as sa
from alembic import op

from serving.store.triggers import write_triggers

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "flag_catalogues",
        sa.Column("step_key", sa.String(length=24), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("proposal_key", sa.String(length=24), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("done_at_us", sa.BigInteger(), nullable=False),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("step_key", name="pk_flag_catalogues"),
    )
    op.create_index(
        "ix_flag_catalogues_proposal_key", "flag_catalogues", ["proposal_key"], unique=False
    )
    for statement in write_triggers(op.get_bind().dialect.name, {"flag_catalogues": False}):
        op.execute(statement)
