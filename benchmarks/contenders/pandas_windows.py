"""The 37 columns in pandas: merge, filter, group."""

import pandas as pd
from timing import contend, tidy

KEYS = ["case_id", "as_of"]


def load(events, queries):
    """Read both files."""
    return pd.read_parquet(events), pd.read_parquet(queries)


def compute(loaded):
    """Merge on the case, keep what was known, group once a window."""
    events, queries = loaded
    met = queries.merge(events[["case_id", "known_at", "etype", "severity"]], on="case_id")
    met = met[met["known_at"] < met["as_of"]]
    kinds = sorted(events["etype"].unique())
    result = queries.set_index(KEYS)
    last = met.groupby(KEYS, sort=False)["known_at"].max().reindex(result.index)
    moments = result.index.get_level_values("as_of")
    result["days_since"] = (moments - pd.DatetimeIndex(last)) / pd.Timedelta(days=1)
    for days in (30, 90, 365, None):
        name = "all" if days is None else f"{days}d"
        inside = met
        if days is not None:
            inside = met[met["known_at"] >= met["as_of"] - pd.Timedelta(days=days)]
        grouped = inside.groupby(KEYS, sort=False)
        severity = grouped["severity"]
        result[f"count_{name}"] = grouped.size()
        result[f"sum_{name}"] = severity.sum()
        result[f"max_{name}"] = severity.max()
        result[f"distinct_{name}"] = grouped["etype"].nunique()
        for kind in kinds:
            of_kind = inside[inside["etype"] == kind]
            result[f"{kind}_{name}"] = of_kind.groupby(KEYS, sort=False).size()
    return result.reset_index()


contend(load, compute, tidy)
