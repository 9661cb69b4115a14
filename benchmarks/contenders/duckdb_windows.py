"""The 37 columns in duckdb: one query."""

import duckdb
from timing import contend, tidy


def load(events, queries):
    """Read both files into tables."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"CREATE TABLE e AS SELECT * FROM '{events}'")
    connection.execute(f"CREATE TABLE q AS SELECT * FROM '{queries}'")
    return connection


def compute(connection):
    """Aggregate every window with its own filter."""
    parts = ["date_diff('microsecond', max(known_at), q.as_of) / 86400000000.0 AS days_since"]
    for days in (30, 90, 365, None):
        name = "all" if days is None else f"{days}d"
        inside = "e.case_id IS NOT NULL"
        if days is not None:
            inside = f"known_at >= q.as_of - INTERVAL {days} DAY"
        parts += [
            f"count(*) FILTER (WHERE {inside}) AS count_{name}",
            f"sum(severity) FILTER (WHERE {inside}) AS sum_{name}",
            f"max(severity) FILTER (WHERE {inside}) AS max_{name}",
            f"count(DISTINCT etype) FILTER (WHERE {inside}) AS distinct_{name}",
        ]
        parts += [
            f"count(*) FILTER (WHERE {inside} AND etype = 'type_{kind}') AS type_{kind}_{name}"
            for kind in range(5)
        ]
    return connection.execute(
        f"SELECT q.case_id, q.as_of, {', '.join(parts)} FROM q LEFT JOIN e "
        "ON q.case_id = e.case_id AND e.known_at < q.as_of GROUP BY q.case_id, q.as_of"
    ).to_arrow_table()


contend(load, compute, lambda found: tidy(found.to_pandas()))
