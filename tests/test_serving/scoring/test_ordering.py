import pytest
from sqlalchemy import select

from serving.errors import ServiceError
from serving.persons import ROLES, Person
from serving.scoring.ordering import SWITCHERS, read_ordering, read_switch, switch_ordering
from serving.store.database import Store
from serving.store.schema import orderings

DUTY = Person("Police Screener", "duty", "police")


def test_the_model_orders_until_somebody_switches(store: Store) -> None:
    """Without a turn of the switch the model orders; each turn holds until the next."""
    with store.reading() as connection:
        assert read_ordering(connection) == "model"
        assert read_switch(connection) is None
    for ordering in ("longest_wait", "model", "longest_wait"):
        with store.writing() as writing:
            switch_ordering(writing, DUTY, ordering, "a doubt")  # type: ignore[arg-type]
        with store.reading() as connection:
            assert read_ordering(connection) == ordering
    with store.reading() as connection:
        rows = connection.execute(select(orderings).order_by(orderings.c.stored_seq)).all()
    assert [row.ordering for row in rows] == ["longest_wait", "model", "longest_wait"]
    assert {(row.person, row.role, row.agency, row.why) for row in rows} == {
        ("Police Screener", "duty", "police", "a doubt")
    }


def test_without_a_model_the_longest_wait_comes_first(store: Store) -> None:
    """Where no model is in use nothing can be ordered by it, whatever the switch says."""
    with store.writing() as writing:
        switch_ordering(writing, DUTY, "model", "back again")
    with store.reading() as connection:
        assert read_ordering(connection, has_model=False) == "longest_wait"


@pytest.mark.parametrize("role", ROLES)
def test_only_duty_and_administrators_switch(store: Store, role: str) -> None:
    """Other roles are refused, and nothing is written."""
    person = Person("Police Screener", role, "unit")
    if role in SWITCHERS:
        with store.writing() as writing:
            assert len(switch_ordering(writing, person, "longest_wait", "a doubt")) == 24
        return
    with pytest.raises(ServiceError) as caught, store.writing() as writing:
        switch_ordering(writing, person, "longest_wait", "a doubt")
    assert caught.value.code == "role_may_not"
    with store.reading() as connection:
        assert connection.execute(select(orderings)).all() == []
