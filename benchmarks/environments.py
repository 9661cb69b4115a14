"""Environments of the contenders, each with its own locked packages, apart from the project's."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = Path(__file__).with_name("locks")
KEPT = ROOT / ".cache" / "bench"


def prepare(name: str) -> Path:
    """Return the Python of a contender's environment, making it on first use.

    Parameters
    ----------
    name
        A lock in ``benchmarks/locks``; hashes are required.
    """
    return _prepare(name, LOCKS / f"{name}.lock")


def prepare_tree(tree: Path) -> Path:
    """Return the Python of an earlier commit's own packages, as its lock has them."""
    return _prepare(f"{tree.name}-packages", tree / "requirements.lock")


def _prepare(name: str, lock: Path) -> Path:
    folder = KEPT / name
    python = folder / "bin" / "python"
    stamp = folder / "lock"
    if stamp.is_file() and stamp.read_text() == lock.read_text():
        return python
    print(f"making the environment '{name}'", flush=True)
    uv = str(Path(sys.executable).parent / "uv")
    environment = os.environ | {"UV_CACHE_DIR": str(ROOT / ".cache" / "uv")}
    make = [uv, "venv", "-q", "--clear", "--python", sys.executable, str(folder)]
    # A lock names all that is needed; FastTreeSHAP's less than it asks for, as its .in says.
    install = [uv, "pip", "install", "-q", "--python", str(python), "--no-deps", "--require-hashes"]
    install.append("-r")
    for command in (make, [*install, str(lock)]):
        subprocess.run(command, check=True, env=environment)
    stamp.write_text(lock.read_text())
    return python


def check_out(commit: str) -> Path:
    """Return a work tree of a commit of the project, making it on first use."""
    folder = KEPT / f"tree-{commit}"
    if not folder.is_dir():
        command = ["git", "worktree", "add", "--force", "--detach", str(folder), commit]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder
