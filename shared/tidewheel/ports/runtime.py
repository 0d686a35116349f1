"""What the process runs on: clock, randomness, telemetry, and the launcher of schedulers."""

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
        """How far the clock is off for certain, by what was heard lately."""


class Entropy(Protocol):
    """The one source of randomness."""

    def bytes(self, count: int) -> bytes:
        """Unpredictable bytes."""


class Telemetry(Protocol):
    """Metrics and log events for operators."""

    def count(self, name: str, value: int = 1, **dimensions: str) -> None:
        """Adds to a metric."""

    def info(self, message: str, **fields: object) -> None:
        """Writes a log event of level info."""

    def error(self, message: str, **fields: object) -> None:
        """Writes a log event of level error, with the current exception if there is one."""

    def flush(self) -> None:
        """Sends the metrics that were counted so far."""


class ScaleInProtection(Protocol):
    """Asks whoever scales the fleet not to take this machine away."""

    def protect(self, duration_ms: int) -> None:
        """Has the machine kept for a time (ms) from now on, whatever was asked for before.

        Raises:
            PortError: It was refused, or nobody answered; it may be kept or not.
        """

    def release(self) -> None:
        """Lets the machine be taken.

        Raises:
            PortError: As above.
        """


class Launcher(Protocol):
    """Starts schedulers."""

    def launch(self, instance: int) -> None:
        """Starts one for an instance in the background. It ends at once if the instance has a live scheduler."""
