"""A contract folder to a checked history, by the road that `caselight train` uses."""

from pathlib import Path

from timing import time_rounds

from features.engine.warming import compile_engine
from features.history.assembly import assemble_history
from features.intake.contract_folder import read_folder


def read(folder: str, _: str) -> object:
    """Read, check and assemble."""
    found = read_folder(Path(folder))
    if len(found.rejects):
        raise ValueError("the unit is not sound")
    return found, assemble_history(found)


compile_engine()
time_rounds(read)
