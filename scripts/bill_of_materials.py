"""Write the bill of materials of the locked packages: CycloneDX, as JSON, without any network.

Usage: bill_of_materials.py [FILE], `var/bill-of-materials.json` where none is named.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
USUAL = ROOT / "var" / "bill-of-materials.json"


def main() -> int:
    """Write the file, say what it holds, and return 1 where something of the lock is not in it."""
    path = Path(sys.argv[1]) if sys.argv[1:] else USUAL
    missing = write_bill(path)
    for name in missing:
        print(f"{name} is locked and not in the bill of materials")
    if not missing:
        print(f"{path}: {len(read_components(path))} packages")
    return 1 if missing else 0


def write_bill(path: Path) -> list[str]:
    """Write the bill of materials; return what the lock pins and it does not hold."""
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", str(LOCK)]
    command += ["--pyproject", str(ROOT / "pyproject.toml"), "--output-reproducible"]
    command += ["--output-format", "JSON", "--output-file", str(path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return sorted(read_locked() - read_components(path))


def read_locked() -> set[str]:
    """Return every entry of the lock as ``name==version``."""
    sys.path.insert(0, str(ROOT))
    from scripts.check_locks import locked_versions

    return {f"{name}=={one}" for name, one in locked_versions(LOCK.read_text("utf-8")).items()}


def read_components(path: Path) -> set[str]:
    """Return every package of a bill of materials as ``name==version``."""
    told = json.loads(path.read_text(encoding="utf-8"))
    return {f"{one['name'].lower()}=={one.get('version', '')}" for one in told["components"]}


if __name__ == "__main__":
    sys.exit(main())
