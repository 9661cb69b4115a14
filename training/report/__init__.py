"""The report of a training run: one self-contained HTML file from what ``metrics.json`` holds."""

from training.report.page import render_report, write_report

__all__ = ["render_report", "write_report"]
