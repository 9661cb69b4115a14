import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import ConfigError
from synthetic.simulator import simulate_unit, stream_unit, write_truths
from synthetic.simulator.course import draw_courses
from synthetic.simulator.truth import OUTCOMES, find_truth
from synthetic.simulator.worlds import WORLDS, to_switches

AS_OF_US = pd.Timestamp("2026-03-01", tz="Europe/London").value // 1_000
COLUMNS = [
    "case_id", "as_of", "outcome", "probability",
    "untreated", "happens", "standard_error", "managed",
]  # fmt: skip


@pytest.mark.parametrize("chunk_cases", [1, 7, 40, 1_000])
def test_chunks_change_no_history(chunk_cases: int) -> None:
    """A unit is the same however many cases are made at a time, keys included."""
    whole = next(stream_unit(40, 9))
    parts = list(stream_unit(40, 9, chunk_cases=chunk_cases))
    for name in ("cases", "events", "facts", "people"):
        rows = [row for part in parts for row in getattr(part, name).to_pylist()]
        assert rows == getattr(whole, name).to_pylist()


def test_partition_sets_hold_what_one_file_holds(tmp_path: Path) -> None:
    """More than one chunk writes partition sets with the same rows."""
    simulate_unit(50, 3, tmp_path / "one")
    simulate_unit(50, 3, tmp_path / "many", chunk_cases=20)
    assert len(list((tmp_path / "many" / "events").glob("part-*.parquet"))) == 3
    for name in ("cases", "events", "facts", "people"):
        one = pd.read_parquet(tmp_path / "one" / f"{name}.parquet")
        many = pd.read_parquet(tmp_path / "many" / name)
        pd.testing.assert_frame_equal(one, many)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**40), until=st.floats(-1_000.0, 0.0))
def test_stopping_changes_nothing_before(seed: int, until: float) -> None:
    """A course run to a day is the beginning of the one run to the extract."""
    world, numbers = to_switches(WORLDS["standard"]), np.arange(5)
    whole = draw_courses(numbers, 5, seed, world, 0.0).acts
    first = draw_courses(numbers, 5, seed, world, until).acts
    assert (first["day"] < until).all() or len(first) == 0
    for number in numbers:
        ours = first[first["case"] == number]
        theirs = whole[whole["case"] == number][: len(ours)]
        assert (ours["day"] == theirs["day"]).all()
        assert (ours["recorded"] == theirs["recorded"]).all()


def test_threads_and_choice_of_cases_change_no_truth() -> None:
    """The truth of a case is its own: alone, among others, by one thread or two."""
    whole = find_truth(3_000, 4, AS_OF_US)
    two = find_truth(3_000, 4, AS_OF_US, threads=2)
    for field in dataclasses.fields(whole):
        assert np.array_equal(getattr(whole, field.name), getattr(two, field.name))
    one = find_truth(3_000, 4, AS_OF_US, cases=whole.case[10:11])
    assert np.array_equal(one.probability[0], whole.probability[10])


def test_truth_is_made_of_probabilities() -> None:
    """What is recorded is at most what happens, violence at most conduct, and errors are small."""
    truth = find_truth(1_000, 4, AS_OF_US)
    assert truth.outcomes == OUTCOMES
    assert ((truth.probability >= 0.0) & (truth.probability <= 1.0)).all()
    assert (truth.standard_error <= 0.5 / np.sqrt(400)).all()
    conduct, violence = truth.column("persistence"), truth.column("violence")
    assert (truth.probability[:, violence] <= truth.probability[:, conduct]).all()
    assert (truth.probability <= truth.happens + 0.03).all()
    assert truth.probability.mean() < truth.happens.mean()
    assert 0.0 < truth.managed.mean() < 0.5


def test_truth_is_written_apart(tmp_path: Path) -> None:
    """The truth stands in a folder of its own, one row for each case and outcome."""
    simulate_unit(200, 4, tmp_path)
    write_truths(tmp_path, 200, 4, [AS_OF_US, AS_OF_US + 1])
    table = pq.read_table(tmp_path / "truth" / "truth.parquet").to_pandas()
    assert list(table.columns) == COLUMNS
    assert set(table["outcome"]) == set(OUTCOMES)
    assert table["case_id"].isin(pd.read_parquet(tmp_path / "cases.parquet")["case_id"]).all()
    assert not table.duplicated(["case_id", "as_of", "outcome"]).any()
    assert table["as_of"].nunique() == 2


@pytest.mark.parametrize(("runs", "later_us"), [(399, 0), (400, 10**15)])
def test_impossible_truths_are_refused(runs: int, later_us: int) -> None:
    """Too few runs and moments past the extract are errors of the user's."""
    with pytest.raises(ConfigError):
        find_truth(10, 1, AS_OF_US + later_us, runs=runs)


def test_unknown_world_is_refused(tmp_path: Path) -> None:
    """The error names the worlds there are."""
    with pytest.raises(ConfigError, match="no-signal"):
        simulate_unit(10, 1, tmp_path, world="utopia")


def test_constants_are_those_that_were_fixed(tmp_path: Path) -> None:
    """A constant or world changes only together with the hash that the page on them records."""
    simulate_unit(5, 1, tmp_path)
    world = pd.read_json(tmp_path / "truth" / "world.json", typ="series")
    page = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text(encoding="utf-8")
    assert f"`{world['constants_sha256']}`" in page
