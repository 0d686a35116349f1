"""What surrounds the flows: time, chance, counters, and who starts schedulers."""

from __future__ import annotations

from typing import Protocol

from tidewheel.domain.fleet.skew import Deviation


class Clock(Protocol):
    """The one source of time."""

    def now_ms(self) -> int:
        """The wall clock, ms since the epoch."""

    def monotonic_ms(self) -> int:
        """A clock that never goes back, of arbitrary origin."""

    def sleep_until(self, instant_ms: int) -> None:
        """Returns once ``now_ms() >= instant_ms``; at once if it is past."""

    def sleep(self, duration_ms: int) -> None:
        """Returns after about ``duration_ms``."""


class ClockWatch(Protocol):
    """Compares the wall clock with what others say the time is; it asks nobody for that purpose."""

    def deviation(self) -> Deviation:
        """How far the clock is surely off, by what was heard lately."""


class Entropy(Protocol):
    """The one source of randomness."""

    def bytes(self, count: int) -> bytes:
        """Unpredictable bytes."""


class Telemetry(Protocol):
    """Counts and remarks for the people who run this."""

    def count(self, name: str, value: int = 1, **dimensions: str) -> None:
        """Adds to a metric."""

    def info(self, message: str, **fields: object) -> None:
        """Logs something of interest."""

    def error(self, message: str, **fields: object) -> None:
        """Logs something that someone should look at, with the current exception if there is one."""

    def flush(self) -> None:
        """Hands on what was counted so far."""


class Launcher(Protocol):
    """Starts schedulers."""

    def launch(self, instance: int) -> None:
        """Starts one for an instance in the background; whether it is needed, it finds out by itself."""
