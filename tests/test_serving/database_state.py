"""What a PostgreSQL database holds, read whole, to compare it with one that no test has had.

Databases that were copied from one template give their objects the same numbers, so rows of the
system's catalogues are compared as they stand: whatever was changed, dropped or made anew differs.
"""

from dataclasses import dataclass

from tests.test_serving.postgresql_server import Session

_FIRST_OWN = 16_384
"""PostgreSQL numbers its own objects below this."""
_WORN = ("relfilenode", "relpages", "reltuples", "relallvisible", "relallfrozen")
_WORN += ("relfrozenxid", "relminmxid")
"""What the table of tables tells of their files: it changes by use, not by definition."""
_WITHOUT_NUMBER = {
    "pg_attribute": "attrelid",
    "pg_description": "objoid",
    "pg_index": "indexrelid",
    "pg_inherits": "inhrelid",
    "pg_sequence": "seqrelid",
}
"""Catalogues whose rows have no number of their own, and the column that says whose they are."""
_PARTS = {
    "sessions": (
        "SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    ),
    "settings": (
        "SELECT coalesce(string_agg(s::text, ' ' ORDER BY s::text), '') "
        "FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase "
        "WHERE d.datname = current_database()"
    ),
    "database": (
        "SELECT concat_ws(' ', datdba, datallowconn, datconnlimit, datacl) FROM pg_database "
        "WHERE datname = current_database()"
    ),
    "schemas": "SELECT string_agg(n::text, ' ' ORDER BY oid) FROM pg_namespace n",
}


@dataclass(frozen=True)
class Layout:
    """What is asked of every copy of a template.

    Parameters
    ----------
    parts
        Name of what is compared, and the statement that reads it as one text.
    tables
        Names of the tables, quoted.
    rows
        Rows of the tables that are not empty in a fresh copy, as COPY writes them.
    sequences
        Names of the sequences, quoted, with where each stands in a fresh copy.
    fresh
        The parts of a fresh copy.
    """

    parts: dict[str, str]
    tables: tuple[str, ...]
    rows: dict[str, bytes]
    sequences: dict[str, tuple[int, bool]]
    fresh: dict[str, str]


def read_layout(session: Session) -> Layout:
    """Return what is asked of every copy, from one that was made this moment."""
    tables = tuple(_list_relations(session, "r", "p", "m"))
    rows = {table: found for table in tables if (found := _copy_out(session, table))}
    sequences = {
        name: session.execute(f"SELECT last_value, is_called FROM {name}").fetchone()
        for name in _list_relations(session, "S")
    }
    parts = _PARTS | _list_catalogues(session)
    parts |= {f"rows of {table}": _ask_rows(table, table in rows) for table in tables}
    parts |= {name: f"SELECT concat(last_value, is_called) FROM {name}" for name in sequences}
    return Layout(parts, tables, rows, sequences, read_parts(session, parts))


def read_parts(session: Session, parts: dict[str, str]) -> dict[str, str]:
    """Return each part as one text, all of one moment."""
    query = "SELECT " + ", ".join(f"({part})" for part in parts.values())
    found = session.execute(query, prepare=True).fetchone()
    return dict(zip(parts, found or (), strict=True))


def find_differences(session: Session, layout: Layout) -> list[str]:
    """Return the names of the parts in which a database is not as a fresh copy."""
    found = read_parts(session, layout.parts)
    return [part for part, text in found.items() if text != layout.fresh[part]]


def empty(session: Session, layout: Layout) -> None:
    """Give a database the rows of a fresh copy, and put its sequences back."""
    asked = ", ".join(f"EXISTS (SELECT FROM {table})" for table in layout.tables)
    found = session.execute(f"SELECT {asked}", prepare=True).fetchone()
    filled = {
        table for table, is_filled in zip(layout.tables, found or (), strict=True) if is_filled
    }
    with session.transaction():
        # The tables refuse to be emptied; a replica's session is not asked by their triggers.
        session.execute("SET LOCAL session_replication_role = replica")
        session.execute(f"TRUNCATE {', '.join(sorted(filled | set(layout.rows)))} CASCADE")
        for table, rows in layout.rows.items():
            with session.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
                copy.write(rows)
        for name, stand in layout.sequences.items():
            session.execute("SELECT setval(%s, %s, %s)", (name, *stand))


def _list_relations(session: Session, *kinds: str) -> list[str]:
    query = (
        "SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind::text = ANY(%s) AND c.oid >= %s AND n.nspname !~ '^pg_' ORDER BY 1"
    )
    return [name for (name,) in session.execute(query, (list(kinds), _FIRST_OWN))]


def _copy_out(session: Session, table: str) -> bytes:
    with session.cursor() as cursor, cursor.copy(f"COPY {table} TO STDOUT") as copy:
        return b"".join(bytes(some) for some in copy)


def _ask_rows(table: str, is_filled: bool) -> str:
    """Return what reads the rows; of a table that must be empty, whether it is."""
    if is_filled:
        return f"SELECT string_agg(t::text, ' ' ORDER BY t::text) FROM {table} t"
    return f"SELECT EXISTS (SELECT FROM {table})::text"


def _list_catalogues(session: Session) -> dict[str, str]:
    query = (
        "SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum) "
        "FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 "
        "WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r' "
        "AND NOT c.relisshared GROUP BY c.relname"
    )
    asked = {}
    for name, columns in session.execute(query):
        key = "oid" if "oid" in columns else _WITHOUT_NUMBER.get(name)
        if key is not None:
            compared = [column for column in columns if column not in _WORN]
            asked[name] = _ask_catalogue(name, key, compared)
    return asked


def _ask_catalogue(name: str, key: str, columns: list[str]) -> str:
    return (
        "SELECT coalesce(md5(string_agg(line, ' ' ORDER BY line)), '') FROM ("
        f'SELECT ROW({", ".join(columns)})::text COLLATE "C" AS line FROM {name} '
        f"WHERE {key} >= {_FIRST_OWN})"
    )
