"""How far what is packed may unpack: bounds that hold before memory is taken.

A file that was made to fill a machine's memory is told from an export by how many times its size it
unpacks to. Both bounds are settings of the environment; the defaults are far from what exports of
ten million rows need: their text packs to a tenth.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from features.errors import ConfigError
from features.intake.pieces import fail

TIMES_VARIABLE: Final = "CASELIGHT_MOST_UNPACKED_TIMES"
BYTES_VARIABLE: Final = "CASELIGHT_MOST_UNPACKED_BYTES"
_LEAST_BYTES: Final = 64 * 1024 * 1024
"""So much may any file unpack to: a small one packs well by chance."""


@dataclass(frozen=True)
class UnpackingBounds:
    """How far a file may unpack.

    Parameters
    ----------
    times
        How many times its size.
    most_bytes
        How many bytes in all.
    """

    times: int = 100
    most_bytes: int = 64 * 1024**3

    def of(self, packed_bytes: int) -> int:
        """Return how many bytes a file of some size may unpack to."""
        return min(max(_LEAST_BYTES, self.times * packed_bytes), self.most_bytes)


def read_bounds() -> UnpackingBounds:
    """Return the bounds that the environment sets, or the usual ones.

    Raises
    ------
    ConfigError
        If one is no whole number above 0.
    """
    usual = UnpackingBounds()
    return UnpackingBounds(
        _read_number(TIMES_VARIABLE, usual.times), _read_number(BYTES_VARIABLE, usual.most_bytes)
    )


def _read_number(variable: str, usual: int) -> int:
    told = os.environ.get(variable, "").strip()
    if not told:
        return usual
    if not told.isascii() or not told.isdigit() or int(told) == 0:
        raise ConfigError(f"{variable} must be a whole number above 0; correct it or leave it out")
    return int(told)


def find_bound(path: Path) -> int:
    """Return how many bytes a file may unpack to."""
    return read_bounds().of(path.stat().st_size)


def check_unpacked(file: str, unpacked_bytes: int, bound: int) -> None:
    """Check that a file does not unpack too far.

    Parameters
    ----------
    file
        Its name for messages.
    unpacked_bytes
        What it unpacks to, or did so far.
    bound
        By :func:`find_bound`.

    Raises
    ------
    DataContractError
        If it does.
    """
    if unpacked_bytes > bound:
        raise fail(
            file,
            f"it unpacks to far more than records would, past {bound:,} bytes; export it again, or "
            f"set {TIMES_VARIABLE} or {BYTES_VARIABLE} if it is sound",
        )


class BoundedFile:
    """An open packed file that is read no further than its bound.

    Parameters
    ----------
    opened
        The file, which unpacks as it is read.
    path, file
        Where it is, and its name for messages.
    """

    def __init__(self, opened: IO[bytes], path: Path, file: str) -> None:
        self._opened, self._file = opened, file
        self._bound, self._n_bytes = find_bound(path), 0

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most ``size``."""
        some = self._opened.read(size)
        self._n_bytes += len(some)
        check_unpacked(self._file, self._n_bytes, self._bound)
        return some
