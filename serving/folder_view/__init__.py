"""Looking at a contract folder without a store: read-only, on this machine, under a stated name."""
