"""What the command line does to a real store is done under a signed name, for a purpose, and is in
the audit chain; a demonstration store needs none of it, and no real store passes for one.
"""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import select, text

from caselight.__main__ import run
from serving.store.database import Store
from serving.store.demonstration import make_mark
from serving.store.schema import audit_lines, unit
from serving.store.upgrading import upgrade
from tests.test_serving.issuers import CLIENT
from tests.test_serving.sent_rows import key_of, make_case, send, write_rows
from tests.test_serving.signed_desk import ROWS, Desk


def read(folder: Path, table: str) -> pd.DataFrame:
    return pd.read_parquet(folder / f"{table}.parquet")


def test_the_export_of_everything_by_any_name_is_refused(desk: Desk, capfd: Any) -> None:
    """The attack: `db export OUT --people --person "ANY NAME"` without a token writes nothing, and
    the chain names nobody; the same with everything, and with a purpose.
    """
    out = desk.root / "out"
    before = desk.lines()
    for more in ((), ("--everything",), ("--why", "audit")):
        assert desk.call("db", "export", out, "--people", "--person", "ANY NAME", *more) == 2
        assert "the store holds real cases" in capfd.readouterr().err
    assert not out.exists()
    assert desk.lines() == before
    assert "ANY NAME" not in str(before)


def test_an_export_is_done_by_whom_the_token_names(desk: Desk, capfd: Any) -> None:
    """The lines name the person, the purpose, to whom it goes and every case that left."""
    out = desk.root / "out"
    token = desk.sign("anne", "scientists", "openid store:export")
    given = ("--token-file", token, "--why", "retraining of the autumn", "--recipient", "research")
    assert desk.call("db", "export", out, *given, "--person", "ANY NAME") == 2
    assert "leave --person out" in capfd.readouterr().err
    assert desk.call("db", "export", out, *given) == 0
    line = desk.lines()[-1]
    assert (line.person, line.subject) == ("SYN Anne", f"{desk.issuer.address}|anne")
    assert (line.operation, line.route) == ("disclosure", "caselight db export")
    assert (line.purpose, line.recipient) == ("retraining of the autumn", "research")
    look = desk.lines("looks")[-1]
    assert (look.subject, look.operation) == (line.subject, "disclosure")
    assert look.cases == [key_of(desk.store, "SYN-OPEN")]
    assert {path.stat().st_mode & 0o077 for path in out.iterdir() if path.suffix == ".parquet"} == {
        0
    }


def test_an_export_honours_seals_and_handling_marks(desk: Desk) -> None:
    """No sealed case leaves, nor a link to one, nor a record that is kept apart, what it narrowed
    or its withdrawal; what everybody may see names no record that they may not.
    """
    out = desk.root / "out"
    token = desk.sign("anne", "scientists", "store:export")
    assert desk.call("db", "export", out, "--token-file", token, "--why", "retraining") == 0
    assert list(read(out, "cases")["case_id"]) == ["SYN-OPEN"]
    events = read(out, "events").set_index("event_id")
    assert sorted(events.index) == ["E1", "E7"]
    assert pd.isna(events.loc["E7", "supersedes"])
    assert len(read(out, "links")) == 0
    assert not (out / "people.parquet").exists()
    content = b"".join(path.read_bytes() for path in out.iterdir())
    assert b"SEALED" not in content
    assert b"what was narrowed" not in content


def test_a_partys_own_case_is_not_there_for_them(desk: Desk, capfd: Any) -> None:
    """Whoever is tied to a case exports it neither alone nor with a second person, and cannot erase
    it; the answer is that of a case that is not there.
    """
    desk.tie("SYN-OPEN", "anne")
    scope = "store:export store:everything store:erase"
    anne, ben = (
        desk.sign(*who, scope) for who in (("anne", "administrators"), ("ben", "reviewers"))
    )
    given = ("--why", "audit", "--token-file", anne, "--second-token-file", ben)
    assert desk.call("db", "export", desk.root / "out", "--everything", *given) == 0
    assert list(read(desk.root / "out", "cases")["case_id"]) == ["SEALED"]
    assert len(read(desk.root / "out", "links")) == 0
    capfd.readouterr()
    told = []
    for case in ("SYN-OPEN", "NONE"):
        assert desk.call("erase", case, *given) == 2
        told.append(capfd.readouterr().err)
    assert told[0] == told[1]


def test_what_concerns_one_person_leaves_signed_and_logged(desk: Desk, capfd: Any) -> None:
    """An administrator writes it for whoever asked; who, for whom, what for and which case stand in
    the logs. Scientists do not, a token for exports alone writes no people, and a sealed case is
    answered as one that is not there.
    """
    out, why = desk.root / "out", ("--why", "request of 3 May", "--token-file")
    plain = desk.sign("anne", "administrators", "store:export")
    scientist = desk.sign("ben", "scientists", "store:export store:people")
    assert desk.call("db", "export", out, "--case", "SYN-OPEN", *why, scientist) == 2
    assert desk.call("db", "export", out, "--of-person", "P", *why, plain) == 2
    assert "store:people" in capfd.readouterr().err
    told = []
    for case in ("SEALED", "NONE"):
        assert desk.call("db", "export", out, "--case", case, *why, plain) == 2
        told.append(capfd.readouterr().err)
    assert told[0] == told[1]
    token = desk.sign("anne", "administrators", "store:export store:people")
    assert desk.call("db", "export", out, "--of-person", "P", *why, token) == 0
    assert "read it before it is handed over" in capfd.readouterr().err
    assert list(read(out, "cases")["case_id"]) == ["SYN-OPEN"]
    assert list(read(out, "people")["person_id"]) == ["P"]
    line, look = desk.lines()[-1], desk.lines("looks")[-1]
    assert (line.operation, line.recipient) == ("disclosure", "the person concerned")
    assert (line.person, line.purpose) == ("SYN Anne", "request of 3 May")
    assert look.cases == [key_of(desk.store, "SYN-OPEN")]


def test_people_take_a_scope_of_their_own(desk: Desk, capfd: Any) -> None:
    """A token for exports alone does not write the table of people."""
    out = desk.root / "out"
    given = ("db", "export", out, "--people", "--why", "audit of the groups", "--token-file")
    assert desk.call(*given, desk.sign("anne", "administrators", "store:export")) == 2
    assert "store:people" in capfd.readouterr().err
    both = desk.sign("anne", "administrators", "store:export store:people")
    assert desk.call(*given, both) == 0
    assert list(read(out, "people")["person_id"]) == ["P"]


def test_everything_takes_two_people_of_two_agencies(desk: Desk, capfd: Any) -> None:
    """Sealed cases and records kept apart leave by two tokens alone, and both people are named."""
    out = desk.root / "out"
    scope = "store:export store:everything"
    anne = desk.sign("anne", "administrators", scope)
    given = ("db", "export", out, "--everything", "--why", "court order", "--token-file", anne)
    for second, words in (
        (None, "a second person"),
        (desk.sign("anne", "reviewers", scope), "the same person's"),
        (desk.sign("ben", "auditors", scope), "of one agency"),
        (desk.sign("ben", "reviewers", "store:export"), "store:everything"),
    ):
        more = () if second is None else ("--second-token-file", second)
        assert desk.call(*given, *more) == 2
        assert words in capfd.readouterr().err
        assert not out.exists()
    ben = desk.sign("ben", "reviewers", "store:everything")
    assert desk.call(*given, "--second-token-file", ben) == 0
    assert sorted(read(out, "cases")["case_id"]) == ["SEALED", "SYN-OPEN"]
    assert len(read(out, "events")) == len(ROWS["events"])
    assert len(read(out, "links")) == 2
    first, second_line = desk.lines()[-2:]
    assert (first.person, second_line.person) == ("SYN Anne", "SYN Ben")
    assert "SYN Ben (reviewer, health)" in first.purpose
    assert "SYN Anne (administrator, unit)" in second_line.purpose
    assert first.purpose.startswith("court order")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"exp": 1}, "not accepted"),
        ({"aud": CLIENT}, "not accepted"),
        ({"iss": "https://elsewhere.example"}, "not accepted"),
    ],
)
def test_a_token_that_proves_nothing_exports_nothing(
    desk: Desk, changed: dict[str, Any], words: str, capfd: Any
) -> None:
    """An old token, one of another issuer, and the ID token of a sign-in are refused."""
    token = desk.sign("anne", "administrators", "store:export", **changed)
    given = ("--token-file", token, "--why", "retraining")
    assert desk.call("db", "export", desk.root / "out", *given) == 2
    assert words in capfd.readouterr().err
    assert not (desk.root / "out").exists()


def test_who_sees_some_areas_alone_exports_nothing(desk: Desk, capfd: Any) -> None:
    """An export is of the whole unit."""
    token = desk.sign("anne", "halton", "store:export")
    given = ("--token-file", token, "--why", "retraining")
    assert desk.call("db", "export", desk.root / "out", *given) == 2
    assert "every area" in capfd.readouterr().err


def test_an_import_is_in_the_name_of_the_token(desk: Desk, capfd: Any) -> None:
    """The lines of an import name who imports, and what for."""
    folder = write_rows(desk.root / "more", {"cases": [make_case("NEW")]}, synthetic=False)
    token = desk.sign("anne", "administrators", "store:import")
    assert desk.call("db", "import", folder, "--token-file", token) == 2
    assert "--why" in capfd.readouterr().err
    given = ("--token-file", token, "--why", "the nightly export of the force")
    assert desk.call("db", "import", folder, *given) == 0
    line = desk.lines()[-1]
    assert (line.person, line.operation) == ("SYN Anne", "collection")
    assert line.purpose == "the nightly export of the force"


def test_erasing_takes_two_people(desk: Desk, capfd: Any) -> None:
    """One administrator erases nothing; with a second person of another agency both are named."""
    anne = desk.sign("anne", "administrators", "store:erase")
    given = ("erase", "SYN-OPEN", "--why", "retention has ended", "--token-file", anne)
    assert desk.call(*given) == 2
    assert "a second person" in capfd.readouterr().err
    key = key_of(desk.store, "SYN-OPEN")
    ben = desk.sign("ben", "screeners", "store:erase")
    assert desk.call(*given, "--second-token-file", ben) == 0
    assert "backups made until today" in capfd.readouterr().err
    first, second = desk.lines()[-2:]
    assert (first.person, first.case_key, first.operation) == ("SYN Anne", key, "erasure")
    assert (second.person, second.case_key, second.operation) == ("SYN Ben", key, "erasure")


def test_the_audit_verbs_are_for_auditors_and_programs(desk: Desk, capfd: Any) -> None:
    """Who verifies the log or exports its heads is in the log; a screener does neither."""
    screener = desk.sign("dora", "screeners", "store:audit")
    auditor = desk.sign("eve", "auditors", "store:audit")
    program = desk.sign("importer", None, "store:audit")
    (desk.root / "heads").mkdir()
    for verb in (("audit", "verify"), ("audit", "export-head", desk.root / "heads")):
        assert desk.call(*verb, "--why", "spot check", "--token-file", screener) == 2
        for token in (auditor, program):
            assert desk.call(*verb, "--why", "spot check", "--token-file", token) == 0
    done = [(line.person, line.route) for line in desk.lines("looks") if line.done]
    routes = ("caselight audit verify", "caselight audit export-head")
    assert done == [(name, route) for route in routes for name in ("SYN Eve", "importer")]


def test_a_token_that_others_can_read_is_refused(desk: Desk, capfd: Any) -> None:
    """Both tokens are in files for their owner alone, or in the environment."""
    token = desk.sign("anne", "administrators", "store:export")
    token.chmod(0o640)
    given = ("--token-file", token, "--why", "retraining")
    assert desk.call("db", "export", desk.root / "out", *given) == 2
    assert "0600" in capfd.readouterr().err


def test_a_real_store_does_not_pass_for_a_demonstration(desk: Desk, capfd: Any) -> None:
    """Whoever can write in the database marks it synthetic, with the mark of another store or one
    of their own making; without the audit key it stays a real one, after an upgrade too.
    """
    other = make_mark(b"the key of another store, 32 bytes", desk.store.read_unit().made_at_us)
    for mark in (None, "", "0" * 64, other):
        with desk.store.writing() as writing:
            changed = unit.update().values(synthetic=True, synthetic_mark=mark)
            writing.connection.execute(changed)
        assert not desk.store.read_unit().synthetic
        assert desk.call("db", "export", desk.root / "out", "--people") == 2
        assert "the store holds real cases" in capfd.readouterr().err


def test_an_upgrade_marks_no_store_in_which_people_signed_in(desk: Desk) -> None:
    """A store without a mark that says synthetic is given none where the log has a line of somebody
    with a token, or does not cover the rows that are there.
    """
    token = desk.sign("anne", "scientists", "store:export")
    given = ("--token-file", token, "--why", "retraining")
    assert desk.call("db", "export", desk.root / "out", *given) == 0
    with desk.store.writing() as writing:
        writing.connection.execute(unit.update().values(synthetic=True, synthetic_mark=None))
    upgrade(desk.store)
    assert not desk.store.read_unit().synthetic


def test_an_upgrade_marks_no_store_whose_log_was_emptied(desk: Desk) -> None:
    """Whoever removes the log with who signed in leaves rows that no line covers."""
    with desk.store.writing() as writing:
        connection = writing.connection
        connection.execute(unit.update().values(synthetic=True, synthetic_mark=None))
        name = (
            "refuse_delete_audit_lines" if desk.store.is_sqlite else "refuse_delete ON audit_lines"
        )
        connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(audit_lines.delete())
        connection.execute(text("DELETE FROM audit_heads"))
    upgrade(desk.store)
    assert not desk.store.read_unit().synthetic


def test_an_older_demonstration_is_marked_once(store: Store) -> None:
    """A synthetic store of an earlier version, in which nobody signed in, stays a demonstration."""
    send(store, {"cases": [make_case("A")]})
    with store.writing() as writing:
        writing.connection.execute(unit.update().values(synthetic_mark=None))
    assert not store.read_unit().synthetic
    upgrade(store)
    assert store.read_unit().synthetic


def test_a_demonstration_needs_no_token(
    store: Store, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything works on invented cases without a provider; the chain says that nobody signed."""
    monkeypatch.delenv("CASELIGHT_TOKEN", raising=False)
    send(store, {"cases": [make_case("SYN-A")]})
    given = ["--store", address]
    assert run(["db", "export", str(tmp_path / "out"), "--person", "Robin", *given]) == 0
    assert run(["audit", "verify", *given]) == 0
    assert run(["erase", "SYN-A", "--why", "a trial", *given]) == 0
    with store.reading() as connection:
        query = select(audit_lines.c.person, audit_lines.c.subject, audit_lines.c.route)
        lines = connection.execute(query.where(audit_lines.c.book == "changes")).all()
    named = [(line.person, line.route) for line in lines if line.subject.startswith("unsigned:")]
    assert named[0] == ("Robin", "caselight db export")
