"""The address at which models registered in MLflow before release 0.2 find their scoring function.

A registered version carries its own copy of the model code, which imports ``models.scoring``.
Nothing in the project may import from here; the module goes with release 1.0.
"""

from models.ranking.order import estimate_log_odds

__all__ = ["estimate_log_odds"]
