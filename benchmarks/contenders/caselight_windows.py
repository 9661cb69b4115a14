"""The 37 columns in Caselight: a catalogue, the one road of its intake, the engine."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from timing import contend, tidy

from features.catalogue.file import parse_catalogue
from features.engine.measurement import compile_plan, measure
from features.history.assembly import assemble_history
from features.intake.contract_folder import fold_tables

COLUMNS = {
    "event_id": "event_id",
    "case_id": "case_id",
    "occurred_at": "known_at",
    "recorded_at": "known_at",
    "kind": "etype",
    "value": "severity",
}
TYPES = [f"type_{number}" for number in range(5)]
FRAME = """version: 1
name: windows
title: The 37 columns
kinds: {{act: {{label: act, children: {{{kinds}}}}}}}
indicators:
{indicators}
outcomes:
  - {{name: act, label: act, of: {{kind: act}}, horizon: 90d, maturity: 0d, source: none}}
baselines: {{rfs: {{recency: days_since, frequency: count_all, severity: max_all, source: none}}}}
priority:
  source: none
  ladder: [{{name: act, label: act, outcome: act, weight: 1, source: none}}]
wording: {{advisory: A person decides., estimate: None.}}
"""


def write_catalogue():
    """Return the work as a catalogue."""
    measures = {"days_since": "measure: days_since_last, of: {kind: act}"}
    for days in (30, 90, 365, None):
        name, within = ("all", "") if days is None else (f"{days}d", f", within: {days}d")
        measures |= {
            f"count_{name}": "measure: count, of: {kind: act}" + within,
            f"sum_{name}": "measure: sum, of: {kind: act}" + within,
            f"max_{name}": "measure: max, of: {kind: act}" + within,
            f"distinct_{name}": "measure: distinct, field: kind, of: {kind: act}" + within,
        }
        for kind in TYPES:
            measures[f"{kind}_{name}"] = f"measure: count, of: {{kind: {kind}}}" + within
    lines = [
        f"  - {{name: {name}, family: f, direction: open, reason: '{{value}}', source: none, "
        f"{said}}}"
        for name, said in measures.items()
    ]
    kinds = ", ".join(f"{kind}: {{label: {kind}}}" for kind in TYPES)
    return FRAME.format(kinds=kinds, indicators="\n".join(lines)).encode()


PLAN = compile_plan(parse_catalogue(write_catalogue(), "windows.yaml"))


def load(events, queries):
    """Build the history; the queries are the same dates for every case."""
    given = pq.read_table(events)
    named = pa.table({name: given.column(source) for name, source in COLUMNS.items()})
    first = pc.min(named.column("recorded_at"))
    known = named.column("case_id").unique()
    cases = pa.table({"case_id": known, "recorded_at": pa.repeat(first, len(known))})
    extract_at_us = pc.max(named.column("recorded_at")).cast(pa.int64()).as_py() + 1
    tables = {"cases": cases, "events": named}
    history = assemble_history(fold_tables(tables, time_zone="UTC", extract_at_us=extract_at_us))
    moments = pq.read_table(queries, columns=["as_of"])["as_of"].cast(pa.int64())
    return history, sorted(moments.unique().to_pylist())


def compute(loaded):
    """Measure and frame."""
    history, dates = loaded
    matrix = measure(history, PLAN, dates)
    frame = pd.DataFrame(matrix.values, columns=list(matrix.columns), copy=False)
    frame["case_id"] = pd.Categorical.from_codes(matrix.case, history.case_id, validate=False)
    frame["as_of"] = pd.to_datetime(matrix.as_of_us, unit="us", utc=True)
    return frame


def finish(frame):
    """Return the frame of the others."""
    return tidy(frame.assign(case_id=frame["case_id"].astype(np.int64)))


contend(load, compute, finish)
