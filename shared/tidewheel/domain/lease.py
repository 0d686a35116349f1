"""The scheduler's lease: who turns the wheel, and when another may.

Expiry is judged by a counter that stands still while one watches, never by comparing two machines' clocks.
"""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.domain.limits import STILL_MS


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to turn the wheel.

    Args:
        owner: Who holds it, or None after a release.
        epoch: Fencing token; every change of owner raises it.
        counter: Raised by every heartbeat of the owner.
        version: The code version of the owner.
        candidate: Who stands ready to take over; the owner yields to it.
    """

    owner: str | None
    epoch: int
    counter: int
    version: str
    candidate: str | None = None


@dataclass(slots=True)
class Vigil:
    """Watches a lease from one machine, on that machine's monotonic clock (ms)."""

    seen: tuple[int, int] | None = None
    since_ms: int = 0

    def stands_still(self, lease: Lease | None, monotonic_ms: int) -> bool:
        """Whether the lease may be taken: it is free, or nobody renewed it for STILL_MS while we watched."""
        if lease is None or lease.owner is None:
            return True
        if (lease.epoch, lease.counter) != self.seen:
            self.seen, self.since_ms = (lease.epoch, lease.counter), monotonic_ms
        return monotonic_ms - self.since_ms >= STILL_MS
