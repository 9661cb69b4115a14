"""Capacity and waiting: what a number of places a week would find and make wait."""
