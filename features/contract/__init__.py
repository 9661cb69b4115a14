"""What the project reads and writes of case records: tables, moments, manifest, rejects."""
