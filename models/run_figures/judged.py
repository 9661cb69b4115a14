"""What was judged of a bundle, as the record of promotions keeps it in plain values."""

from collections.abc import Mapping
from typing import TypedDict


class JudgedGate(TypedDict):
    """One gate as it was told; see :class:`training.gates.verdict.Gate`."""

    name: str
    about: str
    verdict: str
    figures: Mapping[str, float | None]
    limit: str
    words: str
    may_be_accepted: bool


class BundleSummary(TypedDict, total=False):
    """What a bundle is, beside its hash; empty where the record has no step of it.

    ``trained_for`` is its test origin, ``outcomes`` are those that it estimates, and ``headlines``
    what its run said first.
    """

    catalogue: str
    catalogue_digest: str
    trained_for: str | None
    capacity: int | None
    outcomes: list[str]
    headlines: list[str]
