"""Where the compiled passes of training are kept: beside the engine's compiled code, or in memory.

The compiler looks at one file only, so a compiled module calls nothing of another.
"""

import functools
from collections.abc import Callable
from typing import Any

from features.compiled.cache import cache_folder


@functools.cache
def compiled(function: Any) -> Callable[..., Any]:
    """Return a compiled function that is kept on disk where that is possible."""
    import numba

    kept: Callable[..., Any] = function

    folder = cache_folder()
    if folder is not None:
        place = folder / "training"
        place.mkdir(mode=0o700, exist_ok=True)
        before = numba.config.CACHE_DIR  # type: ignore[attr-defined]
        numba.config.CACHE_DIR = str(place)  # type: ignore[attr-defined]
        try:
            function.enable_caching()
        finally:
            numba.config.CACHE_DIR = before  # type: ignore[attr-defined]
    return kept
