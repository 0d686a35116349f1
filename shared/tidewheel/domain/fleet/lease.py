"""Leases: who sits in a scheduler's instance, who holds a shard, and when another may.

Expiry is judged by a counter that stands still while one watches, never by comparing two machines' clocks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from tidewheel.domain.limits import STILL_MS
from tidewheel.domain.wheel.levels import Level


@dataclass(frozen=True, slots=True)
class Mark:
    """How far shards are handed on: their packed entries' occurrences that are due by then are with a queue, or on
    the ledger. True for ever once it is true, whoever holds the shards by now.

    Args:
        until_ms: The due time (ms) up to which that is so.
        shards: For which shards.
    """

    until_ms: int = 0
    shards: frozenset[int] = frozenset()

    def of(self, shard: int) -> int:
        """The same for one shard; 0 if nothing is known of it."""
        return self.until_ms if shard in self.shards else 0


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to one of the deployment's instances for schedulers.

    Args:
        owner: Who holds it, or None after a release.
        epoch: Fencing token; every change of owner raises it.
        counter: Raised by every heartbeat of the owner.
        version: The code version of the owner.
        candidate: The code version of somebody who stands ready to take over; the owner yields to it.
        instance: Which instance, from 0 on.
        mark: How far the shards of the owner, or of one before it, are handed on.
    """

    owner: str | None
    epoch: int
    counter: int
    version: str
    candidate: str | None = None
    instance: int = 0
    mark: Mark = Mark()


@dataclass(frozen=True, slots=True)
class Holding:
    """Who holds a shard, and how far it is turned.

    Args:
        epoch: Fencing token; every change of holder raises it.
        instance: The holder's instance, or None if it was vacated.
        term: The epoch of the holder's instance.
        cursors: By level, the start of the first slot that is not done (ms since the epoch).
        handed_ms: Up to which due time (ms) its last holder had handed it on when it gave it up.
    """

    epoch: int
    instance: int | None
    term: int
    cursors: Mapping[Level, int] = field(default_factory=dict)
    handed_ms: int = 0


@dataclass(slots=True)
class LeaseWatcher:
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


def assignee(shard: int, instances: int, alive: Collection[int]) -> int:
    """The instance that is to turn a shard: its home, or the next one after it that is alive.

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
        holding: As stored; None if nobody ever held it.
        alive: The terms that live, by instance.
    """
    return holding is None or holding.instance is None or alive.get(holding.instance) != holding.term
