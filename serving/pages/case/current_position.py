"""Where the subject stands now, as far as records say: custody, bail, an order, the last act."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from serving.decisions.outputs import SpanOut
from serving.pages.case.timeline import TimelineEntry
from serving.pages.rendering import describe_day_of
from serving.pages.state_words import describe_lasting, name_state

LATELY_DAYS: Final = 28
"""A time that ended within so many days is told with its end: a release, an order that ran out."""


@dataclass(frozen=True)
class CurrentPosition:
    """What holds now.

    Parameters
    ----------
    spans
        Times that last or ended lately, in words.
    last_act
        The last thing on record that the subject did, or somebody for them.
    """

    spans: tuple[str, ...]
    last_act: TimelineEntry | None


def describe_standing(
    spans: Sequence[SpanOut],
    entries: Sequence[TimelineEntry],
    today: dt.date,
    work_kinds: Collection[str],
) -> CurrentPosition:
    """Return what holds today.

    Parameters
    ----------
    spans
        Times on record.
    entries
        Every record of the case that is shown, the latest first.
    today
        The day in the unit's zone.
    work_kinds
        Kinds of the unit's own work, which says nothing of the subject.
    """
    kinds = {entry.record.record_id: entry.record.kind for entry in entries}
    told = [
        _describe_span(span)
        for span in spans
        if _is_recent(span, today) and kinds.get(span.records[0]) not in work_kinds
    ]
    acts = (entry for entry in entries if entry.record.is_act and entry.record.in_force)
    return CurrentPosition(tuple(dict.fromkeys(told)), next(acts, None))


def _is_recent(span: SpanOut, today: dt.date) -> bool:
    if span.ended_at is None:
        return True
    return (today - dt.datetime.fromisoformat(span.ended_at).date()).days <= LATELY_DAYS


def _describe_span(span: SpanOut) -> str:
    if span.ended_at is None:
        return describe_lasting(span.state, span.detail, describe_day_of(span.started_at))
    return f"{name_state(span.state, span.detail)} ended {describe_day_of(span.ended_at)}"
