import hashlib
import json
import re
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy.exc import OperationalError

from features.errors import ArtefactError
from models.bundle.folder import load_bundle
from serving.scoring import model_in_use as module
from serving.scoring.model_in_use import Approved, Champion
from serving.scoring.model_trial import ModelTrial
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
    by_record = Champion(None, other, lambda: Approved(None, may_lack=True))
    assert not by_record.is_settled()
    by_record.find()
    assert by_record.is_settled()


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


def write_model(folder: Path, change: Callable[[str], str]) -> str:
    """Change a model's text and every checksum with it, as somebody does who may write there;
    return the bundle's id.
    """
    path = next(folder.glob("*/model.txt"))
    path.write_text(change(path.read_text()))
    manifest = json.loads((folder / "bundle.json").read_text())
    name = str(path.relative_to(folder))
    manifest["files"][name] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "bundle.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    return hashlib.sha256((folder / "bundle.json").read_bytes()).hexdigest()


BROKEN: Final[dict[str, Callable[[str], str]]] = {
    "empty": lambda text: "",
    "words": lambda text: "no model at all\n",
    "cut": lambda text: text[: len(text) // 2],
    "sizes": lambda text: re.sub(r"tree_sizes=.*", "tree_sizes=1 2 3", text),
    "leaves": lambda text: re.sub(r"num_leaves=\d+", "num_leaves=100000000", text),
    "children": lambda text: re.sub(r"left_child=.*", "left_child=99999999", text),
    "features": lambda text: re.sub(r"max_feature_idx=\d+", "max_feature_idx=-7", text),
    "numbers": lambda text: re.sub(r"threshold=.*", "threshold=x y z", text),
}
"""Model files that checksums do not tell from good ones; most of them end a process at once."""


@pytest.mark.parametrize("name", BROKEN)
def test_a_model_that_ends_lightgbm_ends_nobody_else(
    models_dir: Path, other: Path, name: str
) -> None:
    """A bundle with right checksums and a model that cannot be parsed is refused, the last good
    one stays in use, and the process lives; also where it is what the service starts with.
    """
    champion = Champion(models_dir, None)
    before = champion.find()
    bundle_id = write_model(other, BROKEN[name])
    shutil.copytree(other, models_dir / bundle_id)
    point(models_dir, bundle_id)
    assert champion.find() is before
    assert champion.fault is not None and "LightGBM" in champion.fault
    started = Champion(models_dir, None)
    assert started.find() is None
    assert started.fault is not None


def test_a_model_that_never_returns_is_given_up(small_unit: Any) -> None:
    """A trial that takes too long is a refusal."""
    with pytest.raises(ArtefactError, match="was not read within"):
        ModelTrial(seconds=0.01).check(load_bundle(small_unit.bundle))


def test_the_record_says_what_is_used_and_not_the_pointer(
    models_dir: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may write into the folder of bundles puts no other model to use."""
    monkeypatch.setattr(module, "_RECORD_S", -1.0)
    good = str(Champion(models_dir, None).find().id)  # type: ignore[union-attr]
    says = Approved(good, may_lack=False)
    champion = Champion(models_dir, None, lambda: says)
    assert champion.find().id == good  # type: ignore[union-attr]
    newer = promote(other, models_dir).id
    assert champion.find().id == good  # type: ignore[union-attr]
    assert champion.difference is None
    (models_dir / "champion").unlink()
    assert champion.find().id == good  # type: ignore[union-attr]
    says = Approved(newer, may_lack=False)
    assert champion.find().id == newer  # type: ignore[union-attr]


def test_an_approved_bundle_that_was_changed_leaves_the_last_good_one(
    models_dir: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was approved and does not verify is told as what is not in use."""
    monkeypatch.setattr(module, "_RECORD_S", -1.0)
    good = str(Champion(models_dir, None).find().id)  # type: ignore[union-attr]
    says = Approved(good, may_lack=False)
    champion = Champion(models_dir, None, lambda: says)
    champion.find()
    newer = promote(other, models_dir).id
    spoil(models_dir / newer)
    says = Approved(newer, may_lack=False)
    assert champion.find().id == good  # type: ignore[union-attr]
    assert champion.difference == "the model in use is not the one that was approved"


def test_a_real_store_without_a_promotion_uses_no_model(
    models_dir: Path, small_unit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the pointer nor a named bundle stands in for two people."""
    for folder, bundle in ((models_dir, None), (None, small_unit.bundle)):
        champion = Champion(folder, bundle, lambda: Approved(None, may_lack=False))
        assert champion.find() is None
        assert champion.fault is not None and "no promotion is on record" in champion.fault
        tried = Champion(folder, bundle, lambda: Approved(None, may_lack=True))
        assert tried.find() is not None
    elsewhere = Champion(None, small_unit.bundle, lambda: Approved("0" * 64, may_lack=False))
    assert elsewhere.find() is None
    assert elsewhere.difference is not None


def test_a_record_that_cannot_be_asked_changes_nothing(
    models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the store is away the model in use stays in use, and none is taken from the pointer."""
    monkeypatch.setattr(module, "_RECORD_S", -1.0)
    good = str(Champion(models_dir, None).find().id)  # type: ignore[union-attr]
    is_away = False

    def read() -> Approved:
        if is_away:
            raise OperationalError("", {}, Exception())
        return Approved(good, may_lack=False)

    champion = Champion(models_dir, None, read)
    before = champion.find()
    is_away = True
    assert champion.find() is before
    assert Champion(models_dir, None, read).find() is None


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
