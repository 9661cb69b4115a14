"""What the database itself refuses: a change to what may only be added to."""

from collections.abc import Iterator, Mapping, Sequence

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


def write_erasing_triggers(
    dialect: str,
    tables: Mapping[str, tuple[Sequence[str], Sequence[str]]],
    naming: Mapping[str, str],
) -> Iterator[str]:
    """Return the statements that let erasing reach some columns, for ``sqlite`` or ``postgresql``.

    They take the place of the refusal of updates. A row may be changed only where its case's
    identifier was erased, and of it only what named the case. Some rows that name a case belong to
    none or to another: what they say may be changed where the key of an erased case takes the
    identifier's place.

    Parameters
    ----------
    dialect
        The database.
    tables
        For each table the columns that may be changed, and all others.
    naming
        The column in which rows of other cases may name an erased one, by the table's name.
    """
    if dialect == "postgresql":
        yield _ERASING_FUNCTION
    for table, (changed, kept) in tables.items():
        if dialect == "sqlite":
            same = " AND ".join(f'OLD."{name}" IS NEW."{name}"' for name in kept)
            erased = _IS_ERASED
            if table in naming:
                erased = f"({erased} OR {_NAMES_ERASED.format(column=naming[table])})"
            yield f"DROP TRIGGER refuse_update_{table}"
            yield (
                f'CREATE TRIGGER refuse_update_{table} BEFORE UPDATE ON "{table}" '
                f"WHEN NOT ({erased} AND {same}) "
                f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
            )
            continue
        # The naming column first, or nothing in its place; then what may be changed.
        arguments = ", ".join(f"'{name}'" for name in (naming.get(table, ""), *changed))
        yield f'DROP TRIGGER refuse_update ON "{table}"'
        yield (
            f'CREATE TRIGGER refuse_update BEFORE UPDATE ON "{table}" '
            f"FOR EACH ROW EXECUTE FUNCTION refuse_unless_erased({arguments})"
        )


_IS_ERASED = (
    "EXISTS (SELECT 1 FROM case_keys WHERE case_keys.case_key = OLD.case_key "
    "AND case_keys.erased_at_us IS NOT NULL)"
)
_NAMES_ERASED = (
    "EXISTS (SELECT 1 FROM case_keys WHERE case_keys.erased_at_us IS NOT NULL "
    'AND instr(NEW."{column}", case_keys.case_key) > 0)'
)
_ERASING_FUNCTION = f"""
CREATE OR REPLACE FUNCTION refuse_unless_erased() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  is_erased boolean;
BEGIN
  is_erased := {_IS_ERASED};
  IF NOT is_erased AND TG_ARGV[0] <> '' THEN
    is_erased := EXISTS (
      SELECT 1 FROM case_keys WHERE case_keys.erased_at_us IS NOT NULL
      AND position(case_keys.case_key IN to_jsonb(NEW)->>TG_ARGV[0]) > 0
    );
  END IF;
  IF is_erased AND to_jsonb(OLD) - TG_ARGV = to_jsonb(NEW) - TG_ARGV THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION '{_REFUSAL}';
END $$
"""
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
