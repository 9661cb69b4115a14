"""What became of the list: hits, waits, misses and agreement, never a league table of people."""
