"""A synthetic unit: case histories whose truth is known, for demonstration and for tests.

Nothing here is evidence that anything works on real histories (``docs/simulator.md``). What drives
a case (its fixation, its aggression, the acts nobody recorded) is never written with its records;
what was likely to come of it stands in a folder of its own that nothing that trains reads.
"""

from synthetic.simulator.unit import SyntheticUnit, make_unit, stream_unit
from synthetic.simulator.writing import simulate_unit, write_truths

__all__ = ["SyntheticUnit", "make_unit", "simulate_unit", "stream_unit", "write_truths"]
