"""One case's page: what it shows, how it is told, and what people do there."""
