"""What the authorizer logs."""

from __future__ import annotations

from tidewheel.telemetry.events.event import INFO, Event
from tidewheel.telemetry.process import Process

EVENTS = (
    Event(
        "signing in was refused",
        INFO,
        Process.ACCESS,
        "A request was answered with 401: no key, an unknown, expired or revoked one, or a token that is not accepted.",
        {"address": "the network address that it came from", "problem": "why, without the key or token"},
    ),
)
