"""How a text file is laid out: what parts its cells, and how its letters are encoded."""

import codecs
import csv
import io
import re
from collections import Counter
from pathlib import Path
from typing import Final

from features.intake.pieces import fail
from features.intake.separators import NAMES, SEPARATORS, list_separators
from features.intake.text_blocks import find_errors, is_packed, open_text

_STATED: Final = re.compile(r'"?sep=(.)"?\r?\n?', re.IGNORECASE)
"""A first line by which Excel says what parts the cells."""
TITLE: Final = (
    "the first row is one cell and the rows below it are more; is it a title? Remove what stands "
    "above the names of the columns"
)
_SAMPLE_BYTES: Final = 256 * 1024
_SAMPLE_ROWS: Final = 50
_HEAD_BYTES: Final = 8
_SCAN_BYTES: Final = 4 * 1024 * 1024
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ESCAPED: Final = re.compile("[\udc80-\udcff]")


def check_content(path: Path, file: str) -> None:
    """Check that a file whose name says CSV or JSON lines is text.

    Raises
    ------
    DataContractError
        If it is packed, a workbook or Parquet, or is absent.
    """
    head = _read_head(path, file, packed=False)
    if head[:2] == b"\x1f\x8b" and not is_packed(path):
        raise fail(file, f"this is compressed by gzip; name it {path.name}.gz")
    head = _read_head(path, file, packed=is_packed(path))
    if head[:4] == b"PAR1":
        raise fail(file, "this is Parquet, whatever its name says; name it .parquet")
    if head[:2] == b"PK":
        raise fail(file, "this is a workbook or an archive, whatever its name says; name it .xlsx")
    if head[:2] == b"\x1f\x8b":
        raise fail(file, "this is compressed twice; export it again as CSV")


def _read_head(path: Path, file: str, *, packed: bool) -> bytes:
    try:
        if not packed:
            with path.open("rb") as opened:
                return opened.read(_HEAD_BYTES)
        with open_text(path, file) as unpacked:
            return unpacked.read(_HEAD_BYTES)
    except OSError:
        raise fail(file, "this file cannot be read; check that it is there") from None


def find_encoding(path: Path, file: str, stated: str | None) -> str:
    """Return the encoding of a text file, found out where it is not stated.

    Parameters
    ----------
    path, file
        The file, and its name for messages.
    stated
        The encoding that the caller names.

    Returns
    -------
    str
        The stated one; else UTF-8, or UTF-16 or UTF-32 where the file says so, or cp1252 where
        more of its bytes are no UTF-8 than are letters of it.

    Raises
    ------
    DataContractError
        If the stated encoding is not known, or is plainly another one than the file's.
    """
    head = _read_head(path, file, packed=is_packed(path))
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), None)
    if stated is not None:
        _check_encoding(file, stated, marked, head)
        return stated
    return marked or _guess_wide(head) or _guess_narrow(path, file)


def _check_encoding(file: str, stated: str, marked: str | None, head: bytes) -> None:
    try:
        "".encode(stated)
        name = codecs.lookup(stated).name
    except (LookupError, ValueError):
        raise fail(file, "the stated encoding is not known; name one such as utf-8") from None
    if name.startswith(("utf-16", "utf-32")):
        return
    if b"\0" in head[:4] or (marked is not None and marked != "utf-8"):
        raise fail(file, f"this is not {name.upper()} text; save it as CSV in UTF-8")


def _guess_wide(head: bytes) -> str | None:
    """Return UTF-16 of the order in which every other byte of Western letters is zero."""
    zeros = [place for place, byte in enumerate(head[:4]) if byte == 0]
    if zeros == [1, 3]:
        return "utf-16-le"
    return "utf-16-be" if zeros == [0, 2] else None


def _guess_narrow(path: Path, file: str) -> str:
    letters = strays = 0
    rest = b""
    with open_text(path, file) as opened:
        while some := opened.read(_SCAN_BYTES):
            if not rest and some.isascii():
                continue
            block = rest + some
            end = block.rfind(b"\n") + 1 or len(block)
            block, rest = block[:end], block[end:]
            more = _count_letters(block)
            letters, strays = letters + more[0], strays + more[1]
    more = _count_letters(rest)
    return "cp1252" if strays + more[1] > letters + more[0] else "utf-8"


def _count_letters(block: bytes) -> tuple[int, int]:
    """Return how many letters beyond ASCII a block has as UTF-8, and how many stray bytes."""
    if block.isascii():
        return 0, 0
    text = block.decode("utf-8", "surrogateescape")
    strays = len(_ESCAPED.findall(text))
    return len(text) - len(text.encode("ascii", "ignore")) - strays, strays


def find_stated_separator(line: str) -> str | None:
    """Return the separator that a first line ``sep=;`` states, or nothing."""
    match = _STATED.fullmatch(line)
    return match.group(1) if match else None


def find_separator(path: Path, file: str, encoding: str, stated: str | None) -> str:
    """Return what parts the cells of a text file, found out where it is not stated.

    Parameters
    ----------
    path, file
        The file, and its name for messages.
    encoding
        Its encoding.
    stated
        The separator that the caller names.

    Returns
    -------
    str
        The stated one; else that of a first line ``sep=;``; else the one among comma, semicolon,
        tab and ``|`` by which the first rows have as many cells as the header; a comma where none
        parts anything.

    Raises
    ------
    DataContractError
        If the stated separator is none, or is another one than the file's first line says, or if
        none is stated and the rows agree with the header by several.
    """
    sample = read_sample(path, file, encoding)
    first = find_stated_separator(sample.split("\n", 1)[0] + "\n")
    if stated is None:
        return first or _settle_separator(file, list_separators(sample))
    if len(stated) != 1 or stated in '"\r\n\0':
        raise fail(file, "the stated separator is none; name one character, such as ';'")
    if first not in (None, stated):
        raise fail(file, "its first line states another separator; correct the one or the other")
    return stated


def read_sample(path: Path, file: str, encoding: str) -> str:
    """Return the first lines of a text file.

    Parameters
    ----------
    path, file
        The file, and its name for messages.
    encoding
        Its encoding.

    Returns
    -------
    str
        The letters of its first 256 KiB; the last line may be cut off.

    Raises
    ------
    DataContractError
        If it cannot be read, or is no text in that encoding.
    """
    with open_text(path, file) as opened:
        content = opened.read(_SAMPLE_BYTES)
    errors = find_errors(encoding)
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    try:
        text = decoder.decode(content, final=False)
    except UnicodeError:
        raise fail(file, "this is not text in the stated encoding; save it in UTF-8") from None
    return text.removeprefix("\ufeff")


def _settle_separator(file: str, found: list[str]) -> str:
    if len(found) > 1:
        names = " or ".join(NAMES[one] for one in found)
        raise fail(file, f"its cells may be parted by {names}; state which (separator)")
    return found[0] if found else ","


def find_separators(path: Path, file: str, encoding: str) -> list[str]:
    """Return what may part the cells of a text file: one sign where that is plain.

    Parameters
    ----------
    path, file
        The file, and its name for messages.
    encoding
        Its encoding.

    Returns
    -------
    list of str
        The likeliest first; a comma alone where none parts anything.

    Raises
    ------
    DataContractError
        If it cannot be read, or is no text in that encoding.
    """
    sample = read_sample(path, file, encoding)
    first = find_stated_separator(sample.split("\n", 1)[0] + "\n")
    return [first] if first else list_separators(sample) or [","]


def _measure_widths(sample: str, separator: str) -> list[int]:
    """Return how many cells each of the first rows has that is not blank."""
    widths: list[int] = []
    rows = csv.reader(io.StringIO(sample, newline=""), delimiter=separator)
    try:
        for row in rows:
            if row:
                widths.append(len(row))
            if len(widths) == _SAMPLE_ROWS:
                return widths
    except csv.Error:
        pass
    is_cut = not sample.endswith(("\n", "\r"))
    return widths[:-1] if is_cut and len(widths) > 1 else widths


def check_only_column(path: Path, file: str, *, separator: str, encoding: str) -> None:
    """Check that a first row of one cell is the header of one column.

    Parameters
    ----------
    path, file
        The file, and its name for messages.
    separator, encoding
        How it is being read.

    Raises
    ------
    DataContractError
        If the first row is parted by another sign, or is a title above the header.
    """
    sample = read_sample(path, file, encoding)
    if find_stated_separator(sample.split("\n", 1)[0] + "\n"):
        sample = sample.split("\n", 1)[1]
    for other in SEPARATORS:
        widths = _measure_widths(sample, other)
        if not widths:
            continue
        usual, count = Counter(widths[1:] or widths).most_common(1)[0]
        if widths[0] == usual > 1 and other != separator:
            raise fail(
                file,
                f"the first row is one cell; its cells are parted by {NAMES[other]}, so export it "
                "with commas, or state the separator",
            )
        # Running text may hold a semicolon; a table has as many in each row.
        if widths[0] == 1 < usual and (other == separator or count == len(widths) - 1 > 1):
            raise fail(file, TITLE)
