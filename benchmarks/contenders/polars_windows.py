"""The 37 columns in polars: one inequality join, one grouped aggregation."""

import polars as pl
from timing import contend, tidy

TYPES = [f"type_{number}" for number in range(5)]


def load(events, queries):
    """Read both files."""
    return pl.read_parquet(events), pl.read_parquet(queries)


def compute(loaded):
    """Join every query with the events known before it, and aggregate by window."""
    events, queries = loaded
    met = queries.join_where(
        events.rename({"case_id": "case_id_r"}),
        pl.col("case_id") == pl.col("case_id_r"),
        pl.col("known_at") < pl.col("as_of"),
    )
    columns = [
        ((pl.col("as_of").first() - pl.col("known_at").max()).dt.total_microseconds())
        .truediv(86_400_000_000)
        .alias("days_since")
    ]
    for days in (30, 90, 365, None):
        name = "all" if days is None else f"{days}d"
        inside = pl.lit(True)
        if days is not None:
            inside = pl.col("known_at") >= pl.col("as_of") - pl.duration(days=days)
        severity = pl.col("severity").filter(inside)
        columns += [
            pl.col("etype").filter(inside).len().alias(f"count_{name}"),
            severity.sum().alias(f"sum_{name}"),
            severity.max().alias(f"max_{name}"),
            pl.col("etype").filter(inside).n_unique().alias(f"distinct_{name}"),
        ]
        columns += [
            (inside & (pl.col("etype") == kind)).sum().alias(f"{kind}_{name}") for kind in TYPES
        ]
    grouped = met.group_by(["case_id", "as_of"]).agg(columns)
    return queries.join(grouped, on=["case_id", "as_of"], how="left")


contend(load, compute, lambda found: tidy(found.to_pandas()))
