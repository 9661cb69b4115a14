"""The figures that a run wrote beside its bundle, read carefully: what is absent is nothing.

``metrics.json`` is not part of a bundle's identity. It is shown only where it names the bundle and
is, to the letter, the file that was judged when the bundle was put to use.
"""

import functools
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.bundle.folder import METRICS_FILE
from serving.settings import Settings

_MOST_BYTES: Final = 50_000_000
_ABSENT: Final = "no figures lie beside the model; train it with a report, and propose it again"
_UNREADABLE: Final = "the figures beside the model cannot be read; restore them from the run"
_OTHERS: Final = "the figures beside the model are another model's; restore its own from the run"
_CHANGED: Final = (
    "the figures beside the model are not those that were judged when it was put to use; restore "
    "those, or propose the model again"
)


@dataclass(frozen=True)
class Node:
    """A value of the figures; every part of what is not there is not there either."""

    value: object = None

    def __getitem__(self, key: str | int) -> "Node":
        """Return a part; an empty node where there is none."""
        if isinstance(key, str) and isinstance(self.value, Mapping):
            return Node(self.value.get(key))
        if isinstance(key, int) and isinstance(self.value, list):
            return Node(self.value[key] if 0 <= key < len(self.value) else None)
        return Node()

    def __bool__(self) -> bool:
        """Whether there is anything: an empty list or mapping is nothing, a zero is something."""
        return self.value is not None and self.value not in ({}, [], "")

    @property
    def number(self) -> float | None:
        """The value where it is a finite number."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            return None
        return float(self.value) if math.isfinite(self.value) else None

    @property
    def text(self) -> str:
        """The value where it is a text, otherwise nothing."""
        return self.value if isinstance(self.value, str) else ""

    @property
    def is_true(self) -> bool:
        """Whether the value is ``true``."""
        return self.value is True

    def each(self) -> list["Node"]:
        """Return the parts of a list; none of anything else."""
        if isinstance(self.value, str) or not isinstance(self.value, Sequence):
            return []
        return [Node(one) for one in self.value]

    def items(self) -> list[tuple[str, "Node"]]:
        """Return the named parts of a mapping; none of anything else."""
        if not isinstance(self.value, Mapping):
            return []
        return [(str(key), Node(one)) for key, one in self.value.items()]


@dataclass(frozen=True)
class RunFigures:
    """The figures of the run that made a bundle.

    Parameters
    ----------
    root
        All of them; empty where there are none to show.
    why_none
        Why there are none, with the remedy; ``None`` where there are.
    """

    root: Node
    why_none: str | None = None

    def at(self, outcome: str) -> Node:
        """Return the figures of an outcome at the model's own test date."""
        return self.root["outcomes"][outcome][self.root["trained_for"].text]


def read_figures(settings: Settings, bundle_id: str, judged: str | None) -> RunFigures:
    """Return the figures of the bundle in use.

    Parameters
    ----------
    settings
        Where bundles are.
    bundle_id
        The bundle in use.
    judged
        SHA-256 of the figures as they were judged; ``None`` where no record says.
    """
    folder = settings.bundle or (settings.models_dir and settings.models_dir / bundle_id)
    if folder is None:
        return RunFigures(Node(), _ABSENT)
    path = folder / METRICS_FILE
    try:
        seen = path.stat()
        if seen.st_size > _MOST_BYTES:
            raise ValueError("too large to be figures")
        digest, root = _read(path, seen.st_mtime_ns, seen.st_size)
    except FileNotFoundError:
        return RunFigures(Node(), _ABSENT)
    except (OSError, ValueError, RecursionError):
        return RunFigures(Node(), _UNREADABLE)
    why = _find_fault(digest, root, bundle_id, judged)
    return RunFigures(Node() if why else root, why)


def _find_fault(digest: str, root: Node, bundle_id: str, judged: str | None) -> str | None:
    """Return why figures are not shown; ``None`` where they are."""
    if judged not in (None, digest):
        return _CHANGED
    return None if root["bundle_id"].text == bundle_id else _OTHERS


@functools.lru_cache(maxsize=4)
def _read(path: Path, mtime_ns: int, size: int) -> tuple[str, Node]:
    """Return a file's digest and content; the moment and size tell one content from another."""
    content = path.read_bytes()
    return hashlib.sha256(content).hexdigest(), Node(json.loads(content))
