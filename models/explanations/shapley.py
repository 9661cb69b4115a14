"""Exact Shapley values from a table of the value of every subset (Shapley 1953).

No sampling and no approximation: the table holds all ``2 ** n`` subsets, so that the values add up
to the whole to rounding.
"""

import math

import numpy as np
import numpy.typing as npt

from features.contract.arrays import Float64

Bools = npt.NDArray[np.bool_]


def list_subsets(n_players: int) -> Bools:
    """Return every subset, shape ``(2 ** n_players, n_players)``.

    Row ``k`` holds player ``i`` where bit ``i`` of ``k`` is set, so that the first row is empty and
    the last whole.
    """
    codes = np.arange(1 << n_players)
    return np.asarray((codes[:, None] >> np.arange(n_players)) & 1 == 1)


def share_out(values: Float64) -> Float64:
    """Return each player's Shapley value.

    Parameters
    ----------
    values
        Shape ``(2 ** n_players,)`` in the order of :func:`list_subsets`, or with further axes
        behind, which are shared out each by itself.

    Returns
    -------
    ndarray
        Shape ``(n_players, ...)``. Their sum is ``values[-1] - values[0]``.
    """
    n_players = len(values).bit_length() - 1
    size = list_subsets(n_players).sum(axis=1)
    codes = np.arange(len(values))
    orders = math.factorial(n_players)
    weight = np.array(
        [
            math.factorial(n) * math.factorial(n_players - n - 1) / orders if n < n_players else 0.0
            for n in range(n_players + 1)
        ]
    )
    shares = np.empty((n_players, *values.shape[1:]))
    for player in range(n_players):
        without = codes[codes >> player & 1 == 0]
        gained = values[without | 1 << player] - values[without]
        shares[player] = np.tensordot(weight[size[without]], gained, axes=1)
    return shares
