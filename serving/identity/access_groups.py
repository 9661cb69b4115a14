"""Who may what: groups of the organisation, programs, and what each of them is here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from pydantic import AfterValidator

from features.contract.yaml_file import (
    Entry,
    Found,
    Plain,
    Section,
    Several,
    Text,
    as_list,
    one_of,
    written_as,
)
from serving.persons import AGENCIES, ROLES

ALL: Final = "all"
DEFAULT_CONTACT: Final = "whoever looks after access to Caselight in your organisation"
MOST_AREA_CHARACTERS: Final = 2_000
"""Characters of all areas of one entry: they travel in a cookie, which holds four kilobytes."""
_MOST_CHARACTERS: Final = 200


def _check_short(text: str) -> str:
    if len(text) > _MOST_CHARACTERS or not text.isprintable():
        raise ValueError(f"write at most {_MOST_CHARACTERS} characters that can be printed")
    return text


def _check_words(words: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(words)) < len(words):
        raise ValueError("a value stands twice; keep one")
    return words


def _check_areas(areas: frozenset[str]) -> frozenset[str] | None:
    if areas == {ALL}:
        return None
    if ALL in areas:
        raise ValueError(f"'{ALL}' stands alone; leave the other areas out, or leave it out")
    if sum(len(area) for area in areas) > MOST_AREA_CHARACTERS:
        raise ValueError(
            f"the areas together have more than {MOST_AREA_CHARACTERS:,} characters; write {ALL}"
        )
    return areas


Short = Annotated[Text, AfterValidator(_check_short)]
Words = Annotated[
    frozenset[str],
    written_as(
        Annotated[Several[Short], AfterValidator(_check_words)], lambda words, _: frozenset(words)
    ),
]
Areas = Annotated[frozenset[str] | None, written_as(Words, lambda areas, _: _check_areas(areas))]
Role = Annotated[Text, one_of(ROLES)]
Agency = Annotated[Text, one_of(AGENCIES)]


@dataclass(frozen=True)
class Grant(Entry):
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

    groups: Words
    role: Role
    agency: Agency
    areas: Areas


@dataclass(frozen=True)
class MachineGrant(Entry):
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

    client: Short
    subject: Short
    agency: Agency
    areas: Areas
    scopes: Words | None = None

    @classmethod
    def reshape(cls, section: Section) -> Section:
        """Take the client for the subject where the file names none."""
        return {"subject": section.get("client", "none"), **section}


def _walk_items(items: Plain, key: str) -> Iterator[tuple[int, frozenset[str]]]:
    """Return the texts under a key of each entry of a list, whatever else is wrong with it."""
    for number, item in enumerate(items if isinstance(items, list) else []):
        texts = as_list(item.get(key)) if isinstance(item, dict) else None
        yield number, frozenset(one for one in texts or () if isinstance(one, str))


def _find_unreached(people: Plain) -> Iterator[Found]:
    above: frozenset[str] = frozenset()
    for number, groups in _walk_items(people, "groups"):
        # The first entry that matches applies (ADR 17), so that this one never can.
        if groups and groups <= above:
            path = ("people", number, "groups")
            yield path, "never reached: every group of it has a role above"
        above |= groups


def _find_repeats(machines: Plain) -> Iterator[Found]:
    above: frozenset[str] = frozenset()
    for number, client in _walk_items(machines, "client"):
        if client & above:
            yield ("machines", number, "client"), "this client stands above; keep one"
        above |= client


def _check_grants(grants: tuple[Grant, ...]) -> tuple[Grant, ...]:
    if not grants:
        raise ValueError("nobody could sign in; give at least one group a role")
    return grants


@dataclass(frozen=True)
class AccessTable(Entry, grants="people"):
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

    grants: Annotated[tuple[Grant, ...], AfterValidator(_check_grants)]
    machines: Annotated[
        Mapping[str, MachineGrant],
        written_as(tuple[MachineGrant, ...], lambda found, _: {one.client: one for one in found}),
    ] = field(default_factory=dict)
    groups_claim: Short = "groups"
    subject_claim: Short = "sub"
    name_claim: Short = "name"
    contact: Short = DEFAULT_CONTACT

    @classmethod
    def find_problems(cls, section: Section, context: Any) -> Iterator[Found]:
        """Return entries that an earlier one leaves without effect."""
        yield from _find_unreached(section.get("people", []))
        yield from _find_repeats(section.get("machines", []))

    def find_grant(self, claims: Mapping[str, Any]) -> Grant | None:
        """Return the first grant that one of a person's groups has; ``None`` where none has."""
        groups = read_texts(claims.get(self.groups_claim))
        return next((grant for grant in self.grants if grant.groups & groups), None)


def read_texts(value: object) -> frozenset[str]:
    """Return the texts of a claim that holds one or a list of them; what is no text is left out."""
    values = value if isinstance(value, list) else [value]
    return frozenset(one for one in values if isinstance(one, str))
