"""What is missing most: on how many open cases each key question was never put.

A question that was put and not answered was put. As everywhere, the last answer in force holds
(:mod:`features.engine.kernel`), so that an answer which was corrected to *not asked* is not asked.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from features.catalogue.declarations import Catalogue
from serving.access.case_sight import EVERYTHING, Sight
from serving.oversight.case_sample import SAMPLE_CASES, Sample, draw_cases
from serving.store.lookups import is_among
from serving.store.record_conditions import find_corrected
from serving.store.schema import facts


@dataclass(frozen=True)
class NeverAsked:
    """A key question, and on how many of the open cases of the sample nobody put it."""

    question: str
    n_cases: int
    share: float


@dataclass(frozen=True)
class Missing:
    """Every key question, the one that is missing most first; none where the sample is empty."""

    sample: Sample
    questions: tuple[NeverAsked, ...]


def read_unasked(
    connection: Connection,
    catalogue: Catalogue,
    now_us: int,
    *,
    size: int = SAMPLE_CASES,
    sight: Sight = EVERYTHING,
) -> Missing:
    """Return how often each key question was never put.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    catalogue
        The questions.
    now_us
        The moment, microseconds UTC; answers recorded strictly before it count.
    size
        From how many open cases at most; see :mod:`serving.oversight.case_sample`.
    sight
        From which cases.
    """
    sample = draw_cases(connection, is_open=True, size=size, sight=sight)
    questions = {fact.name: fact.question for fact in catalogue.facts.values() if fact.key_question}
    asked = _count_asked(connection, sample, sorted(questions), now_us)
    n = len(sample.case_keys)
    told = [
        NeverAsked(question, n - asked.get(name, 0), (n - asked.get(name, 0)) / n)
        for name, question in questions.items()
        if n
    ]
    return Missing(sample, tuple(sorted(told, key=lambda one: (-one.n_cases, one.question))))


def _count_asked(
    connection: Connection, sample: Sample, names: list[str], now_us: int
) -> dict[str, int]:
    """Return by question on how many cases of the sample it was put, by the last one in force."""
    query = (
        select(
            facts.c.case_key,
            facts.c.fact_id,
            facts.c.name,
            facts.c.asked,
            find_corrected(facts).label("supersedes"),
        )
        .where(
            is_among(connection, facts.c.case_key, sample.case_keys),
            facts.c.name.in_(names),
            facts.c.recorded_at < now_us,
        )
        .order_by(facts.c.recorded_at, facts.c.fact_id)
    )
    found = connection.execute(query).all()
    replaced = {(row.case_key, row.supersedes) for row in found if row.supersedes}
    last = {
        (row.case_key, row.name): row.asked
        for row in found
        if (row.case_key, row.fact_id) not in replaced
    }
    counts: dict[str, int] = {}
    for (_, name), put in last.items():
        if put in ("yes", None):
            counts[name] = counts.get(name, 0) + 1
    return counts
