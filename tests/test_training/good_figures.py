"""Figures of a run to which no gate objects, for the tests of promotions."""

from typing import Any

from training.config import load_limits

GOOD_CALIBRATION = {
    "stratum": "all",
    "level": "all",
    "intercept": 0.0,
    "intercept_interval": [-0.1, 0.1],
    "slope": 1.0,
    "slope_interval": [0.9, 1.1],
}


def make_good(metrics: dict[str, Any]) -> None:
    """Give a run's figures nothing that any gate could object to."""
    metrics["findings"] = []
    for name, origins in metrics["outcomes"].items():
        for figures in origins.values():
            figures["auc_ci"] = [0.7, 0.8]
            figures["differences"] = {
                "rfs": {"estimate": 0.05, "low": 0.02, "high": 0.08, "standard_error": 0.01}
            }
        metrics["calibration"][name] = [dict(GOOD_CALIBRATION)]
    metrics["audit"] = {
        "primary": [
            {
                "measure": measure,
                "characteristic": characteristic,
                "group": "a",
                "verdict": "no difference found",
                "words": "",
            }
            for measure, characteristic in load_limits().primary_audit
        ]
    }
