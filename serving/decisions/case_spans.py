"""Times during which a case was in a state that its records start and end: custody, an order.

They are the engine's own intervals, so that what is drawn is what was computed with. Health
records and those that an agency keeps to itself are in no history, and so in no span.
"""

from typing import Final

import numpy as np

from features.contract.arrays import MISSING
from features.evidence.records_behind import CaseMoment, Interval, state_intervals
from features.history.columns import History
from models.bundle.folder import Bundle
from serving.decisions.outputs import SpanOut
from serving.store.row_text import Clockface

_FIRST_CASE: Final = 0


def find_spans(
    history: History, bundle: Bundle, as_of_us: int, face: Clockface
) -> tuple[SpanOut, ...]:
    """Return the spans of a case, state by state, each state's earliest first.

    Parameters
    ----------
    history
        The history of the one case; of no case where nothing of it may be computed with.
    bundle
        Its catalogue names the kinds that start and end states, and its engine reads them.
    as_of_us
        What is known at this moment, exclusive; microseconds UTC.
    face
        Tells moments.
    """
    if len(history) == 0:
        return ()
    moment = CaseMoment(history, bundle.catalogue, _FIRST_CASE, as_of_us, bundle.rules)
    return tuple(
        _describe(moment, state, interval, face)
        for state in bundle.catalogue.states
        for interval in state_intervals(moment, state)
    )


def _describe(moment: CaseMoment, state: str, interval: Interval, face: Clockface) -> SpanOut:
    keys = np.asarray(moment.history.events.event_id[moment.rows])
    detail = moment.history.events.detail
    code = int(detail.codes[moment.rows][interval.first])
    ended = interval.last is not None
    return SpanOut(
        state=state,
        detail=None if code == MISSING else detail.values[code],
        started_at=face.show(interval.start_us),
        ended_at=face.show(interval.end_us) if ended else None,
        records=tuple(
            str(keys[edge]) for edge in (interval.first, interval.last) if edge is not None
        ),
    )
