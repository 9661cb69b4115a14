"""Records into the store: added, imported, corrected, moved between cases."""
