"""Reading and checking the file that says who may what: all problems together, with their lines."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from features.contract.yaml_file import Entry, read_content, read_yaml, version
from serving.identity.access_groups import AccessTable


@dataclass(frozen=True)
class _AccessFile(Entry, table=AccessTable):
    version: Annotated[int, version(1)]
    table: AccessTable


def load_access_file(path: Path) -> AccessTable:
    """Read who may what.

    Raises
    ------
    ConfigError
        If there is no such file.
    CatalogueError
        If it does not pass its check; every problem is told, with its line.
    """
    absent = "access_file cannot be read; name the YAML file of who may what"
    return parse_access_file(read_content(path, absent), path.name)


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
    return read_yaml(content, name, _AccessFile).table
