"""What every test may ask for: the real histories, a browser, a settled hypothesis profile."""

import dataclasses
import gc
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from scripts.browser import find_chromium
from tests.run_folder import find_run_folder, make_once

ROOT = Path(__file__).resolve().parent.parent
REAL_DATA = Path(os.environ.get("CASELIGHT_REAL_DATA", ROOT.parent / "shared" / "data"))
IN_CI = os.environ.get("CI") == "true"
# Tests decide faster than people read; those of the bound itself state it.
os.environ["CASELIGHT_LEAST_READING_SECONDS"] = "0"

GARBAGE_AFTER = (20_000, 20, 20)
"""After how many new objects garbage is looked for among them, and how often among older ones."""

# A slow machine is no failure, and CI must give the same answer twice.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if IN_CI else "here")


def absent(marker: str) -> str | None:
    """Return why tests with `marker` cannot run here, or nothing where they can."""
    if marker == "real_data" and not REAL_DATA.is_dir():
        return "the real histories are not beside this checkout (../shared/data)"
    if marker == "browser" and find_chromium() is None:
        return "there is no Chromium here (install it, or name it in CHROMIUM)"
    if marker == "nginx" and shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        return "there is no nginx here (install nginx-light)"
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs on PostgreSQL, and begin with the long files; else the order stays."""
    for item in items:
        call = getattr(item, "callspec", None)
        if call and "postgresql" in (call.params.get(name) for name in ("address", "new_address")):
            item.add_marker("postgresql")
    # Several processes take files in this order: a long one begun last would be waited for.
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_collection_finish() -> None:
    """Leave what the imports made out of the search for garbage, and search seldom.

    None of it is garbage; looking through it again and again took a tenth of the tests' time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_AFTER)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what cannot run here; in CI that is a failure."""
    for marker in ("real_data", "browser", "nginx"):
        reason = absent(marker) if item.get_closest_marker(marker) else None
        if reason and IN_CI:
            pytest.fail(f"CI must run this test, and {reason}", pytrace=False)
        if reason:
            pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say last which kinds of test were left out, and why."""
    skipped = terminalreporter.stats.get("skipped", [])
    for marker, kind in (
        ("browser", "Browser tests"),
        ("real_data", "Tests on real histories"),
        ("nginx", "Tests behind nginx"),
    ):
        count = sum(1 for report in skipped if marker in report.keywords)
        if count:
            terminalreporter.write_line(f"{kind} skipped ({count}): {absent(marker)}.")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the database server that was started for the run, once all who used it have ended."""
    if hasattr(config, "workerinput"):
        return  # others of the run may ask it still
    from tests.test_serving.postgresql_server import end_server

    end_server(config._tmp_path_factory)


@pytest.fixture(scope="session", autouse=True)
def audit_key_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Name one audit key for every store of the tests: they are copied from each other."""
    path = find_run_folder(tmp_path_factory) / "audit.key"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CASELIGHT_AUDIT_KEY_FILE", str(path))
        yield path


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real histories; for tests marked `real_data`."""
    return REAL_DATA


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the browser's path; for tests marked `browser`."""
    path = find_chromium()
    assert path is not None, "mark the test with `browser`"
    return path


@dataclass(frozen=True)
class SmallUnit:
    """A small synthetic unit, and a real model trained on it.

    Parameters
    ----------
    folder, bundle
        Contract folder and bundle; tests read them and change nothing in them.
    train_dates, test_date
        Moments, microseconds UTC.
    """

    folder: Path
    bundle: Path
    train_dates: tuple[int, ...]
    test_date: int


@pytest.fixture(scope="session")
def small_unit(tmp_path_factory: pytest.TempPathFactory) -> SmallUnit:
    """Simulate 500 cases and train on them, once for all tests."""
    place = make_once(tmp_path_factory, "small", make_small_unit)
    dates = json.loads((place / "dates.json").read_text())
    return SmallUnit(place / "unit", place / "bundle", tuple(dates["train"]), dates["test"])


def make_small_unit(place: Path) -> None:
    """Write the unit, the bundle and the dates of the training into a folder."""
    from caselight.commands.demo import choose_dates
    from features.catalogue.file import load_catalogue
    from features.history.assembly import assemble_history
    from features.intake.contract_folder import read_folder
    from synthetic.simulator import simulate_unit
    from training.config import load_config
    from training.pipeline import train

    folder, bundle = place / "unit", place / "bundle"
    simulate_unit(500, 7, folder, progress=lambda message: None)
    history = assemble_history(read_folder(folder))
    catalogue = load_catalogue("stalking")
    train_dates, test_date = choose_dates(history, catalogue)
    quick = dataclasses.replace(
        load_config(),
        least_positives=20,
        most_rounds=80,
        early_stopping_rounds=20,
        bootstrap_draws=50,
    )
    train(
        history,
        catalogue,
        train_dates,
        [test_date],
        bundle,
        capacity=30,
        config=quick,
        progress=lambda message: None,
    )
    dates = {"train": [int(date) for date in train_dates], "test": int(test_date)}
    (place / "dates.json").write_text(json.dumps(dates))
