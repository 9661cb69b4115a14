"""The audit key: kept outside the database, so that who can write there cannot write the chain."""

import glob
import os
import re
from pathlib import Path
from typing import Final

from features.errors import ConfigError
from serving.store.key_files import load_key_file

KEY_VARIABLE: Final = "CASELIGHT_AUDIT_KEY_FILE"
NEXT: Final = "next"
"""What the name of the file ends in that holds the next key while it is changed."""
_OTHER: Final = re.compile(rf"{NEXT}|[0-9a-f]{{16}}\.old")
_BACKUP: Final = "put it back from its backup"


def find_audit_key(database: Path | None, *, begun: bool) -> bytes:
    """Return the audit key: of the file that the environment names, or of the one beside SQLite's.

    Parameters
    ----------
    database
        SQLite's file; ``None`` for a database on a server.
    begun
        Whether the store has logs: then a key that is missing is lost, and none is made.

    Raises
    ------
    ConfigError
        If the key is missing and may not be made, or its file cannot be used.
    """
    path, name = find_key_file(database)
    if begun and not path.exists():
        raise ConfigError(
            f"{name} is missing, and the store's audit log was written with it; {_BACKUP}"
        )
    return load_key_file(path, name, if_empty=_BACKUP)


def find_key_file(database: Path | None) -> tuple[Path, str]:
    """Return the file of the audit key and what it is called in errors.

    Raises
    ------
    ConfigError
        If none is named for a database on a server.
    """
    named = os.environ.get(KEY_VARIABLE)
    if named:
        return Path(named), KEY_VARIABLE
    if database is not None:
        return database.with_name(f"{database.name}.audit-key"), "the store's audit key"
    raise ConfigError(
        f"no audit key is named; set {KEY_VARIABLE} to a file that the database's own people "
        "cannot read, the same on every server; it is made where absent"
    )


def load_other_keys(database: Path | None) -> tuple[bytes, ...]:
    """Return the keys that are kept beside the audit key: those from before, and one that comes.

    Their files have the key's name, a dot and a name of their own.

    Raises
    ------
    ConfigError
        If one of them cannot be used, or others could read it.
    """
    path, name = find_key_file(database)
    there = sorted(path.parent.glob(f"{glob.escape(path.name)}.*"))
    # A file that another process is about to put in its place is no key yet.
    known = [one for one in there if _OTHER.fullmatch(one.name.removeprefix(f"{path.name}."))]
    return tuple(load_key_file(one, f"{name}, {one.name},", if_empty=_BACKUP) for one in known)
