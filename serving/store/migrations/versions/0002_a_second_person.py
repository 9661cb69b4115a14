"""Acts that a second person confirms, parties to a case, and openings of sealed cases."""

import sqlalchemy as sa
from alembic import op

from serving.store.triggers import write_triggers

revision = "0002"
down_revision = "0001"

_APPEND_ONLY = {
    "confirmations": True,
    "confirmation_settlements": False,
    "case_parties": True,
    "seal_openings": True,
}


def _person() -> "list[sa.Column[str]]":
    names = ("person", "subject", "role", "agency")
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def upgrade() -> None:
    """Take the step."""
    op.add_column("deliveries", sa.Column("audience", sa.Text(), nullable=True))
    op.create_table(
        "confirmations",
        sa.Column("confirmation_key", sa.String(length=24), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("case_key", sa.String(length=24), nullable=True),
        sa.Column("cases", sa.JSON(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("effect", sa.Text(), nullable=False),
        *_person(),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("asked_at_us", sa.BigInteger(), nullable=False),
        sa.Column("due_at_us", sa.BigInteger(), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("needed_agency", sa.Text(), nullable=True),
        sa.Column("excluded", sa.JSON(), nullable=False),
        sa.Column("only", sa.JSON(), nullable=True),
        sa.Column("overseen", sa.Boolean(), nullable=False),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("confirmation_key", name="pk_confirmations"),
    )
    op.create_index("ix_confirmations_stored_seq", "confirmations", ["stored_seq"], unique=False)
    for column in ("case_key", "kind"):
        op.create_index(
            f"ix_confirmations_{column}_stored_seq",
            "confirmations",
            [column, "stored_seq"],
            unique=False,
        )
    op.create_table(
        "confirmation_settlements",
        sa.Column("confirmation_key", sa.String(length=24), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        *_person(),
        sa.Column("settled_at_us", sa.BigInteger(), nullable=False),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["confirmation_key"],
            ["confirmations.confirmation_key"],
            name="fk_confirmation_settlements_confirmation_key",
        ),
        sa.PrimaryKeyConstraint("confirmation_key", name="pk_confirmation_settlements"),
    )
    op.create_table(
        "case_parties",
        sa.Column("tie_key", sa.String(length=24), nullable=False),
        sa.Column("case_key", sa.String(length=24), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("tied", sa.Boolean(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        *_person(),
        sa.Column("tied_at_us", sa.BigInteger(), nullable=False),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tie_key", name="pk_case_parties"),
    )
    op.create_index("ix_case_parties_party", "case_parties", ["party"], unique=False)
    op.create_index(
        "ix_case_parties_case_key_stored_seq",
        "case_parties",
        ["case_key", "stored_seq"],
        unique=False,
    )
    op.create_table(
        "seal_openings",
        sa.Column("opening_key", sa.String(length=24), nullable=False),
        sa.Column("raising_key", sa.String(length=24), nullable=False),
        sa.Column("case_key", sa.String(length=24), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        *_person(),
        sa.Column("opened_at_us", sa.BigInteger(), nullable=False),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["raising_key"], ["flag_raisings.raising_key"], name="fk_seal_openings_raising_key"
        ),
        sa.PrimaryKeyConstraint("opening_key", name="pk_seal_openings"),
    )
    op.create_index(
        "ix_seal_openings_case_key_stored_seq",
        "seal_openings",
        ["case_key", "stored_seq"],
        unique=False,
    )
    for statement in write_triggers(op.get_bind().dialect.name, _APPEND_ONLY):
        op.execute(statement)
