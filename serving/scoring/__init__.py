"""The model in use, and scores of the store's cases."""
