"""Election: how a scheduler comes to hold the lease of an instance."""

from __future__ import annotations

from collections.abc import Generator

from tidewheel.domain.fleet.lease import Lease, LeaseWatcher
from tidewheel.domain.fleet.skew import Standing
from tidewheel.domain.limits import SECOND_MS
from tidewheel.engine.common.clock_guard import ClockGuard
from tidewheel.ports import Clock, LeaseStore

PATIENCE_MS = 30_000
"""How long a candidate waits for the holder to yield or to fall silent."""
LOOK_EVERY_MS = 100
"""How often a lease is read that somebody waits for."""


def take_lease(
    leases: LeaseStore, clock: Clock, owner: str, version: str, instance: int, guard: ClockGuard | None = None
) -> Generator[int, None, Lease | None]:
    """Waits until an instance's lease is free, released or silent, and takes it.

    Args:
        leases: Holds the lease.
        clock: Time.
        owner: The unique name of the scheduler that wants it.
        version: Its code version.
        instance: Which instance.
        guard: Says whether this machine's clock is fit to schedule by; None trusts it.

    Yields:
        The time (ms since the epoch) of the next look.

    Returns:
        The lease. None if the holder lives and does not yield, if another candidate was faster, or if this machine's
        clock is off.
    """
    watcher = LeaseWatcher()
    stood_for = None
    until = clock.monotonic_ms() + PATIENCE_MS
    while clock.monotonic_ms() < until:
        seen = leases.lease(instance)
        match guard.standing if guard else Standing.FIT:
            case Standing.OFF:
                return None
            case Standing.DOUBTFUL:
                yield clock.now_ms() + SECOND_MS
                continue
        if watcher.stands_still(seen, clock.monotonic_ms()):
            return leases.take(seen, owner, version, instance)
        if seen is not None and seen.epoch != stood_for:
            leases.announce(seen, version)
            stood_for = seen.epoch
        yield clock.now_ms() + LOOK_EVERY_MS
    return None
