"""What named persons decide of cases, what each agency thinks, and what is said to be wrong."""
