"""The record of promotions: who proposed, approved, withdrew and went back, and by which gates."""
