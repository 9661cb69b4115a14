"""The mark of a demonstration store, and what erasing may reach of an erased case's rows."""

import sqlalchemy as sa
from alembic import op

from serving.store.triggers import write_erasing_triggers

revision = "0003"
down_revision = "0002"

_ERASABLE = {
    "events": ("event_id", "incident_id", "supersedes"),
    "facts": ("fact_id", "supersedes"),
    "links": ("link_id", "supersedes"),
    "people": ("person_id",),
    "flag_raisings": ("record_id",),
    "correction_requests": ("record_id",),
    "list_places": ("shown",),
    "overflow": ("flags",),
    "import_rejects": ("source",),
}


def upgrade() -> None:
    """Take the step."""
    op.add_column("unit", sa.Column("synthetic_mark", sa.String(length=64), nullable=True))
    bind = op.get_bind()
    there = sa.inspect(bind)
    tables = {}
    for table, changed in _ERASABLE.items():
        names = [str(column["name"]) for column in there.get_columns(table)]
        tables[table] = (changed, [name for name in names if name not in changed])
    for statement in write_erasing_triggers(
        bind.dialect.name, tables, {"import_rejects": "source"}
    ):
        op.execute(statement)
