"""The worker on Lambda."""
