"""The records behind a value, and why the others are left out."""
