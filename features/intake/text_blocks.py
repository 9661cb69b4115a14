"""The bytes of a text file as UTF-8, cut at ends of lines, whatever it is packed and encoded in."""

import codecs
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, cast

from features.intake.pieces import fail
from features.intake.unpacking import BoundedFile

LONGEST_LINE: Final = 64 * 1024 * 1024
READ_BYTES: Final = 4 * 1024 * 1024


@contextmanager
def open_text(path: Path, file: str) -> Iterator[IO[bytes]]:
    """Open a text file for its bytes, unpacked; what cannot be read to its end is one clear error.

    Raises
    ------
    DataContractError
        If the file cannot be opened, is broken, or ends too early.
    """
    try:
        with path.open("rb") if not is_packed(path) else gzip.open(path) as opened:
            text = cast(IO[bytes], opened)
            yield cast(IO[bytes], BoundedFile(text, path, file)) if is_packed(path) else text
    except (OSError, EOFError, zlib.error):
        raise fail(file, "this file cannot be read to its end; export it again") from None


def is_packed(path: Path) -> bool:
    """Say whether a file's name says that it is packed by gzip."""
    return path.name.lower().endswith(".gz")


class TextBlocks:
    """Hands out a text file's bytes as UTF-8, in blocks that end where a line ends.

    Bytes that the encoding does not know come out as such that are no UTF-8, so that they cost
    their own row.

    Parameters
    ----------
    opened, path, file
        The open file, where it is, and its name for messages.
    encoding
        Name of its encoding.
    read_bytes
        How much is read from the file at a time.
    """

    def __init__(
        self,
        opened: IO[bytes],
        path: Path,
        file: str,
        encoding: str,
        *,
        read_bytes: int = READ_BYTES,
    ) -> None:
        self._opened, self._file, self._at_once = opened, file, read_bytes
        self._content, self._place = b"", 0
        self._ended = False
        self._errors = find_errors(encoding)
        known = codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")
        self._decoder = None if known else codecs.getincrementaldecoder(encoding)(self._errors)
        self._fill(len(codecs.BOM_UTF8))
        if self._content.startswith(codecs.BOM_UTF8):
            self._place = len(codecs.BOM_UTF8)

    def take(self, size: int) -> bytes:
        """Return the next whole lines: at most ``size`` bytes, or one line; nothing at the end."""
        self._fill(size)
        end = self._content.rfind(b"\n", self._place, self._place + size) + 1
        if not end:
            end = self._content.find(b"\n", self._place + size) + 1
        while not end and not self._ended:
            held = len(self._content) - self._place
            self._fill(2 * held)
            end = self._content.find(b"\n", self._place + held) + 1
        end = end or len(self._content)
        block = self._content[self._place : end]
        self._place = end
        return block

    def give_back(self, size: int) -> None:
        """Take back the last bytes of the block that was handed out last."""
        self._place -= size

    def _fill(self, size: int) -> None:
        """Hold at least so many bytes beyond the place, unless the file ends before."""
        if len(self._content) - self._place >= size or self._ended:
            return
        parts = [self._content[self._place :]]
        held = len(parts[0])
        while held < size and not self._ended:
            if held > LONGEST_LINE:
                raise fail(self._file, "a line is longer than 64 MiB; check its line ends")
            some = self._read()
            held += len(some)
            parts.append(some)
        self._content, self._place = b"".join(parts), 0

    def _read(self) -> bytes:
        some = self._opened.read(self._at_once)
        self._ended = not some
        if self._decoder is None:
            return some
        try:
            return self._decoder.decode(some, final=not some).encode("utf-8", self._errors)
        except UnicodeError:
            raise fail(
                self._file, "this is not text in the stated encoding; save it as CSV in UTF-8"
            ) from None


def find_errors(encoding: str) -> str:
    """Return how bytes that an encoding does not know are kept in text."""
    wide = codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))
    return "surrogatepass" if wide else "surrogateescape"
