import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from serving.store.audit_books import find_head
from serving.store.audit_lines import CHANGES
from serving.store.database import Store
from serving.store.record_conditions import is_for_all
from serving.store.schema import events
from serving.store.upgrading import check_schema, upgrade
from tests.test_serving.sent_rows import make_case, make_event, send

STORED_BEFORE = ("Health", "\uff28ealth", "heal\u00adth")


def write_as_before(store: Store, column: str, word: str, before: str) -> None:
    """Write a stored word as a release without one spelling of each kept it."""
    change = "refuse_update_events" if store.is_sqlite else 'refuse_update ON "events"'
    with store.writing() as writing:
        writing.connection.execute(text(f"DROP TRIGGER {change}"))
        writing.connection.execute(
            text(f"UPDATE events SET {column} = :before WHERE {column} = :word"),
            {"word": word, "before": before},
        )


def list_shown(store: Store) -> list[str]:
    query = select(events.c.event_id).where(is_for_all()).order_by(events.c.event_id)
    with store.reading() as connection:
        return list(connection.execute(query).scalars())


@pytest.mark.parametrize("before", STORED_BEFORE)
def test_a_health_record_stored_under_another_spelling_is_kept_apart_after_an_upgrade(
    store: Store, before: str
) -> None:
    """A health record that an earlier release stored as "Health" is shown to nobody else."""
    sent = [make_event("E1", source="health"), make_event("E2", source="police")]
    send(store, {"cases": [make_case()], "events": sent})
    write_as_before(store, "source", "health", before)
    assert list_shown(store) == ["E1", "E2"]  # the fault: the rule compares another spelling

    upgrade(store)

    assert list_shown(store) == ["E2"]
    assert check_schema(store) == []
    with pytest.raises(DatabaseError, match="append-only"), store.writing() as writing:
        writing.connection.execute(text("UPDATE events SET source = 'police'"))


def test_a_stored_withdrawal_in_capitals_withdraws_after_an_upgrade(store: Store) -> None:
    """A reserved kind that an earlier release stored in capitals means what it says."""
    rows = [make_event("E1"), make_event("E2", kind="retracted", supersedes="E1")]
    send(store, {"cases": [make_case()], "events": rows})
    write_as_before(store, "kind", "retracted", "Retracted")

    upgrade(store)

    with store.reading() as connection:
        kinds = connection.execute(select(events.c.kind)).scalars().all()
    assert sorted(kinds) == ["contact", "retracted"]


def test_respelling_is_a_line_of_the_audit_log_and_happens_once(store: Store) -> None:
    """The one change of stored records is on record; a second upgrade changes and says nothing."""
    send(store, {"cases": [make_case()], "events": [make_event("E1", source="health")]})
    write_as_before(store, "source", "health", " HEALTH ")

    numbers = []
    for _ in range(2):
        upgrade(store)
        with store.reading() as connection:
            head = find_head(connection, CHANGES)
        assert head is not None
        numbers.append(head.number)
        routes = list_routes(store)
    assert numbers[0] == numbers[1]
    assert sum("spelling" in route for route in routes) == 1


def list_routes(store: Store) -> list[str]:
    with store.reading() as connection:
        return list(connection.execute(text("SELECT route FROM audit_lines")).scalars())
