"""A run's figures as a whole, and their reading."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

from models.run_figures.audit import AuditFigures, CharacteristicProxies
from models.run_figures.codec import OMITTED, UNSTORED, decode, encode
from models.run_figures.fitting import (
    DatedBreak,
    DriftShift,
    HandbackFigures,
    ManagedFigures,
    TrainingFigures,
)
from models.run_figures.ranking import OutcomeFigures, Rankings, Reliability
from models.run_figures.reasons import ReasonFigures
from models.run_figures.screening_list import ListFigures, RankIntervals, TruthFigures

Setting = float | tuple[tuple[str, ...], ...] | Mapping[str, float]
"""A choice that changes results: a number, pairs of names, or numbers by name."""


@dataclass(frozen=True)
class FindingFigures:
    """What the run concluded by itself of an outcome, characteristic or family of kinds."""

    kind: str = ""
    about: str = ""
    words: str = ""
    is_warning: bool = False


@dataclass(frozen=True)
class TestOrigin:
    """A test origin, the cohorts that were learnt from, and the cases tested."""

    name: str = ""
    trained_on: tuple[str, ...] = ()
    n_test: int | None = None

    __test__ = False  # pytest would take the class for tests


@dataclass(frozen=True)
class OriginOpening:
    """How often one test origin was opened, in words."""

    origin: str = ""
    words: str = ""


@dataclass(frozen=True)
class RunFacts:
    """What a run rests on: records, catalogue, origins, and choices that change results."""

    catalogue: str = ""
    catalogue_digest: str = ""
    engine_version: str = ""
    extract_at: str = ""
    n_cases: int | None = None
    n_events: int | None = None
    origins: tuple[TestOrigin, ...] = ()
    held_out_area: str | None = None
    across_breaks: bool | None = None
    retrospective: bool | None = None
    synthetic: bool | None = None
    config: Mapping[str, Setting] = field(default_factory=dict)


@dataclass(frozen=True)
class RunFigures:
    """Everything that ``metrics.json`` holds of a run.

    Parameters
    ----------
    headlines, findings
        What is said first, and what was concluded; warnings first.
    bundle_id, trained_for
        The bundle, and its test origin, which is the last.
    capacity
        Places on a week's list.
    estimated, advisory
        Sentences of the catalogue.
    run
        What the run rests on; ``None`` where the file does not say.
    training, drift, calibration, managed, held_out_area, truth
        By outcome.
    outcomes
        By outcome and test origin.
    list
        The list at the last test origin.
    handbacks
        Before and after cases were handed back.
    openings
        How often each test origin was opened.
    audit, proxies
        By protected characteristics.
    bands
        Rank intervals.
    reasons
        Whether themes hold when the model is fitted again, by outcome.
    breaks
        Changes of recording practice; ``None`` where they were not looked for.
    cannot_say
        Limits of the run.
    n_unknown
        Entries of the file that no field names.
    """

    headlines: tuple[str, ...] = ()
    findings: tuple[FindingFigures, ...] = ()
    bundle_id: str = ""
    trained_for: str = ""
    capacity: int | None = None
    estimated: str = ""
    advisory: str = ""
    run: RunFacts | None = None
    training: Mapping[str, TrainingFigures] = field(default_factory=dict)
    outcomes: Mapping[str, Mapping[str, OutcomeFigures]] = field(default_factory=dict)
    list: ListFigures = field(default_factory=ListFigures)
    handbacks: HandbackFigures | None = field(default=None, metadata={OMITTED: True})
    managed: Mapping[str, ManagedFigures] | None = field(default=None, metadata={OMITTED: True})
    drift: Mapping[str, DriftShift] | None = None
    calibration: Mapping[str, tuple[Reliability, ...]] | None = None
    held_out_area: Mapping[str, Rankings] | None = field(default=None, metadata={OMITTED: True})
    openings: tuple[OriginOpening, ...] | None = None
    audit: AuditFigures | None = field(default=None, metadata={OMITTED: True})
    proxies: Mapping[str, CharacteristicProxies] | None = field(
        default=None, metadata={OMITTED: True}
    )
    bands: RankIntervals | None = field(default=None, metadata={OMITTED: True})
    reasons: Mapping[str, ReasonFigures] | None = field(default=None, metadata={OMITTED: True})
    truth: Mapping[str, TruthFigures] | None = field(default=None, metadata={OMITTED: True})
    breaks: tuple[DatedBreak, ...] | None = None
    cannot_say: tuple[str, ...] = ()
    n_unknown: int = field(default=0, metadata={UNSTORED: True})

    @property
    def outcome_names(self) -> tuple[str, ...]:
        """Names of the outcomes, in the order of the catalogue."""
        return tuple(dict.fromkeys((*self.outcomes, *self.training)))

    @property
    def origin_names(self) -> tuple[str, ...]:
        """Names of the test origins, in order of time."""
        named = [one.name for one in self.run.origins if one.name] if self.run else []
        named += [name for origins in self.outcomes.values() for name in origins]
        return tuple(dict.fromkeys(named))

    @property
    def last(self) -> str:
        """The test origin of the bundle; empty where the file names none."""
        return self.trained_for or (self.origin_names[-1] if self.origin_names else "")

    def at(self, outcome: str, origin: str | None = None) -> OutcomeFigures:
        """Return the figures of an outcome at an origin.

        Parameters
        ----------
        outcome
            Name of the outcome.
        origin
            Name of the origin; the last one by default.

        Returns
        -------
        OutcomeFigures
            Empty where the run has none of them.
        """
        found = self.outcomes.get(outcome, {})
        return found.get(self.last if origin is None else origin, OutcomeFigures())


def read_run_figures(value: Mapping[str, object]) -> RunFigures:
    """Return what was parsed from ``metrics.json``, written by this version or an earlier one."""
    found = decode(RunFigures, value) or RunFigures()
    known = {one.name for one in fields(RunFigures) if UNSTORED not in one.metadata}
    return replace(found, n_unknown=len(value.keys() - known))


def parse_run_figures(content: str | bytes) -> RunFigures:
    """Return what ``metrics.json`` holds.

    Raises
    ------
    ValueError
        If it is no JSON, or no mapping.
    RecursionError
        If it is nested too deeply to be read.
    """
    value = json.loads(content)
    if not isinstance(value, dict):
        raise ValueError("figures are a mapping of names")
    return read_run_figures(value)


def write_run_figures(figures: RunFigures) -> str:
    """Return the text of ``metrics.json``.

    Raises
    ------
    ValueError
        If a number is infinite or not a number: such a figure is a fault of the run.
    """
    return json.dumps(encode(figures), indent=1, allow_nan=False) + "\n"
