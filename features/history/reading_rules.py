"""How each engine reads records: the rules that changed after models had been trained by them.

A model has learnt from indicators as one engine measured them, and goes on to be measured by it:
what it was trained with, its scores, reasons and replays all follow the rules of one engine.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

ENGINE_VERSION: Final = "2"
"""Changes whenever any indicator's value could; everything new is made with it."""


@dataclass(frozen=True)
class ReadingRules:
    """What an engine makes of records that do not say all.

    Parameters
    ----------
    pairs_loose_ends
        Whether an end of a state that has no detail, or whose start has none, ends the only one
        that is open. Otherwise it ends nothing.
    drops_impossible_answers
        Whether a date that cannot be counts as not answered. Otherwise it is counted with.
    """

    pairs_loose_ends: bool
    drops_impossible_answers: bool


ENGINES: Final[Mapping[str, ReadingRules]] = MappingProxyType(
    {
        "1": ReadingRules(pairs_loose_ends=False, drops_impossible_answers=False),
        ENGINE_VERSION: ReadingRules(pairs_loose_ends=True, drops_impossible_answers=True),
    }
)
"""The rules of every engine whose bundles can still be used, by its version."""

CURRENT_RULES: Final = ENGINES[ENGINE_VERSION]
