"""The edge of the service: server, guards, limits, sign-in, gate and error answers."""
