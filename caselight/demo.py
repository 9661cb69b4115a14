"""``caselight demo``: the whole path on a synthetic unit, which is what ``make run`` runs."""

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from caselight.reading import Loaded, load, say
from caselight.score import describe_list
from caselight.serve import check_port, serve_pages
from caselight.train import tell_result
from features.errors import ConfigError

if TYPE_CHECKING:
    from features.catalogue import Catalogue
    from features.history import History
    from serving.service import Service

SYNTHETIC_CASES: Final = 3_000
SEED: Final = 2018
_DEMONSTRATION: Final = "a demonstration: every case is invented"
_LIST_LENGTH: Final = 30
_TRAINING_COHORTS: Final = 4
_COHORT_STEP_DAYS: Final = 91


@dataclass(frozen=True)
class DemoFolder:
    """Where the demonstration keeps what it makes."""

    root: Path

    @property
    def unit(self) -> Path:
        """The synthetic unit's contract folder."""
        return self.root / "unit"

    @property
    def bundle(self) -> Path:
        """The trained bundle."""
        return self.root / "bundle"

    @property
    def store(self) -> Path:
        """The store of the synthetic unit."""
        return self.root / "unit.db"

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
    """Make a synthetic unit, train, promote, fill a store, print the list, serve the pages."""
    if serve:
        check_port(port)
    kept = DemoFolder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _make_unit(kept, cases)
    say("reading the unit's records")
    read = load(kept.unit, people=True)
    _make_model(kept, read)
    named = _make_store(kept, read.history)
    _put_to_use(kept, named)
    _fill_store(kept, named)
    _print_list(kept, read.history)
    if serve:
        serve_pages(port, **named)


def _make_unit(kept: DemoFolder, cases: int) -> None:
    from training.simulator import simulate_unit

    if (kept.unit / "manifest.json").is_file():
        say(f"the synthetic unit is there: {kept.unit}")
        return
    say(f"making a synthetic unit of {cases:,} cases")
    simulate_unit(cases, SEED, kept.unit, progress=say)


def _make_model(kept: DemoFolder, read: Loaded) -> None:
    from features.catalogue_file import load_catalogue

    catalogue = load_catalogue("stalking")
    if _is_current(kept, catalogue):
        say(f"the model is there: {kept.bundle}")
        return
    _train(kept, read, catalogue)


def _make_store(kept: DemoFolder, history: "History") -> dict[str, object]:
    """Make the store, or bring it up to date; return what the service is told."""
    from features.moments import format_moment
    from serving.store.database import open_store
    from serving.store.upgrading import upgrade

    named = {
        "database_url": f"sqlite:///{kept.store.resolve()}",
        "models_dir": kept.models.resolve(),
        "now": format_moment(history.extract_at, history.time_zone),
        "session_key_file": (kept.root / "session.key").resolve(),
    }
    made = open_store(str(named["database_url"]))
    upgrade(made, time_zone=history.time_zone, synthetic=True)
    made.close()
    return named


def _put_to_use(kept: DemoFolder, named: dict[str, object]) -> None:
    """Judge the model and put it to use, unsigned: nobody signs for what is invented.

    It is put to use whatever the gates say, since there would be nothing to show; the record keeps
    what they said, and that it is a demonstration.
    """
    from caselight.desk import Desk, judge_candidate, move_alias, settle_pointer
    from caselight.promote import put_unsigned
    from caselight.signed_in import find_nobody
    from serving.audit.acts import Act, acting
    from serving.opening import open_unit
    from serving.promotions.record import follow, read_steps
    from serving.promotions.steps import Said
    from serving.settings import make_settings
    from training.gates import read_reported

    settings, reported = make_settings(**named), read_reported(kept.bundle)
    opened = open_unit(settings)
    assert opened is not None, "the demonstration names its store"
    store, unit = opened
    actor = find_nobody(unit)
    desk = Desk(store, unit, kept.models, settings.capacity, actor)
    try:
        with acting(Act(actor.person, "alteration", "caselight demo")):
            with store.reading() as connection:
                in_use = follow(read_steps(connection)).in_use
            if in_use == reported.bundle.id:
                settle_pointer(desk)
                return
            said = Said(why=_DEMONSTRATION, despite=_DEMONSTRATION)
            candidate = judge_candidate(desk, reported)
            if not put_unsigned(desk, kept.bundle, candidate, said, track=False):
                raise ConfigError(f"the model cannot be used; remove {kept.bundle} and run again")
    finally:
        store.close()
    move_alias(reported.bundle.id, reported.bundle.catalogue.name, _name_registry(kept))


def _name_registry(kept: DemoFolder) -> str:
    return f"sqlite:///{(kept.root / 'mlflow.db').resolve()}"


def _fill_store(kept: DemoFolder, named: dict[str, object]) -> None:
    from serving.app import open_service
    from serving.settings import make_settings

    service = open_service(make_settings(**named))
    try:
        fill_store(service, kept.unit)
    finally:
        service.need_store().close()


def fill_store(service: "Service", folder: Path) -> None:
    """Import a contract folder, score every open case, and open a sitting where there is none."""
    from serving.lists.opening import make_terms, open_sitting
    from serving.lists.sittings import current_sitting
    from serving.persons import Person
    from serving.screening.advising import advise_scores
    from serving.screening.rescoring import score_stale
    from serving.screening.worker import make_rules
    from serving.store.imports import import_folder

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
    from features.engine import ENGINE_VERSION

    try:
        manifest = json.loads((kept.bundle / "bundle.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    same = manifest.get("catalogue_digest") == catalogue.digest
    engine = manifest.get("engine_version") == ENGINE_VERSION
    return same and engine and (kept.bundle / "metrics.json").is_file()


def _train(kept: DemoFolder, read: Loaded, catalogue: "Catalogue") -> None:
    from features.moments import format_moment
    from training.audit import read_characteristics
    from training.config import load_config
    from training.pipeline import train
    from training.request import RunOptions

    history = read.history

    say("compiling the engine where that was not done yet (up to a minute, once)")
    train_dates, test_date = choose_dates(history, catalogue)
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
            characteristics=read_characteristics(read.folder.people, history.case_id),
            openings=kept.root / "openings.jsonl",
            release="demonstration",
            synthetic=True,
        ),
    )
    tell_result(result, kept.bundle)
    say("recording and registering the model in MLflow (some ten seconds)")
    from training.tracking import track

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


def choose_dates(history: "History", catalogue: "Catalogue") -> tuple[list[int], int]:
    """Return training moments and the latest test moment whose outcomes the extract still holds.

    Training cohorts lie a quarter apart and end so that their outcomes were known, with the
    catalogue's maturity, at the test moment (design section 4).
    """
    from features.catalogue import DAY_US
    from features.moments import to_datetime

    days = max(outcome.horizon.days + 31 * outcome.horizon.months for outcome in catalogue.outcomes)
    maturity_days = max(outcome.maturity_us for outcome in catalogue.outcomes) // DAY_US + 1
    extract = to_datetime(history.extract_at, history.time_zone)
    midnight = extract.replace(hour=0, minute=0, second=0, microsecond=0)

    def back(n_days: int) -> int:
        moment = midnight.date() - dt.timedelta(days=n_days)
        return _at_midnight(moment, midnight)

    test = back(days + 1)
    latest = days + 1 + days + maturity_days + 1
    cohorts = [back(latest + step * _COHORT_STEP_DAYS) for step in range(_TRAINING_COHORTS)]
    return sorted(cohorts), test


def _at_midnight(day: dt.date, like: dt.datetime) -> int:
    moment = dt.datetime.combine(day, dt.time(), tzinfo=like.tzinfo)
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return (moment.astimezone(dt.UTC) - epoch) // dt.timedelta(microseconds=1)


def _print_list(kept: DemoFolder, history: "History") -> None:
    from models.bundle import load_bundle
    from models.scoring import rank_cases

    ranked = rank_cases(load_bundle(kept.bundle), history, history.extract_at, top=_LIST_LENGTH)
    print("\nSYNTHETIC DATA: every case below is invented.")
    print(describe_list(ranked, reasons=1))
    print(flush=True)
