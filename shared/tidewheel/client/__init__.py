"""The SDK: the HTTP API as typed methods."""

from tidewheel.client.client import Client
from tidewheel.client.errors import ApiError, Unreachable

__all__ = ["ApiError", "Client", "Unreachable"]
