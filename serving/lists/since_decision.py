"""What came to be known of managed cases since the latest decision had read them, by kind."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Table, union_all

from serving.lists.new_records import NewKind, News, count_new, sort_kinds
from serving.standing.standings import StandingRules
from serving.store.schema import standings


def read_news_since_decisions(
    connection: Connection, case_keys: Sequence[str], rules: StandingRules
) -> dict[str, News]:
    """Return what is new of some cases since their latest decisions, by one query.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    case_keys
        The cases; one without news is left out of what is returned.
    rules
        Name the unit's own work, which is no news.
    """
    found: dict[str, list[NewKind]] = {}
    query = union_all(*count_new(connection, case_keys, _is_since_decision, rules))
    for case_key, table, kind, n, latest_us in connection.execute(query):
        found.setdefault(case_key, []).append(NewKind(table, kind, n, latest_us))
    return {key: News(sort_kinds(kinds)) for key, kinds in found.items()}


def _is_since_decision(table: Table) -> ColumnElement[bool]:
    since: ColumnElement[bool] = table.c.stored_seq > standings.c.decided_seq
    return since
