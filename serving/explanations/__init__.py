"""Stored scores laid open: their reasons, incidents, movement and open questions, and replay."""
