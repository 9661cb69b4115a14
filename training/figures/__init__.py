"""Statistics that know nothing of a run: metrics, intervals, comparisons, calibration."""
