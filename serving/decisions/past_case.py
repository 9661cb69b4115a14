"""A case as it was known at a past moment: what came later is left out.

Rights are always those of today: what is sealed, kept apart or erased now is so on every past page.
What is worked out as of today and cannot be told of then, such as the case status, is left out.
"""

import dataclasses
import datetime as dt
from collections.abc import Iterable
from typing import Any, Final, TypeVar

from serving.decisions.agency_views import sum_up_views
from serving.decisions.outputs import CaseOut, FirstReadOut, ViewsOut

_T = TypeVar("_T")
_NOT_TOLD: Final = "the case was scored later than the moment shown, or not at all"
_UNKNOWN: Final = "not known"


def leave_later(case: CaseOut, now_us: int) -> CaseOut:
    """Return a case without anything that was recorded or done at a moment or later.

    Parameters
    ----------
    case
        The case as it is now.
    now_us
        The past moment that is shown, microseconds UTC, exclusive.
    """
    records = tuple(_keep(case.records, "recorded_at", now_us))
    shown = {one.record_id for one in records}
    views = _leave_later_views(case.views, now_us)
    advice = case.advice
    told = advice is not None and is_before(advice.as_of, now_us)
    decisions = tuple(_keep(case.decisions, "decided_at", now_us))
    changed: dict[str, Any] = {
        "records": records,
        "spans": tuple(one for one in case.spans if set(one.records) <= shown),
        "n_records_kept_apart": 0,  # each says it beside itself; the sum would count later ones
        "views": views,
        "decisions": tuple(
            one if one.reversed_by is None else dataclasses.replace(one, reversed_by=None)
            for one in decisions
        ),
        "corrections": tuple(_keep(case.corrections, "asked_at", now_us)),
        "pending_corrections": tuple(_keep(case.pending_corrections, "sent_at", now_us)),
        "places": tuple(_keep(case.places, "opened_at", now_us)),
        "flags": tuple(
            dataclasses.replace(one, acknowledged_by=None, is_unseen=False)
            for one in _keep(case.flags, "raised_at", now_us)
        ),
        "advice": advice if told else None,
        "why_no_advice": case.why_no_advice if told else _NOT_TOLD,
        "ask_first": case.ask_first if told else (),
    }
    if not is_before(case.state_since, now_us) or len(decisions) < len(case.decisions):
        changed |= {"state": _UNKNOWN, "owner": None, "review_on": None, "returned_for": None}
        changed |= {"waiting_days": None, "waiting_since": None}
    read_at = case.first_read.read_at
    if read_at is not None and not is_before(read_at, now_us):
        changed["first_read"] = FirstReadOut(
            due=case.first_read.due, read_at=None, person=None, role=None, agency=None, note=None
        )
    return dataclasses.replace(case, **changed)


def _leave_later_views(views: ViewsOut, now_us: int) -> ViewsOut:
    """Return the views that were given before a moment, as they counted then."""
    given = tuple(_keep(views.all, "given_at", now_us))
    known = {one.view_key for one in given}
    then = []
    for view in reversed(given):
        changes: dict[str, Any] = {}
        if view.confirmed_at is not None and not is_before(view.confirmed_at, now_us):
            changes |= {"confirmed_by": None, "confirmed_at": None}
        if view.replaced_by not in known:
            changes["replaced_by"] = None
        one = dataclasses.replace(view, **changes)
        is_settled = one.confirmed_at is not None or one.replaced_by is not None
        counts = one.recorded_by_agency is None or one.stance == "dissent" or is_settled
        then.append(dataclasses.replace(one, counts=counts))
    rounds = tuple(_keep(views.rounds, "opened_at", now_us))
    return ViewsOut(**sum_up_views(then), rounds=rounds)


def is_before(moment: str, now_us: int) -> bool:
    """Return whether a moment, ISO 8601 with its zone, is before another in microseconds UTC."""
    return round(dt.datetime.fromisoformat(moment).timestamp() * 1_000_000) < now_us


def _keep(found: Iterable[_T], name: str, now_us: int) -> Iterable[_T]:
    return [one for one in found if is_before(getattr(one, name), now_us)]
