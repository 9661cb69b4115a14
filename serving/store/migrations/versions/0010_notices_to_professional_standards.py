"""What professional standards are told each day of access that nothing explains."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "standards_notices",
        sa.Column("notice_key", sa.String(length=24), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        *(
            sa.Column(name, sa.Integer(), nullable=False)
            for name in ("n_people", "n_cases", "attempts")
        ),
        sa.Column("next_at_us", sa.BigInteger(), nullable=False),
        sa.Column("delivered_at_us", sa.BigInteger(), nullable=True),
        sa.Column("claimed_until_us", sa.BigInteger(), nullable=True),
        sa.Column("last_status", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("notice_key", name="pk_standards_notices"),
        sa.UniqueConstraint("day", "recipient", name="uq_standards_notices_day_recipient"),
    )
    op.create_index(
        "ix_standards_notices_delivered_at_us_next_at_us",
        "standards_notices",
        ["delivered_at_us", "next_at_us"],
        unique=False,
    )
