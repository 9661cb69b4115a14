"""Which records are in force at a moment: the one rule for columns (design section 4)."""

from features.contract.arrays import Bools, Int64


def in_force(recorded_at: Int64, superseded_at: Int64, as_of_us: Int64 | int) -> Bools:
    """Return which records are in force at a moment, shape ``(n,)``.

    What occurred when is a question of its own, asked afterwards: a correction takes its target out
    of force whatever moment it says the event had. The engine compiles this very function.

    Parameters
    ----------
    recorded_at
        When each record came to be known, shape ``(n,)``, microseconds UTC.
    superseded_at
        When the first later version of each came to be known, shape ``(n,)``; ``NEVER`` for none.
    as_of_us
        The moment, exclusive: one for all records or one for each.

    Returns
    -------
    Bools
        Known before the moment, and not superseded by anything known before it.
    """
    return (recorded_at < as_of_us) & (superseded_at >= as_of_us)
