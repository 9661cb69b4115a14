"""Which start of a state each end of it ends, and which ends and starts are left without the other.

An end ends the start of the same detail. Exports name the prison or the order once, so an end that
finds nothing of its own detail ends the only one that is open, where one of the two has no detail.
Where both name one, and not the same, they may be two stays: nothing is guessed, and it is told.
The first engine paired no such ends, and models trained by it go on without
(:mod:`features.history.reading_rules`).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np

from features.catalogue.declarations import Catalogue
from features.contract.arrays import MISSING
from features.engine.plan import state_kinds
from features.history.columns import History
from features.history.in_force import in_force
from features.history.reading_rules import CURRENT_RULES, ReadingRules

_WAYS: Final = ("starts", "ends")


@dataclass(frozen=True)
class StateEdge:
    """A record that starts a state or ends it.

    Parameters
    ----------
    row
        Place of the record, by which the caller knows it.
    at_us
        When it happened, microseconds UTC.
    detail
        Code of its detail, ``MISSING`` for none.
    starts
        Whether it starts the state.
    """

    row: int
    at_us: int
    detail: int
    starts: bool


@dataclass(frozen=True)
class MatchedEnds:
    """How the starts and ends of one state of one case belong together.

    Parameters
    ----------
    detail
        Detail of the start that each end ends, by the end's row: its own unless it ends another's.
    unmatched
        Rows of the ends that have no start of their own.
    still_open
        How many details are open after the last record.
    """

    detail: Mapping[int, int]
    unmatched: tuple[int, ...]
    still_open: int


def match_ends(edges: Sequence[StateEdge], rules: ReadingRules = CURRENT_RULES) -> MatchedEnds:
    """Match the ends of one state of one case with its starts, as the engine does.

    Parameters
    ----------
    edges
        The state's records in force, earliest first.
    rules
        How records are read.

    Returns
    -------
    MatchedEnds
        Of records of one moment all are looked at together, in whatever order they stand.
    """
    detail: dict[int, int] = {}
    unmatched: list[int] = []
    waiting: Counter[int] = Counter()
    still_open: set[int] = set()
    for _, moment in groupby(edges, lambda edge: edge.at_us):
        here = list(moment)
        starting = {edge.detail for edge in here if edge.starts}
        ending = {edge.detail for edge in here if not edge.starts}
        # An end closes what was open before this moment; only where nothing was, a start of now.
        only = still_open or starting - ending
        loose = ending - still_open - starting if rules.pairs_loose_ends else set()
        ends = {own: one for own in loose if (one := _find_only(only, own)) is not None}
        waiting.update(edge.detail for edge in here if edge.starts)
        for edge in here:
            if not edge.starts:
                ended = detail[edge.row] = ends.get(edge.detail, edge.detail)
                # Of two orders of one kind the first end ends both for the engine: the second one
                # has a start of its own all the same.
                unmatched += [] if waiting[ended] else [edge.row]
                waiting[ended] -= 1 if waiting[ended] else 0
        closed = ending | set(ends.values())
        still_open = (still_open - closed) | (starting & still_open) | (starting - closed)
    return MatchedEnds(detail, tuple(unmatched), len(still_open))


def _find_only(details: set[int], own: int) -> int | None:
    """Return the detail that an end of another one ends, ``None`` where that would be a guess."""
    if len(details) != 1:
        return None
    (only,) = details
    return only if MISSING in (only, own) else None


def count_unmatched(
    history: History, catalogue: Catalogue, rules: ReadingRules = CURRENT_RULES
) -> dict[str, int]:
    """Return in words which ends and starts of states are left without the other, with how many
    there are by what is known at the extract.

    Starts are told only of a state whose ends do not all fit, or that has none: somebody may well
    be in custody today.

    Parameters
    ----------
    history
        The cases.
    catalogue
        Names the kinds that start and end states.
    rules
        How records are read.

    Returns
    -------
    dict
        Words to counts, none of them 0.
    """
    counts: dict[str, int] = {}
    for state in catalogue.states:
        matched = [match_ends(edges, rules) for edges in _list_edges(history, catalogue, state)]
        n_ends = sum(len(one.detail) for one in matched)
        n_unmatched = sum(len(one.unmatched) for one in matched)
        counts[
            f"ends of {state} end nothing: no start is open, or its detail is another; "
            "give an end the detail of its start"
        ] = n_unmatched
        # Where every end has its start, those that are open are the people it holds for today.
        if n_unmatched or not n_ends:
            n_open = sum(one.still_open for one in matched)
            counts[f"starts of {state} have no end on record; it lasts to this day"] = n_open
    return {words: count for words, count in counts.items() if count}


def _list_edges(history: History, catalogue: Catalogue, state: str) -> Iterator[list[StateEdge]]:
    """Give the records of a state in force at the extract, case by case."""
    events = history.events
    edges = [{kind for kind, of in state_kinds(catalogue, way) if of == state} for way in _WAYS]
    starts, ends = (
        np.array([*(kind in kinds for kind in events.kind.values), False])[events.kind.codes]
        for kinds in edges
    )
    known = in_force(events.recorded_at, events.superseded_at, history.extract_at)
    usable = events.measured & known & (events.via.codes == MISSING)
    rows = np.flatnonzero((starts | ends) & usable & (events.occurred_at < history.extract_at))
    cases = np.searchsorted(events.pointer, rows, side="right")
    found = (
        StateEdge(int(row), int(events.occurred_at[row]), int(detail), bool(starts[row]))
        for row, detail in zip(rows, events.detail.codes[rows], strict=True)
    )
    for _, of_case in groupby(zip(cases.tolist(), found, strict=True), lambda pair: pair[0]):
        yield [edge for _, edge in of_case]
