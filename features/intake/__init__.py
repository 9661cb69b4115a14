"""Files, exports and requests in; sound columns out, or rejects."""
