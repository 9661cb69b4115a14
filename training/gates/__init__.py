"""The gates before a bundle is put to use: performance, calibration, audit, churn.

Every gate is a pure function of what was reported or measured and of the stated limits, and every
one is told, not only the first that refuses. "Not judged" is never a pass.
"""

from training.gates.all_gates import Measured, find_refusing, judge
from training.gates.pairing import PairedFigures, compare_bundles
from training.gates.reported import Reported, read_reported
from training.gates.verdict import Gate, Verdict

__all__ = [
    "Gate",
    "Measured",
    "PairedFigures",
    "Reported",
    "Verdict",
    "compare_bundles",
    "find_refusing",
    "judge",
    "read_reported",
]
