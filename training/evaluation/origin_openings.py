"""How often each test origin was opened: an honest count, not a lock.

Every look at a test origin makes it a little less of a test, because the next choice may be made
with its result in mind. The ledger is a file of JSON lines that is only ever added to.
"""

import fcntl
import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO, Final

from features.errors import ArtefactError, LeakageError

_PRIVATE: Final = 0o600


@dataclass(frozen=True)
class Opening:
    """One opening of a test origin, this one included in the count.

    Parameters
    ----------
    count
        How often these data were evaluated at this origin, by any release.
    first
        When that was first done.
    of_release
        How often by this release.
    """

    count: int
    first: str
    of_release: int

    def describe(self) -> str:
        """Say how often the origin was opened."""
        times = "once" if self.count == 1 else f"{self.count} times"
        return f"opened {times} (first on {self.first})"


@dataclass(frozen=True)
class _Entry:
    release: str
    origin: str
    catalogue_digest: str
    config_digest: str
    data_digest: str
    when: str


_FIELDS: Final = frozenset(field.name for field in fields(_Entry))


def open_origin(
    path: Path,
    *,
    release: str,
    origin: str,
    catalogue_digest: str,
    config_digest: str,
    data_digest: str,
    when: str,
    strict: bool = False,
) -> Opening:
    """Write down that a test origin is opened, and return how often it was.

    Parameters
    ----------
    path
        The ledger; made, readable by its owner only, where there is none.
    release
        Name under which the model would be released.
    origin
        The test date as it is shown.
    catalogue_digest, config_digest
        What was chosen; they are written down and do not divide the count.
    data_digest
        What was opened: the same origin of other data is another one.
    when
        Today as it is shown.
    strict
        Whether to refuse a second opening by the same release.

    Raises
    ------
    LeakageError
        If ``strict`` and this release has opened the origin before. Nothing is written then.
    ArtefactError
        If the file is no ledger or cannot be written.
    """
    entry = _Entry(release, origin, catalogue_digest, config_digest, data_digest, when)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, _PRIVATE)
    except OSError:
        raise ArtefactError(
            f"{path.name}: the ledger of openings cannot be written there; name another file"
        ) from None
    # A line that is no UTF-8 is then refused like any other that is no opening, by its number.
    with os.fdopen(descriptor, "r+", encoding="utf-8", errors="surrogateescape") as file:
        # Of two runs that open an origin at once the second counts the first.
        fcntl.flock(file, fcntl.LOCK_EX)
        earlier = [one for one in _read_entries(file, path.name) if _is_same(one, entry)]
        found = Opening(
            count=len(earlier) + 1,
            first=earlier[0].when if earlier else when,
            of_release=sum(one.release == release for one in earlier) + 1,
        )
        if strict and found.of_release > 1:
            raise LeakageError(
                f"test origin {origin} was opened by release '{release}' before; a release opens "
                "an origin once: name another release, or leave out the strict rule"
            )
        file.write(json.dumps(asdict(entry)) + "\n")
    return found


def read_openings(path: Path, *, origin: str, data_digest: str) -> int:
    """Return how often an origin of these data was opened; 0 where there is no ledger.

    Raises
    ------
    ArtefactError
        If the file is no ledger.
    """
    if not path.is_file():
        return 0
    with path.open(encoding="utf-8", errors="surrogateescape") as file:
        entries = _read_entries(file, path.name)
    return sum(one.origin == origin and one.data_digest == data_digest for one in entries)


def _is_same(one: _Entry, other: _Entry) -> bool:
    return (one.origin, one.data_digest) == (other.origin, other.data_digest)


def _read_entries(file: IO[str], name: str) -> list[_Entry]:
    """Return the ledger's entries; a line that is none is refused, never passed over."""
    file.seek(0)
    entries = []
    try:
        for line in file:
            cells = json.loads(line)
            if not isinstance(cells, dict) or cells.keys() != _FIELDS:
                raise ValueError
            entries.append(_Entry(**{key: str(value) for key, value in cells.items()}))
    except ValueError:
        raise ArtefactError(
            f"{name}: line {len(entries) + 1} is not an opening; the ledger is only ever added "
            "to, so restore it from a copy"
        ) from None
    return entries
