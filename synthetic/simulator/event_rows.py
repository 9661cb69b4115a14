"""Every row of the events table, from the true courses."""

import numpy as np

from synthetic.simulator import circumstances, recording
from synthetic.simulator.chance import Chance
from synthetic.simulator.course import Courses
from synthetic.simulator.rows import NONE, EventRows, Vocabulary, stack_rows


def record_events(
    courses: Courses, words: Vocabulary, chance: Chance, *, plain: bool, quiet_harm: bool = False
) -> EventRows:
    """Return the rows by case and, within a case, in the order in which they were recorded."""
    # Acts come first, because their corrections point to places.
    acts = recording.record_acts(courses.acts, words, chance, plain=plain)
    rows = stack_rows(
        [
            acts,
            recording.record_warnings(courses, words, chance, quiet_harm=quiet_harm),
            recording.record_reports(courses, acts, words, chance),
            recording.record_triggers(courses, words, chance),
            circumstances.record_response(courses, words, chance),
            circumstances.record_victim(courses, words, chance),
        ]
    )
    rows = stack_rows([rows, circumstances.record_lifecycle(courses, rows, words, chance)])
    order = np.lexsort((rows.occurred, rows.recorded, rows.case))
    position = np.empty(len(rows), dtype=np.int64)
    position[order] = np.arange(len(rows))
    rows = rows.take(order)
    corrected = rows.supersedes >= 0
    return rows.with_columns(supersedes=np.where(corrected, position[rows.supersedes], NONE))
