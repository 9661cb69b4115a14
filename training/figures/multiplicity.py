"""The correction of p values that scipy has none of, where many comparisons are made at once."""

import numpy as np

from features.contract.arrays import Float64


def correct_holm(p_values: Float64) -> Float64:
    """Return p values after Holm (1979): the chance of even one false finding is held.

    Parameters
    ----------
    p_values
        Shape ``(n,)``, none missing.

    Returns
    -------
    ndarray
        Shape ``(n,)``, at most 1.
    """
    count = len(p_values)
    order = np.argsort(p_values, kind="stable")
    corrected = np.empty(count)
    # A larger p value is never corrected to a smaller one.
    stepped = np.maximum.accumulate(p_values[order] * (count - np.arange(count)))
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected
