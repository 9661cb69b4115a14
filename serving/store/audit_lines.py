"""The lines of the audit log, their canonical bytes, and the mac that chains them.

The canonical bytes of a line are its columns but for the mac, in the table's order, as one JSON
array in UTF-8 without spaces; ``content``, the last, is left out of a line that has none. Two lines
that differ in anything never have the same bytes. The mac of a line is HMAC-SHA256, under the audit
key, of the mac before it (its 64 hexadecimal letters) and these bytes; before the first line comes
a mac of the log's name alone.
"""

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from serving.store.current_act import Act
from serving.store.schema import audit_lines

Book = Literal["changes", "looks"]
CHANGES: Final[Book] = "changes"
LOOKS: Final[Book] = "looks"
BOOKS: Final[tuple[Book, ...]] = (CHANGES, LOOKS)
BOOK_WORDS: Final[Mapping[Book, str]] = {CHANGES: "log of changes", LOOKS: "access log"}
"""What the two are called in words; what is stored keeps its older names."""
COLUMNS: Final = tuple(column for column in audit_lines.c if column.name != "mac")
"""What a line says, in the order of its canonical bytes."""
AuditCell = str | int | bool | list[str] | None
"""A cell of a line as it is written; one that is read may be anything, and is doubted."""
_NAME_LETTERS: Final = 16
NUMBER_AT: Final = [column.name for column in COLUMNS].index("number")


def _mark(cell: object) -> dict[str, str]:
    """Return what no honest line holds, for a cell that is no text, number or list of texts."""
    return {"not a value": repr(cell)}


# Without spaces and escapes: whoever checks the chain may make the bytes in any language.
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_mark)


@dataclass(frozen=True)
class AuditEntry:
    """What a line is to say, but for its number and the moment.

    Parameters
    ----------
    act
        Who does what, to which case.
    done
        Whether it was done; false where it was refused.
    cases
        Keys of further cases.
    first_seq, last_seq
        The rows that were stored, both inclusive; ``None`` where none were.
    content
        Digest of what those rows, or rows from before, hold; ``None`` where there are none.
    """

    act: Act
    done: bool = True
    cases: tuple[str, ...] = ()
    first_seq: int | None = None
    last_seq: int | None = None
    content: str | None = None

    def columns(self, book: Book, number: int, at_us: int) -> dict[str, AuditCell]:
        """Return the line's columns but for the mac, in the table's order."""
        act = self.act
        cases = [key for key in self.cases if key != act.case_key]
        return {
            "book": book,
            "number": number,
            "at_us": at_us,
            "operation": act.operation,
            "done": self.done,
            **{name: _clean(text) for name, text in act.person.columns().items()},
            "case_key": act.case_key or None,
            "cases": cases or None,
            "route": _clean(act.route),
            "recipient": _clean_any(act.recipient),
            "purpose": _clean_any(act.purpose),
            "request_id": _clean_any(act.request_id),
            "first_seq": self.first_seq,
            "last_seq": self.last_seq,
            "content": self.content,
        }


def _clean(text: str) -> str:
    """Return a text that every database takes: a line is never lost for its letters."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _clean_any(text: str | None) -> str | None:
    return None if text is None else _clean(text)


def write_canonical(values: Sequence[Any]) -> bytes:
    """Return the canonical bytes of a line.

    Parameters
    ----------
    values
        The cells of ``COLUMNS``: texts, whole numbers, truths, a list of texts, or ``None``.
    """
    said = list(values)
    if len(said) == len(COLUMNS) and said[-1] is None:
        # The bytes of a line from before there were contents, and of one that has none.
        said.pop()
    return _ENCODER.encode(said).encode("utf-8", "surrogatepass")


def make_mac(key: bytes, previous: str, values: Sequence[Any]) -> str:
    """Return the mac of a line that follows one with the mac ``previous``."""
    return hmac.digest(key, previous.encode() + write_canonical(values), "sha256").hex()


def name_key(key: bytes) -> str:
    """Return the name by which lines and heads tell which key they were written with."""
    return hmac.digest(key, b"caselight audit key", "sha256").hex()[:_NAME_LETTERS]


def make_first_mac(key: bytes, book: str) -> str:
    """Return the mac that comes before a log's first line."""
    return hmac.digest(key, b"caselight audit book " + book.encode(), "sha256").hex()
