"""A bundle with the figures that were reported of it, read and held against its identity."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from features.errors import ArtefactError
from models.bundle.folder import METRICS_FILE, Bundle, load_bundle
from training.report.reading import Node, Run, read_run

AT_CAPACITY = "recall_at_capacity"
_WHOLE = "all"


@dataclass(frozen=True)
class Reported:
    """A verified bundle and its figures.

    Parameters
    ----------
    bundle
        The bundle.
    figures_digest
        SHA-256 of the file of figures, which the bundle's own identity leaves out.
    run
        The figures.
    """

    bundle: Bundle
    figures_digest: str
    run: Run

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Outcomes that have a model, in the order of the catalogue."""
        named = (one.name for one in self.bundle.catalogue.outcomes)
        return tuple(name for name in named if name in self.bundle.outcomes)

    @property
    def capacity(self) -> float | None:
        """Places on the list that the figures are of."""
        return self.run.root["capacity"].number

    def auc_gain(self, outcome: str) -> float | None:
        """AUC above that of the rule on the same cases."""
        return self.run.at(outcome)["differences"]["rfs"]["estimate"].number

    def recall_gain(self, outcome: str) -> float | None:
        """Share of the outcomes that the list finds, above what the rule's list finds."""
        places = self.run.root["list"]["at_capacity"][outcome]
        listed = _of_all(places)[AT_CAPACITY].number
        by_rule = _of_all(self.run.at(outcome)["at_capacity"]["rfs"])[AT_CAPACITY].number
        return None if listed is None or by_rule is None else listed - by_rule

    def findings(self, outcome: str) -> frozenset[str]:
        """Kinds of what the run concluded of an outcome by itself."""
        found = self.run.root["findings"].each()
        return frozenset(one["kind"].text for one in found if one["about"].text == outcome)

    def calibration(self, outcome: str) -> Node:
        """Calibration over all cases of all test origins."""
        rows = self.run.root["calibration"][outcome].each()
        return next((one for one in rows if one["stratum"].text == _WHOLE), Node(None))


def _of_all(at_capacity: Node) -> Node:
    rows = at_capacity["groups"].each()
    return next((one for one in rows if one["group"].text == _WHOLE), Node(None))


def digest_figures(folder: Path) -> str:
    """Return the digest of a bundle's figures.

    Raises
    ------
    ArtefactError
        If it has none.
    """
    return hashlib.sha256(_read_figures(folder)).hexdigest()


def read_reported(folder: Path) -> Reported:
    """Read a bundle and its figures.

    Raises
    ------
    ArtefactError
        If the bundle does not verify or has no figures that can be read.
    """
    bundle, content = load_bundle(folder), _read_figures(folder)
    try:
        metrics = json.loads(content)
    except ValueError:
        metrics = None
    if not isinstance(metrics, Mapping):
        raise ArtefactError(f"{METRICS_FILE} of the bundle cannot be read; train it again")
    return Reported(bundle, hashlib.sha256(content).hexdigest(), read_run(metrics))


def _read_figures(folder: Path) -> bytes:
    try:
        return (folder / METRICS_FILE).read_bytes()
    except OSError:
        raise ArtefactError(
            f"the bundle has no {METRICS_FILE}, and without figures nothing can be judged; "
            "train it again"
        ) from None
