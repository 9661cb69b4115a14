"""Case histories in memory: sorted columns on two clocks, and parts of them."""
