"""From what a trusted token says to who acts here: a person of a group, or a known program."""

from collections.abc import Mapping
from typing import Any, Final

import structlog

from serving.errors import ServiceError
from serving.identity.access_groups import AccessTable
from serving.identity.claims import read_client, read_scopes
from serving.persons import MACHINE, Person

MOST_NAME_CHARACTERS: Final = 100
_MOST_SUBJECT_CHARACTERS: Final = 255  # OpenID Connect Core 1.0, section 2
_log = structlog.get_logger("caselight.sign_in")


def tidy_name(name: str) -> str | None:
    """Return a name with single spaces; ``None`` if it is empty, too long or cannot be printed."""
    name = " ".join(name.split())
    return name if 0 < len(name) <= MOST_NAME_CHARACTERS and name.isprintable() else None


def identify_person(claims: Mapping[str, Any], access: AccessTable, issuer: str) -> Person:
    """Return the person whom a trusted token tells of.

    Raises
    ------
    ServiceError
        If no group of theirs has a role, or the token lacks their subject or name (403).
    """
    subject = _read_subject(claims, access, issuer)
    told = claims.get(access.name_claim)
    name = tidy_name(told) if isinstance(told, str) else None
    if name is None:
        raise _refuse(access, "name_claim")
    grant = access.find_grant(claims)
    if grant is None:
        raise _refuse(access, "groups_claim")
    return Person(name, grant.role, grant.agency, subject, grant.areas)


def identify_bearer(claims: Mapping[str, Any], access: AccessTable, issuer: str) -> Person:
    """Return who a trusted access token is of: a person where it names groups, else a program.

    Raises
    ------
    ServiceError
        If the file gives them no access (403).
    """
    if access.groups_claim in claims:
        return identify_person(claims, access, issuer)
    client = read_client(claims)
    grant = access.machines.get(client or "")
    # A person's token that names no groups was got through a client as well, but is not its own.
    if client is None or grant is None or claims.get("sub") != grant.subject:
        raise _refuse(access, "machines")
    scopes = read_scopes(claims)
    return Person(
        name=client,
        role=MACHINE,
        agency=grant.agency,
        subject=f"{issuer}|{grant.subject}",
        areas=grant.areas,
        scopes=scopes if grant.scopes is None else scopes & grant.scopes,
    )


def _read_subject(claims: Mapping[str, Any], access: AccessTable, issuer: str) -> str:
    told = claims.get(access.subject_claim)
    if not isinstance(told, str) or not 0 < len(told) <= _MOST_SUBJECT_CHARACTERS:
        raise _refuse(access, "subject_claim")
    if not told.isprintable():
        raise _refuse(access, "subject_claim")
    return f"{issuer}|{told}"


def _refuse(access: AccessTable, part: str) -> ServiceError:
    # For the administrator: which part of the access file gave nothing, and nothing of the person.
    _log.info("no_access", part_of_access_file=part)
    return ServiceError(
        "no_access", "this account has no access to Caselight", f"ask {access.contact}"
    )
