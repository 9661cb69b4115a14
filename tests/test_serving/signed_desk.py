"""A store for real cases, and people who come to it from the command line with tokens."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from caselight.__main__ import run
from serving.persons import Person
from serving.store.database import Store, make_key
from serving.store.schema import audit_lines, case_parties, seal_people, seals, unit
from tests.test_serving.issuers import AUDIENCE, CLIENT, Issuer, run_issuer
from tests.test_serving.kept_contents import fill_once
from tests.test_serving.sent_rows import key_of, make_case, make_event, make_link, send

ACCESS = """\
version: 1
people:
  - groups: [scientists]
    role: data_scientist
    agency: unit
    areas: all
  - groups: [administrators]
    role: administrator
    agency: unit
    areas: all
  - groups: [halton]
    role: administrator
    agency: unit
    areas: [Halton]
  - groups: [auditors]
    role: auditor
    agency: unit
    areas: all
  - groups: [reviewers]
    role: reviewer
    agency: health
    areas: all
  - groups: [screeners]
    role: screener
    agency: police
    areas: all
machines:
  - client: importer
    agency: unit
    areas: all
"""
ROWS = {
    "cases": [make_case("SYN-OPEN", area="Halton"), make_case("SEALED", area="Halton")],
    "events": [
        make_event("E1", "SYN-OPEN", source="police", narrative="said at the door"),
        make_event("E2", "SYN-OPEN", source="police", handling="agency_only"),
        make_event("E3", "SYN-OPEN", source="health"),
        make_event("E4", "SYN-OPEN", source="police", narrative="what was narrowed"),
        make_event("E5", "SYN-OPEN", source="police", handling="agency_only", supersedes="E4"),
        make_event("E6", "SYN-OPEN", kind="retracted", source="police", supersedes="E2"),
        make_event("E7", "SYN-OPEN", source="police", supersedes="E3"),
        make_event("E8", "SEALED", source="police"),
    ],
    "links": [make_link("L1", "SYN-OPEN", "SEALED"), make_link("L2", "SEALED", "SYN-OPEN")],
    "people": [
        {"person_id": "P", "case_id": "SYN-OPEN", "role": "victim", "characteristic": "sex"}
        | {"value": "f"},
        {"person_id": "Q", "case_id": "SEALED", "role": "victim", "characteristic": "sex"}
        | {"value": "f"},
    ],
}
SEALER = Person("SYN Sealer", "reviewer", "health")


@pytest.fixture(scope="session")
def token_issuer() -> Iterator[Issuer]:
    """Return an OpenID provider that runs as a process of its own."""
    with run_issuer() as running:
        yield running


class Desk:
    """A store and people who come to it with tokens."""

    def __init__(self, address: str, store: Store, issuer: Issuer, root: Path) -> None:
        self.address, self.store, self.issuer, self.root = address, store, issuer, root

    def sign(self, name: str, group: str | None, scope: str, **changed: Any) -> Path:
        """Return the file of a token of a person in a group, made for a scope."""
        claims = {"sub": name, "name": f"SYN {name.title()}", "aud": AUDIENCE, "scope": scope}
        if group is not None:
            claims["groups"] = [group]
        token = self.issuer.sign(self.issuer.claim(now_s=int(time.time()), **(claims | changed)))
        path = self.root / f"token-{make_key()}"
        path.write_text(token)
        path.chmod(0o600)
        return path

    def call(self, *words: object) -> int:
        """Call a verb on the store; return the exit code."""
        return run([*map(str, words), "--store", self.address])

    def tie(self, case_id: str, name: str) -> None:
        """Tie somebody's account to a case, as professional standards do."""
        tie = {"tie_key": make_key(), "case_key": key_of(self.store, case_id), "tied": True}
        tie |= {"party": f"{self.issuer.address}|{name}", "why": "a relative"} | SEALER.columns()
        with self.store.writing() as writing:
            tie |= {"tied_at_us": writing.now_us, "stored_seq": writing.take_seq()}
            writing.connection.execute(insert(case_parties).values(tie))

    def lines(self, book: str = "changes") -> list[Any]:
        """Return the lines of a log, in order."""
        opened = self.store.reading if book == "changes" else self.store.reading_looks
        query = select(audit_lines).where(audit_lines.c.book == book)
        with opened() as connection:
            return list(connection.execute(query.order_by(audit_lines.c.number)))


@pytest.fixture
def desk(
    address: str,
    store: Store,
    token_issuer: Issuer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Desk:
    """Return a store for real cases with a sealed one and records kept apart."""
    (tmp_path / "access.yaml").write_text(ACCESS)
    settings = {
        "OIDC_ISSUER": token_issuer.address,
        "OIDC_CLIENT_ID": CLIENT,
        "TOKEN_AUDIENCE": AUDIENCE,
        "ACCESS_FILE": str(tmp_path / "access.yaml"),
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"CASELIGHT_{name}", value)
    for name in ("TOKEN", "SECOND_TOKEN"):
        monkeypatch.delenv(f"CASELIGHT_{name}", raising=False)
    fill_once(store, "the signed desk", lambda: _fill(store))
    return Desk(address, store, token_issuer, tmp_path)


def _fill(store: Store) -> None:
    with store.writing() as writing:
        writing.connection.execute(unit.update().values(synthetic=False, synthetic_mark=None))
    send(store, ROWS)
    _seal(store, key_of(store, "SEALED"))


def _seal(store: Store, case_key: str) -> None:
    with store.writing() as writing:
        seal_key = make_key()
        seq = writing.take_seq(2)
        seal = {"seal_key": seal_key, "case_key": case_key, "sealed": True, "why": "a party"}
        seal |= {"sealed_at_us": writing.now_us, "stored_seq": seq} | SEALER.columns()
        writing.connection.execute(insert(seals).values(seal))
        named = {"seal_key": seal_key, "subject": SEALER.subject, "stored_seq": seq + 1}
        writing.connection.execute(insert(seal_people).values(named))
