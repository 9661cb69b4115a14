"""Thin and strange files of a test cohort, as a page marks them, to see how estimates hold."""

from typing import Final

import numpy as np
import numpy.typing as npt

from features.catalogue.declarations import DAY_US
from features.history.columns import History
from features.history.extent import count_known_records
from models.bundle.familiarity import Familiarity
from models.ranking.file_marks import NEW_DAYS
from training.cohorts.training_rows import Cohort

Names = npt.NDArray[np.object_]
NEW: Final = f"known for under {NEW_DAYS} days"
SHORT: Final = "few records"
UNASKED: Final = "few questions answered"
UNLIKE: Final = "unlike earlier cases"
ORDINARY: Final = "others"


def name_files(history: History, cohort: Cohort, familiarity: Familiarity) -> dict[str, Names]:
    """Return strata of files, each of which a page marks in words of its own.

    Parameters
    ----------
    history, cohort
        The cases, each at the moment of its row.
    familiarity
        What files of training cases held.

    Returns
    -------
    dict
        By stratum, shape ``(n_rows,)``: the mark's name, or ``ORDINARY``.
    """
    marks = cohort.landmarks
    n_records = count_known_records(history, marks.case, marks.as_of_us)
    told = [
        familiarity.mark(values, int(n)) for values, n in zip(cohort.values, n_records, strict=True)
    ]
    is_new = (marks.as_of_us - history.case_recorded_at[marks.case]) // DAY_US < NEW_DAYS
    is_unasked = [
        one.n_answered is not None and one.n_answered < familiarity.least_answered for one in told
    ]
    return {
        "known": _name(NEW, is_new),
        "records": _name(SHORT, n_records < familiarity.least_records),
        "questions": _name(UNASKED, np.array(is_unasked, dtype=np.bool_)),
        "values": _name(UNLIKE, np.array([one.strange for one in told], dtype=np.bool_)),
    }


def _name(mark: str, holds: npt.NDArray[np.bool_]) -> Names:
    return np.where(holds, mark, ORDINARY).astype(object)
