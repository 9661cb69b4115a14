"""Advice on stored scores, told anew from the records that each score had read (promise 7)."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np
from sqlalchemy import Connection, select

from models.bundle.folder import Bundle
from models.ranking.advice import Advice
from models.ranking.order import rank
from serving.store.database import Unit
from serving.store.histories import read_history
from serving.store.lookups import is_among
from serving.store.schema import scores

_CASES_A_TIME: Final = 2_000


def advise_scores(
    connection: Connection, bundle: Bundle, score_keys: Sequence[str], unit: Unit
) -> dict[str, Advice]:
    """Return the advice that stored scores gave, by case key.

    Each is computed again from the rows up to its ``known_seq`` at its ``as_of_us``, as a replay
    does; what came or was corrected since changes nothing. ``rank`` and ``n_ranked`` say nothing
    here. ``case_id`` is the case key.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    bundle
        The bundle that gave the scores; scores of another one are left out
        (:meth:`serving.scoring.model_in_use.Champion.recall` finds that one).
    score_keys
        The scores, each of a case of its own; of several of one case the latest is told.
    unit
        What holds for the whole store.
    """
    query = (
        select(scores.c.case_key, scores.c.as_of_us, scores.c.known_seq)
        .where(
            is_among(connection, scores.c.score_key, score_keys), scores.c.bundle_id == bundle.id
        )
        .order_by(scores.c.stored_seq)
    )
    latest = {row.case_key: (row.as_of_us, row.known_seq) for row in connection.execute(query)}
    batches: dict[tuple[int, int], list[str]] = defaultdict(list)
    for case_key, moment in latest.items():
        batches[moment].append(case_key)
    found: dict[str, Advice] = {}
    for (as_of_us, known_seq), keys in batches.items():
        for start in range(0, len(keys), _CASES_A_TIME):
            part = keys[start : start + _CASES_A_TIME]
            found |= _advise(connection, bundle, part, unit, as_of_us, known_seq)
    return found


def _advise(
    connection: Connection,
    bundle: Bundle,
    case_keys: Sequence[str],
    unit: Unit,
    as_of_us: int,
    known_seq: int,
) -> dict[str, Advice]:
    history = read_history(connection, case_keys, unit, extract_at_us=as_of_us, known_seq=known_seq)
    ranking = rank(bundle, history, as_of_us, np.arange(len(history), dtype=np.int64))
    return {advice.case_id: advice for advice in ranking.advise(range(len(ranking)))}
