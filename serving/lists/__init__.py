"""The weekly list: who is on it and by which rule, what was shown, and what waiting means."""
