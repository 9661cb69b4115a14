"""The audit key: kept outside the database, so that who can write there cannot write the chain."""

import os
from pathlib import Path
from typing import Final

from features.errors import ConfigError
from serving.store.key_files import load_key_file

KEY_VARIABLE: Final = "CASELIGHT_AUDIT_KEY_FILE"
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
    named = os.environ.get(KEY_VARIABLE)
    if named:
        path, name = Path(named), KEY_VARIABLE
    elif database is not None:
        path, name = database.with_name(f"{database.name}.audit-key"), "the store's audit key"
    else:
        raise ConfigError(
            f"no audit key is named; set {KEY_VARIABLE} to a file that the database's own people "
            "cannot read, the same on every server; it is made where absent"
        )
    if begun and not path.exists():
        raise ConfigError(
            f"{name} is missing, and the store's audit log was written with it; {_BACKUP}"
        )
    return load_key_file(path, name, if_empty=_BACKUP)
