"""What ``metrics.json`` holds of a run: written by training, read by report, gates and pages.

Names of fields are the keys of the file. A field with a default may be absent from an older file; a
section that lacks a field without one is not there at all.
"""
