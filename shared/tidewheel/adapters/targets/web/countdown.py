"""The time of one call, over all that it does: looking up, connecting, TLS, sending, reading, redirects."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tidewheel.domain.limits import SECOND_MS
from tidewheel.ports import Clock


class Stopped(Exception):
    """The call was told to end."""


class TimedOut(Exception):
    """The call's time is up."""


class Countdown:
    """What is left of a call's time, and its end from another thread.

    Whatever the call is about to wait for, it holds the way to end that wait first, and asks for the time after that.
    So there is no moment at which it can be told to end and go on waiting.

    Args:
        clock: Measures the time.
        timeout_ms: The call's time-out.
    """

    def __init__(self, clock: Clock, timeout_ms: int) -> None:
        self._clock = clock
        self._until_ms = clock.monotonic_ms() + timeout_ms
        self._lock = threading.Lock()
        self._end: Callable[[], object] | None = None
        self._stopped = False

    def now_ms(self) -> int:
        """The time on the monotonic clock (ms)."""
        return self._clock.monotonic_ms()

    def left_ms(self) -> int:
        """The time that is left (ms), which is some.

        Raises:
            Stopped: The call was told to end.
            TimedOut: None is left.
        """
        if self._stopped:
            raise Stopped
        left_ms = self._until_ms - self._clock.monotonic_ms()
        if left_ms <= 0:
            raise TimedOut
        return left_ms

    def left_s(self) -> float:
        """The same in seconds, as sockets want it."""
        return self.left_ms() / SECOND_MS

    def stop(self) -> None:
        """Tells the call to end. Called by any thread, at any time."""
        with self._lock:
            self._stopped = True
            if self._end is not None:
                self._end()

    def hold(self, end: Callable[[], object]) -> None:
        """Says how the wait that is to begin can be ended; in place of the one before.

        Args:
            end: Does not block. It is not called once ``let_go`` has returned.
        """
        with self._lock:
            self._end = end

    def let_go(self) -> None:
        """Says that there is no such wait any more."""
        with self._lock:
            self._end = None
