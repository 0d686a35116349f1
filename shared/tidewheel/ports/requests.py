"""Requests that carried an idempotency key."""

from __future__ import annotations

from typing import Protocol

from tidewheel.domain.repeats import Remembered


class Requests(Protocol):
    """What is remembered of requests under idempotency keys."""

    def get(self, tenant: str, name: str, now_ms: int) -> Remembered | None:
        """One request whose time is not over, strongly consistent, or None."""

    def begin(self, new: Remembered, now_ms: int) -> Remembered | None:
        """Stores a request, unless another of its name is stored whose time is not over.

        Returns:
            None if it was stored, or stands as it is already; else the one that stands.
        """

    def fulfil(self, done: Remembered) -> None:
        """Stores a request that was fulfilled, over whatever is stored of its name."""
