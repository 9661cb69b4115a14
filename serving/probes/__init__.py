"""Whether the service is well: probes, readiness and metrics, with nothing of a case."""
