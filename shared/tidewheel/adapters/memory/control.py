"""The lease and the cursors in memory."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tidewheel.domain.lease import Lease
from tidewheel.domain.wheel import Level
from tidewheel.ports import Lost


@dataclass(slots=True)
class MemoryControl:
    """``ports.Control`` in memory."""

    _lease: Lease | None = None
    _origin_ms: int | None = None
    _shards: dict[int, tuple[int, dict[Level, int]]] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def origin(self, now_ms: int) -> int:
        """See ``ports.Control``."""
        with self._lock:
            if self._origin_ms is None:
                self._origin_ms = now_ms
            return self._origin_ms

    def lease(self) -> Lease | None:
        """See ``ports.Control``."""
        return self._lease

    def stand(self, seen: Lease, candidate: str) -> bool:
        """See ``ports.Control``."""
        with self._lock:
            if self._lease is None or self._lease.epoch != seen.epoch:
                return False
            self._lease = replace(self._lease, candidate=candidate)
            return True

    def take(self, seen: Lease | None, owner: str, version: str) -> Lease | None:
        """See ``ports.Control``."""
        with self._lock:
            now = self._lease
            if now is not None and (now.owner, now.epoch) == (owner, (seen.epoch if seen else 0) + 1):
                return now  # applied before, though it was reported as failed
            if (now and (now.epoch, now.counter)) != (seen and (seen.epoch, seen.counter)):
                return None
            self._lease = Lease(owner, (now.epoch if now else 0) + 1, 0, version)
            return self._lease

    def renew(self, lease: Lease) -> Lease:
        """See ``ports.Control``."""
        with self._lock:
            if self._lease is None or (self._lease.epoch, self._lease.owner) != (lease.epoch, lease.owner):
                raise Lost("control.renew", f"epoch {lease.epoch}", "another scheduler holds the lease")
            self._lease = replace(self._lease, counter=self._lease.counter + 1)
            return self._lease

    def release(self, lease: Lease) -> None:
        """See ``ports.Control``."""
        with self._lock:
            if self._lease is not None and self._lease.epoch == lease.epoch:
                self._lease = replace(self._lease, owner=None, candidate=None)

    def enter(self, shard: int, epoch: int) -> Mapping[Level, int]:
        """See ``ports.Control``."""
        with self._lock:
            held, cursors = self._shards.get(shard, (0, {}))
            if held > epoch:
                raise Lost("control.enter", f"shard {shard}", f"epoch {held} has claimed it, not {epoch}")
            self._shards[shard] = (epoch, cursors)
            return dict(cursors)

    def advance(self, shard: int, epoch: int, cursors: Mapping[Level, int]) -> None:
        """See ``ports.Control``."""
        with self._lock:
            held, stored = self._shards.get(shard, (0, {}))
            if held != epoch:
                raise Lost("control.advance", f"shard {shard}", f"it is claimed for epoch {held}, not {epoch}")
            self._shards[shard] = (epoch, {**stored, **cursors})
