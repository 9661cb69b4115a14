"""The API: one module a subject, each with its routes under ``/v1``."""
