"""The figures that a run wrote beside its bundle, read carefully: what is absent is nothing.

``metrics.json`` is not part of a bundle's identity. It is shown only where it names the bundle and
is, to the letter, the file that was judged when the bundle was put to use.
"""

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.bundle.folder import METRICS_FILE
from models.run_figures.run import RunFigures, parse_run_figures
from serving.settings import Settings

_MOST_BYTES: Final = 50_000_000
_ABSENT: Final = "no figures lie beside the model; train it with a report, and propose it again"
_UNREADABLE: Final = "the figures beside the model cannot be read; restore them from the run"
_OTHERS: Final = "the figures beside the model are another model's; restore its own from the run"
_CHANGED: Final = (
    "the figures beside the model are not those that were judged when it was put to use; restore "
    "those, or propose the model again"
)


@dataclass(frozen=True)
class ReportedFigures:
    """The figures of the run that made a bundle.

    Parameters
    ----------
    run
        All of them; empty where there are none to show.
    why_none
        Why there are none, with the remedy; ``None`` where there are.
    """

    run: RunFigures
    why_none: str | None = None


def read_figures(settings: Settings, bundle_id: str, judged: str | None) -> ReportedFigures:
    """Return the figures of the bundle in use.

    Parameters
    ----------
    settings
        Where bundles are.
    bundle_id
        The bundle in use.
    judged
        SHA-256 of the figures as they were judged; ``None`` where no record says.
    """
    folder = settings.bundle or (settings.models_dir and settings.models_dir / bundle_id)
    if folder is None:
        return ReportedFigures(RunFigures(), _ABSENT)
    path = folder / METRICS_FILE
    try:
        seen = path.stat()
        if seen.st_size > _MOST_BYTES:
            raise ValueError("too large to be figures")
        digest, run = _read(path, seen.st_mtime_ns, seen.st_size)
    except FileNotFoundError:
        return ReportedFigures(RunFigures(), _ABSENT)
    except (OSError, ValueError, RecursionError):
        return ReportedFigures(RunFigures(), _UNREADABLE)
    why = _find_fault(digest, run, bundle_id, judged)
    return ReportedFigures(RunFigures() if why else run, why)


def _find_fault(digest: str, run: RunFigures, bundle_id: str, judged: str | None) -> str | None:
    """Return why figures are not shown; ``None`` where they are."""
    if judged not in (None, digest):
        return _CHANGED
    return None if run.bundle_id == bundle_id else _OTHERS


@functools.lru_cache(maxsize=4)
def _read(path: Path, mtime_ns: int, size: int) -> tuple[str, RunFigures]:
    """Return a file's digest and content; the moment and size tell one content from another."""
    content = path.read_bytes()
    return hashlib.sha256(content).hexdigest(), parse_run_figures(content)
