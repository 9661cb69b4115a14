"""Parts of a history that answer some questions sooner than the whole, and the same."""

import dataclasses

import numpy as np

from features.contract.tables import CLOSING_KINDS, OPENING_KINDS
from features.history.columns import History
from features.history.subsets import keep_rows


def keep_lifecycle(history: History) -> History:
    """Return a history of the events that open and close cases alone.

    :func:`features.history.open_cases.open_cases` finds the same in it, many times quicker where it
    is asked about many moments.
    """
    events = history.events
    chosen = np.isin(events.kind.values, (*OPENING_KINDS, *CLOSING_KINDS))
    rows = np.flatnonzero(np.append(chosen, False)[events.kind.codes])
    return dataclasses.replace(history, events=keep_rows(events, rows))


def drop_facts(history: History) -> History:
    """Return a history without answers, for what is asked of events alone, such as labels."""
    nothing = np.empty(0, dtype=np.int64)
    return dataclasses.replace(history, facts=keep_rows(history.facts, nothing))
