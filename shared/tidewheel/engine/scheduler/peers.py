"""The other instances: which of them are alive, and how far their shards are handed over."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tidewheel.domain.fleet.health import Signals
from tidewheel.domain.fleet.lease import Lease, LeaseWatcher, Mark
from tidewheel.engine.scheduler.context import SchedulerContext


class Peers:
    """What one scheduler knows of the instances, its own included.

    Args:
        lease: That of its own instance.
        instances: How many there are.
    """

    def __init__(self, lease: Lease, instances: int) -> None:
        self._own = lease.instance
        self._watchers = {instance: LeaseWatcher() for instance in range(instances) if instance != lease.instance}
        self._terms = {lease.instance: lease.epoch}
        self._marks = {lease.instance: lease.mark}
        self._signals: dict[int, Signals] = {}

    @property
    def alive(self) -> Collection[int]:
        """The instances that have a living scheduler, one's own among them."""
        return self._terms.keys()

    @property
    def other_terms(self) -> Mapping[int, int]:
        """The terms (epochs) of the other living schedulers, by instance."""
        return {instance: term for instance, term in self._terms.items() if instance != self._own}

    @property
    def signals(self) -> Collection[Signals]:
        """What the other living schedulers measured."""
        return self._signals.values()

    @property
    def have_beaten(self) -> bool:
        """Whether every other instance is alive and was found renewed by the last look."""
        return all(instance in self._terms and watcher.has_beaten for instance, watcher in self._watchers.items())

    def read(self, context: SchedulerContext) -> Mapping[int, Lease | None]:
        """Reads the leases of the others; runs in the background.

        Raises:
            PortError: The store did not answer.
        """
        return {instance: context.stores.leases.lease(instance) for instance in self._watchers}

    def saw(self, leases: Mapping[int, Lease | None], monotonic_ms: int) -> None:
        """Judges who is alive by leases that were read just now (ms on the monotonic clock)."""
        for instance, lease in leases.items():
            self._marks[instance] = lease.mark if lease else Mark()
            if self._watchers[instance].stands_still(lease, monotonic_ms) or lease is None:
                self._terms.pop(instance, None)
                self._signals.pop(instance, None)
            else:
                self._terms[instance] = lease.epoch
                self._signals[instance] = lease.signals

    def handed_over_ms(self, shard: int) -> int:
        """Up to which due time (ms since the epoch) a shard is handed over, by the best that anybody said."""
        return max(mark.of(shard) for mark in self._marks.values())

    def say(self, mark: Mark) -> Mark:
        """The mark that one's own instance may publish: the new one, unless the last one said at least as much.

        One that names no shard says nothing. Until a new scheduler holds shards, the mark of the one before stays.
        """
        said = self._marks[self._own]
        if not mark.shards or (mark.shards <= said.shards and mark.until_ms <= said.until_ms):
            return said
        self._marks[self._own] = mark
        return mark
