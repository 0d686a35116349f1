"""What goes over the wire: bodies and answers of the HTTP API, its operations, and the queue's messages."""

VERSION = "v1"
"""The API's version: the first segment of every path. A change that breaks a reader is a new one."""
