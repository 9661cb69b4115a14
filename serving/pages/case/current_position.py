"""Where the subject stands now, as far as records say: custody, bail, an order, the last act."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from serving.decisions.outputs import SpanOut
from serving.pages.case.record_words import is_kept_apart
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
    ends: Mapping[str, str] | None = None,
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
    ends
        The state that each kind ends: an end that is on record before it comes is told.
    """
    ahead = _find_ends_ahead(entries, today, ends or {})
    kinds = {entry.record.record_id: entry.record.kind for entry in entries}
    told = [
        _describe_span(span, ahead)
        for span in spans
        if _is_recent(span, today) and kinds.get(span.records[0]) not in work_kinds
    ]
    acts = (entry for entry in entries if entry.record.is_act and entry.record.in_force)
    return CurrentPosition(tuple(dict.fromkeys(told)), next(acts, None))


def _is_recent(span: SpanOut, today: dt.date) -> bool:
    if span.ended_at is None:
        return True
    return (today - dt.datetime.fromisoformat(span.ended_at).date()).days <= LATELY_DAYS


def _find_ends_ahead(
    entries: Sequence[TimelineEntry], today: dt.date, ends: Mapping[str, str]
) -> dict[tuple[str, str | None], str]:
    """Return the earliest end from today on of each state and detail; nothing kept apart is one."""
    found: dict[tuple[str, str | None], str] = {}
    for entry in entries:
        one = entry.record
        is_end = one.in_force and one.kind in ends and one.occurred_at is not None
        if not is_end or is_kept_apart(one):
            continue
        at = str(one.occurred_at)
        if dt.datetime.fromisoformat(at).date() >= today:
            key = (ends[one.kind], one.detail)
            found[key] = min(at, found.get(key, at))
    return found


def _describe_span(span: SpanOut, ahead: Mapping[tuple[str, str | None], str]) -> str:
    if span.ended_at is None:
        until = ahead.get((span.state, span.detail))
        return describe_lasting(
            span.state,
            span.detail,
            describe_day_of(span.started_at),
            describe_day_of(until) if until else "",
        )
    return f"{name_state(span.state, span.detail)} ended {describe_day_of(span.ended_at)}"
