"""Measurements of speed and memory, each beside others in one run; `make bench` runs them.

Values are compared before a time is quoted. Nothing here is asserted in a test.
"""
