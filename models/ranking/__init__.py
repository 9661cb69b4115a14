"""From estimates to an order: probabilities, priority, advice, and how stable they are."""
