"""Text of more than two gibibytes, which takes as much memory and some time."""

import numpy as np
import pyarrow as pa
import pytest

from features.intake.cells import write_cells

pytestmark = pytest.mark.long


def test_text_may_pass_two_gibibytes():
    """A column whose text is longer than 32-bit offsets reach is written whole."""
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(2_049, np.int8)), ["x" * 2**20])
    assert write_cells(column, place="x.parquet: column 'c'").nbytes > 2**31
