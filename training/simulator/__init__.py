"""A synthetic unit: case histories whose truth is known, for demonstration and for tests.

Nothing here is evidence that anything works on real histories (``docs/simulator.md``). What drives
a case (its fixation, its aggression, the acts nobody recorded) never leaves this package: only the
contract folder that a unit would hold is written.
"""

from training.simulator.unit import simulate_unit

__all__ = ["simulate_unit"]
