"""Holding back: while the deployment is busy, what is due at priority ``low`` waits, and the wheel keeps it."""

from __future__ import annotations

from tidewheel.domain.fleet.route import Route
from tidewheel.domain.limits import HELD_MOST, PROMOTED_EVERY_MS


class HoldBack:
    """Which routes are held back, and what of them goes on.

    Nothing waits for ever: what is late by ``limits.PROMOTED_EVERY_MS`` goes by the next higher priority, as it always
    does. And nobody waits for it: beyond ``limits.HELD_MOST`` in memory the route goes on, so that loading does.
    """

    def __init__(self) -> None:
        self.active = False
        self._last_ms = 0

    def holds(self, route: Route, waiting: int) -> bool:
        """Whether a route, of which so many occurrences wait in memory, is held back."""
        return self.active and route.waits and waiting < HELD_MOST

    def until_ms(self, route: Route, waiting: int, now_ms: int) -> int:
        """What of a route is released by this time (ms since the epoch) may be sent now; see ``holds``."""
        if not self.holds(route, waiting):
            return now_ms
        self._last_ms = now_ms
        return now_ms - PROMOTED_EVERY_MS

    def was_held(self, route: Route, release_ms: int) -> bool:
        """Whether what was released then (ms since the epoch), and is sent by this route now, was held back."""
        return route.waits and release_ms <= self._last_ms
