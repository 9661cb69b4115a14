"""The synthetic unit: case histories with known truth, and the demonstration made from them."""
