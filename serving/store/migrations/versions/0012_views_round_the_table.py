"""Views of every agency round the table, and how a decision came about."""

import sqlalchemy as sa
from alembic import op

from serving.store.triggers import write_triggers

revision = "0012"
down_revision = "0011"

_APPEND_ONLY = {"view_rounds": True, "view_round_ends": False, "view_confirmations": False}


def upgrade() -> None:
    """Take the step.

    Added columns are the last ones of their tables, so that no digest of a row from before changes.
    """
    for table, columns in (
        (
            "decisions",
            (
                sa.Column("score_direction", sa.Text(), nullable=True),
                sa.Column("score_why", sa.Text(), nullable=True),
                sa.Column("opened", sa.JSON(), nullable=True),
                sa.Column("reading_seconds", sa.Integer(), nullable=True),
                sa.Column("first_view", sa.Text(), nullable=True),
                sa.Column("unopened_why", sa.Text(), nullable=True),
            ),
        ),
        (
            "agency_views",
            (
                sa.Column("of_agency", sa.Text(), nullable=True),
                sa.Column("direction", sa.Text(), nullable=True),
                sa.Column("round_key", sa.String(length=24), nullable=True),
                sa.Column("replaces", sa.String(length=24), nullable=True),
                sa.Column("blind", sa.Boolean(), nullable=True),
            ),
        ),
    ):
        for column in columns:
            op.add_column(table, column)
    op.create_table(
        "view_rounds",
        sa.Column("round_key", sa.String(length=24), nullable=False),
        sa.Column("case_key", sa.String(length=24), nullable=False),
        sa.Column("sitting_key", sa.String(length=24), nullable=True),
        sa.Column("waits", sa.Boolean(), nullable=False),
        sa.Column("present", sa.JSON(), nullable=False),
        *_person(),
        sa.Column("opened_at_us", sa.BigInteger(), nullable=False),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("round_key", name="pk_view_rounds"),
    )
    _index("view_rounds", "case_key", "stored_seq")
    _create_act("view_round_ends", "round_key", "view_rounds", "ended_at_us")
    _create_act("view_confirmations", "view_key", "agency_views", "confirmed_at_us")
    for table in _APPEND_ONLY:
        _index(table, "stored_seq")
    op.create_table(
        "view_notices",
        sa.Column("notice_key", sa.String(length=24), nullable=False),
        sa.Column("view_key", sa.String(length=24), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at_us", sa.BigInteger(), nullable=False),
        sa.Column("delivered_at_us", sa.BigInteger(), nullable=True),
        sa.Column("claimed_until_us", sa.BigInteger(), nullable=True),
        sa.Column("last_status", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["view_key"], ["agency_views.view_key"], name="fk_view_notices_view_key"
        ),
        sa.PrimaryKeyConstraint("notice_key", name="pk_view_notices"),
    )
    _index("view_notices", "delivered_at_us", "next_at_us")
    for statement in write_triggers(op.get_bind().dialect.name, _APPEND_ONLY):
        op.execute(sa.text(statement.replace(":", "\\:")))


def _create_act(table: str, key: str, of: str, moment: str) -> None:
    """Create a table of what somebody did with one row of another."""
    op.create_table(
        table,
        sa.Column(key, sa.String(length=24), nullable=False),
        *_person(),
        sa.Column(moment, sa.BigInteger(), nullable=False),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint([key], [f"{of}.{key}"], name=f"fk_{table}_{key}"),
        sa.PrimaryKeyConstraint(key, name=f"pk_{table}"),
    )


def _person() -> "list[sa.Column[str]]":
    names = ("person", "subject", "role", "agency")
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns), unique=False)
