"""Where the compiled process is kept: beside the engine's compiled code, or in memory."""

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from features.compiled.cache import cache_folder


@functools.cache
def compiled(function: Any) -> Callable[..., Any]:
    """Return a compiled function that is kept on disk where that is possible.

    The compiler looks at one file only, so the folder's name holds a digest of every module of the
    simulator.
    """
    import numba

    folder = cache_folder()
    if folder is not None:
        place = folder / f"simulator-{_fingerprint()}"
        place.mkdir(mode=0o700, exist_ok=True)
        before = numba.config.CACHE_DIR  # type: ignore[attr-defined]
        numba.config.CACHE_DIR = str(place)  # type: ignore[attr-defined]
        try:
            function.enable_caching()
        finally:
            numba.config.CACHE_DIR = before  # type: ignore[attr-defined]
    return function


@functools.cache
def _fingerprint() -> str:
    source = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    return hashlib.sha256(source).hexdigest()[:16]
