"""What the audit measures of each group: each a ratio of two sums over the group's cases."""

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final


class Quantity(Enum):
    """Something added up over cases."""

    CASES = "cases"
    POSITIVES = "positives"
    EXPECTED = "expected"
    PLACES = "places"
    FOUND = "found"
    EXPOSURE = "exposure"
    RECORDS = "records"
    GRAVE = "grave"
    HAPPENED = "happened"
    TOLD = "told"
    OUTSIDE = "outside"
    MISSED = "missed"


class GroupMeasure(StrEnum):
    """A figure of one group; the values are the names used in settings and in ``metrics.json``."""

    SHARE_OF_CASES = "share_of_cases"
    SHARE_OF_PLACES = "share_of_places"
    SELECTION_RATE = "selection_rate"
    RECALL = "recall_at_capacity"
    EXPOSURE = "exposure"
    OBSERVED_OVER_EXPECTED = "observed_over_expected"
    CALIBRATION_INTERCEPT = "calibration_intercept"
    MISSED_CASE_RATE = "missed_case_rate"
    BASE_RATE = "base_rate"
    RECORDS_PER_CASE = "records_per_case"
    GRAVE_SHARE = "grave_share"
    RECORDED_SHARE = "recorded_share"


class Scale(Enum):
    """How a group is held against the other cases."""

    NONE = "none"
    DIFFERENCE = "difference"
    RATIO = "ratio"


class Needs(Enum):
    """Of what a figure needs enough, besides people."""

    PEOPLE = "people"
    POSITIVES = "positives"
    HAPPENED = "happened"


class Reveals(Enum):
    """Which count could be worked out from a figure."""

    NOTHING = "nothing"
    CASES = "cases"
    POSITIVES = "positives"


@dataclass(frozen=True)
class Definition:
    """How a measure is made, compared and protected.

    Parameters
    ----------
    words
        What it is called in a sentence.
    top, bottom
        The sums it is the ratio of; ``bottom`` over all cases where ``of_all``.
    scale
        How a group is held against the other cases.
    is_share
        Whether it is a share of the things counted at the bottom.
    needs
        What must be there in sufficient number.
    reveals
        The count that it would give away.
    """

    words: str
    top: Quantity
    bottom: Quantity
    scale: Scale
    is_share: bool = False
    needs: Needs = Needs.PEOPLE
    reveals: Reveals = Reveals.NOTHING
    of_all: bool = False


_Q = Quantity
DEFINITIONS: Final = {
    GroupMeasure.SHARE_OF_CASES: Definition(
        "share of all cases",
        _Q.CASES,
        _Q.CASES,
        Scale.NONE,
        reveals=Reveals.CASES,
        of_all=True,
    ),
    GroupMeasure.SHARE_OF_PLACES: Definition(
        "share of all places",
        _Q.PLACES,
        _Q.PLACES,
        Scale.NONE,
        reveals=Reveals.CASES,
        of_all=True,
    ),
    GroupMeasure.SELECTION_RATE: Definition(
        "share of cases with a place",
        _Q.PLACES,
        _Q.CASES,
        Scale.DIFFERENCE,
        is_share=True,
        reveals=Reveals.CASES,
    ),
    GroupMeasure.RECALL: Definition(
        "share of outcomes found on the list",
        _Q.FOUND,
        _Q.POSITIVES,
        Scale.DIFFERENCE,
        is_share=True,
        needs=Needs.POSITIVES,
    ),
    GroupMeasure.EXPOSURE: Definition(
        "standing near the top of the list",
        _Q.EXPOSURE,
        _Q.CASES,
        Scale.RATIO,
        reveals=Reveals.CASES,
    ),
    GroupMeasure.OBSERVED_OVER_EXPECTED: Definition(
        "outcomes observed over those expected",
        _Q.POSITIVES,
        _Q.EXPECTED,
        Scale.RATIO,
        needs=Needs.POSITIVES,
    ),
    GroupMeasure.MISSED_CASE_RATE: Definition(
        "share with the outcome among cases without a place",
        _Q.MISSED,
        _Q.OUTSIDE,
        Scale.DIFFERENCE,
        is_share=True,
        reveals=Reveals.POSITIVES,
    ),
    GroupMeasure.BASE_RATE: Definition(
        "share with the outcome",
        _Q.POSITIVES,
        _Q.CASES,
        Scale.DIFFERENCE,
        is_share=True,
        reveals=Reveals.POSITIVES,
    ),
    GroupMeasure.RECORDS_PER_CASE: Definition(
        "records per case", _Q.RECORDS, _Q.CASES, Scale.RATIO
    ),
    GroupMeasure.GRAVE_SHARE: Definition(
        "share of grave records",
        _Q.GRAVE,
        _Q.RECORDS,
        Scale.DIFFERENCE,
        is_share=True,
    ),
    GroupMeasure.RECORDED_SHARE: Definition(
        "share recorded of the outcomes that happened",
        _Q.TOLD,
        _Q.HAPPENED,
        Scale.DIFFERENCE,
        is_share=True,
        needs=Needs.HAPPENED,
    ),
}
"""All measures that are ratios of sums; exposure is shown over that of all cases (Singh and
Joachims 2018), so that 1 is even. The missed-case rate is that of Grogger and others 2021."""
INTERCEPT_WORDS: Final = "calibration"


def describe(measure: GroupMeasure) -> str:
    """Return what a measure is called in a sentence."""
    found = DEFINITIONS.get(measure)
    return INTERCEPT_WORDS if found is None else found.words
