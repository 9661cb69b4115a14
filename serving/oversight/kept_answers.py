"""Answers about the whole store that take long to work out: kept in memory, with when they are of.

A page does not wait for them: they are worked out beside it, once for all who ask. What was worked
out before is shown until then, and the page says of which moment it is. An answer is kept in
proportion to what it cost, so that on a small store everything is of this moment.
"""

import threading
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import structlog
from fastapi import FastAPI

WAIT_S: Final = 0.2
"""How long a page waits for an answer that is being worked out, where it may come in that time."""
KEPT_TIMES: Final = 60.0
"""An answer is kept for so many times the seconds that it cost."""
T = TypeVar("T")
A = TypeVar("A")
_log = structlog.get_logger("caselight.oversight")


@dataclass(frozen=True)
class Kept(Generic[T]):
    """An answer as it is shown.

    Parameters
    ----------
    answer
        The answer; ``None`` where there is none yet.
    is_working
        Whether it, or a newer one, is being worked out.
    has_failed
        Whether the last try to work it out failed.
    """

    answer: T | None = None
    is_working: bool = False
    has_failed: bool = False

    def narrow(self, kind: type[A]) -> "Kept[A]":
        """Return the same as an answer of one kind; one of another kind is not there."""
        answer = self.answer if isinstance(self.answer, kind) else None
        return Kept(answer, self.is_working, self.has_failed)


@dataclass
class _Entry:
    """One answer: the last one, when and how long it took, and whether one is being made."""

    answer: Any = None
    made_at_s: float = 0.0
    cost_s: float = 0.0
    has_failed: bool = False
    work: threading.Thread | None = field(default=None, repr=False)

    def is_fresh(self, now_s: float) -> bool:
        """Return whether the answer need not be made again."""
        return self.answer is not None and now_s - self.made_at_s < KEPT_TIMES * self.cost_s


class Keeper:
    """Keeps answers by name.

    Parameters
    ----------
    wait_s
        How long one question waits for what is being worked out.
    """

    def __init__(self, wait_s: float = WAIT_S) -> None:
        self._wait_s = wait_s
        self._entries: dict[Hashable, _Entry] = {}
        self._lock = threading.Lock()

    def find(self, wanted: Mapping[Hashable, Callable[[], T]]) -> dict[Hashable, Kept[T]]:
        """Return the answers by name, newly worked out where that is quick.

        Nobody waits for an answer that took longer the last time: the one before is there.

        Parameters
        ----------
        wanted
            By name, what works an answer out. It is called in a thread of its own, and never twice
            at once for one name.
        """
        until_s = time.monotonic() + self._wait_s
        working = [self._begin(name, make) for name, make in wanted.items()]
        for work in working:
            if work is not None:
                work.join(max(until_s - time.monotonic(), 0.0))
        return {name: self._describe(name) for name in wanted}

    def _begin(self, name: Hashable, make: Callable[[], Any]) -> threading.Thread | None:
        """Have an answer worked out unless it is fresh; return what is worth waiting for."""
        with self._lock:
            entry = self._entries.setdefault(name, _Entry())
            if entry.work is None and not entry.is_fresh(time.monotonic()):
                entry.work = threading.Thread(
                    target=self._work_out, args=(entry, make), name="oversight", daemon=True
                )
                entry.work.start()
            # An earlier answer is there and a new one would not come in time: the page shows that
            # one.
            is_slow = entry.answer is not None and entry.cost_s > self._wait_s
            return None if is_slow else entry.work

    def _work_out(self, entry: _Entry, make: Callable[[], Any]) -> None:
        begun_s = time.monotonic()
        answer, has_failed = entry.answer, False
        try:
            answer = make()
        except Exception as error:  # told on the page, and logged without its words
            has_failed = True
            _log.error("not worked out", kind=type(error).__name__)
        with self._lock:
            now_s = time.monotonic()
            entry.answer, entry.has_failed = answer, has_failed
            entry.made_at_s, entry.cost_s = now_s, now_s - begun_s
            entry.work = None

    def _describe(self, name: Hashable) -> Kept[Any]:
        with self._lock:
            entry = self._entries[name]
            return Kept(entry.answer, entry.work is not None, entry.has_failed)


_making = threading.Lock()


def keeper_of(app: FastAPI) -> Keeper:
    """Return the application's keeper; it lives as long as the application does."""
    with _making:
        if not hasattr(app.state, "oversight_keeper"):
            app.state.oversight_keeper = Keeper()
        keeper: Keeper = app.state.oversight_keeper
        return keeper
