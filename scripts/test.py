"""Run the tests on every processor, fetching a browser and nginx first where that is allowed.

Arguments go on to pytest. Which tests are skipped, and why, is decided in `tests/conftest.py`;
what the processes make only once between them, in `tests/run_folder.py`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.browser import find_chromium  # noqa: E402  # the line above makes it importable

# Tests of one file share what it makes, so they stay together. Files begin in the order in which
# `tests/conftest.py` puts them: a long one that began last would be waited for.
MOST_PROCESSES = 8  # each holds almost a gigabyte
SPREAD = (
    "-n",
    str(min(MOST_PROCESSES, os.cpu_count() or 1)),
    "--dist",
    "loadfile",
    "--no-loadscope-reorder",
)


def main() -> int:
    """Return pytest's exit code."""
    if find_chromium() is None and may_install():
        install("chromium", "fonts-liberation")
    if shutil.which("nginx") is None and may_install():
        install("nginx-light")
    # The browser keeps small caches of its own; like all others they stay in this folder. Several
    # threads in each of several processes would wait for each other more than they work.
    environment = os.environ | {
        "XDG_CACHE_HOME": str(ROOT / ".cache" / "xdg"),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
    }
    command = [sys.executable, "-m", "pytest", *SPREAD, *sys.argv[1:]]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def may_install() -> bool:
    """Say whether this is Debian (or a child of it) and the user may install packages."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(*packages: str) -> None:
    """Install packages from Debian; a failure is left to the tests to report."""
    print(f"Some tests need {packages[0]}: installing it with apt-get ...", flush=True)
    command_line = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
    for command in (["apt-get", "update", "-q"], command_line):
        result = subprocess.run(
            command,
            check=False,
            env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if result.returncode != 0:
            print("\n".join(result.stdout.splitlines()[-8:]))
            print(f"{' '.join(command[:2])} failed; going on without {packages[0]}.", flush=True)
            return


if __name__ == "__main__":
    sys.exit(main())
