"""``caselight features``: the indicators of every open case, as a Parquet file."""

from pathlib import Path
from typing import Annotated

import typer

from caselight.inputs import load, parse_dates, report_unmeasured, say


def features(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Contract folder.")],
    catalogue: Annotated[str, typer.Option(help="Name of a shipped catalogue, or a file.")],
    as_of: Annotated[str, typer.Option(help="DATE[,DATE]; 00:00 in the folder's time zone.")],
    out: Annotated[Path, typer.Option(help="Parquet file to write.")],
) -> None:
    """Measure every case open at each date: case_id, as_of, then the indicators."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from features.catalogue.file import load_catalogue
    from features.engine.measurement import compile_plan, measure
    from features.history.open_cases import open_cases

    measured = load_catalogue(catalogue)
    history = load(directory).history
    dates = parse_dates(as_of, history, "--as-of")
    report_unmeasured(history, measured, max(dates))
    cases = [open_cases(history, date) for date in dates]
    plan = compile_plan(measured)
    say(f"measuring {len(measured.indicators)} indicators at {len(dates)} dates")
    matrix = measure(history, plan, dates, cases)
    columns = {
        "case_id": pa.array(history.case_id[matrix.case], type=pa.string()),
        "as_of": pa.array(matrix.as_of_us, type=pa.timestamp("us", tz="UTC")),
        **{name: pa.array(matrix.values[:, n]) for n, name in enumerate(matrix.columns)},
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), out)
    print(f"{len(matrix.case):,} rows of {len(matrix.columns)} columns written to {out.name}")
