"""A bundle with the figures that were reported of it, read and held against its identity."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from features.errors import ArtefactError
from models.bundle.folder import METRICS_FILE, Bundle, load_bundle
from models.run_figures.ranking import CapacityFigures, Reliability
from models.run_figures.run import RunFigures, parse_run_figures

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
    run: RunFigures

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Outcomes that have a model, in the order of the catalogue."""
        named = (one.name for one in self.bundle.catalogue.outcomes)
        return tuple(name for name in named if name in self.bundle.outcomes)

    @property
    def capacity(self) -> int | None:
        """Places on the list that the figures are of."""
        return self.run.capacity

    def auc_gain(self, outcome: str) -> float | None:
        """AUC above that of the rule on the same cases."""
        over_rule = self.run.at(outcome).differences.get("rfs")
        return over_rule.estimate if over_rule else None

    def recall_gain(self, outcome: str) -> float | None:
        """Share of the outcomes that the list finds, above what the rule's list finds."""
        listed = _recall_of_all(self.run.list.at_capacity.get(outcome))
        by_rule = _recall_of_all((self.run.at(outcome).at_capacity or {}).get("rfs"))
        return None if listed is None or by_rule is None else listed - by_rule

    def findings(self, outcome: str) -> frozenset[str]:
        """Kinds of what the run concluded of an outcome by itself."""
        return frozenset(one.kind for one in self.run.findings if one.about == outcome)

    def calibration(self, outcome: str) -> Reliability:
        """Calibration over all cases of all test origins; empty where it is not known."""
        rows = (self.run.calibration or {}).get(outcome, ())
        return next((one for one in rows if one.stratum == _WHOLE), Reliability())


def _recall_of_all(found: CapacityFigures | None) -> float | None:
    whole = found.of(_WHOLE) if found else None
    return whole.recall_at_capacity if whole else None


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
        run = parse_run_figures(content)
    except (ValueError, RecursionError):
        message = f"{METRICS_FILE} of the bundle cannot be read; train it again"
        raise ArtefactError(message) from None
    return Reported(bundle, hashlib.sha256(content).hexdigest(), run)


def _read_figures(folder: Path) -> bytes:
    try:
        return (folder / METRICS_FILE).read_bytes()
    except OSError:
        raise ArtefactError(
            f"the bundle has no {METRICS_FILE}, and without figures nothing can be judged; "
            "train it again"
        ) from None
