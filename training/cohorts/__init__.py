"""Which cases at which dates a model learns from and is tested on."""
