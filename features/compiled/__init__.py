"""Compiled functions over columns that lie in memory, and where the compiler keeps them."""
