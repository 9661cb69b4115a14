"""What a run rests on, as digests, and the count of how often its test origins were opened."""

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np

from features.history.columns import History
from models.bundle.folder import Bundle
from models.run_figures.run import OriginOpening
from training.config import TrainingConfig
from training.evaluation.evaluated_origin import EvaluatedOrigin
from training.evaluation.origin_openings import open_origin
from training.options import RunOptions


def open_origins(
    history: History,
    bundle: Bundle,
    done: Sequence[EvaluatedOrigin],
    config: TrainingConfig,
    options: RunOptions,
) -> tuple[OriginOpening, ...]:
    """Write down that the test origins were opened, and say how often they were."""
    if options.openings is None:
        return ()
    config_digest = _digest(json.dumps(config.to_dict(), sort_keys=True, default=str))
    data_digest = digest_history(history)
    told = []
    for one in done:
        opened = open_origin(
            options.openings,
            release=options.release,
            origin=one.run.name,
            catalogue_digest=bundle.catalogue.digest,
            config_digest=config_digest,
            data_digest=data_digest,
            when=dt.datetime.now(ZoneInfo(history.time_zone)).date().isoformat(),
        )
        told.append(OriginOpening(one.run.name, opened.describe()))
    return tuple(told)


def digest_history(history: History) -> str:
    """Return a digest of the records that a run rests on: when, and of which case and kind."""
    digest = hashlib.sha256("\n".join(history.case_id).encode())
    events = history.events
    for column in (events.pointer, events.occurred_at, events.recorded_at, events.kind.codes):
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
