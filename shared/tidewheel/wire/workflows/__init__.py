"""Workflows on the wire: what their owners write, and what the API answers."""
