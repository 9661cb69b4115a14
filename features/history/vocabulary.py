"""What of a history the catalogue has no word for: it is kept and shown, and measured by nothing.

A mistyped kind would otherwise lose a flag without a sound.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from features.catalogue.declarations import Catalogue, FactType, Selector
from features.contract.arrays import MISSING, Bools
from features.contract.moments import EARLIEST_US, LATEST_AHEAD_US, parse_date
from features.contract.tables import RESERVED_KINDS
from features.history.columns import History
from features.history.reading_rules import CURRENT_RULES, ReadingRules

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
_NAMED_COLUMNS: Final = ("source", "channel")
"""Columns of events in which a word that is spelled otherwise slips past a selector. ``target`` is
a closed list, to which the intake holds it."""


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
        1 and 0 for yes and no, the number, or microseconds UTC; NaN where it is none of these.
    """
    if kind is FactType.YES_NO:
        return {"yes": 1.0, "no": 0.0}.get(text.lower(), np.nan)
    try:
        number = float(text) if kind is FactType.NUMBER else parse_date(text, time_zone)
    except ValueError:
        return float("nan")
    return float(number) if np.isfinite(number) else float("nan")


def cannot_be(date_us: npt.ArrayLike, recorded_at_us: npt.ArrayLike) -> Bools:
    """Return which dates given as answers cannot be: 1900-01-01, 9999-12-31 and the like stand for
    an unknown one.

    It hangs on the record's own clock alone, so that an answer never changes with the extract.

    Parameters
    ----------
    date_us
        The answers, microseconds UTC; NaN for none, which is never impossible.
    recorded_at_us
        When each was recorded, microseconds UTC.

    Returns
    -------
    Bools
        Of the shape that both have together.
    """
    date = np.asarray(date_us, dtype=np.float64)
    latest = np.asarray(recorded_at_us, dtype=np.int64) + LATEST_AHEAD_US
    return np.asarray((date < EARLIEST_US) | (date > latest))


def knows_kind(catalogue: Catalogue, kind: str) -> bool:
    """Return whether a kind is the catalogue's or the contract's own."""
    return kind in catalogue.kinds or kind in RESERVED_KINDS


def check_fact(
    catalogue: Catalogue,
    name: str,
    value: str | None,
    time_zone: str,
    recorded_at_us: int,
    rules: ReadingRules = CURRENT_RULES,
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
    rules
        Whether a date that cannot be is an answer.

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
    is_dropped = (
        rules.drops_impossible_answers
        and question.type is FactType.DATE
        and bool(cannot_be(answer, recorded_at_us))
    )
    return UNREADABLE_ANSWER if np.isnan(answer) or is_dropped else None


def count_unmeasured(
    history: History, catalogue: Catalogue, rules: ReadingRules = CURRENT_RULES
) -> dict[str, int]:
    """Return in words what of a history nothing measures, or no selector names, with how many
    records that is.

    Parameters
    ----------
    history
        The cases.
    catalogue
        Has a word for what is measured.
    rules
        How records are read.

    Returns
    -------
    dict
        Words to counts, none of them 0; no word of the records is in them.
    """
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
            rules,
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
    told = {_COUNTED[code]: count for code, count in counts.items()}
    told |= _count_unnamed(history, catalogue)
    return {words: count for words, count in told.items() if count}


def _count_unnamed(history: History, catalogue: Catalogue) -> dict[str, int]:
    """Count the events with a word that no selector names, column by column that any names.

    Where an indicator takes a column as its field, every word of that column is measured.
    """
    events = history.events
    # Of another kind than the catalogue's they are told already, or are the contract's own.
    declared = np.array([*(kind in catalogue.kinds for kind in events.kind.values), False])
    own = declared[events.kind.codes] & events.measured & (events.via.codes == MISSING)
    selectors = list(_list_selectors(catalogue))
    fields = {indicator.expression.field for indicator in catalogue.indicators}
    counts = {}
    for name in _NAMED_COLUMNS:
        if name in fields:
            continue
        named = {word for selector in selectors for word in getattr(selector, name)}
        column = getattr(events, name)
        # The last place is that of an empty cell.
        strange = np.array([*(bool(named) and word not in named for word in column.values), False])
        counts[
            f"events state a {name} that no selector of the catalogue names; where that is another "
            "spelling, write it as the catalogue does"
        ] = int(strange[column.codes[own]].sum())
    return counts


def _list_selectors(catalogue: Catalogue) -> Iterator[Selector]:
    """Give every selector of a catalogue, in whichever section it stands."""
    cohort, bounded = catalogue.cohort, catalogue.bounded
    expressions = [indicator.expression for indicator in catalogue.indicators]
    expressions += [flag.expression for flag in catalogue.flags]
    expressions += [] if cohort.expression is None else [cohort.expression]
    found = [part for one in expressions for part in (one.of, one.among, one.since)]
    found += [outcome.of for outcome in catalogue.outcomes]
    found += [cohort.at, *(estimand.until for estimand in catalogue.estimands)]
    found += [] if bounded is None else [bounded.of]
    yield from (selector for selector in found if selector is not None)


def _answer(values: tuple[str, ...], code: int) -> str | None:
    return values[code] if code >= 0 else None
