"""Who may do what to a real store from the command line, and what their token must say for it.

As for routes, one table: a role of the access file and a scope of the token must agree. What gets
round seals and handling marks, or cannot be undone, takes a second person of another agency.
"""

from dataclasses import dataclass
from typing import Final

from features.errors import ConfigError
from serving.access.roles import ADMINISTRATOR, DECIDERS
from serving.access.route_rules import AUDITOR, DATA_SCIENTIST, READERS
from serving.persons import MACHINE, Person
from serving.store.audit_books import HANDED_OVER, RESTORED
from serving.store.current_act import Operation


@dataclass(frozen=True)
class CommandRule:
    """Who may use a verb of the command line on a real store.

    Parameters
    ----------
    route
        The verb, as the audit chain calls it.
    roles
        Roles of those who may.
    scope
        What the token must say.
    operation
        What the audit chain calls it.
    whole_unit
        Whether it is for those alone who see every area.
    """

    route: str
    roles: tuple[str, ...]
    scope: str
    operation: Operation
    whole_unit: bool = True


EXPORT: Final = CommandRule(
    "caselight db export", (ADMINISTRATOR, DATA_SCIENTIST), "store:export", "disclosure"
)
EXPORT_PERSON: Final = CommandRule(
    "caselight db export", (ADMINISTRATOR,), "store:export", "disclosure"
)
"""Of an export of what concerns one person: who asked for it is known to administrators alone."""
IMPORT: Final = CommandRule("caselight db import", (ADMINISTRATOR,), "store:import", "collection")
REPLAY: Final = CommandRule(
    "caselight replay", READERS, "store:replay", "consultation", whole_unit=False
)
ERASE: Final = CommandRule("caselight erase", (ADMINISTRATOR,), "store:erase", "erasure")
# A program may verify the log and export its heads every night: neither shows anything of a case.
VERIFY: Final = CommandRule(
    "caselight audit verify", (AUDITOR, ADMINISTRATOR, MACHINE), "store:audit", "consultation"
)
EXPORT_HEAD: Final = CommandRule(
    "caselight audit export-head", (AUDITOR, ADMINISTRATOR, MACHINE), "store:audit", "consultation"
)
CHANGE_KEY: Final = CommandRule(HANDED_OVER, (ADMINISTRATOR,), "store:audit-key", "alteration")
RESTORE: Final = CommandRule(RESTORED, (ADMINISTRATOR,), "store:audit-key", "alteration")
SEAL: Final = CommandRule("caselight seal", (ADMINISTRATOR,), "store:seal", "alteration")
# Which of these roles takes which step of a promotion is for serving.promotions.rights to say.
_PROMOTERS: Final = (DATA_SCIENTIST, ADMINISTRATOR, "reviewer")
PROMOTE: Final = CommandRule(
    "caselight promote", _PROMOTERS, "store:promote", "alteration", whole_unit=False
)
FLAGS: Final = CommandRule(
    "caselight flags", _PROMOTERS, "store:flags", "alteration", whole_unit=False
)
ROLLBACK: Final = CommandRule(
    "caselight rollback", (*_PROMOTERS, "duty"), "store:rollback", "alteration", whole_unit=False
)
PEOPLE_SCOPE: Final = "store:people"
"""What the token must say beside the scope of the export, for the table of people."""
EVERYTHING_SCOPE: Final = "store:everything"
"""What both tokens must say for sealed cases and records that are kept apart."""
SECONDS: Final = (*DECIDERS, AUDITOR, ADMINISTRATOR)
"""Roles of the second person."""


def check_command(
    rule: CommandRule, person: Person, scopes: frozenset[str], further: tuple[str, ...] = ()
) -> None:
    """Check that somebody may use a verb.

    Parameters
    ----------
    rule
        The verb's.
    person, scopes
        Whom the token names, and what it says that it is for.
    further
        Scopes that are needed beside the rule's.

    Raises
    ------
    ConfigError
        If they may not.
    """
    if person.role not in rule.roles:
        allowed = ", ".join(role.replace("_", " ") for role in rule.roles)
        raise ConfigError(
            f"the role {person.role.replace('_', ' ')} does not use `{rule.route}`; "
            f"it is for {allowed}"
        )
    if rule.whole_unit and person.areas is not None:
        raise ConfigError(
            f"`{rule.route}` is about the whole unit; it takes somebody who sees every area"
        )
    _check_scopes(rule, scopes, (rule.scope, *further))


def check_second(
    rule: CommandRule,
    first: Person,
    second: Person,
    scopes: frozenset[str],
    needed: str,
) -> None:
    """Check that a second person stands beside the first: somebody else, of another agency.

    Parameters
    ----------
    rule
        The verb's.
    first, second
        Who acts, and who agrees.
    scopes
        What the second token says that it is for.
    needed
        The scope that the second token must say.

    Raises
    ------
    ConfigError
        If the two are one person or of one agency, or the second may not agree to it.
    """
    if second.subject == first.subject:
        raise ConfigError("the second token is the same person's; another person must agree")
    if second.agency == first.agency:
        raise ConfigError("both people are of one agency; somebody of another agency must agree")
    if second.role not in SECONDS:
        raise ConfigError(
            f"the role {second.role.replace('_', ' ')} does not agree to `{rule.route}`; ask "
            + ", ".join(SECONDS)
        )
    _check_scopes(rule, scopes, (needed,))


def _check_scopes(rule: CommandRule, scopes: frozenset[str], needed: tuple[str, ...]) -> None:
    missing = [scope for scope in needed if scope not in scopes]
    if missing:
        raise ConfigError(
            f"the token does not say {' '.join(missing)}, which `{rule.route}` needs; fetch one "
            "from your organisation's provider with that scope"
        )
