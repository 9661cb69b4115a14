"""Looks at a test origin are counted, all of them, and the count is never rewritten."""

import json
import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import ArtefactError, LeakageError
from training.evaluation.origin_openings import open_origin, read_openings


def look(path, *, strict=False, **changes):
    """Open an origin with the usual digests, some of them changed."""
    usual = {
        "release": "1.0",
        "origin": "2025-01-01",
        "catalogue_digest": "c",
        "config_digest": "k",
        "data_digest": "d",
        "when": "2026-01-01",
    }
    return open_origin(path, strict=strict, **(usual | changes))


def test_every_look_is_counted_with_the_first_date(tmp_path):
    """Other settings or another catalogue open the same origin; other data do not."""
    path = tmp_path / "ledger" / "openings.jsonl"
    assert look(path).describe() == "opened once (first on 2026-01-01)"
    assert look(path, when="2026-02-01", config_digest="other").count == 2
    third = look(path, when="2026-03-01", release="1.1", catalogue_digest="other")
    assert third.describe() == "opened 3 times (first on 2026-01-01)"
    assert third.of_release == 1
    assert look(path, data_digest="other").count == 1
    assert look(path, origin="2025-02-01").count == 1
    assert read_openings(path, origin="2025-01-01", data_digest="d") == 3
    assert read_openings(tmp_path / "none", origin="2025-01-01", data_digest="d") == 0


def test_the_ledger_is_only_added_to(tmp_path):
    """Earlier lines stay as they were, byte by byte, and only their owner reads them."""
    path = tmp_path / "openings.jsonl"
    look(path)
    before = path.read_bytes()
    look(path, release="1.1")
    assert path.read_bytes().startswith(before)
    assert [json.loads(line)["release"] for line in path.read_text().splitlines()] == ["1.0", "1.1"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_strict_rule_refuses_a_second_look_by_a_release(tmp_path):
    """A release opens an origin once; a refused look writes nothing, another release may."""
    path = tmp_path / "openings.jsonl"
    look(path, strict=True)
    with pytest.raises(LeakageError, match="opens an origin once"):
        look(path, strict=True)
    assert len(path.read_text().splitlines()) == 1
    assert look(path, strict=True, release="1.1").count == 2


@pytest.mark.parametrize("broken", ["{}\n", "not json\n", "[1]\n", '{"release": "1"\n', "\xff\n"])
def test_a_broken_ledger_is_never_counted_over(tmp_path, broken):
    """A line that is no opening is told by its number; nothing is added behind it."""
    path = tmp_path / "openings.jsonl"
    look(path)
    with path.open("a", encoding="latin-1") as file:
        file.write(broken)
    before = path.read_bytes()
    with pytest.raises(ArtefactError, match="line 2 is not an opening"):
        look(path)
    assert path.read_bytes() == before


def test_a_ledger_that_cannot_be_written_is_told(tmp_path):
    """A folder is no ledger, and the message holds no path."""
    with pytest.raises(ArtefactError, match="name another file") as caught:
        look(tmp_path)
    assert str(tmp_path) not in str(caught.value)


@given(origins=st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=8))
@settings(max_examples=20, deadline=None)
def test_the_count_is_the_number_of_looks(tmp_path_factory, origins):
    """Whatever the order of looks, each origin's count is how often it came before, and one."""
    path = tmp_path_factory.mktemp("ledger") / "openings.jsonl"
    for place, origin in enumerate(origins):
        assert look(path, origin=origin).count == origins[: place + 1].count(origin)
