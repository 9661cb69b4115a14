"""What is said of the file that a score rests on: new, short, unasked and unlike, each apart.

None of it changes a score, and none of it means safety.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from features.catalogue.declarations import DAY_US
from features.contract.arrays import Float64
from features.evidence.records_behind import CaseMoment
from features.history.extent import count_known_records
from models.bundle.folder import Bundle
from models.ranking.advice import CaseQuestion
from models.ranking.questions import NOT_ASKED
from models.wording.sentences import describe_value, say

NEW_DAYS: Final = 14
"""A file known for fewer days is told as new; own judgement: half of what is newly referred."""
_MOST_NAMED: Final = 3


def mark_file(
    bundle: Bundle, moment: CaseMoment, values: Float64, questions: Sequence[CaseQuestion]
) -> tuple[str, ...]:
    """Return what is said of one case's file, without a full stop each.

    Parameters
    ----------
    bundle
        What files of training cases held.
    moment
        The case as known at a moment.
    values
        Shape ``(n_columns,)``, the indicator matrix's row.
    questions
        Those of the case.

    Returns
    -------
    tuple of str
        Empty for an ordinary file, and where the bundle has not learnt what is usual.
    """
    familiarity = bundle.familiarity
    if familiarity is None:
        return ()
    history, case = moment.history, moment.case
    chosen, at = np.array([case]), np.array([moment.as_of_us])
    n_records = int(count_known_records(history, chosen, at)[0])
    mark = familiarity.mark(values, n_records)
    said = []
    n_days = int((moment.as_of_us - int(history.case_recorded_at[case])) // DAY_US)
    if n_days < NEW_DAYS:
        said.append(say("file_new_day") if n_days == 1 else say("file_new", n=f"{n_days}"))
    if n_records < familiarity.least_records:
        said.append(say("file_short", n=n_records, least=familiarity.least_records))
    is_unasked = mark.n_answered is not None and mark.n_answered < familiarity.least_answered
    unasked = [one.question for one in questions if one.state == NOT_ASKED]
    if is_unasked and unasked:
        said.append(say("file_unasked", n=len(unasked), which=" ".join(unasked)))
    elif is_unasked:
        said.append(say("file_unanswered", n=int(mark.n_answered or 0)))
    if mark.strange:
        said.append(say("file_unlike", what=_name_unusual(bundle, values, mark.unusual)))
    return tuple(said)


def _name_unusual(bundle: Bundle, values: Float64, unusual: Sequence[str]) -> str:
    """Return the measures that are furthest out, with their values."""
    catalogue = bundle.catalogue
    places = {one.name: n for n, one in enumerate(catalogue.indicators)}
    # Whether a question was asked is no measure of its own to a reader.
    named = [places[name] for name in unusual if name in places][:_MOST_NAMED]
    return "; ".join(
        describe_value(
            catalogue, catalogue.indicators[n], float(values[catalogue.first_columns[n]])
        )
        for n in named
    )
