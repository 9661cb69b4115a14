"""The catalogue of a field: its YAML read, checked and frozen."""
