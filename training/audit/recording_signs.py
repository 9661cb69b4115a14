"""Signs that one group's acts come to be recorded less than another's.

Where only what is grave is written down, a group has fewer records, and graver ones. So has a group
that does less, but gravely: the sign is a question to ask, never a proof.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from models.run_figures.audit import RecordedLessFigures
from training.audit import wording
from training.audit.group_comparison import cut
from training.audit.group_figures import GroupAudit
from training.audit.group_measures import GroupMeasure


@dataclass(frozen=True)
class RecordedLess:
    """A group with fewer records per case and a larger share of grave ones than the other cases.

    Parameters
    ----------
    records_ratio
        Its records per case over those of the others; below 1.
    grave_difference
        Its share of grave records less that of the others; above 0.
    """

    characteristic: str
    group: str
    records_ratio: float
    grave_difference: float

    @property
    def figures(self) -> RecordedLessFigures:
        """The finding as ``metrics.json`` holds it."""
        return RecordedLessFigures(
            characteristic=self.characteristic,
            group=self.group,
            records_ratio=cut(self.records_ratio),
            grave_difference=cut(self.grave_difference),
            words=self.describe(),
        )

    def describe(self) -> str:
        """Say what was found and what it does not show."""
        return wording.RECORDED_LESS_DETAIL.format(
            characteristic=self.characteristic,
            group=self.group,
            finding=wording.RECORDED_LESS,
            records=self.records_ratio,
            grave=self.grave_difference,
        )


def find_recorded_less(
    characteristic: str, groups: Sequence[GroupAudit]
) -> tuple[RecordedLess, ...]:
    """Return the groups of which both signs were found, after the correction."""
    found = []
    for one in groups:
        records = one.comparisons.get(GroupMeasure.RECORDS_PER_CASE)
        grave = one.comparisons.get(GroupMeasure.GRAVE_SHARE)
        if records is None or grave is None:
            continue
        if records.estimate is None or grave.estimate is None:
            continue
        if {records.verdict, grave.verdict} != {wording.DIFFERS}:
            continue
        if records.estimate < 1.0 and grave.estimate > 0.0:
            found.append(RecordedLess(characteristic, one.group, records.estimate, grave.estimate))
    return tuple(found)
