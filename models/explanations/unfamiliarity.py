"""How unlike the training cases a file is, and which indicators make it so, in words."""

from dataclasses import dataclass

import numpy as np

from features.contract.arrays import Float64
from features.evidence.records_behind import CaseMoment
from features.history.columns import History
from features.history.extent import count_known_records
from models.bundle.familiarity import FileMark
from models.bundle.folder import Bundle
from models.ranking.estimates import measure_case
from models.ranking.file_marks import mark_file
from models.ranking.questions import list_questions
from models.ranking.reasons_text import first_columns
from models.wording.sentences import describe_value, say, show_value


@dataclass(frozen=True)
class UnusualValue:
    """An indicator outside what nearly all training cases held.

    ``low`` and ``high`` are the ends of that range, inclusive.
    """

    indicator: str
    sentence: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class FileReport:
    """What is said of the file itself.

    Parameters
    ----------
    mark
        Whether it is thin or strange; ``None`` where the bundle has not learnt what is usual.
    sentences
        The marks in words, and how many values are unusual where any is.
    unusual
        The indicators that make it so, the furthest out first.
    """

    mark: FileMark | None
    sentences: tuple[str, ...]
    unusual: tuple[UnusualValue, ...]


def report_file(bundle: Bundle, history: History, case: int, as_of_us: int) -> FileReport:
    """Return what is said of one case's file.

    Parameters
    ----------
    bundle, history, case, as_of_us
        The model, and the case by its number in the history at a moment in microseconds UTC.

    Returns
    -------
    FileReport
        Empty of remarks where the file is like those of the training cases.
    """
    familiarity = bundle.familiarity
    if familiarity is None:
        return FileReport(None, (), ())
    chosen, moment = np.array([case]), np.array([as_of_us])
    values = measure_case(bundle, history, case, as_of_us)[0]
    mark = familiarity.mark(values, int(count_known_records(history, chosen, moment)[0]))
    unusual = _describe_unusual(bundle, values, mark)
    place = CaseMoment(history, bundle.catalogue, case, as_of_us, bundle.rules)
    sentences = mark_file(bundle, place, values, list_questions(place))
    if mark.unusual:
        counts = {
            "count": len(mark.unusual),
            "total": len(familiarity.columns),
            "most": familiarity.most_unusual,
        }
        sentences = (*sentences, say("unusual_values", **counts))
    return FileReport(mark, sentences, unusual)


def _describe_unusual(bundle: Bundle, values: Float64, mark: FileMark) -> tuple[UnusualValue, ...]:
    catalogue, familiarity = bundle.catalogue, bundle.familiarity
    assert familiarity is not None
    columns = first_columns(catalogue)
    indicators = {entry.name: n for n, entry in enumerate(catalogue.indicators)}
    found = []
    for name in mark.unusual:
        if name not in indicators:
            continue  # whether a question was asked is no measure of its own to a reader
        indicator = catalogue.indicators[indicators[name]]
        column = columns[indicators[name]]
        value, low, high = (
            float(one[column]) for one in (values, familiarity.low, familiarity.high)
        )
        said = describe_value(catalogue, indicator, value)
        ends = [show_value(catalogue, indicator, end) for end in (low, high)]
        sentence = say("unusual_value", said=said, low=ends[0], high=ends[1])
        found.append(UnusualValue(name, sentence, value, low, high))
    return tuple(found)
