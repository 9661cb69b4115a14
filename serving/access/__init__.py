"""Who may do and see what: one table of rules, one gate, and the cases that stay hidden."""
