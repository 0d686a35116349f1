"""The SDK: the HTTP API as typed methods, and in ``effects`` the helpers for targets with exactly-once effects."""

from tidewheel.client.async_client import AsyncClient
from tidewheel.client.calls.registering import Registered
from tidewheel.client.client import Client
from tidewheel.client.deployment import NoDeployment
from tidewheel.client.effects import Delivery, put_if_newer, put_once, run_once
from tidewheel.client.errors import ApiError, Unreachable, Unsendable, WaitTimedOut

__all__ = [
    "ApiError",
    "AsyncClient",
    "Client",
    "Delivery",
    "NoDeployment",
    "Registered",
    "Unreachable",
    "Unsendable",
    "WaitTimedOut",
    "put_if_newer",
    "put_once",
    "run_once",
]
