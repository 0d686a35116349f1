"""The handler of the dead-letter queue."""
