"""Made ready before the first request: what is otherwise imported and compiled at first use.

Two threads that import the same module for the first time, from two ends of a circle, are told of a
deadlock and fail; the first requests after a start come at once.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Final

import lightgbm

from features.catalogue.declarations import DAY_US
from features.compiled.cache import kernels
from features.engine.compiled_passes import passes
from features.history.assembly import assemble_history
from features.intake.contract_folder import CellsAsSent, assemble_columns
from models.bundle.folder import Bundle
from models.ranking.order import rank_cases

_TABLES: Final[Mapping[str, Mapping[str, CellsAsSent]]] = {
    "cases": {"case_id": ["A"], "recorded_at": ["2025-01-01"], "area": [None]},
    "events": {
        "event_id": ["E"],
        "case_id": ["A"],
        "kind": ["threat"],
        "occurred_at": ["2025-01-01"],
        "recorded_at": ["2025-01-01"],
    },
    "facts": {
        "fact_id": ["F"],
        "case_id": ["A"],
        "name": ["x"],
        "value": ["no"],
        "recorded_at": ["2025-01-01"],
    },
}
"""A case of nobody, measured once and forgotten."""


def prepare(bundle: Bundle | None) -> None:
    """Import and compile what measuring and scoring take, and score a case of nobody.

    Parameters
    ----------
    bundle
        The model in use; ``None`` where none is, and then nothing is scored.
    """
    kernels()
    passes()
    assert lightgbm.__version__
    now_us = int(dt.datetime.now(tz=dt.UTC).timestamp() * 1_000_000)
    folder = assemble_columns(_TABLES, time_zone="Europe/London", extract_at_us=now_us + DAY_US)
    history = assemble_history(folder)
    if bundle is not None:
        rank_cases(bundle, history, now_us)
