"""Notes on cases, what was looked for, who wants a daily digest and what they were told."""

import sqlalchemy as sa
from alembic import op

from serving.store.triggers import write_erasing_triggers, write_triggers

revision = "0013"
down_revision = "0012"

_APPEND_ONLY = {"case_notes": True, "case_searches": True, "digest_choices": False}
_PERSON = ("person", "subject", "role", "agency")
_ERASABLE = {"case_searches": ("terms",)}
_NAMING = {"case_searches": "terms"}


def _text(*names: str, nullable: bool = False) -> "list[sa.Column[str]]":
    return [sa.Column(name, sa.Text(), nullable=nullable) for name in names]


def _whole(*names: str, nullable: bool = False) -> "list[sa.Column[int]]":
    return [sa.Column(name, sa.BigInteger(), nullable=nullable) for name in names]


def _key(name: str, *, nullable: bool = False) -> "sa.Column[str]":
    return sa.Column(name, sa.String(length=24), nullable=nullable)


def _index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns), unique=False)


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "case_notes",
        _key("note_key"),
        _key("case_key"),
        *_text("kind", "words", "handling"),
        _key("corrects", nullable=True),
        *_text("contact_with", "contact_way", "contact_on", nullable=True),
        sa.Column("reached", sa.Boolean(), nullable=True),
        *_text("wish", nullable=True),
        *_text(*_PERSON),
        *_whole("added_at_us", "stored_seq"),
        sa.PrimaryKeyConstraint("note_key", name="pk_case_notes"),
    )
    _index("case_notes", "stored_seq")
    _index("case_notes", "case_key", "stored_seq")
    op.create_table(
        "case_searches",
        _key("search_key"),
        _key("case_key", nullable=True),
        sa.Column("terms", sa.JSON(), nullable=False),
        *_text("session", nullable=True),
        *_text(*_PERSON),
        *_whole("searched_at_us", "stored_seq"),
        sa.PrimaryKeyConstraint("search_key", name="pk_case_searches"),
    )
    _index("case_searches", "stored_seq")
    _index("case_searches", "case_key")
    op.create_table(
        "digest_choices",
        _key("choice_key"),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.Column("areas", sa.JSON(), nullable=True),
        *_text(*_PERSON),
        *_whole("chosen_at_us", "stored_seq"),
        sa.PrimaryKeyConstraint("choice_key", name="pk_digest_choices"),
    )
    _index("digest_choices", "stored_seq")
    _index("digest_choices", "subject", "stored_seq")
    op.create_table(
        "daily_digests",
        _key("digest_key"),
        *_text("day", "recipient"),
        *(
            sa.Column(name, sa.Integer(), nullable=False)
            for name in ("n_reviews", "n_corrections", "n_views", "n_news", "attempts")
        ),
        *_whole("next_at_us"),
        *_whole("delivered_at_us", "claimed_until_us", nullable=True),
        *_text("last_status", nullable=True),
        sa.PrimaryKeyConstraint("digest_key", name="pk_daily_digests"),
        sa.UniqueConstraint("day", "recipient", name="uq_daily_digests_day_recipient"),
    )
    _index("daily_digests", "delivered_at_us", "next_at_us")
    op.create_index(
        "ix_events_kind_occurred_at",
        "events",
        ["kind", "occurred_at"],
        unique=False,
        sqlite_where=sa.text("stored_seq > 0"),
        postgresql_where=sa.text("stored_seq > 0"),
    )
    _index("standings", "state", "owner")
    bind = op.get_bind()
    for statement in write_triggers(bind.dialect.name, _APPEND_ONLY):
        op.execute(statement)
    there = sa.inspect(bind)
    tables = {}
    for table, changed in _ERASABLE.items():
        names = [str(column["name"]) for column in there.get_columns(table)]
        tables[table] = (changed, [name for name in names if name not in changed])
    for statement in write_erasing_triggers(bind.dialect.name, tables, _NAMING):
        op.execute(statement)
