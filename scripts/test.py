"""Run the whole test suite, fetching a browser and nginx first where that is allowed.

Two halves run side by side, of about the same length; what the second says is printed after the
first. Arguments go on to one pytest alone. Which tests are skipped, and why, is decided in
`tests/conftest.py`.
"""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.browser import find_chromium  # noqa: E402  # the line above makes it importable

STORE = ("tests/test_store", "tests/test_serving/test_described.py")
"""The first half: the store's tests, which run on two databases, and as much more as makes the
halves of one length.
"""


def main() -> int:
    """Return pytest's exit code, that of the first half that fails where two were run."""
    if find_chromium() is None and may_install():
        install("chromium", "fonts-liberation")
    if shutil.which("nginx") is None and may_install():
        install("nginx-light")
    if sys.argv[1:]:
        return run_pytest(sys.argv[1:]).returncode
    others = [f"--ignore={folder}" for folder in STORE]
    with ThreadPoolExecutor(1) as beside:
        rest = beside.submit(run_pytest, ["tests", *others], kept=True)
        store = run_pytest(list(STORE))
        print(rest.result().stdout, flush=True)
    return store.returncode or rest.result().returncode


def run_pytest(arguments: list[str], *, kept: bool = False) -> "subprocess.CompletedProcess[str]":
    """Run one pytest; ``kept`` keeps what it says instead of printing it as it comes."""
    # The browser keeps small caches of its own; like all others they stay in this folder. Several
    # threads in each of two processes would wait for each other more than they work.
    environment = os.environ | {
        "XDG_CACHE_HOME": str(ROOT / ".cache" / "xdg"),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
    }
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} if kept else {}
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False, text=True, **streams)


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
