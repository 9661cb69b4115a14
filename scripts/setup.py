"""Make this checkout ready: its own .venv, locked packages, page styles.

Runs under the system's Python before there is anything else, so it uses the standard library alone.
Nothing is installed outside the folder: the caches of pip, uv and npm lie in `.cache/`. Every
download is checked against the hashes in `requirements.lock` and `package-lock.json`. A stamp
written last makes the next call a matter of milliseconds.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
CACHE = ROOT / ".cache"
STAMP = VENV / "caselight-setup"
LOCK = ROOT / "requirements.lock"
NEEDED_BYTES = 3 * 10**9  # 1.7 GB in .venv and node_modules, the rest while unpacking
TICK_SECONDS = 10

# What decides whether set-up has to run again.
INPUTS = (
    "package-lock.json",
    "package.json",
    "pyproject.toml",
    "requirements.lock",
    "scripts/assets.py",
    "scripts/setup.py",
)

# Settings of the caller that would send packages elsewhere or load others' modules.
UNWANTED_SETTINGS = (
    "PIP_PREFIX",
    "PIP_REQUIRE_VIRTUALENV",
    "PIP_ROOT",
    "PIP_TARGET",
    "PIP_USER",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONHOME",
    "PYTHONPATH",
    "VIRTUAL_ENV",
)


class SetupFailedError(Exception):
    """A step did not work; the message says what to do."""


class DiskFullError(SetupFailedError):
    """There is no room, so another way would fail as well."""


def main() -> int:
    """Bring the folder up to date and return the exit code."""
    try:
        CACHE.mkdir(exist_ok=True)
        with (CACHE / "setup.lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)  # `make run` and `make test` may start together
            if not is_up_to_date():
                set_up()
    except SetupFailedError as error:
        print(f"Set-up stopped: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Set-up stopped: {error.strerror} ({error.filename or ROOT}).", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nSet-up interrupted; run the same command to go on.", file=sys.stderr)
        return 130
    return 0


def fingerprint() -> str:
    """Return what the stamp must hold: this place, this Python and the inputs' contents."""
    digest = hashlib.sha256(f"{ROOT}\n{sys.version}\n{os.uname().machine}\n".encode())
    for name in INPUTS:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def is_up_to_date() -> bool:
    """Say whether the last set-up still stands."""
    made = (VENV_PYTHON, ROOT / "serving" / "static" / "vendor" / "NOTICE.txt")
    return (
        STAMP.is_file()
        and all(path.exists() for path in made)
        and STAMP.read_text(encoding="utf-8") == fingerprint()
    )


def set_up() -> None:
    """Do every step in turn and write the stamp."""
    started = time.monotonic()
    check_disk()
    if VENV.exists():
        print("Bringing the set-up of this folder up to date.", flush=True)
    else:
        print("Setting up Caselight in this folder; this once takes about a minute.", flush=True)
    STAMP.unlink(missing_ok=True)
    make_venv()
    install_packages()
    run_step(
        "Building the page styles (step 4 of 4)", [str(VENV_PYTHON), "-I", "scripts/assets.py"]
    )
    STAMP.write_text(fingerprint(), encoding="utf-8")
    print(f"Set-up is done ({time.monotonic() - started:.0f} s).", flush=True)


def check_disk() -> None:
    """Stop before a first set-up that could not be finished."""
    free_bytes = shutil.disk_usage(ROOT).free
    if not VENV.exists() and free_bytes < NEEDED_BYTES:
        raise DiskFullError(
            f"the disk has {free_bytes / 1e9:.1f} GB free and set-up needs "
            f"{NEEDED_BYTES / 1e9:.0f} GB. Free some space and run this again."
        )


def make_venv() -> None:
    """Make `.venv` unless a whole one of this Python, in this place, is there."""
    note = VENV / "caselight-python"
    made_by = f"{VENV}\n{sys.version}"
    if VENV_PYTHON.exists() and note.is_file() and note.read_text(encoding="utf-8") == made_by:
        return
    if VENV.exists():
        shutil.rmtree(VENV)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    run_step(
        f"Making .venv with Python {version} (step 1 of 4)",
        [sys.executable, "-I", "-m", "venv", str(VENV)],
    )
    note.write_text(made_by, encoding="utf-8")


def install_packages() -> None:
    """Install the locked packages, by uv where it can and else by pip, then the project itself.

    uv is ten times quicker. pip knows a company's own mirror from its settings where uv may not, so
    it is the way out when uv fails.
    """
    pip = [str(VENV_PYTHON), "-I", "-m", "pip"]
    wanted = ["--require-hashes", "--only-binary", ":all:"]
    uv_entry = CACHE / "uv.lock.txt"
    uv_entry.write_text(locked_entry("uv"), encoding="utf-8")
    run_step(
        "Fetching the installer (step 2 of 4)",
        [*pip, "install", *wanted, "-r", str(uv_entry)],
    )
    uv = [str(VENV / "bin" / "uv"), "pip"]
    here = ["--python", str(VENV_PYTHON)]
    count = len(re.findall(r"^[a-z0-9]\S*==", LOCK.read_text(encoding="utf-8"), re.MULTILINE))
    title = f"Installing {count} locked packages (step 3 of 4)"
    try:
        run_step(title, [*uv, "sync", *here, *wanted, "--compile-bytecode", str(LOCK)])
    except DiskFullError:
        raise
    except SetupFailedError:
        print("  uv could not; trying pip, which takes about two minutes.", flush=True)
        run_step(title, [*pip, "install", *wanted, "-r", str(LOCK)])
    run_step(
        "Adding the project itself",
        [*pip, "install", "--no-deps", "--no-build-isolation", "--no-index", "-e", "."],
    )


def locked_entry(package: str) -> str:
    """Return one package's lines of `requirements.lock`, with its hashes."""
    pattern = rf"^{re.escape(package)}==[^\n]*(?:\n[ \t][^\n]*)*\n"
    found = re.search(pattern, LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise SetupFailedError(f"requirements.lock has no entry for {package}. Run: git checkout .")
    return found.group()


def environment() -> dict[str, str]:
    """Return the caller's environment with every cache in this folder."""
    kept = {name: value for name, value in os.environ.items() if name not in UNWANTED_SETTINGS}
    return kept | {
        "PIP_CACHE_DIR": str(CACHE / "pip"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "UV_CACHE_DIR": str(CACHE / "uv"),
    }


def run_step(title: str, command: list[str]) -> None:
    """Run one command, saying how long it has taken, its output going to `.cache/setup.log`.

    Raises
    ------
    SetupFailedError
        When the command fails; the message holds its last lines and a remedy. ``DiskFullError``
        where the disk is the cause.
    """
    log = CACHE / "setup.log"
    started = time.monotonic()
    print(f"  {title} ...", flush=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdout=output, stderr=subprocess.STDOUT
        )
        try:
            while process.poll() is None:
                try:
                    process.wait(timeout=TICK_SECONDS)
                except subprocess.TimeoutExpired:
                    print(f"    {time.monotonic() - started:.0f} s", flush=True)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if process.returncode != 0:
        raise failure(title, log.read_text(encoding="utf-8", errors="replace"))


def failure(title: str, output: str) -> SetupFailedError:
    """Turn a failed command's output into an error that says what to do."""
    kind = SetupFailedError
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    tail = "\n".join(f"    {line[:160]}" for line in lines[-8:])
    said = output.lower()
    if "no space left on device" in said or "os error 28" in said or "enospc" in said:
        kind = DiskFullError
        remedy = "The disk is full. Free about 3 GB and run this again."
    elif "hash" in said and ("mismatch" in said or "do not match" in said):
        remedy = (
            "A download is not the file that was locked. It was not installed. "
            "Try once more; if it happens again, tell the maintainers."
        )
    elif "eintegrity" in said:
        remedy = "A download of the page styles is not the file that was locked. Try once more."
    elif re.search(
        r"connection|timed out|timeout|resolve host|dns|network|enotfound|econn|certificate|fetch",
        said,
    ):
        remedy = "A download failed. Check the network or proxy and run this again."
    else:
        remedy = "The whole output is in .cache/setup.log."
    return kind(f"{title} did not work.\n{tail}\n  {remedy}")


if __name__ == "__main__":
    sys.exit(main())
