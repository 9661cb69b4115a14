"""The access file of a folder: who opened which of its cases, when and why, in a chain of lines.

It stands beside the folder, so that looking changes nothing in it, and is only added to. Each line
holds the digest of the line before it: one that was altered, or taken out from between others, no
longer fits. A cut end cannot be told from the file alone, so that the number of lines and the last
digest are printed when viewing begins and ends, to be kept elsewhere.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final

from features.contract.json_text import JsonError, read_json
from features.contract.moments import to_datetime
from features.errors import ConfigError

START: Final = "0" * 64
"""Stands for the digest of the line before the first."""
_OWNER_ONLY: Final = 0o600
_MODE: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND


@dataclass(frozen=True)
class Viewer:
    """Who looks, and what for, as they said; neither is empty."""

    name: str
    purpose: str


@dataclass(frozen=True)
class AccessLine:
    """One line of an access file.

    Parameters
    ----------
    number
        From 1.
    at
        ISO 8601 moment with its offset from UTC.
    name, purpose
        Of the viewer.
    act
        ``begun``, ``entered``, ``refused``, ``listed``, ``case`` or ``ended``.
    case_id
        The case that was opened; empty for other acts.
    previous
        Digest of the line before.
    """

    number: int
    at: str
    name: str
    purpose: str
    act: str
    case_id: str
    previous: str

    def write(self) -> str:
        """Return the line as it stands in the file, without its end."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))

    @property
    def digest(self) -> str:
        """SHA-256 of the written line, in hex."""
        return hashlib.sha256(self.write().encode("utf-8")).hexdigest()


@dataclass(frozen=True)
class AccessEnd:
    """Where an access file ends: how many lines it has, and the digest of the last."""

    lines: int
    digest: str


class AccessFile:
    """An access file that lines are added to.

    Parameters
    ----------
    folder
        The contract folder; the file beside it is named ``FOLDER.access.jsonl``.
    viewer
        Who looks.
    clock
        Gives the moment, microseconds UTC.
    """

    def __init__(self, folder: Path, viewer: Viewer, clock: Callable[[], int]) -> None:
        whole = folder.resolve()
        self.path = whole.with_name(f"{whole.name}.access.jsonl")
        self._viewer, self._clock = viewer, clock

    def add(self, act: str, case_id: str = "") -> AccessEnd:
        """Add a line, and return once it is on the disk.

        Parameters
        ----------
        act, case_id
            See :class:`AccessLine`.

        Returns
        -------
        AccessEnd
            Where the file ends now.

        Raises
        ------
        ConfigError
            If the file cannot be written, or a line of it does not fit. Nothing may be shown then.
        """
        try:
            descriptor = os.open(self.path, _MODE | os.O_NOFOLLOW, _OWNER_ONLY)
            with os.fdopen(descriptor, "r+", encoding="utf-8", newline="\n") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                # By line feeds alone: a case's number may hold other ends of lines of Unicode.
                written = file.read().removesuffix("\n")
                lines = read_lines(written.split("\n") if written else [], self.path.name)
                line = AccessLine(
                    number=len(lines) + 1,
                    at=to_datetime(self._clock(), "UTC").isoformat(timespec="seconds"),
                    name=self._viewer.name,
                    purpose=self._viewer.purpose,
                    act=act,
                    case_id=case_id,
                    previous=lines[-1].digest if lines else START,
                )
                file.write(f"{line.write()}\n")
                file.flush()
                os.fsync(file.fileno())
        except (OSError, UnicodeDecodeError):
            raise ConfigError(
                f"the access file {self.path.name} beside the folder cannot be written, so that no "
                "case is shown; make room for it, or mend its rights"
            ) from None
        return AccessEnd(line.number, line.digest)


def read_lines(written: Sequence[str], name: str) -> list[AccessLine]:
    """Return the lines of an access file, each held against the one before it.

    Parameters
    ----------
    written
        The lines as they stand in the file, without their ends.
    name
        Of the file, for messages.

    Returns
    -------
    list of AccessLine
        All of them.

    Raises
    ------
    ConfigError
        At the first that does not fit; the message has its number and nothing of it.
    """
    lines: list[AccessLine] = []
    previous = START
    for number, text in enumerate(written, 1):
        line = _read_line(text)
        if line is None or (line.number, line.previous, line.write()) != (number, previous, text):
            raise ConfigError(
                f"line {number} of {name} does not fit the one before it; keep the file as it is, "
                "tell who answers for these data, and put back a copy from before"
            )
        lines.append(line)
        previous = line.digest
    return lines


def _read_line(text: str) -> AccessLine | None:
    try:
        content = read_json(text)
    except JsonError:
        return None
    names = {field.name for field in fields(AccessLine)}
    if not isinstance(content, dict) or content.keys() != names:
        return None
    return AccessLine(**content)
