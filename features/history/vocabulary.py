"""What of a history the catalogue has no word for: it is kept and shown, and measured by nothing.

A mistyped kind would otherwise lose a flag without a sound.
"""

from typing import Final, TypeVar

import numpy as np

from features.catalogue.declarations import Catalogue, FactType
from features.contract.arrays import MISSING, Int64
from features.contract.moments import EARLIEST_US, LATEST_AHEAD_US, parse_date
from features.contract.tables import RESERVED_KINDS
from features.history.columns import History

Instant = TypeVar("Instant", int, Int64)
UNKNOWN_KIND: Final = "unknown_kind"
UNKNOWN_FACT: Final = "unknown_fact"
UNREADABLE_ANSWER: Final = "unreadable_answer"

REMEDIES: Final = {
    UNKNOWN_KIND: "use a kind that the catalogue declares; this record is measured by nothing",
    UNKNOWN_FACT: "use a fact that the catalogue declares; this answer is measured by nothing",
    UNREADABLE_ANSWER: "answer as the question asks (yes or no, a number, a date that can be); "
    "until then it counts as not answered",
}
_COUNTED: Final = {
    UNKNOWN_KIND: "events of a kind that the catalogue does not declare; measured by nothing",
    UNKNOWN_FACT: "facts that the catalogue does not declare; measured by nothing",
    UNREADABLE_ANSWER: "answers that do not fit their question; counted as not answered",
}


def read_answer(text: str, kind: FactType, time_zone: str) -> float:
    """Return an answer as a number (a date as its microsecond), NaN where it cannot be read.

    Parameters
    ----------
    text
        The answer as it was given.
    kind
        What the question asks for.
    time_zone
        Zone of a date, IANA name.

    Returns
    -------
    float
        1 and 0 for yes and no, the number, or microseconds UTC; NaN where it is none of these, or
        a date so early that it stands for an unknown one.
    """
    if kind is FactType.YES_NO:
        return {"yes": 1.0, "no": 0.0}.get(text.lower(), np.nan)
    try:
        number = float(text) if kind is FactType.NUMBER else parse_date(text, time_zone)
    except ValueError:
        return float("nan")
    if kind is FactType.DATE and number < EARLIEST_US:
        return float("nan")
    return float(number) if np.isfinite(number) else float("nan")


def latest_answer(recorded_at: Instant) -> Instant:
    """Return the latest date that an answer recorded at a moment may name; 9999-12-31 and the like
    stand for an unknown one.

    It hangs on the record's own clock alone, so that an answer never changes with the extract.
    """
    return recorded_at + LATEST_AHEAD_US


def knows_kind(catalogue: Catalogue, kind: str) -> bool:
    """Return whether a kind is the catalogue's or the contract's own."""
    return kind in catalogue.kinds or kind in RESERVED_KINDS


def check_fact(
    catalogue: Catalogue, name: str, value: str | None, time_zone: str, recorded_at_us: int
) -> str | None:
    """Return the code of what is wrong with an answer, ``None`` where it can be measured.

    Parameters
    ----------
    catalogue
        Which questions there are.
    name, value
        The question and its answer, ``None`` where none was given.
    time_zone
        Zone of a date, IANA name.
    recorded_at_us
        When the answer was recorded, microseconds UTC.

    Returns
    -------
    str or None
        One of the codes of ``REMEDIES``.
    """
    question = catalogue.facts.get(name)
    if question is None:
        return UNKNOWN_FACT
    if value is None:
        return None
    answer = read_answer(value, question.type, time_zone)
    too_late = question.type is FactType.DATE and answer > latest_answer(recorded_at_us)
    return UNREADABLE_ANSWER if np.isnan(answer) or too_late else None


def count_unmeasured(history: History, catalogue: Catalogue) -> dict[str, int]:
    """Return in words what of a history nothing measures, with how many records that is."""
    kinds = history.events.kind
    strange = np.array([not knows_kind(catalogue, kind) for kind in kinds.values] + [False])
    facts = history.facts
    problems = [
        check_fact(
            catalogue,
            facts.name.values[name],
            _answer(facts.value.values, value),
            history.time_zone,
            int(at_us),
        )
        for name, value, at_us in zip(
            facts.name.codes, facts.value.codes, facts.recorded_at, strict=True
        )
    ]
    counts = {
        UNKNOWN_KIND: int(strange[kinds.codes[history.events.via.codes == MISSING]].sum()),
        UNKNOWN_FACT: problems.count(UNKNOWN_FACT),
        UNREADABLE_ANSWER: problems.count(UNREADABLE_ANSWER),
    }
    return {_COUNTED[code]: count for code, count in counts.items() if count}


def _answer(values: tuple[str, ...], code: int) -> str | None:
    return values[code] if code >= 0 else None
