"""``caselight train``: choose, fit, evaluate, report, track and register a model."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from caselight.inputs import load, load_trainable, parse_dates, parse_span, report_unmeasured, say
from features.errors import ConfigError

if TYPE_CHECKING:
    from features.history.columns import History
    from features.intake.contract_folder import ContractFolder
    from training.config import TrainingConfig
    from training.options import Characteristics, TuningBudget
    from training.pipeline import TrainingResult

_DATES = "Dates and events"
_MORE = "What else the run is asked for"


def train(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Contract folder.")],
    catalogue: Annotated[str, typer.Option(help="Name of a shipped catalogue, or a file.")],
    out: Annotated[Path, typer.Option(help="Folder of the bundle and the report.")],
    train_as_of: Annotated[
        str | None,
        typer.Option(help="DATE,... of the cohorts to learn from.", rich_help_panel=_DATES),
    ] = None,
    test_as_of: Annotated[
        str | None,
        typer.Option(help="DATE,... of the cohorts to evaluate at.", rich_help_panel=_DATES),
    ] = None,
    train_between: Annotated[
        str | None,
        typer.Option(
            help="DATE,DATE: learn from cases at index events known in this span.",
            rich_help_panel=_DATES,
        ),
    ] = None,
    test_between: Annotated[
        str | None,
        typer.Option(help="DATE,DATE: test on such cases.", rich_help_panel=_DATES),
    ] = None,
    retrospective: Annotated[
        bool,
        typer.Option(
            help="Read training labels at the extract. Nothing of such a run may be used.",
            rich_help_panel=_DATES,
        ),
    ] = False,
    capacity: Annotated[int, typer.Option(min=1, help="Places on a week's list.")] = 30,
    config: Annotated[Path | None, typer.Option(help="YAML file of training choices.")] = None,
    tune: Annotated[
        bool,
        typer.Option(
            help="Search settings within the configuration's budget; resumes an earlier search.",
            rich_help_panel=_MORE,
        ),
    ] = False,
    audit: Annotated[
        bool,
        typer.Option(help="Audit the list by people's characteristics.", rich_help_panel=_MORE),
    ] = True,
    refits: Annotated[
        bool, typer.Option(help="Refit for rank bands (minutes).", rich_help_panel=_MORE)
    ] = False,
    hold_out_area: Annotated[
        str | None, typer.Option(help="Learn nothing from this area.", rich_help_panel=_MORE)
    ] = None,
    across_breaks: Annotated[
        bool,
        typer.Option(
            help="Learn from before a change of recording practice.", rich_help_panel=_MORE
        ),
    ] = False,
    breaks: Annotated[
        str | None,
        typer.Option(help="DATE,... of known changes of recording.", rich_help_panel=_MORE),
    ] = None,
    openings: Annotated[
        Path, typer.Option(help="Ledger of opened test origins.", rich_help_panel=_MORE)
    ] = Path("var/openings.jsonl"),
    release: Annotated[
        str, typer.Option(help="Name under which openings are counted.", rich_help_panel=_MORE)
    ] = "unreleased",
    keep_origins: Annotated[
        Path | None,
        typer.Option(
            help="Folder that keeps the bundle of every test date as well.", rich_help_panel=_MORE
        ),
    ] = None,
    track: Annotated[bool, typer.Option(help="Record the run in MLflow.")] = True,
    store: Annotated[
        str | None,
        typer.Option(
            envvar="CASELIGHT_DATABASE_URL",
            help="The store that decides what is put to use: the model is registered as a "
            "candidate, and `caselight promote` makes it the champion. Nothing of it is read.",
            rich_help_panel=_MORE,
        ),
    ] = None,
) -> None:
    """Train the model that would be used at each test date, evaluate it there, write a report.

    The bundle in --out is that of the last test date. The report beside it is one HTML file.
    """
    from training.config import DEFAULT_PATH, load_config
    from training.options import RunOptions
    from training.pipeline import train as train_at_dates
    from training.pipeline import train_at_events

    measured = load_trainable(catalogue)
    choices = load_config(config or DEFAULT_PATH)
    read = load(directory, people=audit)
    history = read.history
    options = RunOptions(
        tuning=_budget(choices, out) if tune else None,
        characteristics=_characteristics(read.folder, history) if audit else None,
        hold_out_area=hold_out_area,
        across_breaks=across_breaks,
        breaks_us=tuple(parse_dates(breaks, history, "--breaks")) if breaks else (),
        openings=openings,
        release=release,
        retrospective=retrospective,
        refits=refits,
        origins=keep_origins,
        synthetic=read.folder.manifest.synthetic,
    )
    said: dict[str, Any] = {
        "capacity": capacity,
        "config": choices,
        "progress": say,
        "options": options,
    }
    dates = _DateOptions(train_as_of, test_as_of, train_between, test_between)
    if dates.are_events:
        spans = [
            parse_span(str(text), history, name)
            for text, name in ((train_between, "--train-between"), (test_between, "--test-between"))
        ]
        report_unmeasured(history, measured)
        result = train_at_events(history, measured, spans[0], spans[1], out, **said)
    else:
        train_dates = parse_dates(str(train_as_of), history, "--train-as-of")
        test_dates = parse_dates(str(test_as_of), history, "--test-as-of")
        report_unmeasured(history, measured)
        result = train_at_dates(history, measured, train_dates, test_dates, out, **said)
    describe_result(result, out)
    if track:
        from training.registry.tracking import track as track_run

        say("recording the run in MLflow")
        found = track_run(
            result,
            out,
            measured,
            choices,
            dates=dates.to_dict(),
            store_decides=store is not None,
        )
        alias = f"alias {found.alias}" if found.alias else "no alias: nothing of it may be used"
        print(f"registered as {found.model_name} version {found.model_version}, {alias}")


def describe_result(result: "TrainingResult", out: Path) -> None:
    """Print what is said first and what was concluded, and write the report."""
    from training.report import write_report

    for headline in result.headlines:
        print(headline)
    for finding in result.warnings:
        print(f"warning: {finding}")
    report = out / "report.html"
    write_report(result.metrics, report)
    print(f"bundle {result.bundle_id[:12]}; the report: {report}; all figures: metrics.json")


@dataclass(frozen=True)
class _DateOptions:
    """Dates as they were written: of cohorts at dates, or spans of index events."""

    train_as_of: str | None
    test_as_of: str | None
    train_between: str | None
    test_between: str | None

    @property
    def are_events(self) -> bool:
        """Whether the run is one at index events.

        Raises
        ------
        ConfigError
            If both ways or half of one are stated.
        """
        at_dates = [self.train_as_of is not None, self.test_as_of is not None]
        at_events = [self.train_between is not None, self.test_between is not None]
        if all(at_dates) and not any(at_events):
            return False
        if all(at_events) and not any(at_dates):
            return True
        raise ConfigError(
            "name --train-as-of and --test-as-of, or --train-between and --test-between"
        )

    def to_dict(self) -> dict[str, str]:
        """Return what was stated, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def _budget(config: "TrainingConfig", out: Path) -> "TuningBudget":
    """Return the configured budget; the search is kept beside the bundle, not in it."""
    from training.options import TuningBudget

    store = out.with_name(f"{out.name}.tuning.db")
    return TuningBudget(config.tuning_trials, config.tuning_minutes, store)


def _characteristics(folder: "ContractFolder", history: "History") -> "Characteristics | None":
    """Return people's characteristics by case, for the audit; ``None`` where there are none."""
    from training.audit import read_characteristics

    return read_characteristics(folder.frame("people"), history.case_id) or None
