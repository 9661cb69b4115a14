"""A fitted model on disk: text and JSON with checksums, never pickle (promise 11).

::

    BUNDLE/
      bundle.json                   format, engine, hashes of all files below
      catalogue.yaml                the catalogue it was trained with
      reference.json                what was usual among the training cases
      familiarity.json              what thin and strange files are; where it was learnt
      rfs.json                      the recency-frequency-severity rule
      <outcome>/model.txt           LightGBM's text format
      <outcome>/linear.json         the linear part and the trees' weight; where it has a part
      <outcome>/calibration.json    the line from raw scores to log-odds
      <outcome>/venn_abers.json     doubt about the average; where it was fitted
      <outcome>/refits.json         fits on people drawn anew, by which reasons hold; where kept
      metrics.json                  the evaluation; not part of the identity

Format 1 held trees alone; its bundles go on to be read, and score and explain as they did.
"""

import functools
import hashlib
import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from features.catalogue.declarations import Catalogue
from features.catalogue.file import parse_catalogue
from features.catalogue.themes import ThemeMap, map_themes
from features.contract.arrays import Float64
from features.contract.json_text import read_json
from features.contract.links import leaves
from features.engine.measurement import ENGINE_VERSION, compile_plan
from features.engine.plan import Plan
from features.errors import ArtefactError
from features.history.reading_rules import ENGINES, ReadingRules
from models.bundle.baselines import RfsBaseline
from models.bundle.boosted_trees import OutcomeModel
from models.bundle.calibration import Calibration
from models.bundle.encoding import Encoding, make_encoding
from models.bundle.familiarity import Familiarity, read_familiarity
from models.bundle.intervals import VennAbers, read_venn_abers
from models.bundle.linear_part import LinearPart, read_linear_part
from models.bundle.plans import compile_cohort, compile_flags
from models.bundle.theme_refits import OutcomeRefits, read_theme_refits

FORMAT: Final = 2
TREES_ALONE: Final = 1
"""The format of bundles without a linear part, which are still read."""
METRICS_FILE: Final = "metrics.json"
_OUTCOME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_REMEDY: Final = "train it again, or restore it from where it was promoted"


@dataclass(frozen=True)
class Reference:
    """What was usual among the training cases: quantiles of each indicator column.

    Parameters
    ----------
    levels
        Shape ``(n_levels,)``, ascending.
    quantiles
        Shape ``(n_columns, n_levels)``; NaN for a column that was always missing.
    missing
        Shape ``(n_columns,)``, share missing.
    n_cases
        Number of training rows.
    """

    levels: Float64
    quantiles: Float64
    missing: Float64
    n_cases: int


@dataclass(frozen=True)
class Bundle:
    """A verified bundle.

    Parameters
    ----------
    id
        SHA-256 over all files but ``metrics.json``.
    catalogue
        The catalogue it was trained with.
    outcomes
        Model of each outcome that had enough positives to learn from.
    rfs
        The rule, per outcome, that stands in where no model could be fitted.
    reference
        What was usual among the training cases.
    trained_for_us
        First moment at which it would have been used; it learnt only from what was recorded before.
    familiarity
        What thin and strange files are; ``None`` where it was not learnt.
    engine_version
        The engine that it was trained by, one of ``ENGINES``; it is measured by no other.
    refits
        By outcome, the fits by which reasons hold; those of earlier versions have none.
    rule_suffices
        Outcomes for which the run's back-tests picked the simple rule.
    """

    id: str
    catalogue: Catalogue
    outcomes: Mapping[str, OutcomeModel]
    rfs: Mapping[str, RfsBaseline]
    reference: Reference
    trained_for_us: int
    familiarity: Familiarity | None = None
    engine_version: str = ENGINE_VERSION
    refits: Mapping[str, OutcomeRefits] = field(default_factory=dict)
    rule_suffices: frozenset[str] = frozenset()

    @property
    def rules(self) -> ReadingRules:
        """How records are read for it."""
        return ENGINES[self.engine_version]

    @functools.cached_property
    def encoding(self) -> Encoding:
        """How indicators become the models' columns."""
        return make_encoding(self.catalogue)

    @functools.cached_property
    def themes(self) -> ThemeMap:
        """What its reasons are about."""
        return map_themes(self.catalogue)

    @functools.cached_property
    def plan(self) -> Plan:
        """What the engine measures for the catalogue's indicators."""
        return compile_plan(self.catalogue, self.rules)

    @functools.cached_property
    def flags_plan(self) -> Plan:
        """What the engine measures for the catalogue's flags."""
        return compile_flags(self.catalogue, self.rules)

    @functools.cached_property
    def cohort_plan(self) -> Plan | None:
        """What it measures for the catalogue's cohort; ``None`` where that is every open case."""
        return compile_cohort(self.catalogue, self.rules)


def make_reference(values: Float64) -> Reference:
    """Summarise the indicator matrix of the training cases."""
    levels = np.array([0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0])
    missing = np.isnan(values)
    quantiles = np.full((values.shape[1], len(levels)), np.nan)
    for column in np.flatnonzero(~missing.all(axis=0)):
        quantiles[column] = np.nanquantile(values[:, column], levels)
    return Reference(levels, quantiles, missing.mean(axis=0), len(values))


def write_bundle(
    folder: Path,
    catalogue: Catalogue,
    outcomes: Mapping[str, OutcomeModel],
    rfs: Mapping[str, RfsBaseline],
    reference: Reference,
    trained_for_us: int,
    familiarity: Familiarity | None = None,
    refits: Mapping[str, OutcomeRefits] | None = None,
    rule_suffices: Collection[str] = (),
) -> str:
    """Write a bundle into an empty or absent folder and return its id.

    Parameters
    ----------
    folder
        Where to write.
    catalogue
        The catalogue on which the models were trained.
    outcomes, rfs
        Models and yardsticks by outcome.
    reference, familiarity
        What was usual among the training cases.
    trained_for_us
        Moment of first use, microseconds UTC.
    refits
        By outcome, the fits by which reasons hold; none are kept where ``None``.
    rule_suffices
        Outcomes for which the run's back-tests picked the simple rule.

    Returns
    -------
    str
        The bundle's id: a digest of all its files but the metrics.

    Raises
    ------
    ArtefactError
        If the folder holds something that is not a bundle.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "bundle.json").is_file():
        raise ArtefactError("the bundle's folder holds other files; name an empty one")
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        "catalogue.yaml": catalogue.text,
        "reference.json": _dump(_reference_to_json(reference)),
        "rfs.json": _dump({name: _rfs_to_json(rule) for name, rule in rfs.items()}),
    }
    if familiarity is not None:
        contents["familiarity.json"] = _dump(familiarity.to_json())
    for name, model in outcomes.items():
        contents |= _outcome_files(name, model)
    for name, kept in (refits or {}).items():
        contents[f"{name}/refits.json"] = _dump(kept.to_json())
    hashes = {name: _sha256(text.encode()) for name, text in sorted(contents.items())}
    manifest = _dump(
        {
            "format": FORMAT,
            "engine_version": ENGINE_VERSION,
            "catalogue_digest": catalogue.digest,
            "outcomes": sorted(outcomes),
            "rule_suffices": sorted(rule_suffices),
            "trained_for_us": trained_for_us,
            "files": hashes,
        }
    )
    # Removed first and written last: a folder that was left half written is no bundle.
    (folder / "bundle.json").unlink(missing_ok=True)
    for name, text in contents.items():
        _write(folder / name, text)
    _write(folder / "bundle.json", manifest)
    return _sha256(manifest.encode())


def _outcome_files(name: str, model: OutcomeModel) -> dict[str, str]:
    calibration = {
        "intercept": model.calibration.intercept,
        "slope": model.calibration.slope,
        "average": model.average,
        "columns": model.columns,
    }
    files = {f"{name}/model.txt": model.text, f"{name}/calibration.json": _dump(calibration)}
    if model.linear is not None:
        part = model.linear.to_json() | {"weight_of_trees": model.weight}
        files[f"{name}/linear.json"] = _dump(part)
    if model.venn_abers is not None:
        files[f"{name}/venn_abers.json"] = _dump(model.venn_abers.to_json())
    return files


def load_bundle(folder: str | os.PathLike[str]) -> Bundle:
    """Read a bundle, verifying every checksum before anything in it is used.

    Raises
    ------
    ArtefactError
        If a file is missing, changed, or of an unknown format or engine version.
    """
    path = Path(folder)
    if leaves(path, path / "bundle.json"):
        raise ArtefactError(f"bundle.json is a link that leads out of the bundle; {_REMEDY}")
    manifest_bytes = _read(path / "bundle.json")
    manifest = _parse(manifest_bytes)
    version = manifest.get("format")
    # By its type as well: true is 1.
    if type(version) is not int or version not in (TREES_ALONE, FORMAT):
        raise ArtefactError(
            f"the bundle is neither of format {TREES_ALONE} nor of format {FORMAT}; {_REMEDY}"
        )
    # An engine that is not known measures other values than those that the model learnt from.
    engine_version = manifest.get("engine_version")
    if not isinstance(engine_version, str) or engine_version not in ENGINES:
        known = " and ".join(ENGINES)
        raise ArtefactError(f"the bundle is of another engine than {known}; train again")
    contents = _read_files(path, manifest.get("files"))
    try:
        catalogue = parse_catalogue(contents["catalogue.yaml"], "catalogue.yaml", of_bundle=True)
        if catalogue.digest != manifest["catalogue_digest"]:
            raise ArtefactError(f"the bundle's catalogue is another one; {_REMEDY}")
        return Bundle(
            id=_sha256(manifest_bytes),
            catalogue=catalogue,
            outcomes={
                name: _read_outcome(name, contents, version) for name in manifest["outcomes"]
            },
            rfs={name: _rfs_from_json(rule) for name, rule in _parse(contents["rfs.json"]).items()},
            reference=_read_reference(_parse(contents["reference.json"])),
            trained_for_us=int(manifest["trained_for_us"]),
            familiarity=_read_familiarity(contents, catalogue),
            engine_version=engine_version,
            refits=_read_refits(manifest["outcomes"], contents),
            # Manifests of before have no such key.
            rule_suffices=frozenset(map(str, manifest.get("rule_suffices", ()))),
        )
    except (KeyError, TypeError, ValueError):
        raise ArtefactError(f"the bundle's files do not fit together; {_REMEDY}") from None


def _read_files(path: Path, stated: object) -> dict[str, bytes]:
    """Read every file that the manifest names and hold it against its checksum."""
    if not isinstance(stated, dict):
        raise ArtefactError(f"the bundle does not name its files; {_REMEDY}")
    contents = {}
    for name, digest in stated.items():
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ArtefactError(f"the bundle names a file outside itself; {_REMEDY}")
        if leaves(path, path / name):
            raise ArtefactError(f"{name} of the bundle is a link that leads out of it; {_REMEDY}")
        # Read once: what is used is what was held against its checksum.
        contents[name] = _read(path / name)
        if _sha256(contents[name]) != digest:
            raise ArtefactError(f"{name} of the bundle was changed; {_REMEDY}")
    return contents


def _read_outcome(name: str, contents: Mapping[str, bytes], version: int) -> OutcomeModel:
    if not _OUTCOME.fullmatch(name):
        raise ValueError("not an outcome's name")
    calibration = _parse(contents[f"{name}/calibration.json"])
    if not calibration["slope"] > 0:
        raise ValueError("a calibration's slope is above zero")
    columns = tuple(calibration["columns"])
    linear, weight = _read_linear(contents.get(f"{name}/linear.json"), len(columns))
    if linear is not None and version == TREES_ALONE:
        raise ValueError("a bundle of format 1 holds trees alone")
    return OutcomeModel(
        outcome=name,
        text=contents[f"{name}/model.txt"].decode(),
        calibration=Calibration(calibration["intercept"], calibration["slope"]),
        average=calibration["average"],
        columns=columns,
        venn_abers=_read_venn_abers(contents.get(f"{name}/venn_abers.json")),
        linear=linear,
        weight=weight,
    )


def _read_linear(content: bytes | None, n_columns: int) -> tuple[LinearPart | None, float]:
    """Return the linear part and the trees' weight beside it."""
    if content is None:
        return None, 1.0
    entry = _parse(content)
    weight = float(entry["weight_of_trees"])
    if not 0.0 <= weight <= 1.0:
        raise ValueError("a weight lies between 0 and 1")
    return read_linear_part(entry, n_columns), weight


def _read_refits(
    outcomes: Sequence[str], contents: Mapping[str, bytes]
) -> dict[str, OutcomeRefits]:
    """Return the refits of each outcome that has some, held to its model's columns."""
    found = {}
    for name in outcomes:
        content = contents.get(f"{name}/refits.json")
        if content is not None:
            columns = _parse(contents[f"{name}/calibration.json"])["columns"]
            found[name] = read_theme_refits(_parse(content), columns)
    return found


def _read_venn_abers(content: bytes | None) -> VennAbers | None:
    return None if content is None else read_venn_abers(_parse(content))


def _read_familiarity(contents: Mapping[str, bytes], catalogue: Catalogue) -> Familiarity | None:
    if "familiarity.json" not in contents:
        return None
    familiarity = read_familiarity(_parse(contents["familiarity.json"]))
    if familiarity.columns != catalogue.columns:
        raise ValueError("the usual ranges are of other columns")
    return familiarity


def _reference_to_json(reference: Reference) -> dict[str, object]:
    return {
        "levels": reference.levels.tolist(),
        "quantiles": _nullable(reference.quantiles),
        "missing": reference.missing.tolist(),
        "n_cases": reference.n_cases,
    }


def _read_reference(entry: Mapping[str, Any]) -> Reference:
    return Reference(
        levels=np.array(entry["levels"], dtype=np.float64),
        quantiles=np.array(entry["quantiles"], dtype=np.float64),
        missing=np.array(entry["missing"], dtype=np.float64),
        n_cases=int(entry["n_cases"]),
    )


def _rfs_to_json(rule: RfsBaseline) -> dict[str, object]:
    return {
        "columns": list(rule.columns),
        # JSON has no infinity either; null is read back as never.
        "quantiles": _nullable(np.where(np.isinf(rule.quantiles), np.nan, rule.quantiles)),
        "intercept": rule.calibration.intercept,
        "slope": rule.calibration.slope,
    }


def _rfs_from_json(entry: Mapping[str, Any]) -> RfsBaseline:
    quantiles = np.array(entry["quantiles"], dtype=np.float64)
    recency, frequency, severity = (int(column) for column in entry["columns"])
    return RfsBaseline(
        columns=(recency, frequency, severity),
        quantiles=np.where(np.isnan(quantiles), -np.inf, quantiles),
        calibration=Calibration(float(entry["intercept"]), float(entry["slope"])),
    )


def _nullable(values: Float64) -> list[list[float | None]]:
    """JSON has no NaN; a missing number is null."""
    return [[None if np.isnan(v) else float(v) for v in row] for row in values]


def _dump(content: object) -> str:
    # Sorted: the same content must give the same bytes, and so the same id.
    return json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n"


def _parse(content: bytes) -> dict[str, Any]:
    try:
        parsed = read_json(content)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise ArtefactError(f"a file of the bundle is not JSON; {_REMEDY}")
    return parsed


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise ArtefactError(f"{path.name} of the bundle cannot be read; {_REMEDY}") from None
