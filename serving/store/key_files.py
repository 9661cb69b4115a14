"""Files that hold a key: read where they are the owner's alone, and made whole in one step."""

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from features.errors import ConfigError

KEY_BYTES: Final = 32


def load_key_file(path: Path, name: str, *, if_empty: str = "remove it and start again") -> bytes:
    """Return the key in a file; the file is made with mode 0600 where it is absent.

    Of several processes that start at once one makes it, and all of them return the same key.

    Parameters
    ----------
    path
        The file, in a folder that is there.
    name
        What it is called in errors, such as the setting that names it.
    if_empty
        The remedy where it holds no key.

    Raises
    ------
    ConfigError
        If the file cannot be used, or others could read it.
    """
    try:
        if not path.exists():
            _make_key_file(path)
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigError(f"{name} can be read by others; make its mode 0600")
        key = path.read_bytes()
    except OSError:
        raise ConfigError(
            f"{name} cannot be read or made; name a file in a folder of the service's own"
        ) from None
    if len(key) < KEY_BYTES:
        raise ConfigError(f"{name} holds no key; {if_empty}")
    return key


def _make_key_file(path: Path) -> None:
    """Write a key beside the file and put it in its place whole, unless another was quicker."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())  # what it signs outlasts a power cut, and so must it
        # A link fails where the file is there; a rename would put a second key over the first.
        os.link(beside, path)
    except FileExistsError:
        # Somebody was quicker, and the caller reads their key.
        pass
    finally:
        beside.unlink()
