"""``caselight demo``: the whole path on a synthetic unit, which is what ``make run`` runs.

The model learns from what the unit had on record five weeks ago, and is put to use then; from there
on invented people work with the service until today (:mod:`synthetic.demo`).
"""

import datetime as dt
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from caselight.commands.score import describe_list
from caselight.commands.serve import check_port, serve_pages
from caselight.commands.train import describe_result
from caselight.inputs import Loaded, load, say
from features.errors import ConfigError

if TYPE_CHECKING:
    from features.catalogue.declarations import Catalogue
    from features.history.columns import History
    from serving.service import Service
    from serving.settings import SettingValue
    from synthetic.demo.cuts import Records
    from synthetic.demo.weeks import Weeks

SYNTHETIC_CASES: Final = 3_000
SEED: Final = 2018
_DEMONSTRATION: Final = "a demonstration: every case is invented"
_LIST_LENGTH: Final = 30
_TRAINING_COHORTS: Final = 4
_COHORT_STEP_DAYS: Final = 91
_MONTHLY_COHORTS: Final = 16
_MONTH_DAYS: Final = 30


@dataclass(frozen=True)
class DemoFolder:
    """Where the demonstration keeps what it makes."""

    root: Path

    @property
    def unit(self) -> Path:
        """The synthetic unit's contract folder."""
        return self.root / "unit"

    @property
    def known(self) -> Path:
        """What of it was on record when the service was begun with: the model learns from it."""
        return self.root / "known"

    @property
    def weeks(self) -> Path:
        """The parts that came to be known since, by day of import."""
        return self.root / "weeks"

    @property
    def bundle(self) -> Path:
        """The trained bundle."""
        return self.root / "bundle"

    @property
    def store(self) -> Path:
        """The store of the synthetic unit."""
        return self.root / "unit.db"

    @property
    def unfinished(self) -> Path:
        """Where the store is while its weeks are not lived through yet."""
        return self.root / "unfinished"

    @property
    def models(self) -> Path:
        """Promoted bundles and the pointer to the champion."""
        return self.root / "models"


def demo(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 8000,
    folder: Annotated[Path, typer.Option(help="Where to keep what is made.")] = Path("var/demo"),
    cases: Annotated[int, typer.Option(min=300, help="Synthetic cases.")] = SYNTHETIC_CASES,
    serve: Annotated[bool, typer.Option(help="Serve the pages at the end.")] = True,
) -> None:
    """Make a synthetic unit, train, let it work for five weeks, print the list, serve the pages."""
    if serve:
        check_port(port)
    kept = DemoFolder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _make_unit(kept, cases)
    records, weeks = _read_unit(kept)
    _make_model(kept, records, weeks)
    named = _make_store(kept, records, weeks)
    _print_list(kept)
    if serve:
        serve_pages(port, **named)


def _make_unit(kept: DemoFolder, cases: int) -> None:
    from synthetic.simulator import simulate_unit

    if (kept.unit / "manifest.json").is_file():
        say(f"the synthetic unit is there: {kept.unit}")
        return
    say(f"making a synthetic unit of {cases:,} cases")
    simulate_unit(cases, SEED, kept.unit, progress=say)


def _read_unit(kept: DemoFolder) -> "tuple[Records, Weeks]":
    """Read the unit's records, and say which weeks they end with."""
    from synthetic.demo.cuts import read_records
    from synthetic.demo.weeks import Weeks

    records = read_records(kept.unit)
    manifest = records.manifest
    return records, Weeks.until(manifest.extract_at_us, manifest.time_zone)


def _make_model(kept: DemoFolder, records: "Records", weeks: "Weeks") -> None:
    from features.catalogue.file import load_catalogue
    from synthetic.demo.cuts import RecordedSpan, write_cut

    catalogue = load_catalogue("stalking")
    if _is_current(kept, catalogue):
        say(f"the model is there: {kept.bundle}")
        return
    write_cut(records, kept.known, RecordedSpan(weeks.learns_until_us))
    say("reading what was on record five weeks before the unit's last day")
    _train(kept, load(kept.known, people=True), catalogue)


def _make_store(kept: DemoFolder, records: "Records", weeks: "Weeks") -> dict[str, "SettingValue"]:
    """Make the store and let the unit work with it; return the settings of the service.

    Where a store is there it is brought up to date, and left as people left it. One whose weeks
    were not lived through, since the command was stopped, is made anew.
    """
    from synthetic.demo.five_weeks import find_now

    named = _name_service(kept, kept.store, find_now(weeks), weeks)
    if kept.store.exists():
        say(f"the example unit is there: {kept.store}")
        _upgrade(named, weeks)
        _deploy(kept, named)
        return named
    shutil.rmtree(kept.unfinished, ignore_errors=True)
    kept.unfinished.mkdir()
    store = kept.unfinished / kept.store.name
    at_first = _name_service(kept, store, weeks.begins_us, weeks)
    _upgrade(at_first, weeks)
    _deploy(kept, at_first)
    _live_through(kept, records, at_first)
    # The database itself comes last: where it is, everything that belongs to it is.
    for path in sorted(kept.unfinished.iterdir(), key=lambda path: path == store):
        path.replace(kept.root / path.name)
    kept.unfinished.rmdir()
    return named


def _name_service(
    kept: DemoFolder, store: Path, now_us: int, weeks: "Weeks"
) -> dict[str, "SettingValue"]:
    from features.contract.moments import format_moment

    return {
        "database_url": f"sqlite:///{store.resolve()}",
        "models_dir": kept.models.resolve(),
        "now": format_moment(now_us, weeks.time_zone),
        "session_key_file": (kept.root / "session.key").resolve(),
    }


def _upgrade(named: dict[str, "SettingValue"], weeks: "Weeks") -> None:
    from serving.store.database import open_store
    from serving.store.upgrading import upgrade

    made = open_store(str(named["database_url"]))
    upgrade(made, time_zone=weeks.time_zone, synthetic=True)
    made.close()


def _live_through(kept: DemoFolder, records: "Records", named: dict[str, "SettingValue"]) -> None:
    from serving.app import open_service
    from serving.settings import make_settings
    from synthetic.demo.five_weeks import live_through

    # Invented weeks send no messages about flags and export no heads of the audit log.
    quiet = {"webhook_url": None, "sealed_webhook_url": None, "audit_heads_dir": None}
    service = open_service(make_settings(**named, **quiet))
    try:
        live_through(service, records, kept.weeks, say)
    finally:
        service.need_store().close()


def _deploy(kept: DemoFolder, named: dict[str, "SettingValue"]) -> None:
    """Judge the model and deploy it, unsigned: nobody signs for what is invented.

    It is deployed whatever the gates say, since there would be nothing to show; the record keeps
    what they said, and that it is a demonstration.
    """
    from caselight.actor import find_nobody
    from caselight.promotion.judged import judge_candidate
    from caselight.promotion.proposed import put_unsigned
    from caselight.promotion.session import PromotionSession, move_alias, point_service
    from serving.promotions.approval import Said
    from serving.promotions.record import follow, read_steps
    from serving.settings import make_settings
    from serving.store.current_act import Act, acting
    from serving.store_opening import open_unit
    from training.gates import read_reported

    settings, reported = make_settings(**named), read_reported(kept.bundle)
    opened = open_unit(settings)
    assert opened is not None, "the demonstration names its store"
    store, unit = opened
    actor = find_nobody(unit)
    session = PromotionSession(store, unit, kept.models, settings.capacity, actor)
    try:
        with acting(Act(actor.person, "alteration", "caselight demo")):
            with store.reading() as connection:
                in_use = follow(read_steps(connection)).in_use
            if in_use == reported.bundle.id:
                point_service(session)
                return
            said = Said(why=_DEMONSTRATION, despite=_DEMONSTRATION)
            candidate = judge_candidate(session, reported)
            if not put_unsigned(session, kept.bundle, candidate, said, track=False):
                raise ConfigError(f"the model cannot be used; remove {kept.bundle} and run again")
    finally:
        store.close()
    move_alias(reported.bundle.id, reported.bundle.catalogue.name, _name_registry(kept))


def _name_registry(kept: DemoFolder) -> str:
    return f"sqlite:///{(kept.root / 'mlflow.db').resolve()}"


def fill_store(service: "Service", folder: Path) -> None:
    """Import a contract folder, score every open case, and open a sitting where there is none."""
    from serving.intake.folder_imports import import_folder
    from serving.lists.sitting_opening import make_terms, open_sitting
    from serving.lists.sittings import current_sitting
    from serving.persons import Person
    from serving.scoring.rescoring import score_stale
    from serving.scoring.stored_advice import advise_scores
    from serving.standing.standings import make_rules

    store, unit, bundle = service.need_store(), service.need_unit(), service.need_bundle()
    person = Person("Demonstration", "administrator", "unit")
    say("filling the store; what it holds already is not stored twice")
    import_folder(store, folder, person, service.settings, say)
    say("scoring what is new")
    score_stale(store, bundle, unit, make_rules(service.settings))
    with store.reading() as connection:
        there = current_sitting(connection)
    if there is None:
        terms = make_terms(service.settings, "model")
        open_sitting(store, unit, terms, person, bundle, advise_scores)


def _is_current(kept: DemoFolder, catalogue: "Catalogue") -> bool:
    """Whether the bundle there was trained with this catalogue and this engine, and reported."""
    from features.engine.measurement import ENGINE_VERSION

    try:
        manifest = json.loads((kept.bundle / "bundle.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    same = manifest.get("catalogue_digest") == catalogue.digest
    engine = manifest.get("engine_version") == ENGINE_VERSION
    return same and engine and (kept.bundle / "metrics.json").is_file()


def _train(kept: DemoFolder, read: Loaded, catalogue: "Catalogue") -> None:
    from features.contract.moments import format_moment
    from training.audit import read_characteristics
    from training.config import load_config
    from training.options import RunOptions
    from training.pipeline import train

    history = read.history

    say("compiling the engine where that was not done yet (up to a minute, once)")
    train_dates, test_date = choose_dates(history, catalogue, monthly=True)
    config = load_config()
    result = train(
        history,
        catalogue,
        train_dates,
        [test_date],
        kept.bundle,
        capacity=_LIST_LENGTH,
        config=config,
        progress=say,
        options=RunOptions(
            characteristics=read_characteristics(read.folder.frame("people"), history.case_id),
            openings=kept.root / "openings.jsonl",
            release="demonstration",
            synthetic=True,
        ),
    )
    describe_result(result, kept.bundle)
    say("recording and registering the model in MLflow (some ten seconds)")
    from training.registry.tracking import track

    written = ",".join(format_moment(date, history.time_zone) for date in train_dates)
    registered = track(
        result,
        kept.bundle,
        catalogue,
        config,
        dates={"train_as_of": written, "test_as_of": format_moment(test_date, history.time_zone)},
        tracking_uri=_name_registry(kept),
        artifacts=kept.root / "mlartifacts",
        store_decides=True,
    )
    say(f"registered version {registered.model_version} of it as a {registered.alias}")


def choose_dates(
    history: "History", catalogue: "Catalogue", *, monthly: bool = False
) -> tuple[list[int], int]:
    """Return training moments and the latest test moment whose outcomes the extract still holds.

    Training cohorts end so that their outcomes were known, with the catalogue's maturity, at the
    test moment (design section 4).

    Parameters
    ----------
    history, catalogue
        Case histories, and their outcomes with horizon and maturity.
    monthly
        Whether there are sixteen cohorts thirty days apart, as a unit should be learnt from, or
        four a quarter apart, which take a quarter of the time.
    """
    from features.catalogue.declarations import DAY_US
    from features.contract.moments import to_datetime

    days = max(outcome.horizon.days + 31 * outcome.horizon.months for outcome in catalogue.outcomes)
    maturity_days = max(outcome.maturity_us for outcome in catalogue.outcomes) // DAY_US + 1
    extract = to_datetime(history.extract_at, history.time_zone)
    midnight = extract.replace(hour=0, minute=0, second=0, microsecond=0)

    def back(n_days: int) -> int:
        moment = midnight.date() - dt.timedelta(days=n_days)
        return _at_midnight(moment, midnight)

    test = back(days + 1)
    latest = days + 1 + days + maturity_days + 1
    step_days = _MONTH_DAYS if monthly else _COHORT_STEP_DAYS
    n_cohorts = _MONTHLY_COHORTS if monthly else _TRAINING_COHORTS
    cohorts = [back(latest + step * step_days) for step in range(n_cohorts)]
    return sorted(cohorts), test


def _at_midnight(day: dt.date, like: dt.datetime) -> int:
    moment = dt.datetime.combine(day, dt.time(), tzinfo=like.tzinfo)
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return (moment.astimezone(dt.UTC) - epoch) // dt.timedelta(microseconds=1)


def _print_list(kept: DemoFolder) -> None:
    from models.bundle.folder import load_bundle
    from models.ranking.order import rank_cases

    say("reading all of the unit's records")
    history = load(kept.unit).history
    ranked = rank_cases(load_bundle(kept.bundle), history, history.extract_at, top=_LIST_LENGTH)
    print("\nSYNTHETIC DATA: every case below is invented.")
    print(describe_list(ranked, reasons=1))
    print(flush=True)
