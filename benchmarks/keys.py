"""The audit key of stores that are only measured: on PostgreSQL one must be named."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serving.store.audit_keys import KEY_VARIABLE


@contextmanager
def named_key() -> Iterator[None]:
    """Name an audit key, where none is, for this process and those that it starts."""
    if KEY_VARIABLE in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory() as place:
        os.environ[KEY_VARIABLE] = str(Path(place) / "audit.key")
        try:
            yield
        finally:
            del os.environ[KEY_VARIABLE]
