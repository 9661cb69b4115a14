"""Outcomes as labels, which the service reads as well: see :mod:`features.outcomes`."""

from features.outcomes import (
    Bools,
    EstimandLabels,
    Labels,
    WithdrawalBounds,
    bound_withdrawals,
    horizon_end,
    horizon_ends,
    label_cases,
    label_estimands,
    label_landmarks,
)

__all__ = [
    "Bools",
    "EstimandLabels",
    "Labels",
    "WithdrawalBounds",
    "bound_withdrawals",
    "horizon_end",
    "horizon_ends",
    "label_cases",
    "label_estimands",
    "label_landmarks",
]
