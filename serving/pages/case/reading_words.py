"""How a decision came about, as its card on the page says it."""

from typing import Final

from serving.decisions.outputs import DecisionOut

_VIEWS: Final = {
    "own": "Their view came before the score",
    "another": "A view of the team came before the score",
}
_MINUTE_SECONDS: Final = 60


def describe_reading(one: DecisionOut) -> str:
    """Return how many records were opened and how long it took; empty where nobody knows."""
    told = []
    if one.n_opened is not None:
        noun = "record" if one.n_opened == 1 else "records"
        told.append(f"{one.n_opened or 'No'} {noun} opened")
    if one.reading_seconds is not None:
        told.append(f"decided {_describe_seconds(one.reading_seconds)} after opening the case")
    words = [", ".join(told)] if told else []
    words += [_VIEWS[one.first_view]] if one.first_view in _VIEWS else []
    words += [f"No record opened because: {one.unopened_why}"] if one.unopened_why else []
    return "".join(f"{one[:1].upper()}{one[1:]}. " for one in words).strip()


def _describe_seconds(seconds: int) -> str:
    if seconds < _MINUTE_SECONDS:
        return f"{seconds} seconds"
    minutes = round(seconds / _MINUTE_SECONDS)
    return f"{minutes:,} {'minute' if minutes == 1 else 'minutes'}"
