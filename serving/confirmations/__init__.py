"""Acts that a second named person confirms: one table, one rule, whatever the act is."""
