"""A number may stand for several cases: for a sealed one, and for what others send under it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0007"


def upgrade() -> None:
    """Take the step."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        _make_anew(connection)
    else:
        op.drop_constraint("uq_case_keys_case_id", "case_keys", type_="unique")
    op.create_index("ix_case_keys_case_id", "case_keys", ["case_id"], unique=False)


def _make_anew(connection: sa.Connection) -> None:
    """Write SQLite's table anew: it drops no constraint of one that is there.

    Triggers of other tables read this one, and none can be renamed while they are there.
    """
    triggers = connection.execute(
        sa.text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    ).all()
    for row in triggers:
        op.execute(f'DROP TRIGGER "{row.name}"')
    with op.batch_alter_table("case_keys", recreate="always") as table:
        table.drop_constraint("uq_case_keys_case_id", type_="unique")
    for row in triggers:
        op.execute(sa.text(row.sql.replace(":", "\\:")))
