"""The one place that talks to MLflow: runs, the registry and its aliases.

A version is registered as ``candidate`` where a store decides what is put to use, and the alias
``champion`` moves only once the store has put it on record. A registry that no store ever decided
over has nobody to wait for: there the version registered last is the champion.

The registered model is *models from code*: a thin file beside the bundle's text and JSON, so that
no pickle is written or read (promise 11).
"""

import fcntl
import io
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from features.catalogue.declarations import Catalogue
from features.engine.measurement import ENGINE_VERSION
from features.errors import ConfigError
from models.bundle.folder import load_bundle
from models.run_figures.codec import encode
from models.run_figures.run import RunFigures
from training.config import TrainingConfig
from training.pipeline import TrainingResult

# MLflow reads these when it is imported.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

CHAMPION: Final = "champion"
CANDIDATE: Final = "candidate"
_BUNDLE_TAG: Final = "bundle_id"
_DECIDED_TAG: Final = "decided_by_store"
"""Marks a model of which a store once said which version is in use."""
_EXPERIMENT: Final = "caselight"
_SQLITE: Final = "sqlite:///"
_PROJECT_RUN: Final = "MLFLOW_RUN_ID"
"""Names the run that `mlflow run` opened, in an experiment of its choice; ours continues it."""
_MODEL_CODE: Final = Path(__file__).with_name("model_code.py")
_REQUIREMENTS: Final = ("lightgbm", "numpy", "pandas", "pydantic", "pyyaml", "scipy")


@dataclass(frozen=True)
class Registered:
    """Where a run and its model stand in MLflow; ``alias`` is the one that it was given, if any."""

    run_id: str
    model_name: str
    model_version: str
    tracking_uri: str
    alias: str | None = None


def track(
    result: TrainingResult,
    bundle: Path,
    catalogue: Catalogue,
    config: TrainingConfig,
    *,
    dates: Mapping[str, str],
    tracking_uri: str | None = None,
    artifacts: Path | None = None,
    store_decides: bool = False,
) -> Registered:
    """Record a run and register its model.

    The version gets the alias ``champion``, or ``candidate`` where a store decides what is put to
    use; none where nothing of the run may be used.

    Parameters
    ----------
    result, bundle, catalogue, config
        The finished run.
    dates
        Training and test dates as the user wrote them.
    tracking_uri
        MLflow's store; its own default (an SQLite file here, or what the environment says) where
        ``None``.
    artifacts
        Folder for artefacts of a new experiment; MLflow's own default where ``None``.
    store_decides
        Whether a store's record settles what is put to use. Where one ever did of this model it is
        taken to, whatever is said here.

    Raises
    ------
    ConfigError
        If MLflow's store cannot be used. The bundle is whole all the same.
    """
    with _quiet(), _telling_of_the_store():
        start(tracking_uri, artifacts)
        name = f"caselight-{catalogue.name}"
        with mlflow.start_run() as run:
            mlflow.log_params(
                {
                    **dates,
                    "catalogue_name": catalogue.name,
                    "catalogue_digest": catalogue.digest,
                    "engine_version": ENGINE_VERSION,
                    "bundle_id": result.bundle_id,
                }
            )
            mlflow.log_dict(config.to_dict(), "config.json")
            mlflow.log_metrics(flatten_metrics(result.metrics))
            logged = mlflow.pyfunc.log_model(
                name="bundle",
                python_model=str(_MODEL_CODE),
                artifacts={"bundle": str(bundle)},
                pip_requirements=[f"{package}=={version(package)}" for package in _REQUIREMENTS],
                signature=_sign(catalogue, bundle),
                registered_model_name=name,
            )
        registered, client = str(logged.registered_model_version), mlflow.MlflowClient()
        client.set_model_version_tag(name, registered, _BUNDLE_TAG, result.bundle_id)
        alias = None
        if not _is_retrospective(result):
            decided = store_decides or _DECIDED_TAG in client.get_registered_model(name).tags
            alias = CANDIDATE if decided else CHAMPION
            client.set_registered_model_alias(name, alias, registered)
        return Registered(run.info.run_id, name, registered, mlflow.get_tracking_uri(), alias)


def start(tracking_uri: str | None = None, artifacts: Path | None = None) -> None:
    """Open MLflow's store and our experiment in it; both are made where they are absent.

    Of several that start at once in one folder the others wait: MLflow itself makes its tables
    without looking whether another is at it.

    Parameters
    ----------
    tracking_uri
        MLflow's store; its own default where ``None``.
    artifacts
        Folder for artefacts of a new experiment; MLflow's own default where ``None``.
    """
    if tracking_uri is not None:
        mlflow.set_tracking_uri(tracking_uri)
    with _held(mlflow.get_tracking_uri(), mlflow.get_registry_uri()):
        _set_experiment(artifacts)
        mlflow.search_registered_models(max_results=1)  # the registry's tables are its own


@contextmanager
def _held(*uris: str) -> Iterator[None]:
    """Hold the folders in which SQLite files of some addresses lie; a server holds its own."""
    files = [uri.removeprefix(_SQLITE) for uri in uris if uri.startswith(_SQLITE)]
    with ExitStack() as stack:
        for folder in sorted({Path(file).absolute().parent for file in files}):
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, descriptor)  # and so let go
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


@contextmanager
def _telling_of_the_store() -> Iterator[None]:
    """Say in words that MLflow's store cannot be used: hours of training are not lost by it."""
    try:
        yield
    except (MlflowException, SQLAlchemyError) as error:
        raise ConfigError(
            f"the run could not be recorded in MLflow ({type(error).__name__}); the bundle and its "
            "report are whole. To register it run the same command again, once nothing else writes "
            "there"
        ) from None


def mark_champion(
    bundle_id: str, catalogue_name: str, *, tracking_uri: str | None = None
) -> Registered | None:
    """Move the alias ``champion`` to the version that holds a bundle which a store put to use.

    Parameters
    ----------
    bundle_id
        The bundle that is in use now.
    catalogue_name
        Name of its catalogue, which names the registered model.
    tracking_uri
        MLflow's store; its own default where ``None``.

    Returns
    -------
    Registered or None
        ``None`` where the registry does not hold the bundle; no alias moves then.

    Raises
    ------
    ConfigError
        If the registry cannot be used. What is in use does not depend on it.
    """
    name = f"caselight-{catalogue_name}"
    with _quiet():
        client = mlflow.MlflowClient(tracking_uri, tracking_uri)
        try:
            with _held(tracking_uri or mlflow.get_registry_uri()):
                client.search_registered_models(max_results=1)
            held = client.search_model_versions(f"name = '{name}'")
            found = [one for one in held if one.tags.get(_BUNDLE_TAG) == bundle_id]
            if not found:
                return None
            last = max(found, key=lambda one: int(one.version))
            client.set_registered_model_tag(name, _DECIDED_TAG, "true")
            client.set_registered_model_alias(name, CHAMPION, str(last.version))
        except MlflowException:
            raise ConfigError(
                "the model registry cannot be used; its alias champion stays where it was"
            ) from None
        uri = tracking_uri or mlflow.get_tracking_uri()
    return Registered(str(last.run_id), name, str(last.version), uri, CHAMPION)


def _is_retrospective(result: TrainingResult) -> bool:
    """Whether labels were read with later knowledge: nothing of such a run may be used."""
    run = result.metrics.run
    return run is not None and bool(run.retrospective)


def _sign(catalogue: Catalogue, bundle: Path) -> ModelSignature:
    """State the registered model's columns: indicators in, a probability per outcome out."""
    outcomes = load_bundle(bundle).outcomes
    return ModelSignature(
        inputs=Schema([ColSpec("double", column) for column in catalogue.columns]),
        outputs=Schema([ColSpec("double", outcome) for outcome in outcomes]) if outcomes else None,
    )


def _set_experiment(artifacts: Path | None) -> None:
    opened = os.environ.get(_PROJECT_RUN)
    if opened is not None:
        run = mlflow.MlflowClient().get_run(opened)
        mlflow.set_experiment(experiment_id=run.info.experiment_id)
        return
    if mlflow.get_experiment_by_name(_EXPERIMENT) is None and artifacts is not None:
        mlflow.create_experiment(_EXPERIMENT, artifact_location=artifacts.resolve().as_uri())
    mlflow.set_experiment(_EXPERIMENT)


def flatten_metrics(figures: RunFigures) -> dict[str, float]:
    """Return the numbers of every outcome under a path such as ``force.2012-01-01.auc``."""
    return {
        name: float(value)
        for name, value in _walk(encode(figures.outcomes), "")
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _walk(entry: object, place: str) -> Iterator[tuple[str, object]]:
    if isinstance(entry, Mapping):
        for name, value in entry.items():
            yield from _walk(value, f"{place}.{name}".strip("."))
    else:
        yield place, entry


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep MLflow's and Alembic's own chatter off the terminal; errors are still raised."""
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
