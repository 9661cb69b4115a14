"""Erasing reaches corrections that were withheld, and what waits or waited for a second person."""

import sqlalchemy as sa
from alembic import op

from serving.store.triggers import write_erasing_triggers

revision = "0009"
down_revision = "0008"

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
    "withheld_corrections": ("record_id", "corrects", "row"),
    "confirmations": ("content",),
}
_NAMING = {"import_rejects": "source", "confirmations": "content"}


def upgrade() -> None:
    """Take the step."""
    bind = op.get_bind()
    there = sa.inspect(bind)
    # All of them: those of before took their arguments in another order.
    tables = {}
    for table, changed in _ERASABLE.items():
        names = [str(column["name"]) for column in there.get_columns(table)]
        tables[table] = (changed, [name for name in names if name not in changed])
    for statement in write_erasing_triggers(bind.dialect.name, tables, _NAMING):
        op.execute(statement)
