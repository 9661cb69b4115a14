"""The store's own work: imports of folders and whatever is due, by one process at a time."""
