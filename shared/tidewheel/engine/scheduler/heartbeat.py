"""The heartbeat: a scheduler renews its lease every second, and lets go when it cannot."""

from __future__ import annotations

from tidewheel.domain.fleet.health import Signals
from tidewheel.domain.fleet.lease import Lease, Mark
from tidewheel.domain.limits import LET_GO_MS
from tidewheel.domain.wheel.pace import until_beat_ms
from tidewheel.engine.scheduler.background_io import BackgroundIO
from tidewheel.ports import Clock, LeaseStore


class Heartbeat:
    """Keeps one lease alive.

    Args:
        leases: Holds the lease.
        clock: Time; the monotonic one counts here.
        background: Runs the renewals.
        lease: As it was taken.
        first_ms: How long (ms) after that the first renewal is due.
    """

    def __init__(self, leases: LeaseStore, clock: Clock, background: BackgroundIO, lease: Lease, first_ms: int) -> None:
        self._leases = leases
        self._clock = clock
        self._background = background
        self._renewed_ms = clock.monotonic_ms()
        self._due_ms = self._renewed_ms + first_ms
        self._renewing = False
        self.lease = lease

    @property
    def is_lost(self) -> bool:
        """Whether the last renewal was so long ago that another scheduler may soon take the lease."""
        return self._clock.monotonic_ms() - self._renewed_ms > LET_GO_MS

    @property
    def is_due(self) -> bool:
        """Whether it is time for a renewal and none is in flight."""
        return not self._renewing and self._clock.monotonic_ms() >= self._due_ms

    def renew(self, mark: Mark, signals: Signals | None = None) -> None:
        """Begins a renewal. It counts from now on, not from when it has succeeded.

        Args:
            mark: How far the scheduler's shards are handed over.
            signals: What the scheduler measured of the deployment's health; None if it measures nothing.
        """
        started_ms = self._clock.monotonic_ms()
        self._renewing = True
        self._due_ms = started_ms + until_beat_ms(self._clock.now_ms())

        def done(lease: Lease) -> None:
            self._renewing = False
            self._renewed_ms = started_ms
            self.lease = lease

        self._background.start(lambda: self._leases.renew(self.lease, mark if mark.shards else None, signals), done)
