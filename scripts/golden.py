"""Outputs held against each other byte by byte, before and after a change that must alter none.

``python scripts/golden.py write FOLDER`` runs the commands below with the code of the current
folder; ``python scripts/golden.py compare BEFORE AFTER`` names every file that differs and exits
with 1 if there is one. ``--chicago EXPORT`` adds the complaint histories.

Left out of the comparison is only what ``IGNORED`` and ``IGNORED_KEYS`` list.
"""

import argparse
import filecmp
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

DEMONSTRATION: Final = (
    "demo --no-serve --folder {out}/demo",
    "features {out}/demo/unit --catalogue stalking --as-of 2026-08-01,2026-11-01"
    " --out {out}/features.parquet",
    "score {out}/demo/bundle {out}/demo/unit --as-of 2026-11-01 --top 300 --out {out}/list.jsonl",
    "score {out}/demo/bundle {out}/demo/unit --as-of 2026-11-01 --top 300 --out {out}/list.csv",
)
CHICAGO: Final = (
    "import {export} --mapping examples/chicago/mapping.yaml --out {out}/unit",
    "features {out}/unit --catalogue catalogues/complaints.yaml --as-of 2012-01-01,2014-01-01"
    " --out {out}/features.parquet",
    "train {out}/unit --catalogue catalogues/complaints.yaml --train-as-of"
    " 2004-01-01,2006-01-01,2008-01-01,2010-01-01,2012-01-01 --test-as-of 2012-01-01,2014-01-01"
    " --across-breaks --openings {out}/openings.jsonl --keep-origins {out}/origins"
    " --out {out}/bundle",
    "score {out}/bundle {out}/unit --as-of 2014-01-01 --top 300 --out {out}/list.jsonl",
)
COMPARED: Final = ("*.parquet", "*.jsonl", "*.csv", "*.json", "*.txt", "*.yaml", "*.html")
IGNORED: Final = {
    "openings.jsonl": "holds the time of the run",
    "mlartifacts": "copies of the bundle under names that MLflow draws",
}
"""Files and folders that are not compared, by name, with the reason."""
IGNORED_KEYS: Final[dict[str, str]] = {}
"""Keys of JSON files that are not compared, with the reason."""


def main() -> int:
    """Return 1 where something differs or a command fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    verbs = parser.add_subparsers(dest="verb", required=True)
    write = verbs.add_parser("write")
    write.add_argument("folder", type=Path)
    write.add_argument("--chicago", type=Path)
    compare = verbs.add_parser("compare")
    compare.add_argument("before", type=Path)
    compare.add_argument("after", type=Path)
    asked = parser.parse_args()
    if asked.verb == "write":
        run_commands(DEMONSTRATION, asked.folder / "demonstration")
        if asked.chicago:
            run_commands(CHICAGO, asked.folder / "chicago", export=asked.chicago)
        return 0
    different = list_differences(asked.before, asked.after)
    for line in different:
        print(line)
    print(f"{len(list_files(asked.before)):,} files compared, {len(different)} different")
    return 1 if different else 0


def run_commands(commands: tuple[str, ...], out: Path, **named: Path) -> None:
    """Run verbs of the command line and keep what each prints."""
    out.mkdir(parents=True, exist_ok=True)
    for number, command in enumerate(commands):
        words = shlex.split(command.format(out=out, **named))
        print(f"caselight {words[0]} ...", flush=True)
        result = subprocess.run(
            [sys.executable, "-m", "caselight", *words], capture_output=True, text=True, check=True
        )
        # Folder names differ between two runs that are compared.
        printed = result.stdout.replace(str(out), "OUT")
        (out / f"{number}-{words[0]}.txt").write_text(printed, encoding="utf-8")


def list_files(folder: Path) -> list[Path]:
    """Return the files to compare, relative to the folder, in order of name."""
    found = {path for pattern in COMPARED for path in folder.rglob(pattern)}
    relative = (path.relative_to(folder) for path in found)
    return sorted(path for path in relative if IGNORED.keys().isdisjoint(path.parts))


def list_differences(before: Path, after: Path) -> list[str]:
    """Return one line for each file that is missing, new or not the same."""
    old, new = list_files(before), list_files(after)
    lines = [f"gone: {path}" for path in old if path not in new]
    lines += [f"new: {path}" for path in new if path not in old]
    return lines + [
        f"different: {path}"
        for path in old
        if path in new and not is_same(before / path, after / path)
    ]


def is_same(before: Path, after: Path) -> bool:
    """Return whether two files hold the same bytes, JSON files but for ``IGNORED_KEYS``."""
    if filecmp.cmp(before, after, shallow=False):
        return True
    if before.suffix != ".json" or not IGNORED_KEYS:
        return False
    texts = (json.loads(path.read_text(encoding="utf-8")) for path in (before, after))
    first, second = map(drop_ignored, texts)
    return bool(first == second)


def drop_ignored(value: Any) -> Any:
    """Return a JSON value without the keys that are not compared, at any depth."""
    if isinstance(value, dict):
        return {key: drop_ignored(one) for key, one in value.items() if key not in IGNORED_KEYS}
    return [drop_ignored(one) for one in value] if isinstance(value, list) else value


if __name__ == "__main__":
    sys.exit(main())
