"""Thirty faults planted one at a time, each of which a test of its room must find.

``python -m benchmarks.planted_faults [NUMBER ...]`` copies the checkout, plants a fault, runs the
tests that are named with it until the first failure, and prints which test found it. It exits with
1 where one was not found. The list was written before the tests were made quicker, to show that
they still find what they found.
"""

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Fault:
    """A change of one place that makes the project wrong.

    Parameters
    ----------
    where
        File below the project's root.
    right, wrong
        Text that stands there once, and what takes its place.
    tests
        Files or folders of tests that must find it.
    """

    where: str
    right: str
    wrong: str
    tests: str


FAULTS: Final = (
    Fault(
        "features/contract/moments.py",
        'return _edge_of_day(day + dt.timedelta(days=1), zone, "first") - 1',
        'return _edge_of_day(day, zone, "first")',
        "tests/test_features/intake/test_moments.py tests/test_features/history/test_two_clocks.py",
    ),
    Fault(
        "features/intake/integrity.py",
        "early = (versions.target >= 0) & before & ~circle",
        "early = (versions.target >= 0) & ~before & ~circle",
        "tests/test_features",
    ),
    Fault(
        "features/history/in_force.py",
        "return (recorded_at < as_of_us) &",
        "return (recorded_at <= as_of_us) &",
        "tests/test_features tests/test_training/cohorts/test_cohorts.py",
    ),
    Fault(
        "features/history/open_cases.py",
        "known = history.case_recorded_at < as_of_us",
        "known = history.case_recorded_at <= as_of_us",
        "tests/test_features tests/test_training/cohorts/test_cohorts.py",
    ),
    Fault(
        "features/engine/outcomes.py",
        "month = start.month - 1 + horizon.months",
        "month = start.month + horizon.months",
        "tests/test_training/cohorts/test_labels.py",
    ),
    Fault(
        "features/engine/outcomes.py",
        "followed = y_followed | (followed_until >= window.end_us)",
        "followed = y_followed | (followed_until > window.end_us)",
        "tests/test_training/cohorts/test_labels.py",
    ),
    Fault(
        "features/evidence/records_behind.py",
        "met &= value >= selector.value_min",
        "met &= value > selector.value_min",
        "tests/test_features/engine/test_engine_oracle.py",
    ),
    Fault(
        "models/bundle/encoding.py",
        "return 1.0 if indicator.direction is Direction.RAISES else 0.0",
        "return 0.0 if indicator.direction is Direction.RAISES else 1.0",
        "tests/test_models/bundle/test_encoding.py",
    ),
    Fault(
        "models/ranking/priority.py",
        "reached[number] = np.maximum(reached[number], reached[number + 1])",
        "reached[number] = np.minimum(reached[number], reached[number + 1])",
        "tests/test_models/ranking/test_priority.py",
    ),
    Fault(
        "models/bundle/calibration.py",
        "intercept=float(found.x[0]) - slope * middle",
        "intercept=float(found.x[0]) + slope * middle",
        "tests/test_models/bundle/test_calibration.py",
    ),
    Fault(
        "training/cohorts/splits.py",
        "known = [one for one in breaks if one < used_at]",
        "known = [one for one in breaks if one > used_at]",
        "tests/test_training/cohorts/test_splits.py tests/test_training/practice/test_breaks.py",
    ),
    Fault(
        "training/cohorts/splits.py",
        "if ripe > used_at:",
        "if ripe < used_at:",
        "tests/test_training/cohorts/test_splits.py",
    ),
    Fault(
        "training/fitting/choice.py",
        "behind[name].estimate <= behind[name].standard_error",
        "behind[name].estimate >= behind[name].standard_error",
        "tests/test_training/fitting/test_choice.py",
    ),
    Fault(
        "training/audit/disclosure.py",
        "no_cases = _hide(cases, (cases < LEAST_SHOWN) | forced[0], shape)",
        "no_cases = _hide(cases, (cases < LEAST_SHOWN - 1) | forced[0], shape)",
        "tests/test_training/audit/test_audit.py",
    ),
    Fault(
        "training/gates/performance.py",
        "auc >= -limits.most_auc_loss and recall >= -limits.most_recall_loss",
        "auc >= -limits.most_auc_loss or recall >= -limits.most_recall_loss",
        "tests/test_training/gates/test_gates.py",
    ),
    Fault(
        "training/practice/drift.py",
        "if len(earlier) < LEAST_WINDOWS:",
        "if len(earlier) <= LEAST_WINDOWS:",
        "tests/test_training/practice/test_drift.py",
    ),
    Fault(
        "serving/standing/states.py",
        "return self.turn is not None and self.turn.kind == MERGED",
        "return self.turn is not None and self.turn.kind != MERGED",
        "tests/test_serving/standing/test_states.py",
    ),
    Fault(
        "serving/standing/states.py",
        "return self.decided_at_us if self.review_due_us is None else self.review_due_us",
        "return self.decided_at_us",
        "tests/test_serving/standing/test_states.py tests/test_serving/standing/test_standing.py",
    ),
    Fault(
        "serving/lists/composition.py",
        'if ordering == "longest_wait":',
        'if ordering != "longest_wait":',
        "tests/test_serving/lists/test_composition.py",
    ),
    Fault(
        "serving/lists/composition.py",
        "if not 0 < size < len(free):",
        "if not 0 < size <= len(free):",
        "tests/test_serving/lists/test_composition.py",
    ),
    Fault(
        "serving/access/case_sight.py",
        "return bool(found.named)",
        "return True",
        "tests/test_serving/access/test_rights.py tests/test_serving/access/test_hidden_cases.py",
    ),
    Fault(
        "serving/store/audit_chain.py",
        "and values[NUMBER_AT] == self.number + 1",
        "and values[NUMBER_AT] >= self.number + 1",
        "tests/test_serving/oversight/test_audit_verify.py",
    ),
    Fault(
        "serving/flags/flags.py",
        "return self.urgent and any(one.acknowledged_at_us is None for one in self.records)",
        "return self.urgent and all(one.acknowledged_at_us is None for one in self.records)",
        "tests/test_serving/flags/test_flags.py tests/test_serving/api/test_api_cases.py",
    ),
    Fault(
        "serving/decisions/drafts.py",
        "if draft.closes and len(ways) > 1:",
        "if draft.closes and len(ways) > 2:",
        "tests/test_serving/decisions/test_decisions.py",
    ),
    Fault(
        "serving/decisions/drafts.py",
        "elif not today < day <= today + dt.timedelta(days=longest_days):",
        "elif not today <= day <= today + dt.timedelta(days=longest_days):",
        "tests/test_serving/decisions/test_decisions.py",
    ),
    Fault(
        "serving/identity/claims.py",
        '("azp" in claims or needs_party) and claims.get("azp") != client_id',
        '("azp" in claims and needs_party) and claims.get("azp") != client_id',
        "tests/test_serving/identity/test_openid.py tests/test_serving/identity/test_tokens.py",
    ),
    Fault(
        "serving/lists/blind_review.py",
        'blind = place.rule == "random" or key in matched or bool(number < share)',
        "blind = key in matched or bool(number < share)",
        "tests/test_serving/lists/test_blinding.py",
    ),
    Fault(
        "training/figures/net_benefit.py",
        'side="right"',
        'side="left"',
        "tests/test_training/figures/test_net_benefit.py",
    ),
    Fault(
        "features/history/in_force.py",
        "& (superseded_at >= as_of_us)",
        "& (superseded_at > as_of_us)",
        "tests/test_features tests/test_training/cohorts/test_cohorts.py",
    ),
    Fault(
        "models/bundle/encoding.py",
        "return np.where(np.isnan(chosen), self.fill, chosen)",
        "return np.asarray(chosen)",
        "tests/test_models",
    ),
)


def main() -> int:
    """Plant each fault and print a row for it; return 1 where one was not found."""
    asked = [int(word) for word in sys.argv[1:]] or list(range(1, len(FAULTS) + 1))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "checkout"
        ignored = shutil.ignore_patterns(".git", ".venv", ".cache", "node_modules", "var")
        shutil.copytree(ROOT, copy, ignore=ignored)
        found = [run_fault(copy, number) for number in asked]
    print(f"{sum(found)} of {len(found)} faults found")
    return 0 if all(found) else 1


def run_fault(copy: Path, number: int) -> bool:
    """Plant one fault, run its tests, take it out again; return whether a test found it."""
    fault = FAULTS[number - 1]
    path = copy / fault.where
    text = path.read_text(encoding="utf-8")
    if text.count(fault.right) != 1:
        print(f"{number:2} {fault.where}: the place is no longer there", flush=True)
        return False
    path.write_text(text.replace(fault.right, fault.wrong), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:randomly"]
    result = subprocess.run(
        [*command, *fault.tests.split()], cwd=copy, capture_output=True, text=True, check=False
    )
    path.write_text(text, encoding="utf-8")
    failed = [line for line in result.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    finder = failed[0].split(" - ")[0] if failed else "NOT FOUND"
    print(f"{number:2} {fault.where}: {finder}", flush=True)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
