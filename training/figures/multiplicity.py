"""Corrections of p values where many comparisons are made at once."""

import numpy as np

from features.contract.arrays import Float64


def correct_holm(p_values: Float64) -> Float64:
    """Return p values after Holm (1979): the chance of even one false finding is held.

    Parameters
    ----------
    p_values
        Shape ``(n,)``, none missing.
    """
    count = len(p_values)
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(p_values[order] * (count - np.arange(count)))
    return _put_back(stepped, order)


def correct_benjamini_hochberg(p_values: Float64) -> Float64:
    """Return p values after Benjamini and Hochberg (1995): the share of false findings is held.

    Parameters
    ----------
    p_values
        Shape ``(n,)``, none missing.
    """
    count = len(p_values)
    order = np.argsort(p_values, kind="stable")
    scaled = p_values[order] * count / np.arange(1, count + 1)
    stepped = np.minimum.accumulate(scaled[::-1])[::-1]
    return _put_back(stepped, order)


def _put_back(stepped: Float64, order: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Float64:
    corrected = np.empty(len(stepped))
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected
