"""Look for insecure patterns in the code: every finding is mended or has its reason here.

A reason names the kind of finding and the folder in which it holds; the same kind elsewhere fails.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("features", "models", "training", "serving", "caselight", "scripts")


@dataclass(frozen=True)
class Reason:
    """Why findings of one kind are none under some paths."""

    kind: str
    under: tuple[str, ...]
    words: str


REASONS = (
    Reason(
        "B101",
        ROOMS,
        "an assert tells the type checker what the code before it ensures; no refusal rests on one",
    ),
    Reason(
        "B311",
        ("training/",),
        "numpy's seeded generator in a variable named `random`: runs must come out the same again; "
        "keys and draws of the service come from `secrets`",
    ),
    Reason(
        "B404",
        ("scripts/",),
        "the scripts of the developers start uv, pytest, bandit and the like",
    ),
    Reason(
        "B404",
        ("serving/scoring/model_trial.py",),
        "the service starts its own interpreter, and no other program, to read a model apart",
    ),
    Reason(
        "B603",
        ("serving/scoring/model_trial.py",),
        "a list of fixed words without a shell; the model is handed over by standard input",
    ),
    Reason(
        "B603",
        ("scripts/",),
        "lists of fixed words without a shell; nothing of a request or record",
    ),
    Reason(
        "B608",
        (
            "serving/store/frames.py",
            "serving/store/triggers.py",
            "serving/store/migrations/versions/0008_numbers_of_several_cases.py",
        ),
        "names of our own tables and columns, and question marks for values, which are bound",
    ),
)


@dataclass(frozen=True)
class Finding:
    """What was found where."""

    kind: str
    path: str
    line: int
    words: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.kind} {self.words}"


def main() -> int:
    """Print what has no reason, and reasons that nothing needs any more; 1 where there are any."""
    found = find(ROOMS)
    problems = [*map(str, without_reason(found)), *unused_reasons(found)]
    for problem in problems:
        print(problem)
    if not problems:
        print(f"No insecure pattern without its reason ({len(found)} with one).")
    return 1 if problems else 0


def find(places: Sequence[str]) -> list[Finding]:
    """Return every finding of bandit in some folders or files.

    Raises
    ------
    RuntimeError
        If a file could not be read, so that nothing is passed over in silence.
    """
    command = [sys.executable, "-m", "bandit", "--quiet", "--recursive", "--format", "json"]
    result = subprocess.run(
        [*command, *places], cwd=ROOT, capture_output=True, text=True, check=False
    )
    told = json.loads(result.stdout)
    if told["errors"]:
        raise RuntimeError(f"bandit could not read {len(told['errors'])} files")
    return [
        Finding(one["test_id"], one["filename"].removeprefix("./"), one["line_number"],
                one["issue_text"])
        for one in told["results"]
    ]  # fmt: skip


def without_reason(found: Sequence[Finding]) -> list[Finding]:
    """Return the findings that no reason covers."""
    return [one for one in found if not any(covers(reason, one) for reason in REASONS)]


def unused_reasons(found: Sequence[Finding]) -> list[str]:
    """Return a line about each reason that covers nothing."""
    return [
        f"no finding needs the reason for {reason.kind} any more; remove it"
        for reason in REASONS
        if not any(covers(reason, one) for one in found)
    ]


def covers(reason: Reason, finding: Finding) -> bool:
    """Return whether a reason is about a finding."""
    return reason.kind == finding.kind and finding.path.startswith(reason.under)


if __name__ == "__main__":
    sys.exit(main())
