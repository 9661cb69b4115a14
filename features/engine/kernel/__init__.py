"""The compiled pass over the events of cases; every file counts in the key of its cache."""
