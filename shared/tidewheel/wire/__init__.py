"""What is sent between processes: the operations of the HTTP API with their models, and the queue's messages."""

VERSION = "v1"
"""The API's version, the first segment of every path. A change that breaks a client gets a new version."""
