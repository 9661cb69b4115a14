"""Which incidents reports call grave, in any field: the upper quarter of the values on record."""

from typing import Final

import numpy as np

from features.history.columns import History

GRAVE_QUANTILE: Final = 0.75
"""For reports alone: what a flag or an indicator counts as grave is stated in the catalogue."""


def find_grave_value(history: History) -> float:
    """Return the least value of a grave incident; 0 where no value is on record."""
    value = history.events.value
    known = value[~np.isnan(value)]
    return float(np.quantile(known, GRAVE_QUANTILE)) if len(known) else 0.0
