"""``caselight train``: fit, evaluate, track and register a model."""

from pathlib import Path
from typing import Annotated

import typer

from caselight.reading import load, parse_dates, report_unmeasured, say


def train(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Contract folder.")],
    catalogue: Annotated[str, typer.Option(help="Name of a shipped catalogue, or a file.")],
    train_as_of: Annotated[str, typer.Option(help="DATE,... of the cohorts to learn from.")],
    test_as_of: Annotated[str, typer.Option(help="DATE,... of the cohorts to evaluate at.")],
    out: Annotated[Path, typer.Option(help="Folder of the bundle.")],
    capacity: Annotated[int, typer.Option(min=1, help="Places on a week's list.")] = 30,
    config: Annotated[Path | None, typer.Option(help="YAML file of training choices.")] = None,
    track: Annotated[bool, typer.Option(help="Record the run in MLflow.")] = True,
) -> None:
    """Train the model that would be used at the first test date; evaluate it at every test date."""
    from features.catalogue_file import load_catalogue
    from training.config import DEFAULT_PATH, load_config
    from training.pipeline import check_dates
    from training.pipeline import train as train_model

    measured = load_catalogue(catalogue)
    choices = load_config(config or DEFAULT_PATH)
    history = load(directory).history
    train_dates = parse_dates(train_as_of, history, "--train-as-of")
    test_dates = parse_dates(test_as_of, history, "--test-as-of")
    check_dates(history, measured, train_dates, test_dates)
    report_unmeasured(history, measured)
    result = train_model(
        history,
        measured,
        train_dates,
        test_dates,
        out,
        capacity=capacity,
        config=choices,
        progress=say,
    )
    for headline in result.headlines:
        print(headline)
    print(f"bundle {result.bundle_id[:12]}; all figures: {out / 'metrics.json'}")
    if track:
        from training.tracking import track as track_run

        say("recording the run in MLflow")
        dates = {"train_as_of": train_as_of, "test_as_of": test_as_of}
        found = track_run(result, out, measured, choices, dates=dates)
        print(f"registered as {found.model_name} version {found.model_version}, alias champion")
