"""A sample target."""
