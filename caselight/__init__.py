"""The command line: thin, one module a verb. It imports the other packages and none imports it."""
