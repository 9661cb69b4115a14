"""The audit of a list: what it does for people of each group, with what can and cannot be told.

Up to three comparisons are fixed beforehand. Everything else is exploratory and corrected for the
number of comparisons. "Too few to tell" is never a pass, and nothing here says that a list is fair.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import false_discovery_control

from features.contract.arrays import Float64
from features.errors import ConfigError
from models.run_figures.audit import AuditFigures, CharacteristicFigures, PrimaryFigures
from training.audit import wording
from training.audit.characteristics import Grouping, Values, make_groupings
from training.audit.disclosure import Hidden, hide_counts
from training.audit.group_comparison import Comparison, give_verdict
from training.audit.group_figures import GroupAudit, GroupedRows, GroupRows, audit_groups
from training.audit.group_measures import DEFINITIONS, GroupMeasure, Quantity, Scale, describe
from training.audit.recording_signs import RecordedLess, find_recorded_less
from training.audit.sums import AuditRows, GroupSums, add_up
from training.figures.multiplicity import correct_holm
from training.figures.resampling import draw_people_by_person

Bools = npt.NDArray[np.bool_]
MOST_PRIMARY: Final = 3
"""Comparisons that may be fixed beforehand."""


@dataclass(frozen=True)
class CharacteristicAudit:
    """The groups of one characteristic, or of two together."""

    characteristic: str
    is_pair: bool
    groups: tuple[GroupAudit, ...]

    @property
    def figures(self) -> CharacteristicFigures:
        """The groups as ``metrics.json`` holds them."""
        return CharacteristicFigures(
            self.characteristic, self.is_pair, tuple(one.rounded for one in self.groups)
        )


@dataclass(frozen=True)
class PrimaryResult:
    """A comparison that was fixed beforehand, or why it could not be made (no ``comparison``)."""

    characteristic: str
    measure: GroupMeasure
    group: str | None
    comparison: Comparison | None

    @property
    def figures(self) -> PrimaryFigures:
        """The result as ``metrics.json`` holds it."""
        return PrimaryFigures(
            characteristic=self.characteristic,
            measure=self.measure,
            group=self.group,
            verdict=wording.TOO_FEW if self.comparison is None else self.comparison.verdict,
            words=self.describe(),
        )

    def describe(self) -> str:
        """Say what was found."""
        if self.comparison is None:
            return wording.NOT_RECORDED.format(
                measure=describe(self.measure), characteristic=self.characteristic
            )
        return f"{self.characteristic}, {self.group}: {self.comparison.words}"


@dataclass(frozen=True)
class ListAudit:
    """The audit of one list.

    Parameters
    ----------
    capacity, n
        Places and cases.
    primary
        Comparisons fixed beforehand.
    characteristics
        Single characteristics, then pairs.
    recorded_less
        Groups with fewer records and a graver mix.
    n_exploratory
        Exploratory comparisons that were corrected together.
    """

    capacity: int
    n: int
    primary: tuple[PrimaryResult, ...]
    characteristics: tuple[CharacteristicAudit, ...]
    recorded_less: tuple[RecordedLess, ...]
    n_exploratory: int

    @property
    def figures(self) -> AuditFigures:
        """The audit as ``metrics.json`` holds it, with what it cannot say."""
        return AuditFigures(
            capacity=self.capacity,
            n=self.n,
            primary=tuple(one.figures for one in self.primary),
            n_exploratory=self.n_exploratory,
            correction=wording.CORRECTION,
            limits=wording.LIMITS,
            caution=wording.CAUTION,
            recorded_less=tuple(one.figures for one in self.recorded_less),
            characteristics=tuple(one.figures for one in self.characteristics),
        )


def audit_list(
    *,
    y_true: Bools,
    probability: Float64 | None,
    score: Float64,
    person: npt.NDArray[np.generic],
    capacity: int,
    characteristics: Mapping[str, Values],
    primary: Sequence[tuple[str, str]],
    n_draws: int,
    seed: int,
    pairs: bool = False,
    n_records: npt.NDArray[np.number] | None = None,
    n_grave: npt.NDArray[np.number] | None = None,
    happens: Bools | None = None,
) -> ListAudit:
    """Audit a list of ``capacity`` places over the cases of one moment.

    Parameters
    ----------
    y_true, score, person
        Shape ``(n,)``: the recorded outcome, the order (higher is looked at sooner), whose case.
    probability
        Shape ``(n,)``, calibrated; ``None`` where there is none.
    characteristics
        By name, from :func:`training.audit.read_characteristics` without pairs; shape ``(n,)``.
    primary
        At most three pairs of a measure and a characteristic, fixed before any result was seen. A
        characteristic that nobody recorded is told as such.
    n_draws, seed
        Resamples of people.
    pairs
        Whether to audit the intersections of two characteristics as well.
    n_records, n_grave
        Shape ``(n,)``: records of each case and the grave ones among them, before the moment.
    happens
        Shape ``(n,)``, on a synthetic unit: whether the outcome happened, recorded or not.

    Raises
    ------
    ConfigError
        If more than three comparisons are fixed beforehand, one names no measure, or arrays are of
        different lengths.
    """
    fixed = _read_primary(primary)
    people, column = np.unique(person, return_inverse=True)
    rows = GroupRows(y_true, probability, column.astype(np.int64))
    added = _gather(y_true, probability, n_records, n_grave, happens)
    _check_lengths(len(y_true), score, person, *added.values(), *characteristics.values())
    if capacity < 1 or n_draws < 2:  # noqa: PLR2004
        raise ConfigError("the audit needs at least 1 place and 2 resamples")
    draws = np.concatenate(
        [
            np.ones((1, len(people)), dtype=np.uint8),
            draw_people_by_person(person, n_draws, seed),
        ]
    )
    groupings = make_groupings(characteristics, pairs=pairs) if len(y_true) else []
    sums = add_up(AuditRows(y_true, score, rows.column, added, capacity), groupings, draws)
    audited, n_exploratory = _correct(_audit_all(rows, groupings, sums, fixed), groupings)
    return ListAudit(
        capacity=capacity,
        n=len(y_true),
        primary=_gather_primary(fixed, audited),
        characteristics=tuple(audited),
        recorded_less=tuple(
            finding
            for one in audited
            if not one.is_pair
            for finding in find_recorded_less(one.characteristic, one.groups)
        ),
        n_exploratory=n_exploratory,
    )


def _read_primary(primary: Sequence[tuple[str, str]]) -> list[tuple[GroupMeasure, str]]:
    if len(primary) > MOST_PRIMARY:
        raise ConfigError(
            f"primary_audit names {len(primary)} comparisons; at most {MOST_PRIMARY} are fixed "
            "beforehand, the others are exploratory"
        )
    compared = [
        name
        for name in GroupMeasure
        if name not in DEFINITIONS or DEFINITIONS[name].scale is not Scale.NONE
    ]
    if not {measure for measure, _ in primary} <= {name.value for name in compared}:
        raise ConfigError(
            "primary_audit names a measure that the audit does not compare; use one of "
            + ", ".join(name.value for name in compared)
        )
    return [(GroupMeasure(measure), characteristic) for measure, characteristic in primary]


def _gather(
    y_true: Bools,
    probability: Float64 | None,
    n_records: npt.NDArray[np.number] | None,
    n_grave: npt.NDArray[np.number] | None,
    happens: Bools | None,
) -> dict[Quantity, Float64]:
    """Return what is added up as it stands."""
    given = {
        Quantity.CASES: np.ones(len(y_true)),
        Quantity.POSITIVES: y_true,
        Quantity.EXPECTED: probability,
        Quantity.RECORDS: n_records,
        Quantity.GRAVE: n_grave,
        Quantity.HAPPENED: happens,
        Quantity.TOLD: None if happens is None else y_true & happens,
    }
    return {name: np.asarray(of, dtype=np.float64) for name, of in given.items() if of is not None}


def _check_lengths(n: int, *arrays: npt.NDArray[np.generic]) -> None:
    if any(len(one) != n for one in arrays):
        raise ConfigError("the audit needs one value per case in every array; pass the same cases")


def _audit_all(
    rows: GroupRows,
    groupings: Sequence[Grouping],
    sums: GroupSums,
    fixed: Sequence[tuple[GroupMeasure, str]],
) -> list[CharacteristicAudit]:
    audited, hidden, start = [], dict[str, Hidden](), 0
    for one in groupings:
        own = sums.take(np.arange(start, start + len(one.labels)))
        start += len(one.labels)
        counts = [
            np.rint(own[of][0, :-1]).astype(np.int64) for of in (Quantity.CASES, Quantity.POSITIVES)
        ]
        parts = [hidden[part.name] for part in one.parts or ()]
        hidden[one.name] = hide_counts(one, counts[0], counts[1], parts)
        primary = frozenset(measure for measure, name in fixed if name == one.name)
        grouped = GroupedRows(rows, one, own, hidden[one.name], primary)
        audited.append(CharacteristicAudit(one.name, one.parts is not None, audit_groups(grouped)))
    return audited


_Key = tuple[str, str, GroupMeasure]


def _correct(
    audited: Sequence[CharacteristicAudit], groupings: Sequence[Grouping]
) -> tuple[list[CharacteristicAudit], int]:
    """Return the audit with corrected p values and verdicts, and the number of exploratory ones.

    Of two known groups each is the other's rest: that is one comparison, and counts once.
    """
    is_mirrored = {one.name: one.parts is None and one.is_known.sum() == 2 for one in groupings}  # noqa: PLR2004
    known = {one.name: dict(zip(one.labels, one.is_known, strict=True)) for one in groupings}

    def key(one: CharacteristicAudit, group: GroupAudit, name: GroupMeasure) -> _Key:
        is_twin = is_mirrored[one.characteristic] and known[one.characteristic][group.group]
        return one.characteristic, "" if is_twin else group.group, name

    families: dict[str, dict[_Key, float]] = {wording.PRIMARY: {}, wording.EXPLORATORY: {}}
    for one in audited:
        for group in one.groups:
            for name, found in group.comparisons.items():
                if found.p_value is not None:
                    families[found.role].setdefault(key(one, group, name), found.p_value)
    corrected: dict[_Key, float] = {}
    for role, correct in (
        (wording.PRIMARY, correct_holm),
        (wording.EXPLORATORY, false_discovery_control),
    ):
        p_values = np.array(list(families[role].values()), dtype=np.float64)
        corrected |= dict(zip(families[role], correct(p_values).tolist(), strict=True))

    def correct_group(one: CharacteristicAudit, group: GroupAudit) -> GroupAudit:
        settled = {
            name: give_verdict(found, corrected.get(key(one, group, name), 1.0))
            for name, found in group.comparisons.items()
        }
        return replace(group, comparisons=settled)

    settled = [
        replace(one, groups=tuple(correct_group(one, group) for group in one.groups))
        for one in audited
    ]
    return settled, len(families[wording.EXPLORATORY])


def _gather_primary(
    fixed: Sequence[tuple[GroupMeasure, str]], audited: Sequence[CharacteristicAudit]
) -> tuple[PrimaryResult, ...]:
    results = []
    for measure, characteristic in fixed:
        groups = [g for one in audited if one.characteristic == characteristic for g in one.groups]
        found = [
            PrimaryResult(characteristic, measure, group.group, group.comparisons[measure])
            for group in groups
            if measure in group.comparisons
        ]
        results += found or [PrimaryResult(characteristic, measure, None, None)]
    return tuple(results)
