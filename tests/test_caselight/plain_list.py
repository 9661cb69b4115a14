"""A ranked list in words, without anything that names a person or a record: for a golden file."""

from collections.abc import Iterator

import numpy as np

from features.contract.moments import to_datetime
from features.history.columns import History
from models.ranking.advice import Advice, RankedList, Reason
from models.wording.sentences import describe_estimate


def describe_list(ranked: RankedList, history: History) -> str:
    """Return the cases of a list in words; each reason with how many records it opens, and when."""
    lines = [f"{len(ranked.advices)} of {ranked.advices[0].n_ranked:,} cases", ranked.advisory]
    for advice in ranked.advices:
        lines += ["", f"Place {advice.rank}, priority {advice.priority:.2f}"]
        lines += [f"  {line}" for line in _describe_case(advice, history, ranked.time_zone)]
    return "\n".join(lines) + "\n"


def _describe_case(advice: Advice, history: History, zone: str) -> Iterator[str]:
    for estimate in advice.estimates:
        yield f"{estimate.label}: {describe_estimate(estimate)}"
    yield from (f"flag: {flag.wording}" for flag in advice.flags)
    yield from (f"mark: {mark}" for mark in advice.marks)
    years = _find_years(history, advice.case_id, zone)
    yield "moved the score up:"
    yield from (f"  {_describe_reason(reason, years)}" for reason in advice.reasons)
    if advice.counter_reasons:
        yield "moved the score down:"
        yield from (f"  {_describe_reason(reason, years)}" for reason in advice.counter_reasons)
    yield from (f"not known: {unknown.sentence}" for unknown in advice.unknowns[:2])


def _describe_reason(reason: Reason, years: dict[str, int]) -> str:
    found = sorted({years[key] for key in reason.records})
    opened = "no record: it is about what is not on file"
    if found:
        noun = "record" if len(reason.records) == 1 else "records"
        span = f"{found[0]} to {found[-1]}" if found[0] < found[-1] else f"{found[0]}"
        opened = f"{len(reason.records)} {noun}, {span}"
    usual = f"; {reason.usual}" if reason.usual else ""
    return f"{reason.sentence}{usual} [{opened}]"


def _find_years(history: History, case_id: str, zone: str) -> dict[str, int]:
    """Return the year of each of a case's records, by the unit's own key."""
    (case,) = np.flatnonzero(history.case_id == case_id)
    rows = history.events_of(int(case))
    keys = history.events.event_id[rows]
    moments = history.events.occurred_at[rows]
    return {
        str(key): to_datetime(int(moment), zone).year
        for key, moment in zip(keys, moments, strict=True)
    }
