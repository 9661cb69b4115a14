"""Types of the arrays that rooms hand each other, and the two codes for what is absent."""

from typing import Final

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
Float64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Text = npt.NDArray[np.object_]
Keys = npt.NDArray[np.object_] | Int64

NEVER: Final = np.iinfo(np.int64).max
"""``superseded_at`` of a record that nothing corrects."""
MISSING: Final = -1
"""Code of an empty cell."""
