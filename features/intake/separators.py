"""What parts the cells of a text, from its first rows: settled by one sign, or said to be unsure.

Header and rows are cut by each sign as a strict reader would. A sign that stands inside quotes
parts nothing, and one that cuts quotes in two is none where another leaves all of them whole.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

SEPARATORS: Final = (",", ";", "\t", "|")
NAMES: Final = {",": "','", ";": "';'", "\t": "a tab", "|": "'|'"}
_SAMPLE_ROWS: Final = 50
_WHOLE_LETTERS: Final = 64 * 1024
"""A sample shorter than this is the whole text, so that its last row is not cut off."""
_LEAST_SHARE: Final = 0.5
_ABOUT_AS_GOOD: Final = 0.9
"""A sign by which nearly as many rows agree with the header may still be the right one, for the
other rows of the file may be broken."""


@dataclass(frozen=True)
class _Cut:
    """How a sign cuts the first rows.

    Parameters
    ----------
    separator
        The sign.
    width
        Cells of the header.
    share
        Share of the other rows that have as many.
    is_clean
        Whether each quote begins or ends a cell.
    """

    separator: str
    width: int
    share: float
    is_clean: bool


def list_separators(sample: str) -> list[str]:
    """Return the signs that may part the cells of a text.

    Parameters
    ----------
    sample
        Its first rows, the header first; the last may be cut off.

    Returns
    -------
    list of str
        One where the rows settle it, none where no sign parts the header, and several, the
        likeliest first, where the rows agree with the header by each of them.
    """
    cuts = [cut for one in SEPARATORS if (cut := _cut(sample, one)).width > 1]
    if len(cuts) < 2:  # noqa: PLR2004
        return [cut.separator for cut in cuts]
    best = max(cut.share for cut in cuts)
    if best >= _LEAST_SHARE:
        cuts = [cut for cut in cuts if cut.share >= max(_LEAST_SHARE, _ABOUT_AS_GOOD * best)]
    if any(cut.is_clean and cut.share == 1 for cut in cuts):
        cuts = [cut for cut in cuts if cut.is_clean]
    ordered = sorted(cuts, key=lambda cut: (-cut.share, -cut.width))
    return [cut.separator for cut in ordered]


def _cut(sample: str, separator: str) -> _Cut:
    rows = []
    for row in _cut_rows(sample, separator):
        rows.append(row)
        if len(rows) > _SAMPLE_ROWS:
            break
    if not rows:
        return _Cut(separator, 0, 0.0, True)
    (width, _), *others = rows
    same = sum(one == width for one, _ in others)
    share = same / len(others) if others else 1.0
    return _Cut(separator, width, share, all(clean for _, clean in rows))


def _cut_rows(sample: str, separator: str) -> Iterator[tuple[int, bool]]:
    """Yield for each row that is not blank its cells, and whether its quotes are whole."""
    sign = re.escape(separator)
    cell = re.compile(rf'(?:("(?:[^"]|"")*+")|((?!")[^{sign}\r\n]*+))({sign}|\r\n|\r|\n|\Z)')
    line = re.compile(r"([^\r\n]*+)(\r\n|\r|\n|\Z)")
    place, width, clean, start = 0, 0, True, 0
    while place < len(sample):
        found = cell.match(sample, place)
        if found is None:  # a quote is not closed, or text stands behind a closed one
            rest = line.match(sample, start)
            assert rest is not None
            yield rest[1].count(separator) + 1, False
            place = start = rest.end()
            width, clean = 0, True
            continue
        width, place = width + 1, found.end()
        clean = clean and '"' not in (found[2] or "")
        if found[3] != separator:
            is_cut = found[3] == "" and len(sample) >= _WHOLE_LETTERS
            if place - start > len(found[3]) and not is_cut:
                yield width, clean
            width, clean, start = 0, True, place
