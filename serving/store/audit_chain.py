"""One pass along a chain of lines: which do not fit, and which kind of fault each is."""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from sqlalchemy import Row

from serving.store.audit_books import HANDED_OVER, LOOKS_BEGUN_ANEW, RESTORED, Head, read_handover
from serving.store.audit_lines import COLUMNS, NUMBER_AT, Book, make_mac, write_canonical

FaultKind = Literal[
    "changed",
    "missing",
    "reordered",
    "foreign",
    "truncated",
    "unknown",
    "head",
    "uncovered",
    "content",
]
PROBLEMS: Final[Mapping[FaultKind, str]] = {
    "changed": "what it says was changed",
    "reordered": "it is not in its place",
    "foreign": "it does not belong where it is, or was written with another key",
    "unknown": "it cannot be checked: the line before it is lost",
    "head": "the head is missing or does not name the last line",
}
"""Kinds that are the same words everywhere; of the others the numbers are given."""
_NAMES: Final = [column.name for column in COLUMNS]
_ROUTE_AT: Final = _NAMES.index("route")
_PURPOSE_AT: Final = _NAMES.index("purpose")
_AT_US_AT: Final = _NAMES.index("at_us")
_ROUTES: Final = frozenset({LOOKS_BEGUN_ANEW, HANDED_OVER, RESTORED})
"""Routes of lines that say something of the log itself."""
_FIRST_AT: Final = _NAMES.index("first_seq")
_LAST_AT: Final = _NAMES.index("last_seq")
_FURTHEST: Final = 1_000
"""How many missing lines are looked for where the numbers after them were changed."""
_SEARCHES: Final = 100
"""Lines for which that is done: it takes time, and where many lines are wrong it helps nobody."""
_MOST_SUSPECTS: Final = 50
"""Lines that are held against each other's places, pair by pair."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a log.

    Parameters
    ----------
    book, number
        Where: for missing lines the number of the first.
    kind
        Stable; ``unknown`` where a line before it was lost, so that it cannot be judged.
    problem
        The kind in words; nothing of what a line says.
    """

    book: Book
    number: int
    kind: FaultKind
    problem: str


@dataclass
class _Held:
    """A line that waits for the next one.

    ``before`` is the mac that stood before it, ``None`` where it was lost; ``stored`` is the mac
    that the row before it has.
    """

    values: list[Any]
    mac: str
    before: str | None
    stored: str | None

    @property
    def number(self) -> int:
        return int(self.values[NUMBER_AT])


@dataclass
class Walk:
    """A pass along one log.

    Parameters
    ----------
    key, book
        The audit key, and which log.
    mac
        The mac before the first line that is read; ``None`` where it was lost.
    before
        The number of the line before the first that is read.
    covered
        The last row of the store that the lines before cover.
    heads
        Macs that are known from elsewhere, by number, and when each was taken.
    keys
        Keys that a line may hand over to, by their names.
    most
        Faults that are kept; the rest are counted.
    """

    key: bytes = field(repr=False)
    book: Book
    mac: str | None
    before: int = 0
    covered: int = 0
    heads: Mapping[int, Sequence[tuple[str, int]]] = field(default_factory=dict)
    keys: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    most: int = 1_000

    def __post_init__(self) -> None:
        self.number = self.before
        self.n_lines = 0
        self.n_faults = 0
        self.faults: list[Fault] = []
        self._stored = self.mac
        self._shift = 0
        self._held: _Held | None = None
        self._searched = 0
        self._suspects: list[_Held] = []
        self.key_from: list[tuple[int, bytes]] = [(self.before + 1, self.key)]
        """From which line on which key was used, in order."""
        self.restored: list[tuple[int, int]] = []
        """Lines that say that the store was restored from a backup, with their moments."""

    def note(self, number: int, kind: FaultKind, problem: str = "") -> None:
        """Note a fault, in words where its kind does not say enough."""
        self.n_faults += 1
        if len(self.faults) < self.most:
            self.faults.append(Fault(self.book, number, kind, problem or PROBLEMS[kind]))

    def take(self, rows: Iterable[Row[Any]]) -> None:
        """Go on along some lines, in the order of their numbers; the mac stands last in each."""
        # The common case is written out without a call: there is an entry for every page shown.
        key, digest = self.key, hmac.digest
        values: list[Any]
        for row in rows:
            *values, mac = row
            self.n_lines += 1
            if (
                self._held is None
                and self.mac is not None
                and not self._shift
                and values[NUMBER_AT] == self.number + 1
                and digest(key, self.mac.encode() + write_canonical(values), "sha256").hex() == mac
            ):
                self.mac = self._stored = mac
                self.number += 1
            else:
                self._take_doubtful(values, str(mac))
            if values[_FIRST_AT] is not None or values[_ROUTE_AT] in _ROUTES:
                self._read(values)
                key = self.key
            if self.heads:
                self._compare(str(mac))

    def end(self, head: Head | None) -> None:
        """End the pass at the head row, and at the heads known from elsewhere."""
        held = self._held
        if held is not None and held.before is not None:
            by_content = make_mac(self.key, held.before, self._values(held))
            whole = head is not None and head.mac == by_content
            self._suspect(held, "changed" if whole else "foreign")
        if head is None:
            self.note(self.number, "head")
        else:
            self._check_head(head.number, head.mac)
        for number, known in sorted(self.heads.items()):
            if number > self.number and not all(self._is_lost(at_us) for _, at_us in known):
                self.note(
                    self.number + 1,
                    "truncated",
                    f"the log ends before line {number:,}, whose head was exported",
                )

    def name_moved(self) -> None:
        """Mark lines that fit in the place of another one that does not fit either."""
        for held in self._suspects:
            for other in self._suspects:
                place = other.before if other.before is not None else other.stored
                if (
                    other is not held
                    and place is not None
                    and self._fits(place, held, other.number)
                ):
                    self._mark_moved(held.number)

    # --- one line ----------------------------------------------------------------------------

    def _values(self, held: _Held, number: int | None = None) -> list[Any]:
        """Return what a line says, under another number."""
        values = list(held.values)
        values[NUMBER_AT] = held.number + self._shift if number is None else number
        return values

    def _fits(self, before: str, held: _Held, number: int | None = None) -> bool:
        return make_mac(self.key, before, self._values(held, number)) == held.mac

    def _take_doubtful(self, values: list[Any], mac: str) -> None:
        expected, line = self.number + 1, _Held(values, mac, self.mac, self._stored)
        if line.number < expected:
            self.note(line.number, "foreign")
            return
        self.number, self._stored = line.number, mac
        if line.number > expected:
            self._skip(expected, line)
            return
        if self._held is None:
            if self.mac is not None and self._fits(self.mac, line):
                self.mac = mac
            else:
                self._held = line
            return
        held, self._held = self._held, None
        self._judge(held, line)

    def _skip(self, expected: int, line: _Held) -> None:
        if self._held is not None and self._held.before is not None:
            self._suspect(self._held, "foreign")
        self.note(expected, "missing", _count_missing(expected, line.number - 1))
        self._held = replace(line, before=None)

    def _judge(self, held: _Held, line: _Held) -> None:
        """Find which kind of fault a held line is, from how the next one fits."""
        here = line.number + self._shift
        if self._fits(held.mac, line):
            if held.before is not None:
                self._suspect(held, "changed")
            self.mac = line.mac
            return
        if held.before is not None and self._judge_pair(held, line, held.before, here):
            return
        if self._searched < _SEARCHES:
            self._searched += 1
            for gap in range(1, _FURTHEST + 1):
                if self._fits(held.mac, line, here + gap):
                    self.note(held.number, "missing", f"{gap:,} lines are missing before it")
                    self._shift += gap
                    self.mac = line.mac
                    return
        if held.before is None:
            self.note(held.number, "unknown")
        else:
            self._suspect(held, "foreign")
        self._held = replace(line, before=None)

    def _judge_pair(self, held: _Held, line: _Held, before: str, here: int) -> bool:
        by_content = make_mac(self.key, before, self._values(held))
        if self._fits(by_content, line):
            self._suspect(held, "changed")
            self.mac = line.mac
        elif self._fits(before, line, here - 1) and self._fits(line.mac, held, here):
            self.note(held.number, "reordered")
            self.mac = held.mac
        elif self._fits(before, line, here - 1):
            self.note(held.number, "foreign")
            self._shift -= 1
            self.mac = line.mac
        else:
            return False
        return True

    def _suspect(self, held: _Held, kind: FaultKind) -> None:
        self.note(held.number, kind)
        if len(self._suspects) < _MOST_SUSPECTS:
            self._suspects.append(held)

    def _mark_moved(self, number: int) -> None:
        self.faults = [
            Fault(self.book, number, "reordered", PROBLEMS["reordered"])
            if fault.number == number and fault.kind in ("changed", "foreign")
            else fault
            for fault in self.faults
        ]

    # --- what goes with the lines ------------------------------------------------------------

    def _read(self, values: Sequence[Any]) -> None:
        """Hold the rows that a line covers against those before it."""
        if values[_ROUTE_AT] == LOOKS_BEGUN_ANEW:
            words = "the access log was begun anew: what it held before is lost"
            self.note(self.number, "missing", words)
        elif values[_ROUTE_AT] == HANDED_OVER:
            self._hand_over(str(values[_PURPOSE_AT]))
        elif values[_ROUTE_AT] == RESTORED:
            self.restored.append((self.number, int(values[_AT_US_AT])))
        first, last = values[_FIRST_AT], values[_LAST_AT]
        if first is None or not isinstance(first, int) or not isinstance(last, int):
            return
        if first != self.covered + 1:
            gap = f"rows {self.covered + 1:,} to {first - 1:,} are in no line before it"
            twice = f"rows from {first:,} on are in a line before it as well"
            words = gap if first > self.covered else twice
            self.note(self.number, "uncovered", words)
        self.covered = max(self.covered, last)

    def _hand_over(self, said: str) -> None:
        """Go on with the key that a line hands over to."""
        _, new = read_handover(said)
        key = self.keys.get(new)
        if key is None:
            words = "it hands over to a key that is not here; put its file back from its backup"
            self.note(self.number, "unknown", words)
            return
        self.key = key
        self.key_from.append((self.number + 1, key))

    def _is_lost(self, at_us: int) -> bool:
        """Return whether a head was taken of lines that an honest restore lost."""
        return any(at_us <= restored_at_us for _, restored_at_us in self.restored)

    def _compare(self, mac: str) -> None:
        for known, at_us in self.heads.get(self.number, ()):
            # A head of a line before the restore is of what was restored, and must fit.
            if known != mac and not self._is_lost(at_us):
                self.note(self.number, "changed", "its head was exported, and was another")

    def _check_head(self, number: int, mac: str) -> None:
        if number > self.number:
            words = _count_missing(self.number + 1, number)
            self.note(self.number + 1, "truncated", f"{words} at the end")
        elif number < self.number:
            self.note(number + 1, "foreign")
        elif mac != self._stored:
            self.note(self.number, "head")


def _count_missing(first: int, last: int) -> str:
    return (
        f"line {first:,} is missing"
        if first == last
        else f"lines {first:,} to {last:,} are missing"
    )
