"""A case's key is parted from its identifier: for good, by name, and in the audit chain."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from features.errors import ConfigError
from features.intake.contract_folder import read_folder
from serving.intake.checks import check_store
from serving.persons import Person
from serving.store.current_act import Act, acting
from serving.store.database import Store
from serving.store.erasing import erase_identifier
from serving.store.export import export_folder
from serving.store.schema import audit_lines, case_keys
from tests.test_serving.sent_rows import key_of, make_case, make_event, send

OPERATOR = Person("SYN Operator", "administrator", "unit")
CASE = "SYN-CANARY-NIGHTJAR"


def erase(store: Store, case_id: str) -> str:
    act = Act(OPERATOR, "erasure", "caselight erase", purpose="retention has ended")
    with acting(act), store.writing() as writing:
        return erase_identifier(writing, case_id)


def test_an_erased_identifier_is_gone_and_its_key_stays(store: Store, tmp_path: Path) -> None:
    """No table holds the identifier; the records go on under the key, in an export as well."""
    send(store, {"cases": [make_case(CASE)], "events": [make_event("E1", CASE)]})
    key = key_of(store, CASE)
    assert erase(store, CASE) == key
    with store.reading() as connection:
        row = connection.execute(select(case_keys).where(case_keys.c.case_key == key)).one()
        assert (row.case_id, row.erased_at_us) == (None, store.clock())
    assert check_store(store) == []
    export_folder(store, tmp_path / "out")
    assert list(read_folder(tmp_path / "out").frame("cases")["case_id"]) == [key]


def test_who_erased_and_why_is_in_the_chain_without_the_identifier(store: Store) -> None:
    """The line names the key, the person and the reason."""
    send(store, {"cases": [make_case(CASE)]})
    key = erase(store, CASE)
    with store.reading() as connection:
        query = select(audit_lines).order_by(audit_lines.c.number.desc()).limit(1)
        line: Any = connection.execute(query.where(audit_lines.c.book == "changes")).one()
    assert (line.operation, line.case_key, line.person) == ("erasure", key, OPERATOR.name)
    assert line.purpose == "retention has ended"
    assert CASE not in str(tuple(line))


def test_what_comes_afterwards_is_another_case(store: Store) -> None:
    """Records for an erased identifier find no way back to the old key; erasing twice is told."""
    send(store, {"cases": [make_case(CASE)]})
    before = erase(store, CASE)
    with pytest.raises(ConfigError, match="no case has this identifier"):
        erase(store, CASE)
    send(store, {"cases": [make_case(CASE)]})
    assert key_of(store, CASE) != before
