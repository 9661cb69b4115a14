"""The one canonical text of each cell, whatever type it came in, and what no identifier may be."""

import pyarrow as pa


def write_cells(column: pa.ChunkedArray | pa.Array, *, place: str) -> pa.Array:
    """Write each cell of a column as text: the same text for the same value of any type.

    Parameters
    ----------
    column
        Cells of one type.
    place
        File and column, for the message.

    Returns
    -------
    pa.Array
        ``large_string``, null where a cell is empty.

    Raises
    ------
    DataContractError
        If the column's type is none that can be written. Names the place and the type.
    """
    raise NotImplementedError


def check_identifier(column: pa.ChunkedArray | pa.Array, *, place: str) -> None:
    """Check that no two identifiers of a column may have become one before it was read.

    Raises
    ------
    DataContractError
        If floating-point numbers stand past the last one that is exact.
    """
    raise NotImplementedError
