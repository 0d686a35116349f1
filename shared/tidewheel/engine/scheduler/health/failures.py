"""The failures of a scheduler's requests within the last seconds."""

from __future__ import annotations

import threading
from collections import deque

from tidewheel.domain.limits import HEALTH_WINDOW_MS
from tidewheel.ports import Clock, PortError, Refused, Throttled

_MOST = 10_000
_QUEUES = "queue."


class Failures:
    """Counts failed requests; thread-safe.

    A refusal is no sign of load or of an outage and does not count, nor does a queue that does not answer: what it
    does not take waits on the wheel, whatever else is created.

    Args:
        clock: Time; the monotonic one counts here.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._noted: deque[tuple[int, bool]] = deque(maxlen=_MOST)

    def count(self, error: PortError) -> None:
        """Counts a request that failed just now."""
        throttled = isinstance(error, Throttled)
        if isinstance(error, Refused) or (error.operation.startswith(_QUEUES) and not throttled):
            return
        with self._lock:
            self._noted.append((self._clock.monotonic_ms(), throttled))

    @property
    def recent(self) -> tuple[int, int]:
        """How many were throttled, and how many failed otherwise, within ``limits.HEALTH_WINDOW_MS``."""
        oldest_ms = self._clock.monotonic_ms() - HEALTH_WINDOW_MS
        with self._lock:
            while self._noted and self._noted[0][0] <= oldest_ms:
                self._noted.popleft()
            throttled = sum(is_throttle for _, is_throttle in self._noted)
            return throttled, len(self._noted) - throttled
