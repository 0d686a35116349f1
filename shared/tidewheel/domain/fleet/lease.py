"""Leases of scheduler instances and the ownership of shards: who holds them, and when another may take them.

A lease has expired once its counter has not changed while somebody watched it; clocks of machines are never compared.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from tidewheel.domain.fleet.health import NOTHING, Signals
from tidewheel.domain.limits import SECOND_MS, STILL_MS
from tidewheel.domain.wheel.levels import Level


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to which due time shards are dispatched: every occurrence of their packed entries that is due by then is in a
    queue or on the ledger. Once true it stays true, whoever owns the shards.

    Args:
        until_ms: That due time (ms).
        shards: For which shards.
    """

    until_ms: int = 0
    shards: frozenset[int] = frozenset()

    def of(self, shard: int) -> int:
        """That due time (ms) for one shard; 0 if nothing is known of it."""
        return self.until_ms if shard in self.shards else 0


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run as one of the deployment's scheduler instances.

    Args:
        owner: Who holds it, or None after a release.
        epoch: Fencing token; every change of owner raises it.
        counter: Raised by every heartbeat of the owner.
        version: The code version of the owner.
        candidate: The code version of a scheduler that waits to take over, or None; the owner gives way to it.
        instance: Which instance, from 0 on.
        mark: Up to which due time the shards of this owner, or of an earlier one, are dispatched.
        signals: What its owner, or an earlier one, measured of the deployment's health.
    """

    owner: str | None
    epoch: int
    counter: int
    version: str
    candidate: str | None = None
    instance: int = 0
    mark: Mark = Mark()
    signals: Signals = NOTHING


@dataclass(frozen=True, slots=True)
class Holding:
    """Who owns a shard, and how far it is turned.

    Args:
        epoch: Fencing token; every change of owner raises it.
        instance: The owner's instance, or None if it was vacated.
        term: The epoch of the lease of that instance.
        cursors: By level, the start of the first slot that is not done (ms since the epoch).
        handed_ms: Up to which due time (ms) it was dispatched when its last owner gave it up.
    """

    epoch: int
    instance: int | None
    term: int
    cursors: Mapping[Level, int] = field(default_factory=dict)
    handed_ms: int = 0


BLINK_MS = SECOND_MS
"""How long a watcher may look away. What lies beyond it was not watched, and does not count: if the store answered
nobody for some seconds, its holder could not renew it either."""


@dataclass(slots=True)
class LeaseWatcher:
    """Watches a lease from one machine, on that machine's monotonic clock (ms)."""

    seen: tuple[int, int] | None = None
    since_ms: int = 0
    looked_ms: int = 0

    def stands_still(self, lease: Lease | None, monotonic_ms: int) -> bool:
        """Whether the lease may be taken: it is free, or nobody renewed it for STILL_MS while we watched."""
        if lease is None or lease.owner is None:
            return True
        self.since_ms += max(0, monotonic_ms - self.looked_ms - BLINK_MS)
        self.looked_ms = monotonic_ms
        if (lease.epoch, lease.counter) != self.seen:
            self.seen, self.since_ms = (lease.epoch, lease.counter), monotonic_ms
        return monotonic_ms - self.since_ms >= STILL_MS

    @property
    def has_beaten(self) -> bool:
        """Whether the last look found the lease renewed since the look before."""
        return self.since_ms == self.looked_ms


def assignee(shard: int, instances: int, alive: Collection[int]) -> int:
    """The instance that is to own a shard: number modulo instances, or the next one after it that is alive.

    Raises:
        ValueError: No instance is alive.
    """
    for step in range(instances):
        instance = (shard + step) % instances
        if instance in alive:
            return instance
    raise ValueError(f"no instance of {instances} is alive")


def is_vacant(holding: Holding | None, alive: Mapping[int, int]) -> bool:
    """Whether a shard may be claimed.

    Args:
        holding: As stored; None if nobody ever owned it.
        alive: The epochs of the live leases, by instance.
    """
    return holding is None or holding.instance is None or alive.get(holding.instance) != holding.term
