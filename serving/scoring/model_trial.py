"""A model tried in a process of its own, before this one reads it.

LightGBM trusts its text format: of a file that was made or damaged in the right way it ends the
whole process, or never returns. Checksums do not help, since they are of the file as it is. So a
child process parses it first and asks it for a score; what ends the child ends nobody else.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Final

from features.errors import ArtefactError
from models.bundle.folder import Bundle

TRIAL_SECONDS: Final = 60.0
"""A model of the usual size takes about two, most of them to start."""
_MEMORY_BYTES: Final = 4_000_000_000
_PROGRAM: Final = """
import json, resource, sys

seconds, memory_bytes = int(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))

import lightgbm, numpy

for text in json.load(sys.stdin):
    booster = lightgbm.Booster(model_str=text, params={"num_threads": 1})
    width = booster.num_feature()
    asked = numpy.vstack([numpy.zeros(width), numpy.full(width, numpy.nan)])
    booster.predict(asked, raw_score=True, num_threads=1)
    booster.predict(asked, pred_contrib=True, num_threads=1)
"""
_REMEDY: Final = "go back to the bundle before, or promote another one"


class ModelTrial:
    """Tries each bundle's models once in the life of this process; safe under threads.

    Parameters
    ----------
    seconds
        How long a trial may take.
    """

    def __init__(self, seconds: float = TRIAL_SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._passed: set[str] = set()

    def check(self, bundle: Bundle) -> None:
        """Check that LightGBM reads a bundle's models and answers.

        Raises
        ------
        ArtefactError
            If a process of its own did not live through it, or took too long.
        """
        with self._lock:
            if bundle.id not in self._passed:
                _try([model.text for model in bundle.outcomes.values()], self._seconds)
                self._passed.add(bundle.id)


def _try(texts: Sequence[str], seconds: float) -> None:
    if not texts:
        return
    content = json.dumps(list(texts))
    # -I: neither the folder nor the environment says what is imported.
    command = [sys.executable, "-I", "-c", _PROGRAM, str(round(seconds)), str(_MEMORY_BYTES)]
    try:
        done = subprocess.run(
            command, input=content.encode(), capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise ArtefactError(
            f"a model of the bundle was not read within {seconds:.0f} s; {_REMEDY}"
        ) from None
    if done.returncode != 0:
        raise ArtefactError(f"a model of the bundle cannot be read by LightGBM; {_REMEDY}")


TRIAL: Final = ModelTrial()
"""The one of this process."""
