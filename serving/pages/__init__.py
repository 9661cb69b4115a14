"""The pages: rendered on the server, and whole without JavaScript."""
