"""A number may stand for several cases: for a sealed one, and for what others send under it.

And a record that an agency keeps to itself makes no case one to score again, so that the last row
of a case is worked out anew where one came last.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def _is_for_all(event: str) -> str:
    handling, source = (f"COALESCE({event}.{name}, '')" for name in ("handling", "source"))
    return f"{handling} <> 'agency_only' AND {source} <> 'health'"


def _is_sealed(key: str) -> str:
    return (
        f"EXISTS (SELECT 1 FROM seals s WHERE s.case_key = {key} AND s.sealed AND NOT EXISTS "
        "(SELECT 1 FROM seals o WHERE o.case_key = s.case_key AND o.stored_seq > s.stored_seq))"
    )


_KEY = "standings.case_key"
_UNSEALED = f"NOT {_is_sealed('l.case_key')} AND NOT {_is_sealed('l.linked_case_key')}"
_MEASURED = (
    f"({_is_for_all('e')} OR EXISTS (SELECT 1 FROM events n WHERE n.case_key = e.case_key "
    f"AND n.event_id = e.supersedes AND {_is_for_all('n')}))"
)
RENEWAL = f"""
UPDATE standings SET record_seq = (SELECT MAX(places.seq) FROM (
  SELECT c.stored_seq AS seq FROM cases c WHERE c.case_key = {_KEY}
  UNION ALL SELECT e.stored_seq FROM events e WHERE e.case_key = {_KEY} AND {_MEASURED}
  UNION ALL SELECT f.stored_seq FROM facts f WHERE f.case_key = {_KEY}
  UNION ALL SELECT l.stored_seq FROM links l WHERE l.case_key = {_KEY}
  UNION ALL SELECT l.stored_seq FROM links l WHERE l.linked_case_key = {_KEY} AND {_UNSEALED}
  UNION ALL SELECT e.stored_seq FROM links l JOIN events e ON e.case_key = l.linked_case_key
    WHERE l.case_key = {_KEY} AND {_UNSEALED} AND {_MEASURED}
  UNION ALL SELECT e.stored_seq FROM links l JOIN events e ON e.case_key = l.case_key
    WHERE l.linked_case_key = {_KEY} AND {_UNSEALED} AND {_MEASURED}
) AS places)
WHERE EXISTS (SELECT 1 FROM events e WHERE NOT ({_is_for_all("e")}) AND (e.case_key = {_KEY}
  OR EXISTS (SELECT 1 FROM links l WHERE l.case_key = {_KEY} AND l.linked_case_key = e.case_key)
  OR EXISTS (SELECT 1 FROM links l WHERE l.linked_case_key = {_KEY} AND l.case_key = e.case_key)))
"""


def upgrade() -> None:
    """Take the step."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        _make_anew(connection)
    else:
        op.drop_constraint("uq_case_keys_case_id", "case_keys", type_="unique")
    op.create_index("ix_case_keys_case_id", "case_keys", ["case_id"], unique=False)
    op.execute(sa.text(RENEWAL))


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
