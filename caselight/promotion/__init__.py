"""A promotion from the command line: who acts, what is measured, and the session."""
