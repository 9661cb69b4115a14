import subprocess
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.long

KILLS = 10


def test_nothing_is_lost_or_half_there_however_a_process_is_killed(
    address: str, small_unit: Any
) -> None:
    """Processes that import, decide, score, propose and seal are killed: what they said is there,
    what was under way is there whole or not at all, the log verifies and the check is silent.
    """
    command = [sys.executable, "-m", "benchmarks.soak", "--address", address]
    subprocess.run([*command, "--fill", str(small_unit.folder)], check=True)
    soaked = subprocess.run(
        [*command, "--bundle", str(small_unit.bundle), str(KILLS)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert soaked.returncode == 0, soaked.stdout + soaked.stderr
    assert f"| {KILLS} |" in soaked.stdout
