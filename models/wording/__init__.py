"""Every sentence that is shown beside a score."""
