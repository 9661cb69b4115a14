"""Where a case stands, worked out from what is on record of it."""
