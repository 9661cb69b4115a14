"""What was done on an urgent flag; days for a first read count from when the unit knew."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_ADDED = ("handed_to", "next_step", "contact", "contact_words")

_HISTORY_US = 90 * 86_400_000_000
_COUNT_FROM_KNOWING = """
UPDATE standings SET first_read_due_us = first_read_due_us - (
    SELECT i.begun_at_us - standings.arrived_at_us
    FROM cases c JOIN imports i ON i.import_key = c.import_key
    WHERE c.case_key = standings.case_key
) WHERE EXISTS (
    SELECT 1 FROM cases c JOIN imports i ON i.import_key = c.import_key
    WHERE c.case_key = standings.case_key
    AND i.begun_at_us > standings.arrived_at_us
    AND i.begun_at_us > (SELECT min(begun_at_us) FROM imports)
    AND i.begun_at_us - standings.arrived_at_us <= :history_us
)
"""
"""Rows of ``standings`` are worked out: this is what they are from now on."""


def upgrade() -> None:
    """Take the step.

    The columns are the table's last ones, so that no digest of a row from before changes.
    """
    for name in _ADDED:
        op.add_column("acknowledgements", sa.Column(name, sa.Text(), nullable=True))
    op.execute(sa.text(_COUNT_FROM_KNOWING).bindparams(history_us=_HISTORY_US))
