"""Where cases stand: scores, flags, first reads, and the work that keeps them up to date."""
