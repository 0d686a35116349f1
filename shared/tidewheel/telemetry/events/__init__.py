"""Every log line that the functions and workers write themselves, by its message."""

from __future__ import annotations

from collections.abc import Mapping

from tidewheel.telemetry.events import access, api, recovery, scheduler, several, worker
from tidewheel.telemetry.events.event import Event

__all__ = ["EVENTS", "Event"]

_EVENTS = (
    *access.EVENTS,
    *api.EVENTS,
    *scheduler.EVENTS,
    *worker.EVENTS,
    *recovery.EVENTS,
    *several.EVENTS,
)

EVENTS: Mapping[str, Event] = {event.message: event for event in _EVENTS}
"""By message."""
