"""Who may what: groups of the organisation, programs, and what each of them is here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

DEFAULT_CONTACT: Final = "whoever looks after access to Caselight in your organisation"


@dataclass(frozen=True)
class Grant:
    """What the people of some groups are here.

    Parameters
    ----------
    groups
        Values of the claim of groups; one of them is enough.
    role
        One of ``serving.persons.ROLES``.
    agency
        One of ``serving.persons.AGENCIES``.
    areas
        Areas whose cases they may see; ``None`` for every area.
    """

    groups: frozenset[str]
    role: str
    agency: str
    areas: frozenset[str] | None


@dataclass(frozen=True)
class MachineGrant:
    """What one program is here.

    Parameters
    ----------
    client
        What the provider calls it.
    subject
        What its tokens have as ``sub``; a person's token got through the same client has another.
    agency, areas
        As for people.
    scopes
        What it may do at most, whatever its tokens say; ``None`` for what they say.
    """

    client: str
    subject: str
    agency: str
    areas: frozenset[str] | None
    scopes: frozenset[str] | None = None


@dataclass(frozen=True)
class AccessTable:
    """Who may what, and in which claims of a token it stands.

    Parameters
    ----------
    grants
        In the file's order; the first that matches holds.
    machines
        By client.
    groups_claim, subject_claim, name_claim
        Names of claims.
    contact
        Whom a person without access is told to ask: a function, no name.
    """

    grants: tuple[Grant, ...]
    machines: Mapping[str, MachineGrant] = field(default_factory=dict)
    groups_claim: str = "groups"
    subject_claim: str = "sub"
    name_claim: str = "name"
    contact: str = DEFAULT_CONTACT

    def find_grant(self, claims: Mapping[str, Any]) -> Grant | None:
        """Return the first grant that one of a person's groups has; ``None`` where none has."""
        groups = read_texts(claims.get(self.groups_claim))
        return next((grant for grant in self.grants if grant.groups & groups), None)


def read_texts(value: object) -> frozenset[str]:
    """Return the texts of a claim that holds one or a list of them; what is no text is left out."""
    values = value if isinstance(value, list) else [value]
    return frozenset(one for one in values if isinstance(one, str))
