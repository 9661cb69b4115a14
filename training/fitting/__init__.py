"""From training rows to one fitted model per outcome, chosen by back-tests."""
