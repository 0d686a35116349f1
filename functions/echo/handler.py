"""A sample lambda target for the local cloud: it returns its event."""

from __future__ import annotations

from typing import Any


def handler(event: Any, _context: object) -> dict[str, Any]:
    """Returns the event, so that the demo and tests see what a job's target receives."""
    return {"echo": event}
