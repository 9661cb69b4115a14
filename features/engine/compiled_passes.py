"""The compiled passes that measure, cached on disk where that is possible."""

import functools
from collections.abc import Callable
from typing import NamedTuple

from features.compiled.cache import keep_compiled


class Passes(NamedTuple):
    """The compiled passes over a history."""

    measure_events: Callable[..., None]
    measure_facts: Callable[..., None]


@functools.cache
def passes() -> Passes:
    """Return the compiled passes."""
    from features.engine.kernel import passes as compiled

    found = Passes(compiled.measure_events, compiled.measure_facts)
    keep_compiled(found)
    return found
