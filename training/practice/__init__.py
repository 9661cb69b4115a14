"""Recording practice and case management: what changes records without changing conduct."""
