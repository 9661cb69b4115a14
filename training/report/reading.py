"""Careful reading of ``metrics.json``: what is absent or of another kind is nothing, not an error.

Each value keeps its place in the file, so that every figure of the page can say where it is from.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_SETTING: Final = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Node:
    """A value of the metrics and its place.

    Parameters
    ----------
    value
        The value; ``None`` where there is none.
    pointer
        Its place as a JSON pointer (RFC 6901).
    """

    value: object
    pointer: str = ""

    def __getitem__(self, key: str | int) -> "Node":
        """Return a part; an empty node where there is no such part."""
        found: object = None
        if isinstance(key, str) and isinstance(self.value, Mapping):
            found = self.value.get(key)
        elif isinstance(key, int) and isinstance(self.value, list | tuple):
            found = self.value[key] if key < len(self.value) else None
        escaped = str(key).replace("~", "~0").replace("/", "~1")
        return Node(found, f"{self.pointer}/{escaped}")

    def __bool__(self) -> bool:
        """Whether there is anything: an empty list or mapping is nothing, a zero is something."""
        return self.value is not None and self.value not in ({}, [], (), "")

    def first(self, *keys: str) -> "Node":
        """Return the first part that is there, or the first, empty."""
        return next((self[key] for key in keys if self[key].value is not None), self[keys[0]])

    def has(self, key: str) -> bool:
        """Whether the metrics have such a part at all, be it empty."""
        return isinstance(self.value, Mapping) and self.value.get(key) is not None

    @property
    def number(self) -> float | None:
        """The value where it is a finite number."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return float(value) if math.isfinite(value) else None

    @property
    def text(self) -> str:
        """The value where it is a text, otherwise nothing."""
        return self.value if isinstance(self.value, str) else ""

    @property
    def is_true(self) -> bool:
        """Whether the value is ``true``."""
        return self.value is True

    def items(self) -> list[tuple[str, "Node"]]:
        """Return the named parts of a mapping; none of anything else."""
        if not isinstance(self.value, Mapping):
            return []
        return [(str(key), self[str(key)]) for key in self.value]

    def parts(self) -> list[tuple[str, "Node"]]:
        """Return the named parts that are mappings: outcomes, origins, candidates."""
        return [(key, one) for key, one in self.items() if isinstance(one.value, Mapping)]

    def named(self) -> list[tuple[str, "Node"]]:
        """Return the parts whose names are plain settings: small letters, digits, underscores."""
        return [(key, one) for key, one in self.items() if _SETTING.fullmatch(key)]

    def each(self) -> list["Node"]:
        """Return the parts of a list; none of anything else."""
        if isinstance(self.value, str) or not isinstance(self.value, Sequence):
            return []
        return [self[number] for number in range(len(self.value))]

    def texts(self) -> list[str]:
        """Return the texts of a list."""
        return [one.text for one in self.each() if one.text]


@dataclass(frozen=True)
class Run:
    """The metrics of a run and what all sections need of them.

    Parameters
    ----------
    root
        All of the metrics.
    outcomes
        Names of the outcomes, in the order of the catalogue.
    origins
        Names of the test origins, in order of time.
    """

    root: Node
    outcomes: tuple[str, ...]
    origins: tuple[str, ...]

    @property
    def last(self) -> str:
        """The test origin of the bundle."""
        return self.root["trained_for"].text or (self.origins[-1] if self.origins else "")

    def at(self, outcome: str, origin: str | None = None) -> Node:
        """Return the figures of an outcome at an origin, the last by default."""
        return self.root["outcomes"][outcome][self.last if origin is None else origin]

    def find(self, key: str, outcome: str) -> Node:
        """Return an outcome's part of a section, wherever a run puts it.

        Sections that describe an outcome stand under their own key, by outcome and perhaps by
        origin, beside a section of the same kind, or with the outcome's other figures.
        """
        candidates = (
            self.root[key][outcome][self.last],
            self.root[key][outcome],
            self.root["calibration"][outcome][key],
            self.at(outcome)[key],
        )
        return next((one for one in candidates if one), candidates[1])


def read_run(metrics: Mapping[str, object]) -> Run:
    """Return the metrics of a run, ready to be read."""
    root = Node(metrics)
    names = dict.fromkeys(
        name for part in ("outcomes", "training") for name, _ in root[part].parts()
    )
    origins = dict.fromkeys(one["name"].text for one in root["run"]["origins"].each())
    for name in names:
        origins |= dict.fromkeys(origin for origin, _ in root["outcomes"][name].parts())
    return Run(root, tuple(names), tuple(origin for origin in origins if origin))
