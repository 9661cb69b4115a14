"""A bundle is text with checksums; whatever was changed in it is found before it is used."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from features.engine import compile_plan, measure
from features.errors import ArtefactError
from models.bundle import load_bundle


@pytest.fixture
def copy(small_unit, tmp_path) -> Path:
    """Return a copy of the bundle that a test may harm."""
    shutil.copytree(small_unit.bundle, tmp_path / "bundle")
    return tmp_path / "bundle"


def test_a_bundle_holds_text_only(small_unit):
    """Every file is UTF-8 text; there is no pickle in a model (promise 11)."""
    files = [path for path in small_unit.bundle.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".json", ".yaml", ".txt"}
    for path in files:
        path.read_text(encoding="utf-8")


def test_the_identity_covers_all_but_the_metrics(copy):
    """A rewritten evaluation leaves the identity; it hashes what makes scores."""
    before = load_bundle(copy).id
    (copy / "metrics.json").write_text("{}")
    assert load_bundle(copy).id == before


def test_any_changed_file_is_refused(small_unit, tmp_path):
    """One changed byte in any file that makes scores is found, and the file is named."""
    names = json.loads((small_unit.bundle / "bundle.json").read_text())["files"]
    assert len(names) > 4
    for number, name in enumerate(names):
        copy = tmp_path / str(number)
        shutil.copytree(small_unit.bundle, copy)
        content = (copy / name).read_bytes()
        (copy / name).write_bytes(content[:-2] + b" \n")
        with pytest.raises(ArtefactError, match="was changed"):
            load_bundle(copy)
        (copy / name).unlink()
        with pytest.raises(ArtefactError, match="cannot be read"):
            load_bundle(copy)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 2}, "format 1"),
        ({"engine_version": "0"}, "another engine"),
        ({"files": {"../../etc/passwd": "0"}}, "outside itself"),
        ({"files": {}}, "do not fit"),
        ({"files": None}, "does not name its files"),
        ({"outcomes": ["../x"]}, "do not fit"),
        ({"trained_for_us": "soon"}, "do not fit"),
    ],
)
def test_a_forged_manifest_is_refused(copy, change, words):
    """A manifest that was written by hand ends in one clear error."""
    path = copy / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ArtefactError, match=words):
        load_bundle(copy)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"\x80\x04]q\x00."])
def test_what_is_no_manifest_is_refused(copy, content):
    """An empty file, a list, broken text or a pickle in its place is refused in words."""
    (copy / "bundle.json").write_bytes(content)
    with pytest.raises(ArtefactError, match="not JSON"):
        load_bundle(copy)


def test_a_bundle_reads_back_what_was_written(small_unit):
    """The rule's and the models' figures survive the round through text exactly."""
    from features.assembly import assemble_history
    from features.folder import read_folder

    first, second = load_bundle(small_unit.bundle), load_bundle(small_unit.bundle)
    history = assemble_history(read_folder(small_unit.folder))
    values = measure(history, compile_plan(first.catalogue), small_unit.test_date).values
    for name, model in first.outcomes.items():
        x = first.encoding.encode(values)
        assert np.array_equal(model.log_odds(x), second.outcomes[name].log_odds(x))
        rule = first.rfs[name].probability(values)
        assert ((rule > 0) & (rule < 1)).all()
