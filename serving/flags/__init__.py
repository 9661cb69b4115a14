"""Urgent and review flags, the duty queue, first reads, and messages about them."""
