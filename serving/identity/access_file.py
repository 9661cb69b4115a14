"""Reading and checking the file that says who may what: all problems together, with their lines."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from features.contract.yaml_file import Entry, read_yaml
from features.errors import CatalogueError, ConfigError
from serving.identity.groups import DEFAULT_CONTACT, AccessTable, Grant, MachineGrant
from serving.persons import AGENCIES, ROLES

FORMAT_VERSION: Final = "1"
ALL: Final = "all"
MOST_AREA_CHARACTERS: Final = 2_000
"""Characters of all areas of one entry: they travel in a cookie, which holds four kilobytes."""
_CLAIMS: Final = {"groups_claim": "groups", "subject_claim": "sub", "name_claim": "name"}
_KEYS: Final = ("version", *_CLAIMS, "contact", "people", "machines")
_MOST_CHARACTERS: Final = 200


def load_access_file(path: Path) -> AccessTable:
    """Read who may what.

    Raises
    ------
    ConfigError
        If there is no such file.
    CatalogueError
        If it does not pass its check; every problem is told, with its line.
    """
    try:
        content = path.read_bytes()
    except OSError:
        raise ConfigError(
            "access_file cannot be read; name the YAML file of who may what"
        ) from None
    return parse_access_file(content, path.name)


def parse_access_file(content: bytes, name: str) -> AccessTable:
    """Read who may what from a file's bytes.

    Parameters
    ----------
    content
        The YAML file, UTF-8.
    name
        The file's name for messages.

    Raises
    ------
    CatalogueError
        With every problem found, in line order.
    """
    root = read_yaml(content, name)
    keys = root.mapping(_KEYS, ("version", "people"))
    if "version" in keys and keys["version"].text() != FORMAT_VERSION:
        keys["version"].complain(f"this service reads version {FORMAT_VERSION}")
    claims = {key: _read_short(keys, key, usual) for key, usual in _CLAIMS.items()}
    table = AccessTable(
        grants=_read_grants(keys["people"]) if "people" in keys else (),
        machines=_read_machines(keys["machines"]) if "machines" in keys else {},
        contact=_read_short(keys, "contact", DEFAULT_CONTACT),
        **claims,
    )
    if root.problems:
        raise CatalogueError(name, tuple(root.problems))
    return table


def _read_grants(entry: Entry) -> tuple[Grant, ...]:
    items = entry.items()
    if not items and not entry.problems:
        entry.complain("nobody could sign in; give at least one group a role")
    grants: list[Grant] = []
    above: set[str] = set()
    for item in items:
        required = ("groups", "role", "agency", "areas")
        keys = item.mapping(required, required)
        groups = _read_words(keys["groups"]) if "groups" in keys else frozenset()
        if groups and groups <= above:
            keys["groups"].complain("never reached: every group of it has a role above")
        above |= groups
        grants.append(
            Grant(
                groups=groups,
                role=keys["role"].choice(ROLES) if "role" in keys else "",
                agency=_read_agency(keys),
                areas=_read_areas(keys),
            )
        )
    return tuple(grants)


def _read_machines(entry: Entry) -> dict[str, MachineGrant]:
    machines: dict[str, MachineGrant] = {}
    for item in entry.items():
        required = ("client", "agency", "areas")
        keys = item.mapping((*required, "subject", "scopes"), required)
        client = _read_short(keys, "client", "")
        if client in machines:
            keys["client"].complain("this client stands above; keep one")
        machines[client] = MachineGrant(
            client=client,
            subject=_read_short(keys, "subject", client),
            agency=_read_agency(keys),
            areas=_read_areas(keys),
            scopes=_read_words(keys["scopes"]) if "scopes" in keys else None,
        )
    return machines


def _read_agency(keys: Mapping[str, Entry]) -> str:
    return keys["agency"].choice(AGENCIES) if "agency" in keys else ""


def _read_areas(keys: Mapping[str, Entry]) -> frozenset[str] | None:
    if "areas" not in keys:
        return frozenset()
    entry = keys["areas"]
    areas = _read_words(entry)
    if areas == {ALL}:
        return None
    if ALL in areas:
        entry.complain("'all' stands alone; leave the other areas out, or leave it out")
    if sum(len(area) for area in areas) > MOST_AREA_CHARACTERS:
        entry.complain(
            f"the areas together have more than {MOST_AREA_CHARACTERS:,} characters; write all"
        )
    return areas


def _read_words(entry: Entry) -> frozenset[str]:
    words = entry.texts()
    for word in words:
        _check(entry, word)
    if len(set(words)) < len(words):
        entry.complain("a value stands twice; keep one")
    return frozenset(words)


def _read_short(keys: Mapping[str, Entry], name: str, usual: str) -> str:
    if name not in keys:
        return usual
    text = keys[name].text()
    _check(keys[name], text)
    return text


def _check(entry: Entry, text: str) -> None:
    if len(text) > _MOST_CHARACTERS or not text.isprintable():
        entry.complain(f"write at most {_MOST_CHARACTERS} characters that can be printed")
