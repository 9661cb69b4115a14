"""Heads of the audit log, signed and kept elsewhere: who cuts a log's end off cannot reach them.

A head is one small file a log and a day at most, named by date, log and number. It holds nothing
of any line: a number, the mac of that line, the moment, and its own HMAC under the audit key.
"""

import datetime as dt
import hmac
import json
import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select

from features.contract.moments import to_datetime
from features.errors import ConfigError
from serving.oversight.audit_verification import Heads, reading_book, verify_tail
from serving.store.audit_books import RESTORED, find_head
from serving.store.audit_chain import Fault
from serving.store.audit_lines import BOOK_WORDS, BOOKS, CHANGES, Book
from serving.store.database import Store
from serving.store.schema import audit_lines

TAIL_LINES: Final = 1_000
"""Lines at a log's end that are walked before its head is signed."""
_MOST_BYTES: Final = 4_096
_GONE: Final = "run `caselight audit verify --heads` with the folder to see what is missing"


@dataclass(frozen=True)
class SignedHead:
    """A log's last line at a moment.

    Parameters
    ----------
    book, number, mac
        Which line.
    at_us
        When the head was taken, microseconds UTC.
    """

    book: Book
    number: int
    mac: str
    at_us: int

    def sign(self, key: bytes) -> str:
        """Return the head's own HMAC."""
        said = json.dumps([self.book, self.number, self.mac, self.at_us], separators=(",", ":"))
        return hmac.digest(key, b"caselight audit head " + said.encode(), "sha256").hex()


def export_heads(store: Store, folder: Path) -> list[Path]:
    """Write the signed head of each log into a folder; return the files written now.

    A head that is there already is left as it is. Before it signs, it walks the last
    ``TAIL_LINES`` lines of each log and holds the log against the heads that are there, so that
    nothing broken is signed.

    Parameters
    ----------
    store
        The store; nothing in it is changed.
    folder
        A folder that is there, best on another machine, that nothing is ever removed from.

    Raises
    ------
    ConfigError
        If the folder cannot be written to, a log does not hold, or another head of the same name
        is there.
    """
    _need_folder(folder)
    zone = store.read_unit().time_zone
    known = {
        one.book: one for one in _latest(read_heads(store.audit_key, folder, store.old_keys).heads)
    }
    written = []
    for book in BOOKS:
        head, last = take_head(store, book), known.get(book)
        if last is not None and not _holds(store, last):
            raise ConfigError(
                f"the {BOOK_WORDS[book]} is not the one whose head was exported; {_GONE}"
            )
        path = folder / _name(head, to_datetime(head.at_us, zone).date())
        if _put(path, _write(head, store.audit_key), head, store.audit_key):
            written.append(path)
    return written


def export_daily(store: Store, folder: Path) -> list[Path]:
    """Write each log's head unless that was done today, by the unit's calendar.

    See :func:`export_heads`; it costs a look at the folder where nothing is due.
    """
    _need_folder(folder)
    today = to_datetime(store.clock(), store.read_unit().time_zone).date().isoformat()
    done = {book for book in BOOKS if next(folder.glob(f"{today}-{book}-*.json"), None)}
    return [] if len(done) == len(BOOKS) else export_heads(store, folder)


def take_head(store: Store, book: Book) -> SignedHead:
    """Return the head of a log whose end was walked just now.

    Raises
    ------
    ConfigError
        If its last lines do not hold.
    """
    # A head signed over a broken end would vouch for it.
    if verify_tail(store, book, TAIL_LINES).n_faults:
        raise ConfigError(
            f"the end of the {BOOK_WORDS[book]} does not hold, and no head is signed; run "
            "`caselight audit verify`"
        )
    with reading_book(store, book) as connection:
        found = find_head(connection, book)
    if found is None:
        raise ConfigError(f"the {BOOK_WORDS[book]} was not begun; run `caselight db upgrade`")
    return SignedHead(book, found.number, found.mac, store.clock())


@dataclass(frozen=True)
class HeadsThere:
    """What a folder of exported heads holds.

    Parameters
    ----------
    heads
        Those that are signed with the audit key, by number.
    faults
        Files that are not, or that contradict each other.
    """

    heads: tuple[SignedHead, ...]
    faults: tuple[Fault, ...]

    def macs(self) -> Heads:
        """Return the macs by log and number, with the moments at which they were taken."""
        found: dict[Book, dict[int, list[tuple[str, int]]]] = {book: {} for book in BOOKS}
        for one in self.heads:
            found[one.book].setdefault(one.number, []).append((one.mac, one.at_us))
        return found


def read_heads(key: bytes, folder: Path, old_keys: Sequence[bytes] = ()) -> HeadsThere:
    """Return the heads in a folder, each held against its own HMAC.

    Two heads of one line may differ where the store was restored between them; which of them fits,
    the walk along the log tells.

    Parameters
    ----------
    key
        The audit key.
    folder
        The folder.
    old_keys
        Keys from before, with which heads were signed at their time.

    Raises
    ------
    ConfigError
        If there is no such folder.
    """
    _need_folder(folder)
    heads: dict[tuple[Book, int, str], SignedHead] = {}
    faults = []
    for path in sorted(folder.glob("*.json")):
        book = next((book for book in BOOKS if f"-{book}-" in path.name), CHANGES)
        head = _read(path, (key, *old_keys))
        if head is None:
            words = "a file among the exported heads was changed or signed with another key"
            faults.append(Fault(book, 0, "head", words))
            continue
        # The latest one of a line: a restore before it excuses no difference from it.
        there = heads.setdefault((head.book, head.number, head.mac), head)
        if head.at_us > there.at_us:
            heads[head.book, head.number, head.mac] = head
    ordered = sorted(heads.values(), key=lambda one: (one.number, one.at_us))
    return HeadsThere(tuple(ordered), tuple(faults))


def _latest(heads: Iterable[SignedHead]) -> list[SignedHead]:
    """Return the head of each log that was taken last."""
    taken = sorted(heads, key=lambda one: (one.at_us, one.number))
    return list({one.book: one for one in taken}.values())


def _holds(store: Store, head: SignedHead) -> bool:
    """Return whether a log still has the line that a head names."""
    if head.number == 0:
        return True
    lines = audit_lines.c
    with reading_book(store, head.book) as connection:
        query = select(lines.mac).where(lines.book == head.book, lines.number == head.number)
        if connection.execute(query).scalar_one_or_none() == head.mac:
            return True
        # Lost by a restore that is itself on record since, at that number or before it.
        restored = select(lines.number).where(
            lines.book == head.book,
            lines.number <= head.number,
            lines.route == RESTORED,
            lines.at_us >= head.at_us,
        )
        return connection.execute(restored.limit(1)).first() is not None


def _need_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise ConfigError("the folder of exported heads is not there; make it first")


def _name(head: SignedHead, day: dt.date) -> str:
    return f"{day.isoformat()}-{head.book}-{head.number:012d}.json"


def _write(head: SignedHead, key: bytes) -> bytes:
    said = {
        "book": head.book,
        "number": head.number,
        "mac": head.mac,
        "at_us": head.at_us,
        "signature": head.sign(key),
    }
    return (json.dumps(said, indent=1) + "\n").encode()


def _read(path: Path, keys: Sequence[bytes]) -> SignedHead | None:
    try:
        with path.open("rb") as file:
            # A head has a few hundred bytes: a larger file is none, and is not read whole.
            said: Any = json.loads(file.read(_MOST_BYTES))
        head = SignedHead(said["book"], said["number"], said["mac"], said["at_us"])
        plain = [type(one) for one in (head.book, head.number, head.mac, head.at_us)]
        sound = plain == [str, int, str, int] and head.book in BOOKS
        signature = str(said["signature"]).encode()
        signed = any(hmac.compare_digest(signature, head.sign(key).encode()) for key in keys)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return head if sound and signed else None


def _put(path: Path, content: bytes, head: SignedHead, key: bytes) -> bool:
    """Put a file in its place whole and for good; return whether it was put there now."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with beside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A link never overwrites: a head that was exported stays what it was.
        os.link(beside, path)
    except FileExistsError:
        there = _read(path, [key])
        if there is None or (there.book, there.number, there.mac) != (
            head.book,
            head.number,
            head.mac,
        ):
            raise ConfigError(
                f"another file named {path.name} is there already; nothing was overwritten"
            ) from None
        return False
    except OSError as error:
        raise ConfigError(
            f"the folder of exported heads cannot be written to ({type(error).__name__}); "
            "check its rights"
        ) from None
    finally:
        beside.unlink(missing_ok=True)
    return True
