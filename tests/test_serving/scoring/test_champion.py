import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from features.errors import ArtefactError
from models.bundle.folder import load_bundle
from serving.scoring import model_in_use as module
from serving.scoring.model_in_use import Champion
from training.registry.promoted_bundles import promote


@pytest.fixture
def models_dir(tmp_path: Path, promoted: Path) -> Path:
    """Return a folder to which the small unit's bundle was promoted."""
    return shutil.copytree(promoted, tmp_path / "models")


@pytest.fixture
def other(tmp_path: Path, small_unit: Any) -> Path:
    """Return another good bundle: the same one trained for a later moment."""
    folder = tmp_path / "other"
    shutil.copytree(small_unit.bundle, folder)
    manifest = json.loads((folder / "bundle.json").read_text())
    manifest["trained_for_us"] += 1
    (folder / "bundle.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    return folder


def spoil(folder: Path) -> None:
    """Change one byte of a model."""
    path = next(folder.glob("*/model.txt"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def point(models_dir: Path, name: str) -> None:
    """Replace the pointer file in one step, as a promotion does."""
    waiting = models_dir / ".champion.new"
    waiting.write_text(name + "\n", encoding="ascii")
    waiting.replace(models_dir / "champion")


def test_the_pointer_names_the_bundle_in_use(models_dir: Path, small_unit: Any) -> None:
    """What was promoted last is found, and nothing is wrong with it."""
    champion = Champion(models_dir, None)
    found = champion.find()
    assert found is not None
    assert found.id == load_bundle(small_unit.bundle).id
    assert champion.fault is None
    assert champion.find() is found


def test_a_promotion_is_seen_without_a_restart(models_dir: Path, other: Path) -> None:
    """After another bundle was promoted that one is in use, and the one before can be recalled."""
    champion = Champion(models_dir, None)
    before = champion.find()
    after = promote(other, models_dir)
    found = champion.find()
    assert found is not None and before is not None
    assert found.id == after.id != before.id
    recalled = champion.recall(before.id)
    assert recalled is not None
    assert recalled.id == before.id


def test_a_bundle_that_has_to_be_read_first_is_told(models_dir: Path, other: Path) -> None:
    """Nothing is settled before the first question, nor between a promotion and the next one."""
    champion = Champion(models_dir, None)
    told = [champion.is_settled()]
    champion.find()
    told.append(champion.is_settled())
    promote(other, models_dir)
    told.append(champion.is_settled())
    champion.find()
    told.append(champion.is_settled())
    assert told == [False, True, False, True]
    assert Champion(None, other).is_settled()


def test_a_spoilt_bundle_leaves_the_last_good_one(models_dir: Path, other: Path) -> None:
    """One changed byte keeps a newer bundle out; the one before stays, and the fault is told."""
    champion = Champion(models_dir, None)
    before = champion.find()
    newer = load_bundle(other).id
    shutil.copytree(other, models_dir / newer)
    spoil(models_dir / newer)
    point(models_dir, newer)
    assert champion.find() is before
    assert champion.fault is not None
    assert "was changed" in champion.fault
    assert champion.recall(newer) is None


@pytest.mark.parametrize("text", ["", "../x", "a/b", "no\0name", "0" * 64])
def test_a_pointer_to_nothing_leaves_the_last_good_one(models_dir: Path, text: str) -> None:
    """A pointer that is empty, leads elsewhere or names what is not there changes nothing."""
    champion = Champion(models_dir, None)
    before = champion.find()
    point(models_dir, text)
    assert champion.find() is before
    assert champion.fault is not None


def test_a_bundle_under_another_ones_name_is_refused(models_dir: Path, other: Path) -> None:
    """A folder must hold the bundle whose id it has."""
    shutil.copytree(other, models_dir / ("0" * 64))
    point(models_dir, "0" * 64)
    champion = Champion(models_dir, None)
    assert champion.find() is None
    assert champion.fault is not None


def test_a_pointer_that_is_gone_leaves_the_last_good_one(models_dir: Path) -> None:
    """Without the pointer file the bundle stays in use and the fault is told."""
    champion = Champion(models_dir, None)
    before = champion.find()
    (models_dir / "champion").unlink()
    assert champion.find() is before
    assert champion.fault is not None


def test_nothing_promoted_is_no_fault(tmp_path: Path) -> None:
    """An empty folder of models, or none, has no bundle in use and nothing wrong."""
    for champion in (Champion(tmp_path, None), Champion(None, None)):
        assert champion.find() is None
        assert champion.fault is None


def test_a_mended_bundle_is_taken_up(
    models_dir: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused bundle is looked at again after a while, though the pointer stays the same."""
    champion = Champion(models_dir, None)
    champion.find()
    newer = load_bundle(other).id
    point(models_dir, newer)
    champion.find()
    assert champion.fault is not None
    shutil.copytree(other, models_dir / newer)
    monkeypatch.setattr(module, "_RETRY_S", -1.0)
    found = champion.find()
    assert found is not None
    assert found.id == newer
    assert champion.fault is None


def test_a_named_bundle_wins_over_the_pointer(
    models_dir: Path, other: Path, small_unit: Any
) -> None:
    """A bundle that is named is used whatever is promoted; a spoilt one is refused at once."""
    champion = Champion(models_dir, other)
    found = champion.find()
    assert found is not None
    assert found.id == load_bundle(other).id
    spoil(other)
    with pytest.raises(ArtefactError):
        Champion(models_dir, other)


def test_threads_that_ask_during_a_switch_get_one_or_the_other(
    models_dir: Path, other: Path
) -> None:
    """While the pointer is switched to and fro every thread always gets a whole bundle."""
    champion = Champion(models_dir, None)
    names = {load_bundle(other).id, str(champion.find().id)}  # type: ignore[union-attr]
    promote(other, models_dir)
    seen: list[Any] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            found = champion.find()
            seen.append(None if found is None else found.id)
            stop.wait(0.001)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(8):
        point(models_dir, sorted(names)[number % 2])
        champion.find()
    stop.set()
    for thread in threads:
        thread.join()
    assert set(seen) <= names
    assert champion.fault is None
