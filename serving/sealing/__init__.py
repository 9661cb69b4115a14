"""Sealed cases: who seals one, who confirms it, who looks after it, and who looks at the seal."""
