"""The checks of the code and of what it is made of find what they are there to find."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts import bill_of_materials, check_security
from scripts.check_locks import locked_versions
from scripts.check_security import Finding

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]


def test_no_insecure_pattern_is_without_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    """Every finding in the project's code has a reason, and every reason a finding."""
    code = check_security.main()

    assert code == 0, capsys.readouterr().out


def test_an_insecure_line_is_found(tmp_path: Path) -> None:
    """A shell, a pickle and a weak hash are findings without a reason."""
    path = tmp_path / "bad.py"
    path.write_text(
        "import hashlib, pickle, subprocess\n"
        "subprocess.run('ls ' + input(), shell=True)\n"
        "pickle.loads(b'')\n"
        "hashlib.md5(b'')\n",
        encoding="utf-8",
    )
    found = check_security.without_reason(check_security.find([str(path)]))
    assert {"B602", "B301", "B324"} <= {one.kind for one in found}


def test_a_reason_holds_in_its_folder_alone() -> None:
    """What is no fault in a script is one in the service."""
    inside = Finding("B603", "scripts/lock.py", 1, "a call")
    outside = Finding("B603", "serving/app.py", 1, "a call")
    assert check_security.without_reason([inside, outside]) == [outside]
    assert len(check_security.unused_reasons([inside])) == len(check_security.REASONS) - 1


MADE_UP = "made-up==1.0"


@dataclass(frozen=True)
class Bill:
    """A bill of materials, and what it was found to lack of a lock with an entry too many."""

    path: Path
    missing: list[str]


@pytest.fixture(scope="module")
def bill(tmp_path_factory: pytest.TempPathFactory) -> Bill:
    """Write the bill of materials once, against the lock and one package that is not in it."""
    path, locked = tmp_path_factory.mktemp("bill") / "bill.json", bill_of_materials.read_locked()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bill_of_materials, "read_locked", lambda: locked | {MADE_UP})
        return Bill(path, bill_of_materials.write_bill(path))


def test_the_bill_of_materials_lists_every_locked_package(bill: Bill) -> None:
    """Each entry of the lock is in it under its name and version, and it is CycloneDX."""
    assert set(bill.missing) <= {MADE_UP}
    locked = locked_versions((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    assert len(bill_of_materials.read_components(bill.path)) >= len(locked) > 100
    assert '"bomFormat": "CycloneDX"' in bill.path.read_text(encoding="utf-8")


def test_a_package_that_is_not_in_it_is_named(bill: Bill) -> None:
    """A lock entry that the bill of materials lacks is told by name and version."""
    assert bill.missing == [MADE_UP]
