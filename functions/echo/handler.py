"""A sample lambda target for the local cloud: it answers with what it was asked."""

from __future__ import annotations

from typing import Any


def handler(event: Any, _context: object) -> dict[str, Any]:
    """Answers the event itself, so that a demo and a test can see what a job's target receives."""
    return {"echo": event}
