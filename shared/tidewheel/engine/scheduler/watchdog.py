"""The watchdog: notices within a minute that an instance has no scheduler, and starts one."""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.domain.fleet.lease import Lease, LeaseWatcher
from tidewheel.domain.limits import STILL_MS
from tidewheel.engine.scheduler.election import LOOK_EVERY_MS
from tidewheel.ports import Clock, Launcher, LeaseStore, Telemetry


@dataclass(frozen=True, slots=True)
class Watchdog:
    """Starts a scheduler for each instance that has none, or whose holder runs older code.

    Args:
        leases: Holds the leases.
        launcher: Starts schedulers.
        clock: Time.
        telemetry: Counts and log events.
        version: The deployed code version.
        instances: How many instances there are.
    """

    leases: LeaseStore
    launcher: Launcher
    clock: Clock
    telemetry: Telemetry
    version: str
    instances: int = 1

    def look(self) -> int:
        """Watches the instances for a little longer than a living scheduler would let its lease stand still.

        Doubled or late calls start nothing that is not needed.

        Returns:
            How many schedulers were started.
        """
        watchers = {instance: LeaseWatcher() for instance in range(self.instances)}
        first = {instance: self.leases.lease(instance) for instance in watchers}
        until = self.clock.monotonic_ms() + STILL_MS + 2 * LOOK_EVERY_MS
        started = 0
        while watchers:
            over = self.clock.monotonic_ms() >= until
            for instance, watcher in list(watchers.items()):
                needed = self._start_if_needed(instance, watcher, first[instance], over=over)
                if needed is not None:
                    del watchers[instance]
                    started += needed
            if watchers:
                self.clock.sleep(LOOK_EVERY_MS)
        return started

    def _start_if_needed(self, instance: int, watcher: LeaseWatcher, first: Lease | None, *, over: bool) -> bool | None:
        """Whether an instance needed a scheduler, which is started then; None if that cannot be told yet."""
        lease = self.leases.lease(instance)
        if lease is None or watcher.stands_still(lease, self.clock.monotonic_ms()) or over:
            return self._start(instance, "no scheduler is alive")
        if lease.version != self.version:
            return self._start(instance, "the scheduler runs another code version")
        beats = first is not None and (lease.epoch, lease.counter) != (first.epoch, first.counter)
        return False if beats else None

    def _start(self, instance: int, reason: str) -> bool:
        self.launcher.launch(instance)
        self.telemetry.count("scheduler_started")
        self.telemetry.info("started a scheduler", instance=instance, reason=reason)
        return True
