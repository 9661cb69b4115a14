"""Acting on a store from the command line: under a signed name, where its cases are real.

On a real store every verb that shows, writes or removes cases takes a token, its scope and a
purpose, and leaves a line in the audit chain. What is a real store is for
:mod:`serving.store.demonstration` to say, and for nothing here.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from caselight.actor import find_nobody, find_signed
from caselight.options import SECOND_TOKEN_VARIABLE, TOKEN_VARIABLE, need_address, open_named_store
from features.contract.json_text import is_storable
from features.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from serving.access.command_rules import CommandRule
    from serving.persons import Person
    from serving.settings import Settings
    from serving.store.current_act import Act
    from serving.store.database import Store, Unit

_MOST_PURPOSE_LETTERS = 2_000
"""As many as of every other reason that a person writes."""


@dataclass(frozen=True)
class Given:
    """What somebody gave on the command line to show who they are.

    Parameters
    ----------
    token_file, second_token_file
        Files of the tokens; those of the environment where absent.
    why
        What for.
    person
        Who acts, in words: for a demonstration store alone.
    """

    token_file: Path | None = None
    second_token_file: Path | None = None
    why: str | None = None
    person: str | None = None


@dataclass(frozen=True)
class StoreSession:
    """An open store and who acts on it.

    Parameters
    ----------
    settings, store, unit
        The settings, and the store that they name.
    acts
        The act of the person, and of the second one where there is one; each has its line.
    is_signed
        Whether a token names the person.
    """

    settings: "Settings"
    store: "Store"
    unit: "Unit"
    acts: Sequence["Act"]
    is_signed: bool

    @property
    def act(self) -> "Act":
        """The act of the person."""
        return self.acts[0]

    @property
    def person(self) -> "Person":
        """Who acts."""
        return self.act.person

    def note(self, *, recipient: str | None = None) -> None:
        """Write into the log of changes that each of the people acts, before anything is done."""
        from serving.store.current_act import acting

        with self.store.writing() as writing:
            for act in self.acts:
                with acting(act):
                    writing.note(recipient=recipient)

    def find_own(self, connection: "Connection", case_keys: Collection[str]) -> frozenset[str]:
        """Return those of some cases to which one of the people who act is a party: to them none of
        these is there. Where nobody signed in, no case.
        """
        from serving.access.parties import find_party_cases

        if not self.is_signed:
            return frozenset()
        return frozenset().union(
            *(find_party_cases(connection, act.person, case_keys) for act in self.acts)
        )

    def note_agreed(self, case_key: str) -> None:
        """Write into the log of changes that the second person agreed to what was done."""
        from serving.store.current_act import acting

        with acting(self.acts[1]), self.store.writing() as writing:
            writing.note(case_key=case_key)


@contextmanager
def open_session(
    address: str | None,
    rule: "CommandRule",
    given: Given,
    *,
    further: tuple[str, ...] = (),
    agreed: str | None = None,
    any_key: bool = False,
    now: str | None = None,
) -> Iterator[StoreSession]:
    """Open a store and say who acts on it; everything within the block is that person's act.

    Parameters
    ----------
    address
        The store's; the environment's where absent.
    rule
        The verb's.
    given
        What was given to show who acts.
    further
        Scopes that the token must say beside the rule's.
    agreed
        The scope with which a second person must agree, where one must.
    any_key
        Whether a store whose audit key is not the one at hand is opened all the same.
    now
        Moment at which a synthetic store lives.

    Raises
    ------
    CaselightError
        If the store cannot be used, or nobody may act; a refusal of somebody who is known stands in
        the access log.
    """
    from serving.settings import make_settings
    from serving.store.current_act import acting
    from serving.store_opening import live_at

    opened = open_named_store(address, any_key=any_key)
    try:
        settings = make_settings(database_url=need_address(address))
        unit = opened.read_unit()
        opened = live_at(opened, unit, now)
        acts, is_signed = _find_acts(settings, opened, unit, rule, given, further, agreed)
        with acting(acts[0]):
            yield StoreSession(settings, opened, unit, acts, is_signed)
    finally:
        opened.close()


def _find_acts(
    settings: "Settings",
    store: "Store",
    unit: "Unit",
    rule: "CommandRule",
    given: Given,
    further: tuple[str, ...],
    agreed: str | None,
) -> "tuple[Sequence[Act], bool]":
    from serving.access.command_rules import check_command, check_second
    from serving.store.current_act import Act, acting

    signed = find_signed(settings, given.token_file, TOKEN_VARIABLE, "--token-file")
    purpose = _read_purpose(given.why)
    if signed is None:
        if not unit.synthetic:
            raise ConfigError(
                f"the store holds real cases: `{rule.route}` takes a token that says {rule.scope}; "
                f"name a file with it by --token-file, or set {TOKEN_VARIABLE}"
            )
        nobody = replace(
            find_nobody(unit).person, name=given.person or find_nobody(unit).person.name
        )
        return (Act(nobody, rule.operation, rule.route, purpose=purpose),), False
    person, scopes = signed
    act = Act(person, rule.operation, rule.route, purpose=purpose)
    try:
        if given.person is not None:
            raise ConfigError("the token says who acts; leave --person out")
        check_command(rule, person, scopes, further)
        if purpose is None:
            raise ConfigError("say what for with --why; it stands in the audit chain")
        if agreed is None:
            return (act,), True
        second = find_signed(
            settings, given.second_token_file, SECOND_TOKEN_VARIABLE, "--second-token-file"
        )
        if second is None:
            raise ConfigError(
                f"this takes a second person, of another agency, whose token says {agreed}; name a "
                f"file with it by --second-token-file, or set {SECOND_TOKEN_VARIABLE}"
            )
        check_second(rule, person, second[0], second[1], agreed)
    except ConfigError:
        with acting(act):
            store.look(done=False)
        raise
    return _name_both(act, second[0]), True


def _name_both(act: "Act", second: "Person") -> "tuple[Act, Act]":
    """Return the act of each of two people, whose purpose names the other."""
    first = act.person
    return (
        replace(act, purpose=f"{act.purpose} [agreed by {second.in_full}, {second.subject}]"),
        replace(
            act,
            person=second,
            purpose=f"{act.purpose} [agreed to, for {first.in_full}, {first.subject}]",
        ),
    )


def _read_purpose(why: str | None) -> str | None:
    if why is None:
        return None
    if not why.strip() or len(why) > _MOST_PURPOSE_LETTERS or not is_storable(why):
        raise ConfigError(
            f"write what for in 1 to {_MOST_PURPOSE_LETTERS:,} letters, without control characters"
        )
    return why.strip()
