"""Keys of the Control table, which has no sort keys."""

from __future__ import annotations

from tidewheel.domain.keys.common import after

LAYOUT = "layout"
"""Control, partition: the number of shards by time."""
SWEEP = "sweep"
"""Control, partition: how far the reconciler's sweep over all jobs has come."""
PACE = "pace"
"""Control, partition: at which pace the wheel is turned, and since when."""
HEALTH = "health"
"""Control, partition: the deployment's health as its schedulers measured it, and the operator's switch."""
_LEASE = "lease#"


def lease_partition(instance: int) -> str:
    """Control, partition: the lease of a scheduler instance."""
    return f"{_LEASE}{instance}"


def parse_lease_partition(key: str) -> int:
    """The scheduler instance of a lease.

    Raises:
        Unreadable: It is the key of something else.
        ValueError: What follows the prefix is no number.
    """
    return int(after(_LEASE, key))


def shard_partition(shard: int) -> str:
    """Control, partition: who holds a shard, and its cursors."""
    return f"shard#{shard:04d}"
