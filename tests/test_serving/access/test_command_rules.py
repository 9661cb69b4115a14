"""Every verb that acts on a real store takes a token, its scope, a role and a purpose.

The verbs are read from the command line's own parser: one that is added later has to be signed as
well, or be listed here with why it need not.
"""

import os
import re
import shutil
from pathlib import Path
from typing import Any, Final

import pytest
import typer
from sqlalchemy import text

from caselight.__main__ import app
from serving.access import command_rules
from serving.access.command_rules import CommandRule
from serving.oversight.access_log import EntryFilter, read_lines
from serving.oversight.line_sight import find_line_sight
from serving.persons import MACHINE, Person
from serving.store.audit_books import check_key
from serving.store.audit_lines import BOOKS, CHANGES
from serving.store.database import open_store
from tests.test_serving.issuers import CLIENT
from tests.test_serving.sent_rows import key_of, make_case, send
from tests.test_serving.signed_desk import Desk

UNSIGNED: Final = {
    "db upgrade": "makes the schema, and neither stores a record nor shows one",
    "db check": "says by table and place what is not as it should be, and shows no record",
    "serve": "is the service itself, to which people sign in",
    "train": "reads nothing of the store: it only need not be told where one decides",
}
"""Verbs that take the address of a store and no token, and why."""
ROLE_GROUPS: Final = {
    "data_scientist": "scientists",
    "administrator": "administrators",
    "auditor": "auditors",
    "reviewer": "reviewers",
    "screener": "screeners",
}
RULES: Final = {
    rule.route: rule for rule in vars(command_rules).values() if isinstance(rule, CommandRule)
}


def list_verbs(command: Any = None, before: str = "") -> dict[str, Any]:
    """Return every verb of the parser, by its words."""
    inner = getattr(command or typer.main.get_command(app), "commands", None)
    if inner is None:
        return {before: command}
    found: dict[str, Any] = {}
    for name, one in inner.items():
        found |= list_verbs(one, f"{before} {name}".strip())
    return found


def list_signed() -> list[str]:
    """Return the verbs that take the address of a store and have to be signed."""
    named = [
        verb
        for verb, command in list_verbs().items()
        if any(one.name == "store" for one in command.params)
    ]
    return sorted(set(named) - UNSIGNED.keys())


def write_words(verb: str, root: Path, *, without: str = "") -> list[str]:
    """Return a call of a verb: whatever it cannot do without, and a purpose where it takes one."""
    words = verb.split()
    for one in list_verbs()[verb].params:
        if one.name in ("store", without) or not (one.required or one.name == "why"):
            continue
        # A folder that is there: whatever else is wanted is looked at once somebody may act.
        words += [*(name for name in one.opts[:1] if name.startswith("-")), str(root / "unit")]
    return words


def find_rule(verb: str) -> CommandRule:
    return RULES[f"caselight {verb}"]


@pytest.fixture
def folder(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the desk's folder, with what verbs are given to read and write."""
    (desk.root / "unit").mkdir()
    monkeypatch.setenv("CASELIGHT_MODELS_DIR", str(desk.root / "unit"))
    return desk.root


def test_the_parser_has_the_verbs_of_the_rules() -> None:
    """Every verb that names a store has its rule or its reason, and no rule is of no verb."""
    assert {f"caselight {verb}" for verb in list_signed()} == RULES.keys()
    assert UNSIGNED.keys() <= list_verbs().keys()


@pytest.mark.parametrize("verb", list_signed())
def test_no_verb_acts_on_real_cases_without_a_name(
    desk: Desk, folder: Path, verb: str, capfd: Any
) -> None:
    """Without a token, with the ID token of a sign-in, or with another scope, role or no purpose,
    nothing is done: the log of changes is as it was, and each refusal of somebody who is known is
    in the access log under the verb's own name.
    """
    rule, before = find_rule(verb), desk.lines()
    words = write_words(verb, folder)
    role = next(one for one in rule.roles if one != MACHINE)
    group, other = (ROLE_GROUPS[one] for one in (role, find_other_role(rule)))
    tries = [
        (words, None, "the store holds real cases"),
        (words, desk.sign("anne", group, rule.scope, aud=CLIENT), "not accepted"),
        (words, desk.sign("anne", "strangers", rule.scope), "no access"),
        (words, desk.sign("anne", group, "openid store:other"), f"does not say {rule.scope}"),
        (words, desk.sign("anne", other, rule.scope), f"does not use `{rule.route}`"),
    ]
    if not next(one for one in list_verbs()[verb].params if one.name == "why").required:
        bare = write_words(verb, folder, without="why")
        tries.append((bare, desk.sign("anne", group, rule.scope), "--why"))
    for given, token, told in tries:
        more = () if token is None else ("--token-file", token)
        assert desk.call(*given, *more) == 2, told
        assert told in capfd.readouterr().err
    assert desk.lines() == before
    looks = [(line.person, line.route, line.done) for line in desk.lines("looks")]
    assert looks == [("SYN Anne", rule.route, False)] * (len(tries) - 3)
    assert key_of(desk.store, "SYN-OPEN")
    assert list((folder / "unit").iterdir()) == []


def find_other_role(rule: CommandRule) -> str:
    """Return a role that may not use a verb."""
    return next(role for role in reversed(ROLE_GROUPS) if role not in rule.roles)


@pytest.fixture
def own_key(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the audit key that is the desk's alone, since its key is changed."""
    shared = Path(os.environ["CASELIGHT_AUDIT_KEY_FILE"])
    own = desk.root / "own.key"
    shutil.copy(shared, own)
    monkeypatch.setenv("CASELIGHT_AUDIT_KEY_FILE", str(own))
    return own


def test_each_audit_verb_does_its_work_from_the_command_line(
    desk: Desk, own_key: Path, capfd: Any
) -> None:
    """Heads are exported, the restore is noted, the key is changed, and the log still holds against
    the heads; each is a line of who did it.
    """
    heads = desk.root / "heads"
    heads.mkdir()
    why = ("--why", "the drill of the autumn", "--token-file")
    auditor = desk.sign("eve", "auditors", "store:audit")
    keeper = desk.sign("anne", "administrators", "store:audit-key")
    assert desk.call("audit", "export-head", heads, *why, auditor) == 0
    assert len(capfd.readouterr().out.splitlines()) == len(list(heads.iterdir())) == len(BOOKS)
    assert desk.call("audit", "export-head", heads, *why, auditor) == 0
    assert desk.call("audit", "restored", *why, keeper) == 0
    assert "an entry of both logs" in capfd.readouterr().err
    before = own_key.read_bytes()
    assert desk.call("audit", "change-key", *why, keeper) == 0
    assert own_key.read_bytes() != before
    assert desk.call("audit", "verify", "--heads", heads, *why, auditor) == 0
    told = capfd.readouterr().err
    assert "the audit log is intact" in told
    assert "restored from a backup" in told
    restored, handed_over, begun = desk.lines()[-3:]
    assert {one.person for one in (restored, handed_over, begun)} == {"SYN Anne"}
    assert (restored.route, handed_over.route) == (
        "caselight audit restored",
        "caselight audit change-key",
    )
    assert restored.purpose == "the drill of the autumn"
    opened = open_store(desk.address)
    with opened.reading() as connection:
        check_key(connection, opened.audit_key, CHANGES)
    opened.close()
    assert opened.audit_key != desk.store.audit_key


def verify(desk: Desk, name: str, capfd: Any) -> tuple[int, list[str]]:
    """Verify the log as an auditor; return the exit code, and what is printed."""
    token = desk.sign(name, "auditors", "store:audit")
    capfd.readouterr()
    code = desk.call("audit", "verify", "--why", "spot check", "--token-file", token)
    told = capfd.readouterr()
    return code, [one for one in (told.out + told.err).splitlines() if not one.startswith("{")]


def count_told(desk: Desk, name: str) -> dict[str, int]:
    """Return how many lines of each log an auditor reads on the pages."""
    person = Person(f"SYN {name.title()}", "auditor", "unit", f"{desk.issuer.address}|{name}")
    return {
        book: read_lines(
            desk.store, EntryFilter(book, size=1), find_line_sight(desk.store, book, person)
        )
        .items[0]
        .number
        for book in BOOKS
    }


def test_a_party_verifies_the_log_and_is_told_nothing_of_their_case(desk: Desk, capfd: Any) -> None:
    """An auditor who is tied to a case is told at the command line as many lines as on the pages,
    and nothing that is wrong with the lines of that case but that something is; all lines are
    verified, and another auditor is told which.
    """
    send(desk.store, {"cases": [make_case("SYN-OWN", area="Halton")]})
    desk.tie("SYN-OWN", "eve")
    whole = {book: len(desk.lines(book)) for book in BOOKS}
    code, told = verify(desk, "eve", capfd)
    own = count_told(desk, "eve")
    assert code == 0
    assert own["changes"] < whole["changes"]
    assert f"changes: {own['changes']:,} lines, 0 faults" in told
    assert f"changes: {whole['changes']:,} lines, 0 faults" in verify(desk, "mia", capfd)[1]
    tamper(desk, "SYN-OWN")
    code, told = verify(desk, "eve", capfd)
    assert code == 1
    said = " ".join(told)
    assert not re.search(r"\b(row|cases|events)\b", said)
    assert "have somebody else verify it" in said
    assert not any(f"line {number:,}" in said for number in find_hidden(desk, "eve"))
    code, told = verify(desk, "mia", capfd)
    assert code == 1
    assert any("of cases was changed" in one for one in told)


def find_hidden(desk: Desk, name: str) -> tuple[int, ...]:
    person = Person(f"SYN {name.title()}", "auditor", "unit", f"{desk.issuer.address}|{name}")
    return find_line_sight(desk.store, CHANGES, person).hidden


def tamper(desk: Desk, case_id: str) -> None:
    """Change a row of a case past the service."""
    key = key_of(desk.store, case_id)
    with desk.store.writing() as writing:
        drop = "refuse_update_cases" if desk.store.is_sqlite else "refuse_update ON cases"
        writing.connection.execute(text(f"DROP TRIGGER {drop}"))
        writing.connection.execute(
            text("UPDATE cases SET area = 'elsewhere' WHERE case_key = :key"), {"key": key}
        )


def test_others_are_named_for_a_sealed_case_under_a_signed_name(desk: Desk, capfd: Any) -> None:
    """The line names who did it and what for; an administrator neither names themselves, nor
    somebody who never came, and to a party the case is not there.
    """
    people = ("--person", f"{desk.issuer.address}|ben", "--person", f"{desk.issuer.address}|mia")
    for name in ("ben", "mia"):  # who came before
        verify(desk, name, capfd)
    why = ("--why", "all who were named have left")
    anne = ("--token-file", desk.sign("anne", "administrators", "store:seal"))
    own = ("--person", f"{desk.issuer.address}|anne")
    assert desk.call("seal", "SEALED", *people, *own, *why, *anne) == 2
    assert "sees no case by it" in capfd.readouterr().err
    ghost = ("--person", f"{desk.issuer.address}|nobody")
    assert desk.call("seal", "SEALED", *people, *ghost, *why, *anne) == 2
    before = desk.lines()
    assert desk.call("seal", "SEALED", *people, *why, *anne) == 0
    (line,) = desk.lines()[len(before) :]
    assert (line.person, line.route) == ("SYN Anne", "caselight seal")
    assert (line.purpose, line.case_key) == (why[1], key_of(desk.store, "SEALED"))
    desk.tie("SEALED", "cleo")
    cleo = ("--token-file", desk.sign("cleo", "administrators", "store:seal"))
    told = []
    for case in ("SEALED", "NONE"):
        capfd.readouterr()
        assert desk.call("seal", case, *people, *why, *cleo) == 2
        told.append(capfd.readouterr().err)
    assert told[0] == told[1]
