"""Compiling the engine ahead of its first use."""

import numpy as np
import pyarrow as pa

from features.catalogue.file import load_catalogue
from features.compiled.cache import kernels
from features.compiled.texts import freeze, point_texts
from features.engine.measurement import compile_plan, measure
from features.history.columns import (
    CODED_COLUMNS,
    TOLD_COLUMNS,
    Coded,
    Events,
    Facts,
    History,
    Identifiers,
)


def compile_engine() -> None:
    """Do everything once with nothing, which compiles and caches all there is to compile."""
    compiled = kernels()
    codes, moments = np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int64)
    pointer, marks = np.zeros(1, dtype=np.int64), np.empty(0, dtype=np.uint8)
    given, texts = freeze(moments), point_texts(None)
    hashes = np.empty(0, dtype=np.uint64)
    compiled.read_iso_dates(texts, moments, np.empty(0, dtype=np.int8))
    compiled.group_rows(freeze(codes), pointer, moments)
    compiled.gather_cases(freeze(codes), given, pointer, moments, moments)
    compiled.sort_cases(pointer, 0, 0, given, moments, moments)
    compiled.sort_ties(pointer, 0, 0, given, moments, moments, texts)
    compiled.hash_texts(texts, 0, 0, hashes)
    compiled.mark_keys(pointer, 0, 0, moments, texts, hashes, marks)
    compiled.find_targets(pointer, 0, 0, moments, texts, hashes, texts, moments)
    compiled.number_incidents(pointer, 0, 0, moments, texts, texts, hashes, codes)
    measure(_empty_history(), compile_plan(load_catalogue("stalking")), 0, threads=1)


def _empty_history() -> History:
    moments = np.empty(0, dtype=np.int64)
    codes = Coded(np.empty(0, dtype=np.int32), ())
    flags = np.empty(0, dtype=np.bool_)
    names = Identifiers(np.empty(0, dtype=np.int64), pa.array([], pa.large_string()))
    pointer = np.zeros(2, dtype=np.int64)
    return History(
        case_id=np.array([""], dtype=np.object_),
        case_recorded_at=np.zeros(1, dtype=np.int64),
        area=Coded(np.full(1, -1, dtype=np.int32), ()),
        referral_source=Coded(np.full(1, -1, dtype=np.int32), ()),
        events=Events(
            pointer=pointer,
            occurred_at=moments,
            recorded_at=moments,
            superseded_at=moments,
            superseded_by=codes.codes,
            value=np.empty(0),
            incident=np.empty(0, dtype=np.int32),
            measured=flags,
            event_id=names,
            via=codes,
            **dict.fromkeys((*CODED_COLUMNS, *TOLD_COLUMNS), codes),
        ),
        facts=Facts(
            pointer=pointer,
            recorded_at=moments,
            superseded_at=moments,
            superseded_by=codes.codes,
            name=codes,
            asked=flags,
            value=codes,
            fact_id=names,
        ),
        time_zone="UTC",
        extract_at=0,
    )
