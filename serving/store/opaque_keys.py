"""What the store's opaque keys look like, so that nothing else is looked for in the database."""

import re
from typing import Final

from serving.store.schema import KEY_LENGTH

KEY_PATTERN: Final = rf"^[A-Za-z0-9_-]{{{KEY_LENGTH}}}$"
_KEY: Final = re.compile(rf"[A-Za-z0-9_-]{{{KEY_LENGTH}}}")


def is_key(text: str) -> bool:
    """Return whether a text could be a key of the store; PostgreSQL refuses some other texts."""
    return _KEY.fullmatch(text) is not None
