"""The one place that talks to MLflow: runs, the registry and its ``champion`` alias.

The registered model is *models from code*: a thin file beside the bundle's text and JSON, so that
no pickle is written or read (promise 11).
"""

import io
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from features.catalogue import Catalogue
from features.engine import ENGINE_VERSION
from models.bundle import load_bundle
from training.config import TrainingConfig
from training.pipeline import TrainingResult

# MLflow reads these when it is imported.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

import mlflow
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

CHAMPION: Final = "champion"
_EXPERIMENT: Final = "caselight"
_PROJECT_RUN: Final = "MLFLOW_RUN_ID"
"""Names the run that `mlflow run` opened, in an experiment of its choice; ours continues it."""
_MODEL_CODE: Final = Path(__file__).with_name("model_code.py")
_REQUIREMENTS: Final = ("lightgbm", "numpy", "pandas", "pyyaml", "scipy")


@dataclass(frozen=True)
class Registered:
    """Where a run and its model stand in MLflow."""

    run_id: str
    model_name: str
    model_version: str
    tracking_uri: str


def track(
    result: TrainingResult,
    bundle: Path,
    catalogue: Catalogue,
    config: TrainingConfig,
    *,
    dates: Mapping[str, str],
    tracking_uri: str | None = None,
    artifacts: Path | None = None,
) -> Registered:
    """Record a run and register its model under the ``champion`` alias.

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
    """
    with _quiet():
        if tracking_uri is not None:
            mlflow.set_tracking_uri(tracking_uri)
        _set_experiment(artifacts)
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
        registered = str(logged.registered_model_version)
        if not _is_retrospective(result):
            mlflow.MlflowClient().set_registered_model_alias(name, CHAMPION, registered)
        return Registered(run.info.run_id, name, registered, mlflow.get_tracking_uri())


def _is_retrospective(result: TrainingResult) -> bool:
    """Whether labels were read with later knowledge: nothing of such a run may be used."""
    run = result.metrics.get("run")
    return isinstance(run, Mapping) and bool(run.get("retrospective"))


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


def flatten_metrics(metrics: Mapping[str, object]) -> dict[str, float]:
    """Return every number of ``metrics.json`` under a path such as ``force.2012-01-01.auc``."""
    outcomes = metrics["outcomes"]
    assert isinstance(outcomes, Mapping)
    return {
        name: float(value)
        for name, value in _walk(outcomes, "")
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
