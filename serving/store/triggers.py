"""What the database itself refuses: a change to what may only be added to."""

from collections.abc import Iterator, Mapping

_REFUSAL = "this table is append-only"


def write_triggers(dialect: str, tables: Mapping[str, bool]) -> Iterator[str]:
    """Return the statements that make tables append-only, for ``sqlite`` or ``postgresql``.

    Update is refused without exception. Delete is refused unless the row belongs to a case whose
    disposal is on record.

    Parameters
    ----------
    dialect
        The database.
    tables
        Names of the tables, and whether each has a ``case_key`` by which rows may be disposed of.
    """
    if dialect == "postgresql":
        yield from _FUNCTIONS
    for table, by_case in tables.items():
        yield from (_for_sqlite if dialect == "sqlite" else _for_postgresql)(table, by_case)


_FUNCTIONS = (
    f"""
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$
""",
    f"""
CREATE OR REPLACE FUNCTION refuse_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM disposals WHERE disposals.case_key = OLD.case_key) THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION '{_REFUSAL}';
END $$
""",
)


def _for_sqlite(table: str, by_case: bool) -> Iterator[str]:
    yield (
        f'CREATE TRIGGER refuse_update_{table} BEFORE UPDATE ON "{table}" '
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    )
    unless = (
        "WHEN NOT EXISTS (SELECT 1 FROM disposals WHERE disposals.case_key = OLD.case_key) "
        if by_case
        else ""
    )
    yield (
        f'CREATE TRIGGER refuse_delete_{table} BEFORE DELETE ON "{table}" {unless}'
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    )


def _for_postgresql(table: str, by_case: bool) -> Iterator[str]:
    on_delete = "refuse_delete" if by_case else "refuse_change"
    yield (
        f'CREATE TRIGGER refuse_update BEFORE UPDATE ON "{table}" '
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    yield (
        f'CREATE TRIGGER refuse_delete BEFORE DELETE ON "{table}" '
        f"FOR EACH ROW EXECUTE FUNCTION {on_delete}()"
    )
    yield (
        # TRUNCATE fires no trigger of the rows that it removes.
        f'CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON "{table}" '
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
