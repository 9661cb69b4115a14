"""The interval beside an estimate tells what another sample of people would have said."""

import numpy as np
import pytest
from scipy.special import expit

from features.contract.arrays import Float64
from models.bundle.calibration import Calibration, fit_calibration
from models.bundle.sampling_uncertainty import SamplingUncertainty, read_sampling_uncertainty
from training.fitting.bootstrap_refits import draw_counts
from training.fitting.sampling_uncertainty import (
    LEAST_DRAWS,
    RefitScores,
    Unseen,
    measure_uncertainty,
)

INTERCEPT, SLOPE = -1.5, 0.8


def draw_sample(seed: int, n: int) -> tuple[Float64, np.ndarray]:
    random = np.random.default_rng(seed)
    x = random.normal(size=n)
    return x, random.random(n) < expit(INTERCEPT + SLOPE * x)


def measure(seed: int, n: int, n_draws: int = 20) -> tuple[Calibration, SamplingUncertainty | None]:
    """Return a model of one column, fitted and calibrated, and its uncertainty."""
    x, y_true = draw_sample(seed, n)
    model = fit_calibration(x, y_true)
    line = fit_calibration(model.log_odds(x), y_true)
    draws = []
    for number in range(n_draws):
        counts = draw_counts(np.arange(n), 1000 * seed + number)
        refit = fit_calibration(x, y_true, counts.astype(np.float64))
        draws.append(RefitScores(counts, refit.log_odds(x)))
    return model, measure_uncertainty(Unseen(model.log_odds(x), y_true, line), draws)


def test_the_interval_holds_the_true_rate_nineteen_times_in_twenty() -> None:
    """At three places of thirty samples."""
    held = []
    for seed in range(30):
        model, uncertainty = measure(seed, 500)
        assert uncertainty is not None
        for x in (-1.0, 0.0, 1.0):
            low, high = uncertainty.interval(float(model.log_odds(np.array(x))))
            held.append(low <= expit(INTERCEPT + SLOPE * x) <= high)
    # The calibration is drawn anew above the model's own draw, so that it may hold more often.
    assert 0.92 <= np.mean(held) <= 1.0


def test_four_times_the_people_halve_the_uncertainty() -> None:
    """Uncertainty shrinks with the root of the number of people."""
    few, many = (
        np.mean(
            [
                uncertainty.half_width.mean()
                for seed in range(6)
                if (uncertainty := measure(seed, n)[1])
            ]
        )
        for n in (400, 1_600)
    )
    assert few / many == pytest.approx(2.0, rel=0.2)


def test_a_shift_for_a_moved_rate_is_no_uncertainty() -> None:
    """The interval moves with the estimate and keeps its width."""
    x, y_true = draw_sample(3, 600)
    line = fit_calibration(x, y_true)
    moved = Calibration(line.intercept - 0.7, line.slope)
    draws = [RefitScores(draw_counts(np.arange(600), seed), x) for seed in range(20)]
    as_fitted, as_moved = (
        measure_uncertainty(Unseen(x, y_true, one), draws) for one in (line, moved)
    )
    assert as_fitted is not None
    assert as_moved is not None
    np.testing.assert_allclose(as_moved.half_width, as_fitted.half_width, atol=1e-9)
    np.testing.assert_allclose(as_moved.at, as_fitted.at - 0.7, atol=1e-9)


def test_few_refits_give_no_interval() -> None:
    """One fewer than the least is too few."""
    assert measure(1, 300, LEAST_DRAWS - 1)[1] is None


def test_an_uncertainty_is_read_back_as_it_was_written() -> None:
    """Every digit."""
    uncertainty = measure(2, 300)[1]
    assert uncertainty is not None
    again = read_sampling_uncertainty(uncertainty.to_json())
    assert again.to_json() == uncertainty.to_json()


@pytest.mark.parametrize(
    "entry",
    [
        {"at": [], "half_width": []},
        {"at": [0.0, 0.0], "half_width": [1.0, 1.0]},
        {"at": [0.0], "half_width": [-1.0]},
        {"at": [0.0], "half_width": [1.0, 2.0]},
        {"at": [float("nan")], "half_width": [1.0]},
    ],
)
def test_what_is_no_uncertainty_is_refused(entry: dict[str, list[float]]) -> None:
    """Each entry breaks one rule of the two lists."""
    with pytest.raises(ValueError):
        read_sampling_uncertainty(entry)


def test_what_a_refit_learnt_from_is_not_looked_at() -> None:
    """Its scores of people who were drawn say nothing of the uncertainty, whatever they are."""
    x, y_true = draw_sample(4, 400)
    unseen = Unseen(x, y_true, fit_calibration(x, y_true))
    counts = [draw_counts(np.arange(400), seed) for seed in range(12)]
    scores = [x + 0.1 * number for number in range(12)]
    pairs = list(zip(counts, scores, strict=True))
    as_they_are = measure_uncertainty(unseen, [RefitScores(*pair) for pair in pairs])
    hidden = [RefitScores(n, np.where(n > 0, np.nan, raw)) for n, raw in pairs]
    without = measure_uncertainty(unseen, hidden)
    assert as_they_are is not None
    assert without is not None
    assert without.to_json() == as_they_are.to_json()
