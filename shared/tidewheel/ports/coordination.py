"""How schedulers and reconcilers share the work: the shard layout, leases, shard ownership, the sweep.

Every write is conditional on what its caller saw. Of writers that saw the same, one succeeds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tidewheel.domain.executions.reconcile import Sweep
from tidewheel.domain.fleet.health import Measured, Signals, Switch
from tidewheel.domain.fleet.lease import Holding, Lease, Mark
from tidewheel.domain.wheel.levels import Level
from tidewheel.domain.wheel.shard_layout import Layout


class LayoutStore(Protocol):
    """Into how many shards the wheel is divided, by time."""

    def layout(self) -> Layout | None:
        """The layout, strongly consistent; None before the first write to the wheel."""

    def establish(self, layout: Layout) -> Layout:
        """Stores the first layout, unless there is one.

        Whoever writes to the wheel calls this before the first write: a shard that no scheduler ever held is turned
        from the beginning of the layout on.

        Returns:
            The layout that is stored now.
        """

    def reshape(self, seen: Layout, new: Layout) -> bool:
        """Replaces the layout, if the stored one is still ``seen``. A repeat of an applied write succeeds.

        Returns:
            Whether ``new`` is stored now.
        """


class LeaseStore(Protocol):
    """The leases of scheduler instances, by which each instance has one scheduler at a time."""

    def lease(self, instance: int = 0) -> Lease | None:
        """An instance's lease, strongly consistent; None if nobody ever held it."""

    def announce(self, seen: Lease, candidate: str) -> bool:
        """Stores a candidate's code version in the lease, so that its holder learns of it with the next renewal.

        Returns:
            Whether it was stored; False if the lease has changed hands since it was seen.
        """

    def take(self, seen: Lease | None, owner: str, version: str, instance: int = 0) -> Lease | None:
        """Takes an instance's lease with the next epoch, if epoch and counter are still as seen.

        Args:
            seen: The lease as it was read last; None if there was none.
            owner: A name that no other run of a scheduler has.
            version: The owner's code version.
            instance: Which instance's lease.

        Returns:
            The new lease; None if another candidate was faster, or the holder renewed it.
        """

    def renew(self, lease: Lease, mark: Mark | None = None, signals: Signals | None = None) -> Lease:
        """Raises the counter, stores a mark and signals if they are given, and returns the lease as stored.

        Raises:
            Fenced: The lease has another owner or epoch by now.
        """

    def release(self, lease: Lease) -> None:
        """Gives the lease up, if it is still held under this epoch."""

    def pace_since(self, pace: str, now_ms: int) -> int:
        """Stores at which pace the deployment turns the wheel.

        Args:
            pace: Its name.
            now_ms: The time (ms since the epoch, UTC).

        Returns:
            Since when (ms) it is so: ``now_ms`` of the first call that named this pace after a call that named
            another; 0 if none ever did.
        """


class ShardOwnership(Protocol):
    """Which scheduler instance owns which shard, and how far each shard is turned."""

    def holding(self, shard: int) -> Holding | None:
        """Who owns a shard, strongly consistent; None if nobody ever did."""

    def claim(self, shard: int, seen: Holding | None, instance: int, term: int, handed_ms: int = 0) -> Holding | None:
        """Claims a shard with the next epoch, if the stored epoch is still as seen.

        Args:
            shard: Its number.
            seen: The holding as it was read last; None if there was none.
            instance: The new owner's instance.
            term: The epoch of that instance's lease.
            handed_ms: Up to which due time (ms) the shard is known to be dispatched; stored if it is later than in
                ``seen``.

        Returns:
            The new holding, with the cursors as they stand; None if another instance was faster.
        """

    def vacate(self, shard: int, epoch: int, handed_ms: int = 0) -> None:
        """Gives a shard up, if it is still held under this epoch; its cursors stay.

        Args:
            shard: Its number.
            epoch: The epoch under which the caller holds it.
            handed_ms: Up to which due time (ms) the shard is dispatched.
        """

    def advance(self, shard: int, epoch: int, cursors: Mapping[Level, int]) -> None:
        """Stores some or all of a shard's cursors: by level, the start (ms) of the first slot that is not done.

        Raises:
            Fenced: The shard is not held under this epoch.
        """


class SweepStore(Protocol):
    """How far the reconciler has come in its sweep over all jobs, so that the next run goes on there."""

    def sweep(self) -> Sweep | None:
        """The sweep, strongly consistent; None before the first one."""

    def move_sweep(self, seen: Sweep | None, new: Sweep) -> bool:
        """Stores how far it has come, if what is stored is still ``seen``. A repeat of an applied write succeeds.

        Returns:
            Whether ``new`` is stored now.
        """


class HealthStore(Protocol):
    """The deployment's health, as its schedulers measured it, and the operator's switch."""

    def health(self) -> tuple[Measured | None, Switch | None]:
        """Both, in one read that may be a second old; None where nothing was stored, or the switch is off."""

    def report(self, measured: Measured) -> bool:
        """Stores what was measured, unless something newer is stored: of a later epoch, or of this one and later.

        Returns:
            Whether it is stored now.
        """

    def switch(self, switch: Switch | None) -> None:
        """Sets the operator's switch, whatever it was; None turns it off."""
