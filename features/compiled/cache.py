"""Where compiled code is kept: a private folder by version and processor, or in memory."""

import functools
import hashlib
import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

_VARIABLE: Final = "CASELIGHT_CACHE_DIR"


def cache_folder() -> Path | None:
    """Return the private folder for compiled code, or ``None`` where none can be had.

    The compiler loads what it finds there, so the folder must belong to this user and be writable
    by nobody else. ``CASELIGHT_CACHE_DIR`` names its parent; the default is the user's own cache
    folder. The name holds a digest of the compiled source and of the compiler's version; the
    compiler itself keys each file by processor.
    """
    chosen = os.environ.get(_VARIABLE)
    try:
        parent = Path(chosen) if chosen else _user_cache()
        folder = parent / f"engine-{_fingerprint()}"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except (OSError, RuntimeError):
        return None
    private = not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    owned = not hasattr(os, "geteuid") or status.st_uid == os.geteuid()
    return folder if private and owned and os.access(folder, os.W_OK) else None


def _user_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "caselight"


@functools.cache
def compiled_sources() -> tuple[Path, ...]:
    """Return the files on which compiled code depends.

    The compiler itself looks at the file of the outermost function alone. What becomes part of
    that function, and the types that it is handed, come from all of these.
    """
    rooms = Path(__file__).parent.parent
    return (
        *sorted((rooms / "compiled").glob("*.py")),
        *sorted((rooms / "engine" / "kernel").glob("*.py")),
        *(rooms / "engine" / name for name in ("plan.py", "binding.py")),
        rooms / "history" / "in_force.py",
    )


@functools.cache
def _fingerprint() -> str:
    import numba

    source = b"".join(path.read_bytes() for path in compiled_sources())
    digest = hashlib.sha256(source + numba.__version__.encode())
    return digest.hexdigest()[:16]


def keep_compiled(functions: Iterable[Callable[..., Any]]) -> None:
    """Keep what the compiler makes of some functions on disk, where that is possible."""
    import numba

    folder = cache_folder()
    if folder is not None:
        numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
        for function in functions:
            function.enable_caching()  # type: ignore[attr-defined]


class Kernels(NamedTuple):
    """The compiled functions over columns."""

    read_iso_dates: Callable[..., None]
    group_rows: Callable[..., None]
    gather_cases: Callable[..., None]
    sort_cases: Callable[..., bool]
    sort_ties: Callable[..., None]
    hash_texts: Callable[..., None]
    mark_keys: Callable[..., None]
    find_targets: Callable[..., None]
    number_incidents: Callable[..., None]


@functools.cache
def kernels() -> Kernels:
    """Return the compiled functions over columns, cached on disk where that is possible."""
    from features.compiled import dates, joins, sorting, texts

    compiled = Kernels(
        dates.read_iso_dates,
        sorting.group_rows,
        sorting.gather_cases,
        sorting.sort_cases,
        sorting.sort_ties,
        texts.hash_texts,
        joins.mark_keys,
        joins.find_targets,
        joins.number_incidents,
    )
    keep_compiled(compiled)
    return compiled
