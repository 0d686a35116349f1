"""The SDK: the HTTP API as typed methods, and in ``effects`` the helpers for targets with exactly-once effects."""

from tidewheel.client.client import Client
from tidewheel.client.effects import Delivery, put_if_newer, put_once, run_once
from tidewheel.client.errors import ApiError, Unreachable, Unsendable

__all__ = ["ApiError", "Client", "Delivery", "Unreachable", "Unsendable", "put_if_newer", "put_once", "run_once"]
