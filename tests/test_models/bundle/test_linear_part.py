"""The linear part: exact terms, kept signs, unknowns as what they are, text that reads back."""

import dataclasses
import hashlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalogue.declarations import NEVER_DAYS
from features.errors import ArtefactError
from models.bundle.contributions import explain
from models.bundle.folder import load_bundle, write_bundle
from models.bundle.linear_part import LinearPart, read_linear_part

DAYS = LinearPart(
    intercept=-1.0,
    low=np.array([0.0, 0.0]),
    high=np.array([100.0, 30.0]),
    absent_from=np.array([NEVER_DAYS, np.inf]),
    middle=np.array([2.0, 1.0]),
    scale=np.array([0.5, 2.0]),
    coefficient=np.array([-0.3, 0.8]),
    absent_coefficient=np.array([-0.2, 0.4]),
    absent_share=np.array([0.25, 0.1]),
)
"""Days since an event, of which more lower the score, and a number without a direction."""


@pytest.fixture(scope="module")
def two_part(bundles):
    """Return the bundles of chance whose models have two parts."""
    found = [one for one in bundles if all(model.linear for model in one.outcomes.values())]
    assert len(found) == 2
    return found


def test_terms_by_hand():
    """A known value, one beyond the range, "never" and an unknown give the terms they should."""
    x = np.array([[9.0, 3.0], [500.0, 99.0], [NEVER_DAYS, np.nan]])
    inside = [-0.3 * (np.log(10) - 2) / 0.5, 0.8 * (np.log(4) - 1) / 2]
    beyond = [-0.3 * (np.log(101) - 2) / 0.5, 0.8 * (np.log(31) - 1) / 2]
    none = [0.2 * 0.25, -0.4 * 0.1]
    never = [beyond[0] - 0.2 * 0.75, 0.4 * 0.9]
    expected = np.array([np.add(inside, none), np.add(beyond, none), never])
    assert DAYS.terms(x) == pytest.approx(expected, abs=1e-12)
    assert DAYS.log_odds(x) == pytest.approx(expected.sum(axis=1) - 1.0, abs=1e-12)


def test_a_row_has_the_same_log_odds_alone_and_among_many(two_part, stalking):
    """No bit of a case's score depends on the rows beside it, whatever their number."""
    random = np.random.default_rng(5)
    for bundle in two_part:
        part = bundle.outcomes["violence"].linear
        x = np.round(random.exponential(9.0, (40_000, len(bundle.encoding.columns))), 2)
        together = part.log_odds(x)
        for row in (0, 1, 17, 16_384, 39_999):
            assert part.log_odds(x[row : row + 1])[0] == together[row]
        assert np.array_equal(part.log_odds(np.asfortranarray(x)[:1000]), together[:1000])


@settings(max_examples=200)
@given(data=st.data())
def test_no_score_moves_against_a_direction(data, two_part):
    """Of the whole model, trees and linear part: a larger value of a column that raises never gives
    a lower score, nor of one that lowers a higher; unknown and "never" included.
    """
    bundle = data.draw(st.sampled_from(two_part))
    model = bundle.outcomes[data.draw(st.sampled_from(sorted(bundle.outcomes)))]
    encoding = bundle.encoding
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    row = np.round(random.exponential(5.0, len(bundle.catalogue.columns)))
    row[random.random(len(row)) < 0.3] = np.nan
    column = data.draw(st.sampled_from(np.flatnonzero(encoding.constraint).tolist()))
    number = st.one_of(
        st.just(float("nan")), st.just(NEVER_DAYS), st.floats(-100, 1e6), st.integers(0, 40)
    )
    pair = np.repeat(row[None, :], 2, axis=0)
    pair[:, encoding.source[column]] = [data.draw(number), data.draw(number)]
    x = encoding.encode(pair)
    change = encoding.constraint[column] * (x[1, column] - x[0, column])
    low, high = model.log_odds(x)[:: 1 if change >= 0 else -1]
    assert high >= low - 1e-9


def test_contributions_add_up_in_two_parts(two_part, stalking):
    """By indicator and by theme, with the base, they give the served log-odds to 1e-9."""
    random = np.random.default_rng(8)
    values = np.round(random.exponential(20.0, (300, len(stalking.columns))))
    values[random.random(values.shape) < 0.3] = np.nan
    values[random.random(values.shape) < 0.02] = 1e12
    for bundle in two_part:
        for model in bundle.outcomes.values():
            served = model.log_odds(bundle.encoding.encode(values))
            told = explain(model, bundle.encoding, values)
            assert np.abs(told.base + told.by_indicator.sum(axis=1) - served).max() < 1e-9
            themes = sum(told.by_family(stalking).values())
            assert np.abs(told.base + themes - served).max() < 1e-9


def test_at_a_weight_of_one_or_none_a_part_stands_alone(two_part, stalking):
    """With all the weight the trees give the score, without any the linear part does."""
    bundle = two_part[0]
    model = bundle.outcomes["violence"]
    x = bundle.encoding.encode(np.ones((3, len(stalking.columns))))
    trees = dataclasses.replace(model, linear=None, weight=1.0)
    alone = dataclasses.replace(model, weight=1.0)
    assert np.array_equal(alone.log_odds(x), trees.log_odds(x))
    linear = dataclasses.replace(model, weight=0.0)
    expected = model.calibration.log_odds(model.linear.log_odds(x))
    assert np.array_equal(linear.log_odds(x), expected)


def write(bundle, folder):
    """Write a bundle and return its folder."""
    write_bundle(folder, bundle.catalogue, bundle.outcomes, {}, bundle.reference, 0)
    return folder


def test_a_bundle_of_two_parts_reads_back_exactly(two_part, tmp_path):
    """The linear part and the weight survive the round through text to the last bit."""
    for number, bundle in enumerate(two_part):
        folder = write(bundle, tmp_path / str(number))
        assert json.loads((folder / "bundle.json").read_text())["format"] == 2
        found = load_bundle(folder)
        for name, model in bundle.outcomes.items():
            again = found.outcomes[name]
            assert again.weight == model.weight
            for field in dataclasses.fields(LinearPart):
                one, other = getattr(model.linear, field.name), getattr(again.linear, field.name)
                assert np.array_equal(one, other), field.name


@pytest.mark.parametrize(
    "change",
    [
        {"weight_of_trees": 1.5},
        {"weight_of_trees": None},
        {"intercept": 1e999},
        {"coefficient": [0.0]},
        {"coefficient": None},
        {"scale": "zeros"},
        {"low": "above"},
        {"middle": "absent"},
    ],
)
def test_a_forged_linear_part_is_refused(two_part, tmp_path, change):
    """What is no part, or would give no finite score, ends in one clear error."""
    folder = write(two_part[0], tmp_path / "bundle")
    path = folder / "violence" / "linear.json"
    entry = json.loads(path.read_text())
    n_columns = len(entry["scale"])
    words = {"zeros": [0.0] * n_columns, "above": [1e300] * n_columns}
    ((name, value),) = change.items()
    entry[name] = words.get(value, value) if isinstance(value, str) else value
    if value == "absent":
        del entry[name]
    text = json.dumps(entry).replace("Infinity", "1e999")
    path.write_text(text)
    manifest = json.loads((folder / "bundle.json").read_text())
    manifest["files"]["violence/linear.json"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "bundle.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtefactError, match=r"do not fit|not JSON"):
        load_bundle(folder)


def test_what_is_read_is_what_was_written():
    """Infinity is no JSON; it is written as null and read back as it was."""
    text = json.dumps(DAYS.to_json(), allow_nan=False)
    again = read_linear_part(json.loads(text), 2)
    assert again.absent_from.tolist() == [NEVER_DAYS, np.inf]
    with pytest.raises(ValueError, match="every column"):
        read_linear_part(json.loads(text), 3)
