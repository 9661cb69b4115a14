"""Counts and sums of the 37 columns in featuretools: one call a window.

It has no days since the last event with the same meaning, and takes one primitive set for all
columns, so that it is timed on what it has: 24 of the columns.
"""

import warnings

import featuretools as ft
import pandas as pd
from timing import contend

warnings.filterwarnings("ignore")


def load(events, queries):
    """Read both files; featuretools wants times without a zone."""
    given, asked = pd.read_parquet(events), pd.read_parquet(queries)
    given["known_at"] = given["known_at"].dt.tz_localize(None)
    asked["as_of"] = asked["as_of"].dt.tz_localize(None)
    entities = ft.EntitySet("unit")
    entities.add_dataframe(
        dataframe_name="events", dataframe=given, index="event_id", time_index="known_at"
    )
    entities.normalize_dataframe(
        base_dataframe_name="events", new_dataframe_name="cases", index="case_id"
    )
    entities.add_last_time_indexes()
    return entities, asked.rename(columns={"as_of": "time"})[["case_id", "time"]]


def compute(loaded):
    """Call once a window."""
    entities, asked = loaded
    found = {}
    for days in (30, 90, 365, None):
        window = {} if days is None else {"training_window": f"{days} days"}
        found["all" if days is None else f"{days}d"] = ft.dfs(
            entityset=entities,
            target_dataframe_name="cases",
            cutoff_time=asked,
            include_cutoff_time=False,
            agg_primitives=["count", "sum", "max", "num_unique"],
            trans_primitives=[],
            max_depth=1,
            n_jobs=1,
            cutoff_time_in_index=True,
            **window,
        )[0]
    return found


def finish(found):
    """Return the counts under the names of the others."""
    parts = []
    for name, frame in found.items():
        column = next(title for title in frame.columns if title.startswith("COUNT"))
        parts.append(frame[column].rename(f"count_{name}"))
    joined = pd.concat(parts, axis=1).reset_index().rename(columns={"time": "as_of"})
    joined["as_of"] = joined["as_of"].dt.tz_localize("UTC")
    return joined.sort_values(["case_id", "as_of"], ignore_index=True).fillna(0.0)


contend(load, compute, finish)
