"""Searches for faults of a model: leakage, and scores that fall with graver records."""
