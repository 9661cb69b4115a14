"""What was done when an urgent flag was acknowledged: handed to whom, what is next, the contact."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0010"

_ADDED = ("handed_to", "next_step", "contact", "contact_words")


def upgrade() -> None:
    """Take the step.

    The columns are the table's last ones, so that no digest of a row from before changes.
    """
    for name in _ADDED:
        op.add_column("acknowledgements", sa.Column(name, sa.Text(), nullable=True))
