"""What is made once in a whole run of the tests, whichever of its processes asks first.

With pytest-xdist each worker has a folder of its own inside the run's; what they share lies there.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def find_run_folder(factory: pytest.TempPathFactory) -> Path:
    """Return the folder that every process of this run has in common."""
    own = factory.getbasetemp()
    run = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder = run / "once"
    folder.mkdir(exist_ok=True)
    return folder


def make_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that ``make`` filled, once in this run; nobody changes it afterwards.

    Where ``make`` fails, the next who asks makes it anew from an empty folder.
    """
    folder = find_run_folder(factory) / name
    made = folder.with_name(f"{name}.made")
    with locked(folder.with_name(f"{name}.lock")):
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            made.touch()
    return folder


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes; it ends with the process that holds it, however that ends."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
