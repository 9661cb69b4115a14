"""Judging a candidate: figures and histories go to the gates, from the store or from a folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from caselight.inputs import load, say

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from features.history.columns import History
    from models.bundle.folder import Bundle
    from models.ranking.stability import ListChurn, ReasonAgreement
    from models.run_figures.judged import BundleSummary
    from serving.store.database import Store, Unit
    from training.gates import Gate, Measured, Reported

CASES_A_TIME: Final = 2_000


def measure_in_store(
    store: "Store", unit: "Unit", candidate: "Bundle", champion: "Bundle", capacity: int
) -> "Measured":
    """Measure what becomes of the list that the store would make now, and of its reasons.

    Only what a list draws on is looked at: cases that are awaiting or returned, without the sealed
    ones. Histories are read some cases at a time.
    """
    from serving.store.histories import read_head, read_history
    from training.gates import Measured

    with store.reading() as connection:
        as_of_us, head = store.clock(), read_head(connection)

        def read(keys: list[str]) -> "History":
            return read_history(connection, keys, unit, extract_at_us=as_of_us, known_seq=head)

        before: dict[str, float] = {}
        after: dict[str, float] = {}
        for keys in _part(_find_eligible(connection)):
            history = read(keys)
            before |= _prioritise(champion, history, as_of_us)
            after |= _prioritise(candidate, history, as_of_us)
        listed, shown = _compare_lists(before, after, capacity)
        reasons = None
        if shown:
            reasons = _compare_reasons(champion, candidate, read(list(shown)), as_of_us)
    return Measured(listed=listed, reasons=reasons)


def measure_in_folder(
    folder: Path, candidate: "Bundle", champion: "Bundle", capacity: int
) -> "Measured":
    """Measure the same on a contract folder at its extract, and both bundles on its outcomes."""
    import numpy as np

    from features.history.subsets import take_cases
    from models.ranking.order import cohort_cases
    from training.config import load_config
    from training.gates import Measured, compare_bundles

    history, config = load(folder).history, load_config()
    as_of_us = history.extract_at
    open_now = take_cases(
        history, cohort_cases(history, candidate.catalogue, as_of_us, candidate.rules)
    )
    before = _prioritise(champion, open_now, as_of_us)
    after = _prioritise(candidate, open_now, as_of_us)
    listed, shown = _compare_lists(before, after, capacity)
    reasons = None
    if shown:
        chosen = np.flatnonzero(np.isin(open_now.case_id, list(shown))).astype(np.int64)
        reasons = _compare_reasons(champion, candidate, take_cases(open_now, chosen), as_of_us)
    say("comparing both on the outcomes of the folder")
    paired = compare_bundles(
        history,
        candidate,
        champion,
        capacity=capacity,
        n_draws=config.bootstrap_draws,
        seed=config.seed,
    )
    return Measured(listed, reasons, paired)


def _find_eligible(connection: "Connection") -> list[str]:
    from sqlalchemy import select

    from serving.standing.states import ELIGIBLE
    from serving.store.schema import standings

    query = select(standings.c.case_key).where(standings.c.state.in_(ELIGIBLE))
    return sorted(connection.execute(query).scalars())


def _part(keys: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), CASES_A_TIME):
        yield keys[start : start + CASES_A_TIME]


def _prioritise(bundle: "Bundle", history: "History", as_of_us: int) -> dict[str, float]:
    """Return each case's priority by its identifier in the history."""
    import numpy as np

    from models.ranking.order import order_cases

    standing = order_cases(bundle, history, as_of_us, np.arange(len(history), dtype=np.int64))
    names = history.case_id[standing.case]
    return {
        str(name): float(priority) for name, priority in zip(names, standing.priority, strict=True)
    }


def _compare_lists(
    before: dict[str, float], after: dict[str, float], capacity: int
) -> tuple["ListChurn", tuple[str, ...]]:
    from models.ranking.stability import list_first, measure_list_churn

    listed = measure_list_churn(before, after, capacity)
    return listed, list_first(before, after, capacity)


def _compare_reasons(
    champion: "Bundle", candidate: "Bundle", history: "History", as_of_us: int
) -> "ReasonAgreement":
    import numpy as np

    from models.ranking.stability import measure_served_churn

    cases = np.arange(len(history), dtype=np.int64)
    return measure_served_churn(champion, candidate, history, as_of_us, cases)


def describe_candidate(candidate: "Reported") -> "BundleSummary":
    """Return what the record keeps of a bundle beside its hash."""
    run, catalogue = candidate.run, candidate.bundle.catalogue
    return {
        "catalogue": catalogue.name,
        "catalogue_digest": catalogue.digest,
        "trained_for": run.trained_for or None,
        "capacity": candidate.capacity,
        "outcomes": list(candidate.outcomes),
        "headlines": list(run.headlines),
    }


def print_gates(gates: "tuple[Gate, ...]") -> None:
    """Print every gate: verdict, sentence, and the limit where it was not passed."""
    from training.gates import Verdict

    for one in gates:
        line = f"  {one.verdict.value:<10}  {one.name:<11}  {one.words}"
        print(line if one.verdict is Verdict.PASSED else f"{line}\n{'':<25}limit: {one.limit}")
