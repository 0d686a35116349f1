"""The command line; it uses the client alone."""
