"""A contract folder to a history by the quick road, which `caselight` itself never used."""

from pathlib import Path

from timing import time_rounds

from features.engine.columnar import read_unit
from features.engine.warming import compile_engine


def read(folder: str, _: str) -> object:
    """Read and assemble."""
    return read_unit(Path(folder))


compile_engine()
time_rounds(read)
