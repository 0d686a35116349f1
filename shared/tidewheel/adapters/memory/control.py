"""What schedulers and reconcilers coordinate by, in memory: layout, leases, shard ownership, sweep, health."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tidewheel.domain.executions.reconcile import Sweep
from tidewheel.domain.fleet.health import NOTHING, Measured, Signals, Switch
from tidewheel.domain.fleet.lease import Holding, Lease, Mark
from tidewheel.domain.wheel.levels import Level
from tidewheel.domain.wheel.shard_layout import Layout
from tidewheel.ports import Fenced


@dataclass(slots=True)
class MemoryControl:
    """``ports.LayoutStore``, ``LeaseStore``, ``ShardOwnership``, ``SweepStore`` and ``HealthStore`` in memory."""

    _leases: dict[int, Lease] = field(default_factory=dict)
    _holdings: dict[int, Holding] = field(default_factory=dict)
    _layout: Layout | None = None
    _sweep: Sweep | None = None
    _pace: tuple[str, int] | None = None
    _measured: Measured | None = None
    _switch: Switch | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def layout(self) -> Layout | None:
        """See ``ports.LayoutStore``."""
        return self._layout

    def establish(self, layout: Layout) -> Layout:
        """See ``ports.LayoutStore``."""
        with self._lock:
            if self._layout is None:
                self._layout = layout
            return self._layout

    def reshape(self, seen: Layout, new: Layout) -> bool:
        """See ``ports.LayoutStore``."""
        with self._lock:
            if self._layout is None or self._layout not in (seen, new):
                return False
            self._layout = new
            return True

    def pace_since(self, pace: str, now_ms: int) -> int:
        """See ``ports.LeaseStore``."""
        with self._lock:
            if self._pace is None:
                self._pace = (pace, 0)
            elif self._pace[0] != pace:
                self._pace = (pace, now_ms)
            return self._pace[1]

    def lease(self, instance: int = 0) -> Lease | None:
        """See ``ports.LeaseStore``."""
        return self._leases.get(instance)

    def announce(self, seen: Lease, candidate: str) -> bool:
        """See ``ports.LeaseStore``."""
        with self._lock:
            now = self._leases.get(seen.instance)
            if now is None or now.epoch != seen.epoch:
                return False
            self._leases[seen.instance] = replace(now, candidate=candidate)
            return True

    def take(self, seen: Lease | None, owner: str, version: str, instance: int = 0) -> Lease | None:
        """See ``ports.LeaseStore``."""
        with self._lock:
            now = self._leases.get(instance)
            if now is not None and (now.owner, now.epoch) == (owner, (seen.epoch if seen else 0) + 1):
                return now  # an earlier try was applied, though it was reported as failed
            if (now and (now.epoch, now.counter)) != (seen and (seen.epoch, seen.counter)):
                return None
            mark, signals = (now.mark, now.signals) if now else (Mark(), NOTHING)
            epoch = (now.epoch if now else 0) + 1
            self._leases[instance] = Lease(owner, epoch, 0, version, instance=instance, mark=mark, signals=signals)
            return self._leases[instance]

    def renew(self, lease: Lease, mark: Mark | None = None, signals: Signals | None = None) -> Lease:
        """See ``ports.LeaseStore``."""
        with self._lock:
            now = self._leases.get(lease.instance)
            if now is None or (now.epoch, now.owner) != (lease.epoch, lease.owner):
                raise Fenced("leases.renew", f"epoch {lease.epoch}", "another scheduler holds the lease")
            self._leases[lease.instance] = replace(
                now, counter=now.counter + 1, mark=mark or now.mark, signals=signals or now.signals
            )
            return self._leases[lease.instance]

    def release(self, lease: Lease) -> None:
        """See ``ports.LeaseStore``."""
        with self._lock:
            now = self._leases.get(lease.instance)
            if now is not None and now.epoch == lease.epoch:
                self._leases[lease.instance] = replace(now, owner=None, candidate=None)

    def holding(self, shard: int) -> Holding | None:
        """See ``ports.ShardOwnership``."""
        return self._holdings.get(shard)

    def claim(self, shard: int, seen: Holding | None, instance: int, term: int, handed_ms: int = 0) -> Holding | None:
        """See ``ports.ShardOwnership``."""
        with self._lock:
            now = self._holdings.get(shard)
            epoch = (seen.epoch if seen else 0) + 1
            if now is not None and (now.epoch, now.instance, now.term) == (epoch, instance, term):
                return now  # an earlier try was applied, though it was reported as failed
            if (now.epoch if now else 0) != epoch - 1:
                return None
            self._holdings[shard] = Holding(
                epoch, instance, term, now.cursors if now else {}, max(handed_ms, seen.handed_ms if seen else 0)
            )
            return self._holdings[shard]

    def vacate(self, shard: int, epoch: int, handed_ms: int = 0) -> None:
        """See ``ports.ShardOwnership``."""
        with self._lock:
            now = self._holdings.get(shard)
            if now is not None and now.epoch == epoch:
                self._holdings[shard] = replace(now, instance=None, handed_ms=handed_ms)

    def advance(self, shard: int, epoch: int, cursors: Mapping[Level, int]) -> None:
        """See ``ports.ShardOwnership``."""
        with self._lock:
            now = self._holdings.get(shard)
            if now is None or now.epoch != epoch:
                raise Fenced("ownership.advance", f"shard {shard}", f"it is not held under epoch {epoch}")
            self._holdings[shard] = replace(now, cursors={**now.cursors, **cursors})

    def sweep(self) -> Sweep | None:
        """See ``ports.SweepStore``."""
        return self._sweep

    def move_sweep(self, seen: Sweep | None, new: Sweep) -> bool:
        """See ``ports.SweepStore``."""
        with self._lock:
            if self._sweep not in (seen, new):
                return False
            self._sweep = new
        return True

    def health(self) -> tuple[Measured | None, Switch | None]:
        """See ``ports.HealthStore``."""
        return self._measured, self._switch

    def report(self, measured: Measured) -> bool:
        """See ``ports.HealthStore``."""
        with self._lock:
            stored = self._measured
            if stored is not None and (stored.epoch, stored.at_ms) > (measured.epoch, measured.at_ms):
                return False
            self._measured = measured
        return True

    def switch(self, switch: Switch | None) -> None:
        """See ``ports.HealthStore``."""
        self._switch = switch
