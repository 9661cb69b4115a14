"""Every figure of a run at its test dates, and what the run concludes from them."""
